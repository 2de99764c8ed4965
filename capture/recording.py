"""A recorded watch on the disk: JSON lines, only ever added to.

Each line is written whole, so that who reads while it is written, or after it was killed, reads
lines. What there was at the end of a file is where the next recording goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from capture.appended import Appended, add, cannot, opened, size
from capture.changes import Change, Known, Name
from capture.resources import Resource, resource_of
from capture.times import nanoseconds, rfc3339
from netpol.errors import NetpolError

__all__ = ["Recording"]


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""
    uid: str = ""


class _Object(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    metadata: _Meta


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw
    time: str = ""


@dataclass(slots=True, kw_only=True)
class Recording(Appended):
    """A file that changes are added to."""

    known: dict[Resource, Known] = field(default_factory=dict)
    """What the file ends with."""
    confirmed: dict[Resource, int] = field(default_factory=dict)
    """The time of the last line about each resource."""
    written: int = 0
    """How many changes were added."""
    _least: int = 0
    """What there is may be larger than :attr:`largest`: a file is begun with it."""

    def write(self, changes: Iterable[Change]) -> None:
        """Add some changes. Raises NetpolError where they cannot all be written."""
        text = b"".join(self._noted(one) for one in changes)
        if not text:
            return
        add(self._file, text, self.path)
        enough = max(self.largest, self._least)
        if self.path is not None and self.largest and size(self._file) >= enough:
            self._rotate(self.path)

    def _noted(self, change: Change) -> bytes:
        known = self.known.setdefault(change.resource, {})
        self.confirmed[change.resource] = change.at
        self.written += change.type != "BOOKMARK"
        if change.type == "DELETED":
            known.pop(change.name, None)
        elif change.type != "BOOKMARK":
            known[change.name] = change.state
        return change.line

    def _resume(self, path: Path) -> None:
        """Read what there is, and cut off a line that was not written to its end."""
        end = 0
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                self._read(line, f"{path}: line {number}")
        if end < size(self._file):
            os.ftruncate(self._file, end)

    def _read(self, line: bytes, where: str) -> None:
        if not line.strip():
            return
        try:
            event = msgspec.json.decode(line, type=_Line)
            head = msgspec.json.decode(event.object, type=_Object)
        except ValueError as error:
            raise NetpolError(
                f"this is no line of a recorded watch: {error}",
                where=where,
                hint="record to a file of its own: netpol inventory record -o cluster.jsonl",
            ) from error
        meta = head.metadata
        resource = resource_of(head.api_version, head.kind, meta.namespace, meta.name)
        if resource is None:
            return
        name: Name = meta.namespace, meta.name
        known = self.known.setdefault(resource, {})
        at = nanoseconds(event.time)
        self.confirmed[resource] = max(self.confirmed.get(resource, 0), at)
        if event.type == "DELETED":
            known.pop(name, None)
        elif event.type in ("ADDED", "MODIFIED"):
            known[name] = meta.uid, bytes(event.object)

    def _rotate(self, path: Path) -> None:
        """Begin another file, with all that there is; the old one gets its last time as a name.

        There is a whole file of that name at every moment.
        """
        stamp = rfc3339(max(self.confirmed.values())).replace(":", "").replace("-", "")
        draft = path.with_name(f".{path.name}.draft")
        draft.unlink(missing_ok=True)
        fresh = opened(draft)
        try:
            add(fresh, b"".join(self._everything()), draft)
            os.fsync(fresh)
            os.link(path, path.with_name(f"{path.stem}-{stamp}{path.suffix}"))
            draft.replace(path)
        except OSError as error:
            os.close(fresh)
            raise cannot(error, path) from error
        os.close(self._file)
        self._file, self._least = fresh, 2 * size(fresh)

    def _everything(self) -> Iterator[bytes]:
        for resource, at in self.confirmed.items():
            for name, state in self.known.get(resource, {}).items():
                yield Change(
                    type="ADDED", resource=resource, name=name, state=state, at=at, since=0
                ).line
            yield Change.bookmark(resource, at, "").line
