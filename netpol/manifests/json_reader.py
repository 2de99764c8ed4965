"""JSON documents: a list gives its elements one by one, whatever the length of the file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import msgspec

from netpol.errors import NetpolError
from netpol.manifests.bounds import MAX_DEPTH, BrokenError
from netpol.manifests.document import Entry
from netpol.manifests.listing import Listing, is_list
from netpol.manifests.text import Text
from netpol.notices import Notice, Tell

__all__ = ["document", "go_on"]


def document(text: Text, listing: Listing, tell: Tell) -> Iterator[Entry]:
    """The objects of the document that comes. Raises BrokenError where it cannot go on.

    Until the elements of a list begin, the text can go back to where the document began.
    """
    text.keep()
    if text.peek() == b"[":
        yield from _elements(text, listing, tell)
        return
    others: list[bytes] = []
    streamed = False
    for name in _names(text):
        if name == "items" and text.peek() == b"[" and is_list(listing.kind):
            streamed = True
            text.release()
            if not (yield from _elements(text, listing, tell)):
                break
        else:
            value = text.value()
            listing.said(name, value)
            others.append(msgspec.json.encode(name) + b":" + value)
    if not streamed:
        yield from listing.whole(text.since_kept())
        return
    yield from listing.end()
    if not is_list(listing.kind):
        yield from listing.whole(b"{" + b",".join(others) + b"}")


def go_on(text: Text, error: BrokenError, indent: bytes | None, where: str, tell: Tell) -> bool:
    """Tell what is broken, and go on to the next object that stands on a line as that one did.

    Whether there is one. Where an object without an indent comes first, a document begins, and the
    text is there.
    """
    first = text.line
    same = text.skip_to_object(indent)
    last = text.line - 1
    if same is None:
        lost = "the rest of the file is"
    else:
        lost = f"lines {first} to {last} are" if last > first else f"line {first} is"
    tell(Notice(code="NP060", message=f"{error.what}; {lost} not read", where=where))
    return bool(same)


def _names(text: Text) -> Iterator[str]:
    """The names in an object; who is given one passes its value."""
    text.take(b"{")
    if text.take(b"}"):
        return
    while True:
        if text.peek() != b'"':
            raise _unexpected(text, "a name in quotes")
        name = text.value()
        if not text.take(b":"):
            raise _unexpected(text, "':'")
        try:
            yield msgspec.json.decode(name, type=str)
        except ValueError as error:
            raise BrokenError(text.line, f"not readable as JSON: {error}") from error
        if text.take(b"}"):
            return
        if not text.take(b","):
            raise _unexpected(text, "',' or '}'")


def _elements(text: Text, listing: Listing, tell: Tell) -> Generator[Entry, None, bool]:
    """The elements of a list; returns whether its end was found."""
    text.take(b"[")
    if text.take(b"]"):
        return True
    text.peek()
    indent = text.indent()
    while True:
        text.peek()
        line = text.line
        listing.next()
        try:
            body = text.value()
            text.release()
            yield from listing.item(body, line)
            if text.take(b"]"):
                return True
            if not text.take(b","):
                raise _unexpected(text, "',' or ']'")
        except BrokenError as error:
            if text.kept:
                raise
            if not go_on(text, error, indent, listing.where, tell):
                return False


def _unexpected(text: Text, wanted: str) -> BrokenError:
    found = text.peek().decode(errors="replace")
    what = f"found {found!r}" if found else "the file ends"
    return BrokenError(text.line, f"not readable as JSON: expected {wanted}, {what}")


# One object


def plain(body: bytes) -> tuple[dict[str, object], list[str]]:
    """An object as plain values, and the names that some object in it has twice.

    Raises ``ValueError`` where it is no JSON and NetpolError where it is nested too deeply.
    """
    data: dict[str, object] = msgspec.json.decode(body)
    # There is no need to look where there are not even enough brackets.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper(data, MAX_DEPTH):
        raise NetpolError(f"nested deeper than {MAX_DEPTH}")
    # A name that is lost takes its quotes with it; one that is written as \u0022 counts as one.
    quotes = body.count(b'"') + body.count(b"u0022")
    return data, [] if quotes == msgspec.json.encode(data).count(b'"') else _repeated(body)


def _deeper(data: object, depth: int) -> bool:
    """Level by level: the cheapest walk over a decoded value, and no recursion."""
    level: list[Any] = [data]
    for _ in range(depth):
        level = [
            value
            for holder in level
            for value in (holder.values() if type(holder) is dict else holder)
            if type(value) is dict or type(value) is list
        ]
    return bool(level)


def _repeated(body: bytes) -> list[str]:
    found: dict[str, None] = {}

    def members(pairs: list[tuple[str, object]]) -> None:
        names = Counter(name for name, _ in pairs)
        found.update((name, None) for name, count in names.items() if count > 1)

    json.loads(body, object_pairs_hook=members, parse_int=str, parse_float=str)
    return list(found)
