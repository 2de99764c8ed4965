"""Small changes to YAML texts that people wrote: what does not change keeps every byte.

The text is parsed to where each value stands, and only the spans of values that differ are written
anew. Comments, anchors, indentation, quotes and the order of keys elsewhere are never looked at.
What cannot be done in place (within flow collections, or next to a dash) is done one level higher.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Final, TypeAlias

from netpol.manifests.spans import Node, parsed
from netpol.manifests.yaml_writer import dump

__all__ = ["cut", "edited"]

_MARK: Final = re.compile(r"(?m)^---(?=[ \t\r\n]|\Z)")
_ABOVE: Final = re.compile(r"(?:^[ \t]*#[^\n]*\n)+\Z", re.M)
"""Comment lines right above something."""
_HEAD: Final = re.compile(r"(?:(?:#[^\n]*|---[ \t]*(?:#[^\n]*)?|[ \t]*)\r?\n)*")
"""What stands before the first value."""
_Edit: TypeAlias = tuple[int, int, str]


class _InPlaceError(Exception):
    """Cannot be done in place."""


def cut(text: str) -> list[str]:
    """The text in pieces, each of which begins a document; together they are the text."""
    places = [0, *(found.start() for found in _MARK.finditer(text) if found.start()), len(text)]
    return [text[begin:end] for begin, end in pairwise(places)]


def edited(piece: str, target: dict[str, object]) -> str:
    """One document, changed to say ``target`` by as little as possible."""
    root = parsed(piece)
    if root is not None and root.value == target:
        return piece
    if root is not None and isinstance(root.value, dict):
        work = _Work(text=piece)
        try:
            work.change(root, target)
            made = work.done()
            again = parsed(made)
        except _InPlaceError:
            again = None
        if again is not None and again.value == target:
            return made
    head = _HEAD.match(piece)
    return (head[0] if head else "") + dump(target)


@dataclass(frozen=True, kw_only=True)
class _Work:
    text: str
    edits: list[_Edit] = field(default_factory=list)

    def done(self) -> str:
        """The text with all edits; from the end on, so that places stay."""
        text = self.text
        for begin, end, new in sorted(self.edits, reverse=True):
            text = text[:begin] + new + text[end:]
        return text

    def change(self, node: Node, target: object) -> None:
        """Let a value say ``target``."""
        if node.value == target:
            return
        match node.children, target:
            case [_, *_], dict() if not node.flow and isinstance(node.value, dict) and target:
                self._either(node, target, self._table)
            case [_, *_], list() if not node.flow and isinstance(node.value, list) and target:
                self._either(node, target, self._list)
            case _:
                self._whole(node, target)

    def _either(self, node: Node, target: object, way: Callable[[Node, object], None]) -> None:
        """In place, or where that cannot be done as a whole."""
        before = len(self.edits)
        try:
            way(node, target)
        except _InPlaceError:
            del self.edits[before:]
            self._whole(node, target)

    def _whole(self, node: Node, target: object) -> None:
        block = isinstance(target, dict | list) and target and not node.flow and node.children
        if not block:
            if node.children and not node.flow:
                raise _InPlaceError  # what stands below its key must come up to it
            self.edits.append((node.begin, node.end, _flow(target)))
            return
        self.edits.append((node.begin, node.end, self._block(target, node.column)))

    def _table(self, node: Node, target: object) -> None:
        assert isinstance(target, dict) and isinstance(node.value, dict)
        own = {key.value: (key, value) for key, value in node.pairs}
        if len(own) != len(node.pairs):
            raise _InPlaceError
        for key in node.value:
            if key not in own and (key not in target or target[key] != node.value[key]):
                raise _InPlaceError  # it comes from `<<`
        for key, (at, value) in own.items():
            if key == "<<":
                continue
            if key not in target:
                self._drop(at.begin, value.end if value.end > at.end else at.end)
            elif value.value != target[key]:
                self._member(at, value, target[key])
        new = {key: value for key, value in target.items() if key not in node.value}
        if new:
            last = node.pairs[-1]
            place = self._end_of_line(max(last[0].end, last[1].end))
            self.edits.append((place, place, self._line_end + self._indented(new, node.column)))

    def _member(self, key: Node, value: Node, target: object) -> None:
        block = value.children and not value.flow
        if not block or (target and type(target) is type(value.value)):
            self.change(value, target)
            return
        # What stood below its key comes up to it, or is of another kind there.
        deeper = key.column + 2
        text = f" {_flow(target)}"
        if target and isinstance(target, dict | list):
            text = self._line_end + self._indented(target, deeper)
        self.edits.append((key.end, value.end, f":{text}"))

    def _list(self, node: Node, target: object) -> None:
        assert isinstance(target, list)
        was, now = (
            [json.dumps(one, sort_keys=True) for one in many]
            for many in ([one.value for one in node.children], target)
        )
        for kind, i, j, k, m in SequenceMatcher(a=was, b=now, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            paired = min(j - i, m - k)
            for one, value in zip(
                node.children[i : i + paired], target[k : k + paired], strict=True
            ):
                self.change(one, value)
            for one in node.children[i + paired : j]:
                self._drop(self._dash(one), one.end)
            if target[k + paired : m]:
                self._insert(node, j, target[k + paired : m])

    def _insert(self, node: Node, after: int, values: list[object]) -> None:
        """New elements behind the one before that place."""
        text = self._indented(values, node.column)
        if after:
            place = self._end_of_line(node.children[after - 1].end)
            self.edits.append((place, place, self._line_end + text))
            return
        place = self._line_start(self._dash(node.children[0]))
        self.edits.append((place, place, text + self._line_end))

    def _drop(self, begin: int, end: int) -> None:
        """Leave out whole lines, with the comments right above them."""
        start = self._line_start(begin)
        above = _ABOVE.search(self.text, 0, start)
        head = _HEAD.match(self.text)
        if above and head and above.start() < head.end():
            above = None  # the comment of the whole document
        end = self._end_of_line(end)
        stop = self.text.find("\n", end) + 1 or len(self.text)
        self.edits.append((above.start() if above else start, stop, ""))

    def _dash(self, element: Node) -> int:
        place = self.text.rfind("-", 0, element.begin + 1)
        if place < 0 or self.text[place + 1 : element.begin].strip():
            raise _InPlaceError
        return place

    def _line_start(self, place: int) -> int:
        start = self.text.rfind("\n", 0, place) + 1
        if self.text[start:place].strip():
            raise _InPlaceError  # something else stands before it in its line
        return start

    def _end_of_line(self, place: int) -> int:
        end = self.text.find("\n", place)
        end = len(self.text) if end < 0 else end
        rest = self.text[place:end].strip()
        if rest and not rest.startswith("#"):
            raise _InPlaceError
        return end - 1 if self.text[:end].endswith("\r") else end

    @property
    def _line_end(self) -> str:
        return "\r\n" if "\r\n" in self.text else "\n"

    def _indented(self, value: object, column: int) -> str:
        return " " * column + self._block(value, column)

    def _block(self, value: object, column: int) -> str:
        """In block style; lines after the first are indented."""
        return f"{self._line_end}{' ' * column}".join(_lines(value))


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        return iter(dump(value).splitlines())
    # As the value of a key it is written as anywhere else; its dashes are in the first column.
    return iter(dump({"-": value}).splitlines()[1:])


def _flow(value: object) -> str:
    """In one line, as JSON, which is YAML; plain words without quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    text = dump({"-": value}).removeprefix("'-': ").removeprefix("-: ").rstrip("\n")
    plain = isinstance(value, str) and re.fullmatch(r"[\w./-]+", value) and "\n" not in text
    return text if plain or not isinstance(value, str) else json.dumps(value)
