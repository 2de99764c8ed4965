"""Calico's selector language: text → tree.

Grammar (projectcalico/calico ``libcalico-go/lib/selector``; ``!`` binds closer than ``&&``, ``&&``
closer than ``||``)::

    expression = all {"||" all}
    all        = not {"&&" not}
    not        = {"!"} term
    term       = "(" expression ")" | "has(" key ")" | "all()" | "global()"
               | key ("==" | "!=" | "contains" | "starts with" | "ends with") text
               | key ("in" | "not in" | "notin") "{" [text {"," text} [","]] "}"

An empty text is ``all()``. Text has either kind of quotes and no escapes; the words of an operator
may be written together (``startswith``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from generators.reading import UndecidedError
from netpol.errors import NetpolError

__all__ = ["All", "And", "Compare", "Comparison", "Global", "Has", "Node", "Not", "Or", "tree"]

_MAX_DEPTH: Final = 64
_TOKEN: Final = re.compile(
    r"""[ \t]*(?:(?P<text>'[^']*'|"[^"]*")|(?P<word>[A-Za-z0-9_./-]+)"""
    r"""|(?P<sign>&&|\|\||==|!=|[!(){},]))"""
)

Comparison: TypeAlias = Literal["in", "contains", "starts with", "ends with"]


@dataclass(frozen=True, slots=True)
class All:
    """``all()``: everything."""


@dataclass(frozen=True, slots=True)
class Global:
    """``global()``: what has no namespace."""


@dataclass(frozen=True, slots=True)
class Has:
    """``has(key)``."""

    key: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A key with its values; ``==`` is ``in`` with one, ``!=`` and ``not in`` a Not around it."""

    key: str
    operator: Comparison
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``!part``."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple[Node, ...]


Node: TypeAlias = All | Global | Has | Compare | Not | And | Or


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def _tokens(text: str) -> list[_Token]:
    tokens = []
    position = 0
    end = len(text.rstrip(" \t"))
    while position < end:
        found = _TOKEN.match(text, position)
        if not found or not found.lastgroup:
            blank = len(text) - position - len(text[position:].lstrip(" \t"))
            raise NetpolError(f"selector: cannot read character {position + blank + 1}")
        kind = found.lastgroup
        tokens.append(_Token(kind, found[kind], found.start(kind), found.end()))
        position = found.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens; every method consumes what it returns."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._any() if self._tokens else All()
        if self._next < len(self._tokens):
            raise self._failure("'&&', '||' or the end")
        return node

    def _peek(self, *texts: str, kind: str = "sign", ahead: int = 0) -> bool:
        at = self._next + ahead
        if at >= len(self._tokens):
            return False
        token = self._tokens[at]
        return token.kind == kind and (not texts or token.text in texts)

    def _take(self, *texts: str, kind: str = "sign") -> str | None:
        if not self._peek(*texts, kind=kind):
            return None
        self._next += 1
        return self._tokens[self._next - 1].text

    def _must(self, *texts: str, kind: str = "sign") -> str:
        taken = self._take(*texts, kind=kind)
        if taken is None:
            raise self._failure(" or ".join(repr(text) for text in texts) or f"a {kind}")
        return taken

    def _failure(self, wanted: str) -> NetpolError:
        if self._next >= len(self._tokens):
            return NetpolError(f"selector: expected {wanted}, found the end")
        token = self._tokens[self._next]
        found = f"{token.text[:40]!r} at character {token.start + 1}"
        return NetpolError(f"selector: expected {wanted}, found {found}")

    def _any(self) -> Node:
        parts = [self._all()]
        while self._take("||"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._not()]
        while self._take("&&"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _not(self) -> Node:
        negated = False
        while self._take("!"):
            negated = not negated
        node = self._term()
        return Not(node) if negated else node

    def _term(self) -> Node:
        if self._take("("):
            self._depth += 1
            if self._depth > _MAX_DEPTH:
                raise UndecidedError(f"selector: nested deeper than {_MAX_DEPTH}")
            node = self._any()
            self._must(")")
            self._depth -= 1
            return node
        if self._called():
            return self._call()
        return self._comparison(self._must(kind="word"))

    def _called(self) -> bool:
        """A function name with its parenthesis right behind it."""
        if not (self._peek("has", "all", "global", kind="word") and self._peek("(", ahead=1)):
            return False
        name, parenthesis = self._tokens[self._next : self._next + 2]
        return name.end == parenthesis.start

    def _call(self) -> Node:
        name = self._must(kind="word")
        self._must("(")
        node: Node = All() if name == "all" else Global()
        if name == "has":
            node = Has(self._must(kind="word"))
        self._must(")")
        return node

    def _comparison(self, key: str) -> Node:
        if self._take("=="):
            return Compare(key, "in", (self._text(),))
        if self._take("!="):
            return Not(Compare(key, "in", (self._text(),)))
        match self._take(kind="word"):
            case "in":
                return Compare(key, "in", self._set())
            case "notin":
                return Not(Compare(key, "in", self._set()))
            case "not":
                self._must("in", kind="word")
                return Not(Compare(key, "in", self._set()))
            case "contains":
                return Compare(key, "contains", (self._text(),))
            case "starts" | "startswith" as word:
                return self._sided(key, "starts with", word == "starts")
            case "ends" | "endswith" as word:
                return self._sided(key, "ends with", word == "ends")
            case _:
                raise self._failure("an operator such as '=='")

    def _sided(self, key: str, operator: Comparison, apart: bool) -> Node:
        if apart:
            self._must("with", kind="word")
        return Compare(key, operator, (self._text(),))

    def _text(self) -> str:
        return self._must(kind="text")[1:-1]

    def _set(self) -> tuple[str, ...]:
        self._must("{")
        values = []
        while not self._take("}"):
            values.append(self._text())
            if not self._take(","):
                self._must("}")
                break
        return tuple(values)


def tree(text: str) -> Node:
    """The tree of a selector. Raises NetpolError for what is none, with the place, and

    UndecidedError for one that is nested deeper than 64.
    """
    return _Parser(text).whole()
