"""What a flow source is: a name, ways to recognise and to read its bytes, and what it can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Tell

__all__ = ["FlowSource", "Reading", "Sight"]


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
class FlowSource:
    """One kind of flow log.

    ``detect`` is shown the first 64 KiB (decompressed) and answers with a confidence from 0 to 1.
    ``read`` yields oriented flows, equal ones folded together, in constant memory per distinct
    flow. It must fill ``reading.account`` so that it balances when the iterator is exhausted, and
    it never raises on the content: what it cannot read it tells and counts.
    """

    name: str
    summary: str
    sight: Sight
    detect: Callable[[bytes], float]
    read: Callable[[BinaryIO, Reading], Iterator[Flow]]
