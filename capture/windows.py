"""An input in windows that end with a line, so that each can be read and committed by itself."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final, cast

from capture.lines import LINE_LIMIT, newlines
from netpol.store import Trace

__all__ = ["BLOCK", "Traced", "Windows", "skip"]

BLOCK: Final = 1 << 16
_BUFFER: Final = 1 << 16

Read = Callable[[int], bytes]
"""The next bytes of an input, at most so many; none: there are no more by now."""


@dataclass(slots=True)
class Windows:
    """Cuts an input at ends of lines, and traces what it gave."""

    read: Read
    trace: Trace = field(default_factory=Trace)
    lines: int = 0
    """So many were given."""
    rest: bytes = b""
    """The beginning of a line, of which the end was not read yet."""
    ended: bool = False
    """There was no more to read."""
    block: int = BLOCK
    """So many bytes are read at a time."""
    within: bool = False
    """A line that is too long to keep was given without its end."""

    def window(self, least: int, enough: Callable[[], bool] = bool) -> BinaryIO:
        """The next so many bytes and what is left of their last line; fewer when it is ``enough``.

        None at all: no line has come to its end.
        """
        return cast("BinaryIO", io.BufferedReader(_Window(self, least, enough), _BUFFER))

    def next(self, least: int) -> bytes:
        """Some whole lines; none where there are none by now. No line more than ``least`` takes."""
        while True:
            waiting = b"\n" in self.rest
            block = b"" if waiting else self.read(self.block)
            self.ended = not (waiting or block)
            data = self.rest + block
            cut = data.find(b"\n", max(least - 1, 0)) + 1 or data.rfind(b"\n") + 1
            if not cut and (self.within or len(data) > LINE_LIMIT):
                cut = len(data)
            data, self.rest = data[:cut], data[cut:]
            if data:
                self.within = not data.endswith(b"\n")
                self.trace.add(data)
                self.lines += newlines(data)
            if data or self.ended:
                return data


class _Window(io.RawIOBase):
    """One window, as a stream."""

    def __init__(self, windows: Windows, least: int, enough: Callable[[], bool]) -> None:
        self._windows = windows
        self._least = least
        self._enough = enough
        self._data = memoryview(b"")

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some of it."""
        if not self._data:
            whole = self._least <= 0 or self._enough()
            if whole and not self._windows.within:
                return 0
            self._data = memoryview(self._windows.next(self._least))
            self._least -= len(self._data)
        n = min(len(buffer), len(self._data))
        buffer[:n] = self._data[:n]
        self._data = self._data[n:]
        return n


class Traced(io.RawIOBase):
    """An input that is read as a whole, traced."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.trace = Trace()

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Some of it."""
        data = self._read(len(buffer))
        self.trace.add(data)
        buffer[: len(data)] = data
        return len(data)


def skip(read: Read, length: int, trace: Trace) -> int:
    """Read over what is known; so many lines were in it."""
    lines = 0
    while length and (data := read(min(BLOCK, length))):
        trace.add(data)
        lines += newlines(data)
        length -= len(data)
    return lines
