"""Goldmane, the flow aggregator of open-source Calico, and Whisker, its console.

Flows as JSON in every form in which they leave: ``goldmane.Flow`` and ``FlowResult`` by the rules
of proto-JSON (gRPC clients), the same by Go's plain encoder (Goldmane's emitter), one a line or in
lists, and the answers and event streams of Whisker's REST API.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.documents import a_line_each
from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow

__all__ = ["GOLDMANE"]

_KEY: Final = re.compile(rb'"[Kk]ey"\s*:\s*\{')
_NAMES: Final = re.compile(rb'"(?:source|dest)(?:_n|N)ame"\s*:')
_TIMES: Final = re.compile(rb'"start(?:_t|T)ime"\s*:\s*"\d{4}-')
_ENTERPRISE: Final = b"_name_aggr"


def _detect(head: bytes) -> float:
    if _ENTERPRISE in head or not _NAMES.search(head):
        return 0.0
    if _KEY.search(head):
        return 0.95
    return 0.8 if _TIMES.search(head) else 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.goldmane_fold import Fold  # msgspec is not needed to list the sources

    fold = Fold(reading)
    fold.read(stream)
    yield from fold.flows()


GOLDMANE: Final = FlowSource(
    name="goldmane",
    summary="Calico Goldmane and Whisker: flows as JSON, from gRPC, the emitter or the REST API",
    sight=Sight(
        who="pod names aggregated by owner, labels they share; no addresses",
        direction="certain, by connection tracking",
        port="of the pod, and of the Service",
        verdict="allowed, denied, would be denied by staged policies; answered",
        outside="public or not; names of NetworkSets",
        blind=(
            "no addresses, so no rule for an address block or a DNS name can come of it",
            "private networks, nodes without a host endpoint among them, are not told apart",
            "IPv6 and 100.64.0.0/10 count as public, whosever they are",
            "ICMP types are not told: a rule is for all of them",
        ),
    ),
    detect=_detect,
    read=_read,
    by_line=a_line_each,
)
