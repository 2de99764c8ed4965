"""One change of a cluster: as a line of a recording, and as a sighting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from capture import objects
from capture.resources import Resource
from capture.sightings import Sighting, Sightings, lean, unreadable
from capture.times import rfc3339
from netpol.manifests import Entry
from netpol.notices import Tell
from netpol.settings import telling

__all__ = ["Change", "Known", "Name", "State", "Type", "add", "cut"]

Name: TypeAlias = tuple[str, str]
"""(namespace, name) of an object of one resource."""
State: TypeAlias = tuple[str, bytes]
"""(uid, JSON text of what is kept) of an object."""
Known: TypeAlias = dict[Name, State]
"""The objects of one resource as they were last seen."""
Type: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something came, changed or went; or, for a bookmark, nothing else has happened until then.

    ``since``: nobody watched between there and ``at``; None: somebody did. In nanoseconds since the
    epoch, of which whole microseconds are written down.
    """

    type: Type
    resource: Resource
    name: Name
    state: State
    at: int
    since: int | None = None

    @property
    def line(self) -> bytes:
        """As it is recorded."""
        since = "" if self.since is None else f'"since":"{rfc3339(self.since)}",'
        head = f'{{"type":"{self.type}","time":"{rfc3339(self.at)}",{since}"object":'
        return head.encode() + self.state[1] + b"}\n"

    @classmethod
    def bookmark(cls, resource: Resource, at: int, version: str) -> Change:
        """Whatever happened to a resource until then, and that version, has been told."""
        name = resource.namespace, resource.name
        meta = {"namespace": name[0], "name": name[1]} if resource.name else {}
        meta["resourceVersion"] = version
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}
        state = "", msgspec.json.encode(whole)
        return cls(type="BOOKMARK", resource=resource, name=name, state=state, at=at)


def cut(raw: bytes | msgspec.Raw, resource: Resource) -> tuple[Name, State]:
    """What is kept of an object. Raises ``ValueError`` for one that is not of its kind's shape."""
    body = msgspec.json.decode(raw, type=resource.shape, strict=False)
    meta = body.metadata
    if not meta.name:
        raise ValueError("Expected a name - at `$.metadata`")
    if isinstance(meta, objects.NodeMeta) and meta.annotations:
        meta.annotations = dict(telling(meta.annotations))
    head = f'{{"apiVersion":"{resource.api_version}","kind":"{resource.kind}",'
    text = head.encode() + msgspec.json.encode(body)[1:]
    return (meta.namespace or "", meta.name), (meta.uid or "", text)


def add(changes: Iterable[Change], found: Sightings, server: str, tell: Tell) -> None:
    """Add the same as what is read back from a recording of them."""
    for change in changes:
        if change.type == "BOOKMARK":
            continue
        resource = change.resource
        entry = Entry(
            file=f"{server} {resource.plural} {'/'.join(filter(None, change.name))}",
            index=len(found.seen) + 1,
            line=1,
            kind=resource.kind,
            version=resource.api_version,
            body=b"",
        )
        body = msgspec.json.decode(change.state[1], type=resource.shape, strict=False)
        one = Sighting(kind=resource.kind, body=body, entry=entry, at=change.at, since=change.since)
        one.gone = change.type == "DELETED"
        try:
            found.seen.append(lean(one, found))
        except ValueError as error:
            tell(unreadable(entry, error))
