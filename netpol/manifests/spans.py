"""Where each value of a YAML document stands in its text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from netpol.scalars import meaning

__all__ = ["Node", "parsed"]

_Event: TypeAlias = Any
"""One of PyYAML's, of whose members its types say nothing."""
_TAG: Final = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A value: ``text[begin:end]``, without comments and line ends behind it.

    A block of lines begins behind its anchor, which stands above it.
    """

    begin: int
    end: int
    column: int
    value: object
    children: tuple[Node, ...] = ()
    """Elements; of an object the values."""
    pairs: tuple[tuple[Node, Node], ...] = ()
    """Keys and values of an object, as they stand in the text."""
    flow: bool = False


def parsed(text: str) -> Node | None:
    """The first document of a text; None where it is none, or has something that is not JSON."""
    try:
        # The parser in Python: its marks count characters, as texts do.
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                return _Reader(text=text, following=events.__next__, anchors={}).node(next(events))
    except (yaml.YAMLError, TypeError, ValueError, StopIteration):
        return None
    return None


@dataclass(frozen=True, kw_only=True)
class _Reader:
    text: str
    following: Callable[[], _Event]
    anchors: dict[str, object]

    def node(self, event: _Event) -> Node:
        """The value that begins with an event. Raises ValueError for what JSON cannot say."""
        begin = event.start_mark.index
        column = event.start_mark.column
        match event:
            case yaml.AliasEvent():
                value = self.anchors.get(event.anchor or "")
                return Node(begin=begin, end=_ends(event), column=column, value=value)
            case yaml.ScalarEvent():
                value = meaning(event.value) if _means(event) else event.value
                end = self._end(begin, _ends(event))
                made = Node(begin=begin, end=end, column=column, value=value)
            case yaml.SequenceStartEvent():
                made = self._list(event, begin, column)
            case yaml.MappingStartEvent():
                made = self._table(event, begin, column)
            case _:
                raise ValueError("no value")
        if event.anchor is not None:
            self.anchors[event.anchor] = made.value
        return made

    def _end(self, begin: int, end: int) -> int:
        """Without the line ends that belong to a block of text."""
        return begin + len(self.text[begin:end].rstrip())

    def _list(self, start: _Event, begin: int, column: int) -> Node:
        found: list[Node] = []
        while not isinstance(event := self.following(), yaml.SequenceEndEvent):
            found.append(self.node(event))
        flow = bool(start.flow_style)
        end = _ends(event) if flow or not found else found[-1].end
        if start.anchor is not None and found and not flow:
            begin = self.text.rfind("-", begin, found[0].begin)
            column = begin - (self.text.rfind("\n", 0, begin) + 1)
        return Node(
            begin=begin,
            end=end,
            column=column,
            value=[one.value for one in found],
            children=tuple(found),
            flow=flow,
        )

    def _table(self, start: _Event, begin: int, column: int) -> Node:
        pairs: list[tuple[Node, Node]] = []
        while not isinstance(event := self.following(), yaml.MappingEndEvent):
            key = self.node(event)
            pairs.append((key, self.node(self.following())))
        flow = bool(start.flow_style)
        if start.anchor is not None and pairs and not flow:
            begin, column = pairs[0][0].begin, pairs[0][0].column
        last = max((one.end for one in pairs[-1]), default=begin) if pairs else begin
        return Node(
            begin=begin,
            end=_ends(event) if flow or not pairs else last,
            column=column,
            value=_object(pairs),
            children=tuple(value for _, value in pairs),
            pairs=tuple(pairs),
            flow=flow,
        )


def _ends(event: _Event) -> int:
    return int(event.end_mark.index)


def _means(event: _Event) -> bool:
    """Whether a scalar is plain, so that it may be a number and so on."""
    if event.tag not in (None, "!", f"{_TAG}str"):
        raise ValueError("a tag")
    return event.tag is None and bool(event.implicit[0])


def _object(pairs: list[tuple[Node, Node]]) -> dict[str, object]:
    own: dict[str, object] = {}
    merged: list[object] = []
    for key, value in pairs:
        if key.value == "<<":
            merged += value.value if isinstance(value.value, list) else [value.value]
        elif isinstance(key.value, str):
            own[key.value] = value.value
        else:
            raise ValueError("a key that is no text")
    for one in merged:
        if not isinstance(one, dict):
            raise ValueError("'<<' without an object")
        for name, value in one.items():
            own.setdefault(name, value)
    return own
