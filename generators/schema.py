"""What a CRD says of its objects, and the API server's check against it.

The server drops fields that a kind does not have (and warns), drops nulls, fills in defaults, and
then refuses what has the wrong type, size or form, or breaks a rule. Source: ``pruning``,
``defaulting`` and ``validation`` of k8s.io/apiextensions-apiserver. The schemas of the kinds are in
``admin_schema``, ``calico_schema`` and ``cilium_schema``, the one of metadata in ``metadata``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, TypedDict, Unpack

from netpol.fields import Field

__all__ = [
    "ANY",
    "FLAG",
    "NUMBER",
    "SELECTOR",
    "WHOLE",
    "Dropped",
    "Rule",
    "Schema",
    "Value",
    "listed",
    "mapped",
    "stored",
    "table",
    "text",
    "union",
    "whole",
    "whole_or_text",
]

Type: TypeAlias = Literal["any", "object", "list", "text", "whole", "number", "flag", "port"]
Value: TypeAlias = Any
"""A value whose type has been checked."""
Rule: TypeAlias = tuple[str, str, Callable[[Value], object]]
"""(member, reason, condition): where the value does not meet the condition, its member (empty: the
value itself) is refused for the reason. CRDs say so under ``x-kubernetes-validations``."""
_Class: TypeAlias = type[object] | None
Dropped: TypeAlias = Callable[[Field], None]

_NAMES: Final[dict[Type, str]] = {
    "object": "an object",
    "list": "a list",
    "text": "text",
    "whole": "a whole number",
    "number": "a number",
    "flag": "true or false",
    "port": "a whole number or text",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What a value must be. ``port`` is a whole number or text (``x-kubernetes-int-or-string``).

    ``least`` and ``most`` bound a number, the characters of a text, the elements of a list or the
    members of an object. An object has ``members``, or any names with values as ``of`` says.
    """

    type: Type = "any"
    members: Mapping[str, Schema] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    of: Schema | None = None
    least: float | None = None
    most: float | None = None
    among: tuple[str | int, ...] = ()
    pattern: str = ""
    unique: bool = False
    default: object = None
    one_of: tuple[str, ...] = ()
    """Exactly one of these members must be there."""
    any_of: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    plain: _Class = field(init=False, default=None)
    """The class of the values that need no more than to be of it."""
    ruled: bool = field(init=False, default=False)
    """Whether there are rules here or below."""

    def __post_init__(self) -> None:
        bounds = (self.least, self.most, self.among, self.pattern, self.rules)
        plain = {"text": str, "whole": int, "flag": bool}.get(self.type)
        free = all(one in (None, (), "") for one in bounds)
        object.__setattr__(self, "plain", plain if free else None)
        below = (*self.members.values(), *((self.of,) if self.of else ()))
        object.__setattr__(self, "ruled", bool(self.rules) or any(one.ruled for one in below))


class _More(TypedDict, total=False):
    among: tuple[str | int, ...]
    pattern: str
    unique: bool
    default: object
    one_of: tuple[str, ...]
    any_of: tuple[str, ...]
    rules: tuple[Rule, ...]


class _Sized(_More, total=False):
    least: int
    most: int


def text(least: int | None = None, most: int | None = None, **more: Unpack[_More]) -> Schema:
    """A text of so many characters."""
    return Schema(type="text", least=least, most=most, **more)


def whole(least: int | None = None, most: int | None = None, **more: Unpack[_More]) -> Schema:
    """A whole number."""
    return Schema(type="whole", least=least, most=most, **more)


def whole_or_text(pattern: str = "") -> Schema:
    """A whole number, or text of the pattern."""
    return Schema(type="port", pattern=pattern)


def listed(
    of: Schema, least: int | None = None, most: int | None = None, **more: Unpack[_More]
) -> Schema:
    """A list of so many elements."""
    return Schema(type="list", of=of, least=least, most=most, **more)


def mapped(of: Schema, **more: Unpack[_Sized]) -> Schema:
    """An object with any names."""
    return Schema(type="object", of=of, **more)


def table(members: Mapping[str, Schema], *required: str, **more: Unpack[_Sized]) -> Schema:
    """An object with these members, of which some are required."""
    return Schema(type="object", members=members, required=required, **more)


def union(members: Mapping[str, Schema]) -> Schema:
    """An object with exactly one of these members."""
    return table(members, one_of=tuple(members))


ANY: Final = Schema()
FLAG: Final = Schema(type="flag")
NUMBER: Final = Schema(type="number")
WHOLE: Final = Schema(type="whole")
_EXPRESSION: Final = table(
    {"key": text(), "operator": text(), "values": listed(text())}, "key", "operator"
)
SELECTOR: Final = table({"matchLabels": mapped(text()), "matchExpressions": listed(_EXPRESSION)})
"""metav1.LabelSelector, of which a CRD knows no more than the types."""


def stored(found: Field, schema: Schema, dropped: Dropped) -> Field:
    """The value as the server keeps it; each field that it drops is told to ``dropped``.

    Raises NetpolError at the first place where the server refuses it.
    """
    kept = Field(_kept(found, schema, dropped), found.path)
    _check_rules(kept, schema)
    return kept


def _kept(found: Field, schema: Schema, dropped: Dropped) -> object:
    value = found.value
    if schema.type == "any":
        return value
    if not _is(value, schema.type):
        found.need().expected(_NAMES[schema.type])
    if isinstance(value, dict):
        return _kept_object(found, schema, dropped)
    if isinstance(value, list):
        return _kept_list(found, schema, dropped)
    if schema.among and value not in schema.among:
        found.expected(f"one of {', '.join(map(str, schema.among))}")
    if isinstance(value, str):
        _check_size(found, schema, len(value), "characters")
        if schema.pattern and not _matches(schema.pattern, value):
            found.expected(f"text that matches {schema.pattern}")
    elif not isinstance(value, bool):
        _check_number(found, schema)
    return value


def _is(value: object, type_: Type) -> bool:
    match value:
        case bool():
            return type_ == "flag"
        case int():
            return type_ in ("whole", "number", "port")
        case float():
            return type_ == "number" or (type_ in ("whole", "port") and value.is_integer())
        case str():
            return type_ in ("text", "port")
        case dict():
            return type_ == "object"
        case _:
            return isinstance(value, list) and type_ == "list"


def _check_number(found: Field, schema: Schema) -> None:
    value, low, high = found.value, schema.least, schema.most
    below = low is not None and value < low  # type: ignore[operator]
    if below or (high is not None and value > high):  # type: ignore[operator]
        found.expected(f"a number from {low} to {high}" if high is not None else f"at least {low}")


def _check_size(found: Field, schema: Schema, size: int, unit: str) -> None:
    if schema.least is not None and size < schema.least:
        found.refuse(f"at least {schema.least} {unit}")
    if schema.most is not None and size > schema.most:
        found.refuse(f"at most {schema.most} {unit}")


def _matches(pattern: str, value: str) -> bool:
    """As Go has it: anywhere in the text, and ``$`` is its very end."""
    return re.search(pattern.replace("$", r"\Z"), value) is not None


def _kept_list(found: Field, schema: Schema, dropped: Dropped) -> list[object]:
    entries = found.entries(nulls=True)
    _check_size(found, schema, len(entries), "entries")
    inner = schema.of or ANY
    kept = [
        one.value if type(one.value) is inner.plain else _kept(one, inner, dropped)
        for one in entries
    ]
    if schema.unique and len({repr(one) for one in kept}) < len(kept):
        found.refuse("an entry is there twice")
    return kept


def _kept_object(found: Field, schema: Schema, dropped: Dropped) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in found.table().items():
        inner = schema.of or schema.members.get(name)
        if inner is None:
            dropped(found[name])
        elif value is not None:
            plain = type(value) is inner.plain
            kept[name] = value if plain else _kept(found[name], inner, dropped)
    for name, member in schema.members.items():
        if name not in kept and member.default is not None:
            kept[name] = member.default
    _check_members(found, schema, kept)
    return kept


def _check_members(found: Field, schema: Schema, kept: Mapping[str, object]) -> None:
    _check_size(found, schema, len(kept), "members")
    for name in schema.required:
        if name not in kept:
            _missing(found[name], schema.members[name])
    if schema.one_of and sum(name in kept for name in schema.one_of) != 1:
        found.refuse(f"exactly one of {', '.join(schema.one_of)} must be set")
    if schema.any_of and not any(name in kept for name in schema.any_of):
        found.refuse(f"at least one of {', '.join(schema.any_of)} must be set")


def _missing(found: Field, schema: Schema) -> None:
    if schema.among:
        found.expected(f"one of {', '.join(map(str, schema.among))}")
    found.need()


def _check_rules(found: Field, schema: Schema) -> None:
    """Rules come last: they may rely on the types of all that they look at."""
    if not schema.ruled:
        return
    if isinstance(found.value, dict):
        for name, one in found.children():
            _check_rules(one, schema.of or schema.members.get(name) or ANY)
    elif isinstance(found.value, list):
        for one in found.entries():
            _check_rules(one, schema.of or ANY)
    for member, reason, holds in schema.rules:
        if not holds(found.value):
            _at(found, member).refuse(reason)


def _at(found: Field, member: str) -> Field:
    for name in member.split(".") if member else ():
        found = found[name]
    return found
