"""Lists of objects: their elements, one by one, as if each were a document of its own.

A list is known by its kind (``List``, ``PodList``), which may stand after its ``items``, so the
elements go out as they come. Those without a kind of their own wait for the list's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeGuard

import msgspec

from netpol.manifests.document import Entry, where
from netpol.notices import Notice, Tell

__all__ = ["Listing", "is_list"]

_LIST: Final = "List"


class _Head(msgspec.Struct, rename="camel", gc=False):
    """What an object says that it is."""

    kind: Any = None
    api_version: Any = None


_HEAD: Final = msgspec.json.Decoder(_Head)


def is_list(kind: str) -> bool:
    """Whether objects of this kind may be lists; one that does not say its kind may be."""
    return not kind or kind.endswith(_LIST)


class Listing:
    """One document: the objects that it is, or is a list of."""

    def __init__(self, file: str, index: int, line: int, tell: Tell) -> None:
        self.kind = self.version = ""
        self._file, self._index, self._line = file, index, line
        self._tell = tell
        self._items = 0
        self._waiting: list[Entry] = []

    @property
    def where(self) -> str:
        """The place of the document or, after the first element, of the element."""
        return where(self._file, self._index, self._items)

    def whole(self, body: object) -> Iterator[Entry]:
        """The document as one object."""
        return self._objects(body, self._line, ("", ""))

    def next(self) -> None:
        """The next element is begun."""
        self._items += 1

    def item(self, body: object, line: int) -> Iterator[Entry]:
        """The element that was begun."""
        return self._objects(body, line, (self.kind, self.version))

    def said(self, name: str, value: object) -> None:
        """A member of the document itself."""
        if name == "kind":
            self.kind = _text(value)
        elif name == "apiVersion":
            self.version = _text(value)

    def end(self) -> Iterator[Entry]:
        """Elements that waited for the kind of the list."""
        return (_of(one, (self.kind, self.version)) for one in self._waiting)

    def _say(self, code: str, line: int, what: str) -> None:
        self._tell(Notice(code=code, message=f"line {line}: {what}", where=self.where))

    def _objects(self, body: object, line: int, known: tuple[str, str]) -> Iterator[Entry]:
        if not _is_object(body):
            self._say("NP061", line, "expected a Kubernetes object, found something else")
            return
        try:
            head = _head(body)
            whole = _plain(body) if _text(head.kind).endswith(_LIST) else {}
        except (ValueError, RecursionError) as error:
            reason = f"not readable as JSON: {error}; this object is not read"
            self._say("NP060", line, reason)
            return
        kind, version = _text(head.kind), _text(head.api_version)
        items = whole.get("items")
        if isinstance(items, list):
            for item in items:
                yield from self._objects(item, line, (kind, version))
            return
        if items is not None or (kind == _LIST and "items" not in whole):
            self._say("NP061", line, "expected a list, with .items")
            return
        entry = Entry(
            file=self._file,
            index=self._index,
            line=line,
            item=self._items,
            kind=kind,
            version=version,
            body=body,
        )
        if head.kind is not None or not self._items:
            yield entry
        elif known[0]:
            yield _of(entry, known)
        else:
            self._waiting.append(entry)


def _is_object(body: object) -> TypeGuard[bytes | dict[str, object]]:
    return body[:1] == b"{" if isinstance(body, bytes) else isinstance(body, dict)


def _plain(body: bytes | dict[str, object]) -> dict[str, Any]:
    return msgspec.json.decode(body) if isinstance(body, bytes) else body


def _head(body: bytes | dict[str, object]) -> _Head:
    if isinstance(body, bytes):
        return _HEAD.decode(body)
    return _Head(kind=body.get("kind"), api_version=body.get("apiVersion"))


def _of(entry: Entry, known: tuple[str, str]) -> Entry:
    """An element that leaves out what its list (``PodList``) says already."""
    if known[0] == _LIST or not known[0].endswith(_LIST):
        return entry
    kind, version = known[0].removesuffix(_LIST), entry.version or known[1]
    said = {"apiVersion": version, "kind": kind}
    body = entry.body
    if isinstance(body, bytes):
        members = body[1:].lstrip()
        comma = b"" if members.startswith(b"}") else b","
        whole: bytes | dict[str, object] = msgspec.json.encode(said)[:-1] + comma + members
    else:
        whole = {**said, **body}
    return msgspec.structs.replace(entry, kind=kind, version=version, body=whole)


def _text(value: object) -> str:
    """A text, also where it is JSON; of anything else the empty one."""
    if isinstance(value, bytes):
        try:
            return msgspec.json.decode(value, type=str)
        except ValueError:
            return ""
    return value if isinstance(value, str) else ""
