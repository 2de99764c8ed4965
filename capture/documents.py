"""Records in JSON text, whether there is one a line or the text is a whole document.

Logs hold a record a line. Answers of an API hold them in arrays inside of objects, over many lines
or all on one. Those are cut into their records while they are read: in constant memory, with the
line on which each begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import BinaryIO, Final

from capture.lines import BOM, LINE_LIMIT, lines

__all__ = ["a_line_each", "elements", "pieces"]

_CHUNK: Final = 1 << 18
_FIRST: Final = 1 << 16
_TOKEN: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\]]|[^\s,:"{}\[\]]+', re.DOTALL)
"""The group is empty for a string without end."""
_OBJECT, _ARRAY = b"{["
_OPENING: Final = b"{["
_CLOSING: Final = b"}]"
_QUOTE: Final = ord('"')


def a_line_each(head: bytes) -> bool:
    """Whether a text that begins so has a record a line."""
    first, end, _ = head.removeprefix(BOM).partition(b"\n")
    return not _goes_on(first + end)


def pieces(
    stream: BinaryIO, inside: frozenset[bytes], above: int = 0
) -> Iterable[tuple[int, bytes]]:
    """(line, text) of each record; ``inside``: see :func:`elements`; ``above``: lines before them.

    The text of a record a line is that line, whatever it holds, and that path costs nothing.
    """
    read = lines(stream)
    first = next(iter(read), b"")
    if _goes_on(first):
        return elements(chain([first], iter(partial(stream.read, _CHUNK), b"")), inside)
    return enumerate(chain([first] if first else [], read), above + 1)


def _goes_on(line: bytes) -> bool:
    """Whether a first line begins a document: it opens something, and ends between two values.

    Or it has no end, which then is that of the document.
    """
    text = line.strip()
    if not text or text[0] not in _OPENING:
        return False
    endless = not line.endswith(b"\n") and len(line) > _FIRST
    return text[0] == _ARRAY or endless or text[-1] in b"{[,"


def elements(chunks: Iterable[bytes], inside: frozenset[bytes]) -> Iterator[tuple[int, bytes]]:
    """(line, text) of each record in JSON documents that follow each other.

    Records are the members of arrays at the top, or under one of the names ``inside`` in an object;
    an object that has no such name is a record itself. What is no JSON comes out as it is.
    """
    cutter = _Cutter(inside=inside)
    for chunk in chunks:
        yield from cutter.feed(chunk)
    yield from cutter.rest()


@dataclass(slots=True)
class _Cutter:
    inside: frozenset[bytes]
    text: bytes = b""
    """What was read of the present record, and after it."""
    at: int = 0
    """Where in ``text`` the next token is looked for."""
    line: int = 1
    """On which ``text`` begins."""
    around: list[int] = field(default_factory=list)
    """The brackets that are open around records."""
    depth: int = 0
    """How many are open inside of the present one."""
    start: int = -1
    """Where the present record began; -1: none did."""
    skipping: bool = False
    """It is a value beside the records."""
    name: bytes = b""
    """The last string, which before a bracket is the name of a member."""

    def feed(self, chunk: bytes) -> Iterator[tuple[int, bytes]]:
        self.text += chunk
        while (token := _TOKEN.search(self.text, self.at)) is not None:
            whole = token[1] or token[0][0] in _OPENING + _CLOSING
            if not whole and (token[1] == b"" or token.end() == len(self.text)):
                self.at = token.start()
                break  # it may go on
            self.at = token.end()
            yield from self._token(token[0], token.start())
        yield from self._drop()

    def _drop(self) -> Iterator[tuple[int, bytes]]:
        """Forget what is done with. Of a record that is too long the beginning comes out."""
        begun = self.start >= 0 and not self.skipping
        keep = self.start if begun else self.at
        if len(self.text) - keep >= LINE_LIMIT:
            if not self.skipping:
                yield self._here(keep), self.text[keep : keep + LINE_LIMIT] + b"\n"
            self.skipping = True
            if len(self.text) - self.at >= LINE_LIMIT:
                self._shorten()
            keep = self.at
        self.line += self.text.count(b"\n", 0, keep)
        self.text = self.text[keep:]
        self.at = max(0, self.at - keep)
        self.start = 0 if self.start >= 0 else -1

    def _shorten(self) -> None:
        """Forget the inside of a string that is too long; it stays open."""
        last = self.text[self.at :]
        escaped = (len(last) - len(last.rstrip(b"\\"))) % 2
        self.line += self.text.count(b"\n")
        self.text, self.at = last[:1].strip(b"\n") + b"\\" * escaped, 0

    def rest(self) -> Iterator[tuple[int, bytes]]:
        """What is left at the end: nothing, or a record that was cut off."""
        place = self.start if self.start >= 0 else self.at
        if self.text[place:].strip(b" \t\r\n,:") and not self.skipping:
            yield self._here(place), self.text[place:]

    def _token(self, token: bytes, start: int) -> Iterator[tuple[int, bytes]]:
        char = token[0]
        if char in _OPENING:
            self._open(char, start)
        elif char in _CLOSING:
            yield from self._close()
        else:
            self.name = token[1:-1] if char == _QUOTE else b""
            if not self.depth and not self._among_members():
                yield self._here(start), token

    def _open(self, char: int, start: int) -> None:
        named, self.name = self.name in self.inside, b""
        if self.depth == 1 and named and not self.skipping:
            # The object is no record, it holds them.
            self.around += [_OBJECT, char]
            self.depth, self.start = 0, -1
        elif self.depth:
            self.depth += 1
        elif (char == _ARRAY and not self.around) or (named and self._among_members()):
            self.around.append(char)
        else:
            self.depth, self.start, self.skipping = 1, start, self._among_members()

    def _among_members(self) -> bool:
        return bool(self.around) and self.around[-1] == _OBJECT

    def _close(self) -> Iterator[tuple[int, bytes]]:
        if self.depth > 1:
            self.depth -= 1
        elif self.depth:
            if not self.skipping:
                yield self._here(self.start), self.text[self.start : self.at]
            self.depth, self.start, self.skipping = 0, -1, False
        elif self.around:
            self.around.pop()

    def _here(self, place: int) -> int:
        return self.line + self.text.count(b"\n", 0, place)
