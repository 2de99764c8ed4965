"""Calico selectors as requirements, and back: what of the language the neutral model can say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Final, TypeAlias, assert_never

from generators.calico_grammar import (
    All,
    And,
    Compare,
    Comparison,
    Global,
    Has,
    Node,
    Not,
    Or,
    tree,
)
from generators.reading import UndecidedError, undecided
from generators.selectors import require
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.policy import OPPOSITE, Operator, Requirement

__all__ = ["Conjunction", "conjunctions", "selector", "written"]

_MAX_ALTERNATIVES: Final = 256
_MAX_TEXT: Final = 1024
_PARTS: Final[dict[Comparison, Operator]] = {
    "contains": "Contains",
    "starts with": "StartsWith",
    "ends with": "EndsWith",
}
_WORDS: Final = {operator: word for word, operator in _PARTS.items()}

Conjunction: TypeAlias = tuple[Requirement, ...]


def selector(field: Field, *, scope: bool = False) -> Node:
    """The tree of a selector; an absent or empty one is ``all()``.

    ``scope``: a rule's namespaceSelector, the one place for ``global()``, and alone there. Raises
    NetpolError for a text that is no selector or is longer than the schema takes.
    """
    text = field.text("")
    if len(text) > _MAX_TEXT:
        field.refuse(f"a selector has at most {_MAX_TEXT} characters")
    try:
        node = tree(text)
    except UndecidedError as error:
        undecided(field, error.what)
    except NetpolError as error:
        field.refuse(error.what)
    if _says_global(node) and not (scope and node == Global()):
        place = "cannot be combined" if scope else "is for the namespaceSelector of a rule alone"
        field.refuse(f"global() {place}")
    return node


def _says_global(node: Node) -> bool:
    match node:
        case Global():
            return True
        case Not(part):
            return _says_global(part)
        case And(parts) | Or(parts):
            return any(_says_global(part) for part in parts)
        case _:
            return False


def conjunctions(field: Field, node: Node) -> tuple[Conjunction, ...]:
    """A tree as alternatives (``||``) of conjunctions; none at all when nothing can match.

    ``field`` is where the tree was read. Raises UndecidedError for more than 256 alternatives.
    """
    try:
        found = _alternatives(node, True)
    except UndecidedError as error:
        undecided(field, error.what)
    return tuple(sorted(tuple(sorted(one)) for one in found))


_Set: TypeAlias = frozenset[frozenset[Requirement]]
_NEVER: Final[_Set] = frozenset()
_ALWAYS: Final[_Set] = frozenset({frozenset()})


def _alternatives(node: Node, wanted: bool) -> _Set:
    """Disjunctive normal form of the node, or of its negation."""
    match node:
        case All():
            return _ALWAYS if wanted else _NEVER
        case Global():
            raise UndecidedError("global() is not read")
        case Has(key):
            return _one(require(key, "Exists" if wanted else "DoesNotExist"))
        case Compare(key, operator, values):
            return _compared(key, operator, values, wanted)
        case Not(part):
            return _alternatives(part, not wanted)
        case And(parts) | Or(parts):
            inner = [_alternatives(part, wanted) for part in parts]
            return _product(inner) if isinstance(node, And) is wanted else _bounded(_union(inner))
        case _:
            assert_never(node)


def _compared(key: str, operator: Comparison, values: tuple[str, ...], wanted: bool) -> _Set:
    if operator != "in":
        found = _PARTS[operator]
        return _one(require(key, found if wanted else OPPOSITE[found], values))
    if not values:
        return _NEVER if wanted else _ALWAYS
    return _one(require(key, "In" if wanted else "NotIn", values))


def _one(requirement: Requirement) -> _Set:
    return frozenset({frozenset({requirement})})


def _union(parts: Iterable[_Set]) -> _Set:
    return frozenset(one for part in parts for one in part)


def _product(parts: Sequence[_Set]) -> _Set:
    found = _ALWAYS
    for part in parts:
        found = _bounded(frozenset(left | right for left, right in product(found, part)))
    return found


def _bounded(found: _Set) -> _Set:
    if len(found) > _MAX_ALTERNATIVES:
        raise UndecidedError(f"more than {_MAX_ALTERNATIVES} alternatives")
    return found


# Requirements → text


def written(conjunction: Conjunction) -> str:
    """A conjunction as Calico writes it: ``app == 'x' && has(y)``; ``all()`` for the empty one."""
    return " && ".join(_term(one) for one in conjunction) or "all()"


def _term(one: Requirement) -> str:
    match one.operator:
        case "Exists":
            return f"has({one.key})"
        case "DoesNotExist":
            return f"!has({one.key})"
        case "In" | "NotIn" as operator:
            quoted = [_quoted(value) for value in one.values]
            if len(quoted) == 1:
                return f"{one.key} {'==' if operator == 'In' else '!='} {quoted[0]}"
            return f"{one.key} {'in' if operator == 'In' else 'not in'} {{{', '.join(quoted)}}}"
        case "Contains" | "StartsWith" | "EndsWith" as operator:
            parts = [f"{one.key} {_WORDS[operator]} {_quoted(value)}" for value in one.values]
            return parts[0] if len(parts) == 1 else f"({' || '.join(parts)})"
        case "NotContains" | "NotStartsWith" | "NotEndsWith" as negated:
            whole = _term(replace(one, operator=OPPOSITE[negated]))
            return f"!{whole}" if whole.startswith("(") else f"!({whole})"
        case _:
            assert_never(one.operator)


def _quoted(value: str) -> str:
    quote = '"' if "'" in value else "'"
    if quote in value:
        raise NetpolError("calico cannot say a text with both kinds of quotes", where=value)
    return f"{quote}{value}{quote}"
