"""What a flow source is: a name, a way to recognise its bytes, and a way to read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from netpol.eras import Era, always
from netpol.flow import Account, Flow
from netpol.notices import Tell

__all__ = ["FlowSource", "Reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a source is given beside the bytes: the name of the input, and where to report to."""

    where: str
    tell: Tell
    account: Account
    era: Era = always
    """Flows of a side that is known by its address alone fold within an era of that address."""


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
    detect: Callable[[bytes], float]
    read: Callable[[BinaryIO, Reading], Iterator[Flow]]
