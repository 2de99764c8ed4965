"""Capturing live: rings are emptied a few times a second, flows are written every few seconds.

What the kernel had no room for, what was skipped and when an interface was gone is counted and
written beside the flows (:func:`capture.records_write.gap`), so that who learns from them knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Final

from capture.namespaces import NODE, inside, place_of
from capture.ring import BLOCK, Ring, opened
from capture.sniff_pods import Came, Failed, Left, News, Pods
from capture.sniff_sight import CAPTURE
from capture.tracking import Tracking
from netpol.errors import NetpolError
from netpol.notices import Notice

if TYPE_CHECKING:
    from capture.sniff_fold import Intervals
    from capture.sniff_rows import Waiting
    from capture.source import Reading

__all__ = ["Sniffer", "on_interface", "on_pods"]

_TICK: Final = 0.2
_SHORT: Final = 0.02
_DELAY: Final = 400_000_000
"""A block is handed over after 100 ms and taken after a tick: older packets are all there."""
_LINK: Final = 1.0
"""Seconds between looks at the interfaces and the counters of the kernel."""
_SKIPPED: Final = "beyond --max-rate"
_DROPPED: Final = "no room in the ring"
_GONE: Final = "the interface was gone"
_OVERFLOW: Final = "no room for events of the connection tracking"


@dataclass(slots=True, kw_only=True)
class _Blind:
    """A time of which not everything was captured."""

    first: int
    last: int
    lost: int = 0


@dataclass(slots=True, kw_only=True)
class Sniffer:
    """What is being captured."""

    rings: dict[int, Ring] = field(default_factory=dict)
    pods: Pods | None = None
    blocks: int
    tracking: Tracking | None = None
    untracked: str = ""
    """Why there is none."""
    captured: int = 0
    flows: int = 0
    lost: int = 0
    _blind: dict[tuple[str, str], _Blind] = field(default_factory=dict)
    """By where and why, until it is written."""
    _asked: int = field(default_factory=time.time_ns)
    """When the counters of the kernel were read last."""
    _failure: NetpolError | None = None
    """Why it cannot go on."""
    _pressed: bool = False
    """Whether a ring was rather full: it is emptied again soon."""
    _leaving: set[int] = field(default_factory=set)
    """Namespaces that nobody is in any more; their last packets may still be in the ring."""
    _gone: dict[int, int] = field(default_factory=dict)
    """Since when an interface is gone."""

    def run(
        self,
        reading: Reading,
        write: Callable[[bytes], None],
        stopped: Event,
        *,
        interval: float,
        duration: float | None,
        rate: int | None,
    ) -> None:
        """Capture until it is enough, and write what there is of flows in every interval.

        Raises NetpolError when it cannot go on; what was captured is written before.
        """
        from capture.sniff_fold import Intervals
        from capture.sniff_rows import Waiting

        at_pods = self.pods is not None
        folded, waiting = Intervals(reading, CAPTURE.name, at_pods), Waiting()
        now = begun = time.monotonic()
        end = begun + duration if duration is not None else float("inf")
        # The last interval and what waits are lost with the process; together that is an interval.
        interval = max(interval - _DELAY / 1e9, _TICK)
        written = looked = ticked = begun
        budget = 0.0
        pause = _TICK
        while not (stopped.is_set() or self._failure) and now < end:
            stopped.wait(max(min(pause, end - now), 0))
            now = time.monotonic()
            if rate:
                budget = min(budget + (now - ticked) * rate, rate)
            ticked = now
            budget -= self._take(waiting, int(budget) if rate else 1 << 62)
            pause = _SHORT if self._pressed else _TICK
            if now - looked >= _LINK:
                looked = now
                self._look(reading)
            self._fold(waiting, folded, time.time_ns() - _DELAY)
            if now - written >= interval:
                written = now
                self._write(folded, reading, write)
        self._finish(waiting, folded, reading, write, int(budget) if rate else 1 << 62)
        if self._failure:
            raise self._failure

    def _finish(
        self,
        waiting: Waiting,
        folded: Intervals,
        reading: Reading,
        write: Callable[[bytes], None],
        most: int,
    ) -> None:
        """Write all that was captured until now."""
        time.sleep(0.15)  # the kernel hands over what it has begun
        self._look(reading)  # there may be pods that are new
        self._take(waiting, most)
        self._look(reading)
        self._fold(waiting, folded, 1 << 62)
        self._write(folded, reading, write)

    def _fold(self, waiting: Waiting, folded: Intervals, until: int) -> None:
        """Add up the packets from before a time; how they are translated is known by now."""
        if self.tracking:
            folded.learn(self.tracking.news())
        for window in waiting.until(until):
            folded.take(window)

    def close(self) -> None:
        """End capturing."""
        if self.tracking:
            self.tracking.close()
        for ring in self.rings.values():
            ring.close()
        if self.pods:
            self.pods.close()

    def _take(self, waiting: Waiting, most: int) -> int:
        """Empty every ring; how many packets were taken."""
        taken, self._pressed = 0, False
        for ring in self.rings.values():
            blocks = list(ring.taken())
            self._pressed |= len(blocks) > ring.blocks // 3
            there = sum(block.packets for block in blocks)
            beyond = waiting.add(blocks, most - taken)
            taken += there - beyond
            if beyond:
                self._missed(ring.where, _SKIPPED, beyond, self._asked)
        self.captured += taken
        return taken

    def _missed(self, where: str, why: str, lost: int, since: int) -> None:
        now = time.time_ns()
        known = self._blind.setdefault((where, why), _Blind(first=since, last=now))
        known.last, known.lost = now, known.lost + lost
        self.lost += lost

    def _look(self, reading: Reading) -> None:
        """Ask the kernel what it lost, and where the interfaces and the pods are."""
        since, self._asked = self._asked, time.time_ns()
        for number in self._leaving & self.rings.keys():
            self.rings.pop(number).close()
        self._leaving.clear()
        for number, ring in self.rings.items():
            if lost := ring.lost():
                self._missed(ring.where, _DROPPED, lost, since)
            if not ring.follow():
                self._gone.setdefault(number, since)
            elif number in self._gone:
                self._missed(ring.where, _GONE, 0, self._gone.pop(number))
        if self.tracking and self.tracking.overflows:
            self.tracking.overflows = 0
            self._missed(self.tracking.where, _OVERFLOW, 0, since)
        if self.pods and not self._failure:
            try:
                for news in self.pods.news():
                    self._learn(news, since)
            except NetpolError as error:
                self._failure = error

    def _learn(self, news: News, since: int) -> None:
        match news:
            case Came(number, where, sock):
                self.rings[number] = Ring(sock=sock, name="", where=where, blocks=self.blocks)
            case Left(number):
                self._leaving.add(number)
            case Failed(where, why):
                self._missed(where, why, 0, since)

    def _write(self, folded: Intervals, reading: Reading, write: Callable[[bytes], None]) -> None:
        from capture.records_write import write as lines

        found = folded.flows()
        self.flows += len(found)
        write(b"".join((*lines(found), *self._gaps(reading))))

    def _gaps(self, reading: Reading) -> Iterator[bytes]:
        """What was not captured, as lines; it is told, too."""
        from capture.records_write import gap

        now = time.time_ns()
        for number, since in self._gone.items():
            self._missed(self.rings[number].where, _GONE, 0, since)
            self._gone[number] = now
        for (where, why), one in self._blind.items():
            reading.account.lost_events += one.lost
            text = f"{why}: {one.lost} packets lost" if one.lost else why
            reading.tell(Notice(code="NP002", message=text, where=where))
            yield gap(one.lost, why, where, (one.first, one.last))
        self._blind.clear()


def on_interface(
    name: str,
    namespace: str | None,
    *,
    buffer: int,
    promiscuous: bool = False,
    conntrack: bool | None = False,
) -> Sniffer:
    """Capture on an interface, or without a name on all; of a namespace, or of ours.

    ``conntrack``: with the connection tracking there, which None is content without.
    Raises NetpolError.
    """
    blocks = max(buffer // BLOCK, 2)
    there = inside(place_of(namespace)) if namespace is not None else nullcontext()
    where = " of ".join(filter(None, (name or "all interfaces", namespace)))
    with there:
        sock = opened(name, blocks, promiscuous=promiscuous)
        try:
            tracking, why = _tracking(where, conntrack, nullcontext())
        except BaseException:
            sock.close()
            raise
    rings = {0: Ring(sock=sock, name=name, where=where, blocks=blocks)}
    return Sniffer(rings=rings, blocks=blocks, tracking=tracking, untracked=why)


def on_pods(*, buffer: int, conntrack: bool | None = False) -> Sniffer:
    """Capture in the namespace of every pod of this node, and see what the node translates.

    Raises NetpolError.
    """
    blocks = max(buffer // BLOCK, 2)
    pods = Pods.followed(blocks)
    try:
        tracking, why = _tracking("the node", conntrack, inside(NODE))
    except BaseException:
        pods.close()
        raise
    return Sniffer(pods=pods, blocks=blocks, tracking=tracking, untracked=why)


def _tracking(
    where: str, wanted: bool | None, there: AbstractContextManager[None]
) -> tuple[Tracking | None, str]:
    """The connection tracking of a namespace, or why there is none."""
    if wanted is False:
        return None, ""
    try:
        with there:
            return Tracking.opened(where), ""
    except NetpolError as error:
        if wanted:
            raise
        return None, error.what
