"""One resource of a cluster, listed and then watched for as long as is wanted.

The API server tells of changes from a version of the cluster on. So a broken connection loses
nothing, as long as the server remembers that far back; where it does not (410 Gone) the resource is
listed again, and what has changed is told with the time since which nobody watched.

What happened while there was no connection is told at once when there is one again. When it did
happen is not said; versions tell it apart from what happens now: they are numbers that grow.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from threading import Event
from time import monotonic, time_ns
from typing import Final, TypeAlias

import msgspec

from capture.changes import Change, Known, Name, State, Type, cut
from capture.cluster import Cluster, LostError, RefusedError, Stream
from capture.resources import Resource
from capture.sightings import unreadable
from netpol.errors import NetpolError
from netpol.manifests import Entry
from netpol.notices import Notice

__all__ = ["Feed", "Patience", "Put"]

Put: TypeAlias = Callable[[Change | Notice], None]

_PAGE: Final = 500
"""Objects in one answer, as kubectl asks for them."""
_WATCH_SECONDS: Final = (240, 480)
"""How long one request watches, at random, so that not all end at once."""
_STALLED_SECONDS: Final = 1.0
"""Who takes changes as slowly as this no longer gets them when they happen."""
_BRIEF_SECONDS: Final = 1.0
"""A watch that ends sooner, with nothing to tell, is as good as none."""
_GONE: Final = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait before another try: twice as long each time, more or less."""

    first: float = 0.5
    most: float = 30.0
    tries: int = 5
    """How often the first list may fail."""

    def seconds(self, failures: int, at_least: float = 0.0) -> float:
        """The wait after that many failures."""
        usual = min(self.most, self.first * 2.0 ** min(failures - 1, 30))
        return max(at_least, usual * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load


class _Meta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    name: str = ""
    namespace: str = ""


class _Headed(msgspec.Struct, rename="camel"):
    """What every object has, and a Status in place of one."""

    metadata: _Meta = msgspec.field(default_factory=_Meta)
    code: int = 0
    message: str = ""


class _ListMeta(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    more: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)
    items: list[msgspec.Raw] | None = None


class _Event(msgspec.Struct):
    type: str
    object: msgspec.Raw


@dataclass(slots=True, kw_only=True)
class Feed:
    """What happens to the objects of one resource."""

    cluster: Cluster
    resource: Resource
    put: Put
    stop: Event
    known: Known = field(default_factory=dict)
    """The objects as they were last seen."""
    confirmed: int = 0
    """The time until which everything is known."""
    patience: Patience = field(default_factory=Patience)
    clock: Callable[[], int] = time_ns
    _version: str = ""
    """From which the watch goes on; empty: it begins with a list."""
    _page: int = _PAGE
    _failures: int = 0
    _listed: bool = False
    _stream: Stream | None = None
    _last: int = 0
    """The latest time that was told: clocks may be set back."""

    def run(self, *, once: bool) -> None:
        """List, and watch unless ``once``, until it is stopped. Raises NetpolError."""
        while not self.stop.is_set():
            try:
                self._turn()
                if once:
                    return
            except RefusedError as error:
                if not self._refused(error):
                    return
                self._wait(str(error), error.retry_after)
            except (LostError, msgspec.DecodeError) as error:
                self._wait(str(error))

    def interrupt(self) -> None:
        """End a wait for the API server, from another thread; ``stop`` must be set."""
        if self._stream is not None:
            self._stream.interrupt()

    def _turn(self) -> None:
        """Either a list or a watch."""
        if not self._version:
            self._list()
            return
        try:
            self._watch()
        except RefusedError as error:
            if error.status != _GONE:
                raise
            self._version = ""
            raise LostError(error.message) from error

    def _refused(self, error: RefusedError) -> bool:
        """Whether it is worth asking again. Raises NetpolError where nothing is."""
        if error.status == _GONE:
            # The pages of a list took longer than the server remembers them.
            self._page *= 4
        if self._listed or error.status not in (0, 401, 403, 404):
            return True
        if error.status in (0, 401):
            raise self._useless("the API server cannot be asked", str(error)) from error
        if error.status == 403 or not self.resource.optional:
            code = "NP083" if error.status == 403 else "NP084"
            self.put(Notice(code=code, where=self.resource.title, message=error.message))
        return False

    def _wait(self, why: str, at_least: float = 0.0) -> None:
        """Before another try. Raises NetpolError where none has been of use."""
        if self.stop.is_set():
            return
        self._failures += 1
        if not self._listed and self._failures >= self.patience.tries:
            raise self._useless("the API server does not answer", why)
        if self._failures == 1 and self._listed:
            self.put(Notice(code="NP085", where=self.resource.title, message=why))
        if self._failures % self.patience.tries == 0:
            self._version = ""  # perhaps the server cannot make sense of it
        self.stop.wait(self.patience.seconds(self._failures, at_least))

    def _useless(self, what: str, why: str) -> NetpolError:
        return NetpolError(
            f"{what}: {why}",
            where=f"{self.cluster.server} {self.resource.title}",
            hint="check what `kubectl get pods` says with the same kubeconfig and context; a file"
            " or folder of the name `cluster` is written ./cluster",
        )

    def _list(self) -> None:
        """Everything that is there, and what has changed since it was last seen."""
        since, left, more, at = self.confirmed, set(self.known), "", 0
        while True:
            page = self._ask(limit=self._page, more=more)
            at, more = at or self._now(), page.metadata.more
            for raw in page.items or ():
                left.discard(self._is(raw, at, since))
            if not more:
                break
        for name in left:
            self._tell("DELETED", name, self.known.pop(name), at, since)
        self._version = page.metadata.resource_version
        self._listed, self._page = True, _PAGE
        self._confirm(at)

    def _ask(self, *, limit: int, more: str = "") -> _Page:
        """One page of a list."""
        query: dict[str, str | int] = {"limit": limit, **({"_continue": more} if more else {})}
        with self._opened(self.cluster.open(self.resource, query)) as stream:
            return msgspec.json.decode(stream.body(), type=_Page)

    def _watch(self) -> None:
        """What happens from the last version on, until the server ends it."""
        query: dict[str, str | int] = {
            "watch": True,
            "resource_version": self._version,
            "allow_watch_bookmarks": True,
        }
        seconds = random.randint(*_WATCH_SECONDS)  # noqa: S311 - spreads load
        stream = self.cluster.open(self.resource, query, seconds=seconds)
        begun = monotonic()
        with self._opened(stream):
            newest = self._ask(limit=1).metadata.resource_version
            for line in stream.lines():
                self._take(line, newest)
                begun = 0.0
        if monotonic() - begun < _BRIEF_SECONDS:
            raise LostError("the watch ended as soon as it had begun")
        self._failures = 0

    @contextmanager
    def _opened(self, stream: Stream) -> Iterator[Stream]:
        """The stream that :meth:`interrupt` is about, until it has been read."""
        before, self._stream = self._stream, stream
        try:
            if self.stop.is_set():
                raise LostError("it was stopped")
            yield stream
        finally:
            self._stream = before
            stream.close()

    def _take(self, line: bytes, newest: str) -> None:
        """One event; ``newest`` was the cluster's version when the watch had begun."""
        event = msgspec.json.decode(line, type=_Event)
        head = msgspec.json.decode(event.object, type=_Headed)
        if event.type == "ERROR":
            raise RefusedError(head.code, head.message or "an error amid the events")
        begun, at, version = monotonic(), self._now(), head.metadata.resource_version
        late = not _beyond(version, newest)
        if event.type == "BOOKMARK":
            late = late and version != newest
        else:
            self._event(event, at, self.confirmed if late else None)
        self._version, self._failures = version or self._version, 0
        if not late:
            self._confirm(at, written=event.type == "BOOKMARK")
        if monotonic() - begun > _STALLED_SECONDS:
            raise LostError("what happens is not written as fast as it is told")

    def _event(self, event: _Event, at: int, since: int | None) -> None:
        if event.type != "DELETED":
            self._is(event.object, at, since)
            return
        try:
            name, state = cut(event.object, self.resource)
        except ValueError as error:
            self._unreadable(event.object, error)
            return
        self.known.pop(name, None)
        self._tell("DELETED", name, state, at, since)

    def _is(self, raw: msgspec.Raw, at: int, since: int | None) -> Name:
        """An object is so; its name."""
        try:
            name, state = cut(raw, self.resource)
        except ValueError as error:
            return self._unreadable(raw, error)
        old = self.known.get(name)
        if old == state:
            return name
        if old and old[0] != state[0]:
            self._tell("DELETED", name, old, at, since)
            old = None
        self.known[name] = state
        self._tell("MODIFIED" if old else "ADDED", name, state, at, since)
        return name

    def _unreadable(self, raw: msgspec.Raw, error: ValueError) -> Name:
        """Say so; the object's name, as far as it has one."""
        head = _Headed()
        with suppress(ValueError):
            head = msgspec.json.decode(raw, type=_Headed)
        name = head.metadata.namespace, head.metadata.name
        entry = Entry(file="", index=0, line=0, kind=self.resource.kind, body=b"")
        where = f"{self.resource.title} {'/'.join(filter(None, name))}"
        self.put(replace(unreadable(entry, error), where=where))
        return name

    def _confirm(self, at: int, *, written: bool = True) -> None:
        """Everything until then has been told."""
        self.confirmed = at
        if written:
            self.put(Change.bookmark(self.resource, at, self._version))

    def _tell(self, kind: Type, name: Name, state: State, at: int, since: int | None) -> None:
        self.put(
            Change(type=kind, resource=self.resource, name=name, state=state, at=at, since=since)
        )

    def _now(self) -> int:
        """The time in whole microseconds, as it is recorded."""
        self._last = max(self._last, self.confirmed, self.clock() // 1000 * 1000)
        return self._last


def _beyond(version: str, newest: str) -> bool:
    """Whether one version is known to be later than another."""
    return version.isdecimal() and newest.isdecimal() and int(version) > int(newest)
