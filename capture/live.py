"""What a live source is: a server that is asked for flows, over and over, until told to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event
from typing import TypeAlias

from capture.grpc_door import Tls
from capture.source import Sight
from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Tell

__all__ = ["Backoff", "Batch", "LiveReading", "LiveSource", "Position", "Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long to wait before the next attempt: longer each time, never quite the same."""

    first: float = 1.0
    """Seconds."""
    most: float = 60.0
    patience: float = 5.0
    """Seconds after which a server is given up that never answered, unless it is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which flows to ask for. Times are nanoseconds since the epoch."""

    since: int | None = None
    until: int | None = None
    last: int = 0
    """So many of the newest; 0: no such bound."""
    follow: bool = False
    """Go on with what happens from now on, until told to stop."""
    tls: Tls = field(default_factory=Tls)
    interval: float = 5.0
    """Seconds between batches, whether anything came or not."""
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Up to where a live source was read, to go on from there.

    Asked again for everything since ``since``, a server repeats some records: those in ``seen``.
    """

    since: int = 0
    """Nanoseconds since the epoch; records before it are not asked for again. 0: none came yet."""
    newest: int = 0
    """Time of the newest record that was read."""
    seen: bytes = b""
    """What tells the records at or after ``since`` that were read, eight bytes each, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What came since the batch before: the flows, where each record went, and the new position.

    A store that keeps all three in one transaction holds every record once.
    """

    flows: tuple[Flow, ...]
    account: Account
    position: Position
    state: str
    """How the connection is, in a few words for who watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveReading:
    """What a live source is given beside what is wanted: as :class:`capture.source.Reading`."""

    where: str
    """The URL."""
    tell: Tell
    era: Era = always
    longest: int = 0
    position: Position = Position()
    """Where an earlier reading stopped."""
    stop: Event = field(default_factory=Event)
    """Once set, the stream ends within a second, with what came so far."""


_Stream: TypeAlias = Callable[[LiveReading, Wanted], Iterator[Batch]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSource:
    """One kind of server.

    ``stream`` yields a batch at least once an ``interval``; it ends when the server has sent all
    that is wanted, never if that is followed. Closing the iterator ends the connection. It raises
    NetpolError where the URL is wrong or the server refuses, never on what the server sends.
    """

    name: str
    """As the flow source that reads the same records from files."""
    schemes: tuple[str, ...]
    summary: str
    sight: Sight
    stream: _Stream

    def read(
        self, url: str, wanted: Wanted, *, tell: Tell, account: Account, era: Era = always
    ) -> Iterator[Flow]:
        """All flows that are wanted, as of a file; for what is not followed."""
        for batch in self.stream(LiveReading(where=url, tell=tell, era=era), wanted):
            account.add(batch.account)
            yield from batch.flows
