"""The values of a YAML document, built out of the events of PyYAML's parser, which is C.

Building them here rather than by PyYAML's constructor keeps reading safe and bounded (nesting and
aliases are counted before anything grows), gives plain scalars the meaning that they have to
kubectl, and takes two thirds of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, TypeAlias

import yaml

from netpol.manifests.bounds import MAX_DEPTH, MAX_NODES, BrokenError, short
from netpol.manifests.document import Entry
from netpol.manifests.listing import Listing, is_list
from netpol.scalars import meaning

__all__ = ["Builder"]

Event: TypeAlias = Any
"""One of PyYAML's, of whose members its types say nothing."""

_TAG: Final = "tag:yaml.org,2002:"
_plain = lru_cache(maxsize=8192)(meaning)


class Builder:
    """Builds the document whose events these are; ``twice`` is told (line, key) of repeated keys.

    Raises BrokenError for what breaks a bound or has no meaning here.
    """

    def __init__(
        self, following: Callable[[], Event], above: int, twice: Callable[[int, str], None]
    ) -> None:
        self._next = following
        self._above = above  # lines before the text whose events these are
        self._twice = twice
        self._nodes = 0
        self._deepest = 0
        self._anchors: dict[str, tuple[object, int, int]] = {}

    def line(self, event: Event) -> int:
        """The line where what an event is about begins, from 1."""
        return self._above + int(event.start_mark.line) + 1

    def document(self, event: Event, listing: Listing) -> Iterator[Entry]:
        """The objects of the document that begins with ``event``."""
        if isinstance(event, yaml.SequenceStartEvent):
            yield from self._elements(event, listing)
        elif isinstance(event, yaml.MappingStartEvent):
            yield from self._top(event, listing)
        elif (value := self._value(event, 0)) is not None:
            yield from listing.whole(value)

    def _top(self, start: Event, listing: Listing) -> Iterator[Entry]:
        """The members of the document; a list gives its elements as they come."""
        self._only(start, "map")
        table: dict[str, object] = {}
        merged: list[object] = []
        streamed = False
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key, merging = self._key(event, 1)
            inner = self._next()
            if key == "items" and type(inner) is yaml.SequenceStartEvent and is_list(listing.kind):
                streamed = True
                yield from self._elements(inner, listing)
                continue
            value = self._value(inner, 1)
            self._put(table, merged, event, key if not merging else None, value)
            listing.said(key, value)
        table = self._merged(table, merged, start)
        if not streamed:
            yield from listing.whole(table)
            return
        yield from listing.end()
        if not is_list(listing.kind):
            yield from listing.whole(table)

    def _elements(self, start: Event, listing: Listing) -> Iterator[Entry]:
        self._only(start, "seq")
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            listing.next()
            self._nodes = 0
            value = self._value(event, 2)
            yield from listing.item(value, self.line(event))

    # Values

    def _value(self, event: Event, depth: int) -> object:
        value: object
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (value, 1, 0)
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event, depth)
        if depth >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH}")
        build = self._table if kind is yaml.MappingStartEvent else self._list
        if event.anchor is not None:
            return self._anchored(event, depth, build)
        self._deepest = max(self._deepest, depth + 1)
        return build(event, depth + 1)

    def _anchored(self, event: Event, depth: int, build: Callable[[Event, int], object]) -> object:
        """A value that aliases may stand for: how much it is, and how high, is kept."""
        outer, before = self._deepest, self._nodes
        self._deepest = depth + 1
        value = build(event, depth + 1)
        self._anchors[event.anchor] = (value, self._nodes - before, self._deepest - depth)
        self._deepest = max(self._deepest, outer)
        return value

    def _alias(self, event: Event, depth: int) -> object:
        # An anchor is known only once its value is complete, so no value can contain itself.
        if event.anchor not in self._anchors:
            raise self._error(
                event, f"the alias *{short(event.anchor)} is unknown or inside itself"
            )
        value, size, height = self._anchors[event.anchor]
        self._count(event, size)
        if depth + height > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH}")
        self._deepest = max(self._deepest, depth + height)
        return value

    def _list(self, start: Event, depth: int) -> list[object]:
        self._only(start, "seq")
        values: list[object] = []
        while type(event := self._next()) is not yaml.SequenceEndEvent:
            values.append(self._value(event, depth))
            if len(values) > MAX_NODES:
                break
        self._count(start, len(values) + 1)
        return values

    def _count(self, event: Event, more: int) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            raise self._error(event, f"more than {MAX_NODES:,} values, those of aliases included")

    def _table(self, start: Event, depth: int) -> dict[str, object]:
        self._only(start, "map")
        table: dict[str, object] = {}
        merged: list[object] = []
        while type(event := self._next()) is not yaml.MappingEndEvent:
            key, merging = self._key(event, depth)
            value = self._value(self._next(), depth)
            if merging or key in table:
                self._put(table, merged, event, None if merging else key, value)
            else:
                table[key] = value
        self._count(start, 2 * len(table) + 1)
        return self._merged(table, merged, start) if merged else table

    def _put(
        self,
        table: dict[str, object],
        merged: list[object],
        event: Event,
        key: str | None,
        value: object,
    ) -> None:
        """Put a member into an object; without a key, all that ``<<`` names."""
        if key is None:
            merged.extend(value if isinstance(value, list) else [value])
            return
        if key in table:
            self._twice(self.line(event), short(key))
        table[key] = value

    def _merged(
        self, table: dict[str, object], merged: list[object], start: Event
    ) -> dict[str, object]:
        for one in merged:
            if not isinstance(one, dict):
                raise self._error(start, "'<<' takes an object or a list of objects")
            for key, value in one.items():
                table.setdefault(key, value)
        return table

    def _key(self, event: Event, depth: int) -> tuple[str, bool]:
        """A key as JSON would have it, numbers and booleans as their text; whether it merges."""
        plain = type(event) is yaml.ScalarEvent and event.implicit[0]
        key = self._value(event, depth)
        if type(key) is str:
            return key, plain and key == "<<"
        match key:
            case bool():
                return "true" if key else "false", False
            case None | int() | float():
                return "null" if key is None else str(key), False
            case _:
                raise self._error(event, "an object or a list cannot be a key")

    def _scalar(self, event: Event) -> object:
        tag = event.tag
        if tag is None:
            return _plain(event.value) if event.implicit[0] else event.value
        if tag in ("!", f"{_TAG}str"):
            return event.value
        value = meaning(event.value)
        if type(value).__name__ != {"null": "NoneType"}.get(name := tag.removeprefix(_TAG), name):
            raise self._error(event, f"the tag {short(tag)} is not supported here")
        return value

    def _only(self, event: Event, name: str) -> None:
        if event.tag not in (None, "!", f"{_TAG}{name}"):
            raise self._error(event, f"the tag {short(event.tag)} is not supported here")

    def _error(self, event: Event, reason: str) -> BrokenError:
        return BrokenError(self.line(event), reason)
