"""Hubble, Cilium's flow log: JSON lines of ``hubble observe -o jsonpb`` or the agent's export.

The flow API is ``flow.proto`` and ``observer.proto`` of cilium/cilium. A line is a GetFlowsResponse
or an ExportEvent (``{"flow": {…}, "node_name": …}``) or, from old clients, a bare Flow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.source import FlowSource, Reading, Sight, line_by_line
from netpol.flow import Flow

__all__ = ["HUBBLE"]

_WRAPPER: Final = re.compile(
    rb'\{\s*"(?:flow|node_status|lost_events|agent_event|debug_event|node_name|time)"\s*:'
)
_BARE: Final = re.compile(rb'"(?:IP|verdict|l4|source|event_type|Summary)"\s*:')


def _confidence(line: bytes) -> float:
    """How much one line looks like Hubble's."""
    line = line.strip().removeprefix(b"\xef\xbb\xbf")
    if _WRAPPER.match(line):
        return 0.9
    if line.startswith(b"{") and len(set(_BARE.findall(line))) >= 3:
        return 0.7
    return 0.0


def _detect(head: bytes) -> float:
    return max(map(_confidence, head.split(b"\n")), default=0.0)


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.hubble_lines import LineFold  # msgspec is not needed to list the sources

    fold = LineFold(reading)
    fold.read(stream)
    yield from fold.flows()


HUBBLE: Final = FlowSource(
    name="hubble",
    summary="Cilium Hubble: JSON lines of `hubble observe -o jsonpb` or the agent's flow export",
    sight=Sight(
        who="pod names, labels, identities",
        direction="certain, by connection tracking; by ports where it says nothing of replies",
        port="of the pod",
        verdict="allowed, denied, audited; answered",
        outside="addresses, DNS names",
        blind=("what agents lost is only counted, and nodes that do not report are not seen",),
    ),
    detect=_detect,
    read=_read,
    by_line=line_by_line,
)
