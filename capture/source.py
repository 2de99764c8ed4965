"""What a flow source is: a name, ways to recognise and to read its bytes, and what it can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Tell

__all__ = ["FlowSource", "Reading", "Sight", "Watcher", "as_a_whole", "line_by_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a source is given beside the bytes: the name of the input, and where to report to."""

    where: str
    tell: Tell
    account: Account
    era: Era = always
    """Flows of a side that is known by its address alone fold within an era of that address."""
    at: int | None = None
    """When records were taken that carry no time of their own, in nanoseconds since the epoch;
    None: nobody said, and they must be held."""
    above: int = 0
    """So many lines of the input were read before, where it is read in pieces."""
    longest: int = 0
    """Nanoseconds; flows of such a side fold within so long at the most, for an inventory that
    comes later; 0: no matter how long."""

    def stretch(self, address: str, time: int) -> int:
        """When the stretch began within which flows fold of a side known by this address alone."""
        era = self.era(address, time)
        return max(era, time - time % self.longest) if self.longest else era


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a source can tell, each in a few words for a table, and what it cannot see.

    ``blind`` is said wherever something was learned from the source: not seen is not not needed.
    """

    who: str
    """By what it knows the two sides: names, labels, addresses."""
    direction: str
    """How it knows who opened a connection."""
    port: str
    """Which port it tells: of the pod, or of the Service."""
    verdict: str
    """Whether it tells allowed from denied, and answered from unanswered."""
    outside: str
    """What it tells of peers outside the cluster."""
    blind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who tells of connections, under its name. Unless it is a :class:`FlowSource`, it sees them
    itself, and its flows come as netpol's own records."""

    name: str
    summary: str
    sight: Sight


def as_a_whole(head: bytes) -> bool:
    """A record may change what others mean, whatever the input looks like."""
    return False


def line_by_line(head: bytes) -> bool:
    """Every line stands for itself, whatever the input looks like."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSource(Watcher):
    """One kind of flow log.

    ``detect`` is shown the first 64 KiB (decompressed) and answers with a confidence from 0 to 1.
    ``read`` yields oriented flows, equal ones folded together, in constant memory per distinct
    flow. It must fill ``reading.account`` so that it balances when the iterator is exhausted, and
    it never raises on the content: what it cannot read it tells and counts. ``by_line`` is shown
    the same first bytes and answers whether every line stands for itself, so that the input may be
    read in pieces that end with a line.
    """

    detect: Callable[[bytes], float]
    read: Callable[[BinaryIO, Reading], Iterator[Flow]]
    by_line: Callable[[bytes], bool] = as_a_whole
