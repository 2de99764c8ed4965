"""JSON text of any length through a small window: where each value ends, by msgspec's own scan.

msgspec skips over a value at about 3 GB/s and says where the next one begins, by the error that it
raises for what follows; so a file is cut into its objects without being taken in as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

import msgspec

from netpol.manifests.bounds import MAX_OBJECT, BrokenError

__all__ = ["Text"]

_SCAN: Final = msgspec.json.Decoder(msgspec.Raw)
_TRAILING: Final = re.compile(r"trailing characters \(byte (\d+)\)")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")
_WHY: Final = re.compile(r"^JSON is malformed: | \(byte \d+\)$")
_TRUNCATED: Final = "Input data was truncated"
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_SEPARATOR: Final = re.compile(rb"---[ \t]*(?:\r?\n|\Z)")
_FAR: Final = 1 << 12
"""A line that begins further back than this has more than one object; its indent says nothing."""


class Text:
    """A position in a text that arrives in pieces; what is behind it is forgotten.

    Except for what comes after :meth:`keep`, which :meth:`back` returns to.
    """

    def __init__(self, pieces: Iterator[bytes], line: int = 1) -> None:
        self._pieces = pieces
        self._data = b""
        self._whole_line = True  # whether the data begins where a line does
        self._at = 0
        self._line = line
        self._counted = 0
        self._kept: int | None = None

    @property
    def line(self) -> int:
        """The line that the position is in, from 1."""
        self._line += self._data.count(b"\n", self._counted, self._at)
        self._counted = self._at
        return self._line

    def peek(self) -> bytes:
        """The next byte that is no white space, and the position there; empty at the end."""
        while True:
            found = _SPACE.match(self._data, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._more():
                return b""

    def take(self, mark: bytes) -> bool:
        """Whether the next byte is this one, which is passed then."""
        found = self.peek() == mark
        self._at += found
        return found

    def value(self) -> bytes:
        """The JSON text of the next value. Raises BrokenError, with the position unchanged."""
        self.peek()
        while True:
            try:
                _SCAN.decode(memoryview(self._data)[self._at :])
            except msgspec.DecodeError as error:
                reason = str(error)
                if found := _TRAILING.search(reason):
                    return self._taken(self._at + int(found[1]) - 1)
                if reason != _TRUNCATED or not self._more():
                    raise self._broken(reason) from error
            except RecursionError as error:
                raise BrokenError(self.line, "not readable as JSON: nested too deeply") from error
            else:
                if not self._more():
                    return self._taken(len(self._data))

    def _taken(self, end: int) -> bytes:
        if end - self._at > MAX_OBJECT:
            raise self._too_large()
        start, self._at = self._at, end
        return self._data[start:end]

    def _broken(self, reason: str) -> BrokenError:
        found = _BYTE.search(reason)
        end = self._at + int(found[1]) if found else self._at
        line = self.line + self._data.count(b"\n", self._at, end)
        if len(self._data) - self._start() > MAX_OBJECT:
            return self._too_large()
        why = _WHY.sub("", reason)
        return BrokenError(line, f"not readable as JSON: {why[:1].lower()}{why[1:]}")

    def _too_large(self) -> BrokenError:
        return BrokenError(self.line, f"an object of more than {MAX_OBJECT >> 20} MiB")

    def _more(self) -> bool:
        """Take in as much again as there is ahead; whether there was any more."""
        start = self._start()
        need = max(len(self._data) - start, 1)
        if need > MAX_OBJECT:
            return False
        got: list[bytes] = []
        while need > 0 and (piece := next(self._pieces, b"")):
            got.append(piece)
            need -= len(piece)
        if got:
            self._forget(start)
            self._data = b"".join((self._data, *got))
        return bool(got)

    def _start(self) -> int:
        """The first byte that is still needed: of the line, to know its indent, or what is kept."""
        line = self._data.rfind(b"\n", 0, self._at) + 1
        start = line if self._at - line < _FAR else self._at
        return start if self._kept is None else min(start, self._kept)

    def _forget(self, start: int) -> None:
        if not start:
            return
        self._counted = self._at if self.line else 0
        self._whole_line = self._data[start - 1 : start] == b"\n"
        self._data = self._data[start:]
        self._at -= start
        self._counted -= start
        if self._kept is not None:
            self._kept -= start

    # Going back, and going on after a break

    @property
    def kept(self) -> bool:
        """Whether there is a position to go back to."""
        return self._kept is not None

    def keep(self) -> None:
        """Remember the position, and all that comes after it."""
        self.peek()
        self._kept = self._at

    def release(self) -> None:
        """What was kept is no longer needed."""
        self._kept = None

    def back(self) -> bool:
        """Return to the position that was kept; whether one is."""
        if self._kept is None:
            return False
        self._line = self.line - self._data.count(b"\n", self._kept, self._at)
        self._at = self._counted = self._kept
        return True

    def indent(self) -> bytes | None:
        """The white space before the position, or None where something else shares its line."""
        line = self._data.rfind(b"\n", 0, self._at) + 1
        before = self._data[line : self._at]
        known = line > 0 or self._whole_line
        return before if known and not before.strip() and len(before) < _FAR else None

    def skip_to_object(self, indent: bytes | None) -> bool | None:
        """Go on to the next line that begins with an object after the same or no indent.

        Whether it was the same; None where no such line comes, and at the end of the text then.
        """
        self._kept = None
        same = b"(?!)" if indent is None else re.escape(indent)
        line = re.compile(rb"\n(%b)?(?=\{)" % same)
        while not (found := line.search(self._data, self._at)):
            self._at = max(self._at, len(self._data) - len(indent or b"") - 1)
            if not self._more():
                self._at = len(self._data)
                return None
        self._at = found.end()
        return found[1] is not None

    def _drop(self) -> None:
        self._at = len(self._data)
        while self._more():
            self._at = len(self._data)

    def since_kept(self) -> bytes:
        """The text from where :meth:`keep` was called to here; it is kept no longer."""
        start, self._kept = self._kept or 0, None
        return self._data[start : self._at]

    def separator(self) -> bool:
        """Whether a line ``---`` comes, which is passed then."""
        self.peek()
        while len(self._data) - self._at < _FAR and self._more():
            pass
        found = _SEPARATOR.match(self._data, self._at)
        self._at = found.end() if found else self._at
        return found is not None

    def rest(self, limit: int) -> bytes:
        """All that comes, with the indent; raises BrokenError where it is longer than ``limit``."""
        taken, size = [], 0
        for piece in chain((self._data[self._at - len(self.indent() or b"") :],), self._pieces):
            size += len(piece)
            if size > limit:
                why = f"the YAML is larger than {limit >> 20} MiB"
                how = "write it as JSON (kubectl get … -o json), which may be of any size"
                raise BrokenError(self.line, f"{why}: {how}")
            taken.append(piece)
        self._kept = None
        self._drop()
        return b"".join(taken)
