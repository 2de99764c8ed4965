"""A live source read over and over: connect, fold what comes, wait where the server is away.

What is particular to a kind of server is a :class:`Kind`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from capture.grpc_door import Channel, LostError, RefusedError, open_channel
from capture.live import Batch, LiveReading, Position, Wanted
from capture.live_pump import Messages, Pump
from capture.live_seen import Seen
from capture.source import Reading, Sight
from capture.wire import Message, decode_error
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.notices import Notice

__all__ = ["Folding", "Kind", "decoded", "stream"]

_GIGA: Final = 1_000_000_000
_AHEAD: Final = 60 * _GIGA
"""Nanoseconds by which a record may be ahead of our clock, or late."""


class Folding(Protocol):
    """A fold over messages."""

    def feed(self, pieces: Iterable[bytes], /) -> None:
        """Fold some."""

    def settle(self) -> None:
        """Account for all that was fed."""

    def flows(self) -> Iterator[Flow]:
        """What it amounts to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of server."""

    name: str
    sight: Sight
    greet: Callable[[Channel, Reading], bool]
    """Ask how the server is, and tell what it cannot see; whether it answered. Raises LostError."""
    ask: Callable[[Channel, Wanted, int | None], Messages]
    """Ask for what is wanted, or what of it came since then (nanoseconds)."""
    folding: Callable[[Reading, Seen], Folding]


def decoded(message: type[Message], answer: bytes, method: str) -> Message:
    """An answer that is a message. Raises RefusedError."""
    try:
        return message.FromString(answer)
    except decode_error() as error:
        hint = "is it a server of that kind, and of a version that is known?"
        raise RefusedError(f"{method} answered what cannot be read: {error}", hint) from error


def stream(kind: Kind, target: str, reading: LiveReading, wanted: Wanted) -> Iterator[Batch]:
    """The batches of a server; see :class:`capture.live.LiveSource`."""
    return _Loop(kind, target, reading, wanted).run()


class _Loop:
    """One live source, as long as it is read."""

    def __init__(self, kind: Kind, target: str, reading: LiveReading, wanted: Wanted) -> None:
        self.kind, self.target, self.live, self.wanted = kind, target, reading, wanted
        self.seen = Seen()
        self.answered = False
        """The server answered at least once."""
        self.attempt = 0
        """In vain, since it answered last."""
        self.heard = time.monotonic()
        """When it answered last; before that, when we began."""
        self.began = time.time_ns()
        self.before: Position | None = None
        """Where an earlier connection stopped, until it is known that nothing is missing."""
        self.since: int | None = None
        """From when on is asked, in place of what is wanted."""
        if reading.position.newest:
            self._resume(reading.position)
        self._begin()

    def _begin(self) -> None:
        """A batch."""
        self.account = Account(sources={self.kind.name})
        if self.kind.sight.blind:
            self.account.blind[self.kind.name] = self.kind.sight.blind
        live = self.live
        self.reading = Reading(
            where=live.where,
            tell=live.tell,
            account=self.account,
            era=live.era,
            longest=live.longest,
        )
        self.folding = self.kind.folding(self.reading, self.seen)
        self.due = time.monotonic() + self.wanted.interval

    def run(self) -> Iterator[Batch]:
        stop, problem = self.live.stop, LostError("the server ended the stream")
        while not stop.is_set():
            try:
                yield from self._connected()
                if not self.wanted.follow:
                    break
            except LostError as error:
                problem = error
            if not stop.is_set():
                self._judge(problem)
                yield from self._waiting(problem)
        yield self._batch("ended")

    def _connected(self) -> Iterator[Batch]:
        """Until the stream ends. Raises LostError."""
        channel = open_channel(self.target, self.wanted.tls)
        try:
            if self.kind.greet(channel, self.reading):
                self._well()
            pump = Pump(self.kind.ask(channel, self.wanted, self.since))
            try:
                yield from self._pumped(pump)
            finally:
                pump.stop()
        finally:
            channel.close()

    def _pumped(self, pump: Pump) -> Iterator[Batch]:
        while not (pump.ended or self.live.stop.is_set()):
            if chunk := pump.take(self.due - time.monotonic()):
                self._fold(chunk)
            if time.monotonic() >= self.due:
                yield self._batch("connected")
        if pump.error is not None:
            raise pump.error

    def _fold(self, chunk: list[bytes]) -> None:
        self.folding.feed(chunk)
        self._well()
        oldest = self.seen.close(time.time_ns() + _AHEAD)
        if self.before is not None and (oldest or self.seen.repeated):
            self._compare(self.before, oldest)

    def _compare(self, before: Position, oldest: int) -> None:
        """Tell when nothing shows that the server still had what came after the last record."""
        if not self.seen.repeated and before.seen:
            message = f"nothing is known from {_time(before.newest)} on, until {_time(oldest)}"
            self.live.tell(Notice(code="NP041", message=message, where=self.live.where))
            self.before = None
        elif self.seen.position().newest > before.newest + _AHEAD:
            self.seen.skip.clear()
            self.before = None

    def _well(self) -> None:
        self.answered, self.attempt, self.heard = True, 0, time.monotonic()

    def _judge(self, problem: LostError) -> None:
        """Whether to try again. Raises NetpolError where that makes no sense."""
        follow, silent = self.wanted.follow, time.monotonic() - self.heard
        hopeless = isinstance(problem, RefusedError) and not (self.answered and follow)
        if hopeless or not (follow or silent < self.wanted.backoff.patience):
            raise NetpolError(str(problem), where=self.live.where, hint=problem.hint)
        if not self.attempt:
            message = f"{problem}; it is asked again"
            self.live.tell(Notice(code="NP040", message=message, where=self.live.where))
        position = self.seen.position()
        if position.newest:
            self._resume(position)
        elif self.since is None and follow:
            self.since = self.wanted.since or self.began

    def _resume(self, position: Position) -> None:
        self.seen.resume(position)
        self.since, self.before = position.since, position

    def _waiting(self, problem: LostError) -> Iterator[Batch]:
        backoff, stop = self.wanted.backoff, self.live.stop
        delay = min(backoff.most, backoff.first * 2.0 ** min(self.attempt, 30))
        # Jitter: many clients that lost one server must not all come back at once.
        end = time.monotonic() + delay * random.uniform(0.5, 1)  # noqa: S311
        self.attempt += 1
        while (now := time.monotonic()) < end and not stop.is_set():
            stop.wait(min(end, self.due) - now)
            if time.monotonic() >= self.due:
                yield self._batch(f"waiting: {problem}")

    def _batch(self, state: str) -> Batch:
        """What came since the last one."""
        folding, account = self.folding, self.account
        flows = tuple(folding.flows())
        folding.settle()
        self._begin()
        return Batch(flows=flows, account=account, position=self.seen.position(), state=state)


def _time(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // _GIGA, UTC).isoformat()[:19] + "Z"
