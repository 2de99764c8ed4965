"""A cursor over a decoded document that knows its path and says what does not fit there.

Untrusted documents (YAML, JSON) are touched only through a :class:`Field`. Every reading method
either returns a value of the promised type or raises NetpolError whose ``where`` is the path of the
field, such as ``.spec.ingress[0].from[1].ipBlock.cidr``, and whose text says what was expected and
what was found. An absent field and a null one are the same thing, as in the Kubernetes API.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator
from typing import NoReturn

import msgspec

from netpol.errors import NetpolError

__all__ = ["Field"]

_PLAIN_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN = 40


class Field(msgspec.Struct, frozen=True, gc=False):
    """A value and where it stands in its document; the empty path is the document itself.

    Hardly any path is ever said, so a field knows its holder and its step from there instead. A
    struct, because a frozen dataclass takes four times as long to make.
    """

    value: object
    holder: str | Field = ""
    """The path; with a ``step``, the field whose member or element this is."""
    step: str | int | None = None

    @property
    def path(self) -> str:
        """Where the value stands, such as ``.spec.ingress[0]``."""
        steps: list[str] = []
        field: str | Field = self
        while isinstance(field, Field):
            if field.step is not None:
                steps.append(_step(field.step))
            field = field.holder
        return field + "".join(reversed(steps))

    @property
    def present(self) -> bool:
        """Whether the field is there and not null."""
        return self.value is not None

    @property
    def given(self) -> bool:
        """Whether the field says anything: present, and no empty object, list or text."""
        return self.value not in (None, "", [], {})

    def refuse(self, reason: str) -> NoReturn:
        """Raise NetpolError at this path."""
        raise NetpolError(reason, where=self.path or ".")

    def expected(self, what: str) -> NoReturn:
        """Raise NetpolError: "expected ``what``, found …", or "is required" where absent."""
        if self.value is None:
            self.refuse(f"expected {what}, but it is missing")
        self.refuse(f"expected {what}, found {_shown(self.value)}")

    def need(self) -> Field:
        """This field, which must be there."""
        if self.value is None:
            self.refuse("is required")
        return self

    def __getitem__(self, name: str) -> Field:
        table = self.value if type(self.value) is dict else self.table()
        return Field(table.get(name), self, name)

    def table(self) -> dict[str, object]:
        """The object here; an absent one is empty."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            self.expected("an object")
        return self.value

    def children(self) -> Iterator[tuple[str, Field]]:
        """The members of the object here, by name, null ones left out."""
        for name, value in self.table().items():
            if value is not None:
                yield name, Field(value, self, name)

    def only(self, *known: str) -> None:
        """Refuse the first member here that has none of these names."""
        for name, member in self.children():
            if name not in known:
                member.refuse(f"there is no such field; one of {', '.join(known)}")

    def entries(self, *, nulls: bool = False) -> list[Field]:
        """The elements of the list here; an absent one is empty. A null element is refused,

        unless ``nulls``: typed Kubernetes kinds read it as the empty object, custom ones refuse it.
        """
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self.expected("a list")
        entries = [Field(value, self, i) for i, value in enumerate(self.value)]
        return entries if nulls else [entry.need() for entry in entries]

    def text(self, default: str | None = None) -> str:
        """The text here, or ``default`` where absent (required when there is no default)."""
        if self.value is None and default is not None:
            return default
        if not isinstance(self.value, str):
            self.expected("text")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """The texts of the list here, in its order."""
        return tuple(entry.text() for entry in self.entries())

    def whole(self, low: int, high: int) -> int:
        """The whole number here, from ``low`` to ``high`` inclusive."""
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            self.expected("a whole number")
        if not low <= value <= high:
            self.expected(f"a number from {low} to {high}")
        return value

    def number(self) -> float:
        """The finite number here."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.expected("a number")
        if abs(value) > 1e300 or math.isnan(value):
            self.expected("a finite number")
        return float(value)

    def flag(self, default: bool) -> bool:
        """True or false here; ``default`` where absent."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self.expected("true or false")
        return self.value

    def choice(self, among: Collection[str]) -> str:
        """The text here, which must be one of ``among``."""
        if not isinstance(self.value, str) or self.value not in among:
            self.expected(f"one of {', '.join(among)}")
        return self.value


def _step(name: str | int) -> str:
    if isinstance(name, int):
        return f"[{name}]"
    return f".{name}" if _PLAIN_STEP.fullmatch(name) else f"[{_shown(name)}]"


def _shown(value: object) -> str:
    """A short, printable picture of any value, cheap for large ones."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case bool():
            return "true" if value else "false"
        case str():
            return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
        case int() if value.bit_length() > 128:
            return "a very large number"
        case _:
            return str(value)
