"""All that happens in a cluster, from one thread for each resource through one bounded queue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic, time_ns
from types import TracebackType
from typing import Final, TypeAlias

from capture.changes import Change, Known, add
from capture.cluster import Cluster, connect
from capture.feed import Feed, Patience
from capture.resources import RESOURCES, Resource
from capture.sightings import Listed, Sightings, read
from capture.snapshot import take_inventory
from netpol.errors import NetpolError
from netpol.inventory import Inventory
from netpol.notices import Notice, Tell

__all__ = ["Watch", "read_cluster"]

_MOST: Final = 10_000
"""Changes that wait to be taken; who tells of more waits too."""
_BATCH: Final = 1_000
_SECONDS: Final = 0.25
"""How often the one who takes the changes is heard, when there are none."""
_GRACE: Final = 3.0
"""How long a thread may take to notice that it is no longer wanted."""

_Told: TypeAlias = Change | Notice | Exception | None
"""None: that was all of one resource."""


class Watch:
    """A context in which the cluster is watched; or only listed, with ``once``.

    ``known`` and ``confirmed`` are what is known already, and until when: what differs from that is
    told, and nothing else.
    """

    def __init__(
        self,
        cluster: Cluster,
        tell: Tell,
        *,
        once: bool = False,
        known: Mapping[Resource, Known] | None = None,
        confirmed: Mapping[Resource, int] | None = None,
        patience: Patience | None = None,
        clock: Callable[[], int] = time_ns,
    ) -> None:
        self._tell = tell
        self._stop = Event()
        self._queue: Queue[_Told] = Queue(_MOST)
        self._feeds = [
            Feed(
                cluster=cluster,
                resource=one,
                put=self._put,
                stop=self._stop,
                known=dict((known or {}).get(one, {})),
                confirmed=(confirmed or {}).get(one, 0),
                patience=patience or Patience(),
                clock=clock,
            )
            for one in RESOURCES
        ]
        self._once = once
        self._threads = [
            Thread(target=self._run, args=(feed,), name=f"watch {feed.resource.title}", daemon=True)
            for feed in self._feeds
        ]
        self._running = len(self._feeds)
        self._left = False

    def __enter__(self) -> Watch:
        for one in self._threads:
            one.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """No thread is left behind, whatever is still in the queue."""
        self.stop()
        end = monotonic() + _GRACE
        while any(one.is_alive() for one in self._threads) and monotonic() < end:
            with suppress(Empty):
                self._queue.get(timeout=0.01)
        self._left = True

    def stop(self) -> None:
        """Watch no longer; what was told until now is still to be had."""
        self._stop.set()
        for feed in self._feeds:
            feed.interrupt()

    def changes(self) -> Iterator[list[Change]]:
        """What happens, some at a time; nothing at all now and then, so that it can be stopped.

        Ends when it was stopped, or when everything was listed ``once``. Raises NetpolError where
        the API server is of no use.
        """
        end = None
        while self._running:
            yield list(self._batch())
            if self._stop.is_set():
                end = end or monotonic() + _GRACE
                if monotonic() > end:
                    return

    def _batch(self) -> Iterator[Change]:
        wait = _SECONDS
        for _ in range(_BATCH):
            try:
                told = self._queue.get(timeout=wait)
            except Empty:
                return
            wait = 0.001
            match told:
                case Change():
                    yield told
                case Notice():
                    self._tell(told)
                case None:
                    self._running -= 1
                case _:
                    raise told

    def _run(self, feed: Feed) -> None:
        try:
            feed.run(once=self._once)
            self._put(None)
        except Exception as error:  # noqa: BLE001 - raised again where the changes are taken
            self._put(error)

    def _put(self, told: _Told) -> None:
        """Wait for room; whoever leaves takes no more, and then it does not matter."""
        while True:
            with suppress(Full):
                self._queue.put(told, timeout=_SECONDS)
                return
            if self._left:
                return


def read_cluster(
    tell: Tell,
    *,
    beside: Iterable[str] = (),
    kubeconfig: str | None = None,
    context: str | None = None,
) -> Inventory:
    """The inventory of a live cluster, as it is now and as the files ``beside`` show that it was.

    Raises NetpolError.
    """
    found = Sightings()
    for path in beside:
        read(path, found, tell)
    cluster = connect(kubeconfig, context, tell)
    told: list[Change] = []
    with Watch(cluster, tell, once=True) as watch:
        for some in watch.changes():
            told += [one for one in some if one.type != "BOOKMARK"]
    cluster.close()
    if not told:
        raise NetpolError("there is nothing that may be read", where=cluster.server)
    told.sort(key=lambda one: (one.resource.title, one.name))
    add(told, found, cluster.server, tell)
    pods = [one for one in told if one.resource.kind == "Pod"]
    if pods:
        there = frozenset((*one.name, one.state[0]) for one in pods)
        found.lists.append(Listed(pods[0].at, there))
    return take_inventory(found, tell)
