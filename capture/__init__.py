"""Traffic and cluster state in, in netpol's own words: one module per source."""

from __future__ import annotations

from typing import Final

from capture.aws import AWS
from capture.calico_enterprise import CALICO_ENTERPRISE
from capture.conntrack import CONNTRACK
from capture.felix import FELIX
from capture.goldmane import GOLDMANE
from capture.goldmane_live import GOLDMANE_LIVE
from capture.hubble import HUBBLE
from capture.hubble_live import HUBBLE_LIVE
from capture.live import LiveSource
from capture.pcap import PCAP
from capture.records import NETPOL
from capture.retina import RETINA
from capture.sniff_sight import CAPTURE
from capture.source import FlowSource, Watcher

__all__ = ["LIVE", "SOURCES", "WATCHERS"]

SOURCES: Final[tuple[FlowSource, ...]] = (
    HUBBLE,
    GOLDMANE,
    CALICO_ENTERPRISE,
    FELIX,
    CONNTRACK,
    AWS,
    RETINA,
    NETPOL,
    PCAP,
)
"""Every flow source; the first of those that are equally sure of an input reads it."""

WATCHERS: Final[tuple[Watcher, ...]] = (CAPTURE,)
"""Who else writes flow records, and what of: no input is read by it."""

LIVE: Final[tuple[LiveSource, ...]] = (HUBBLE_LIVE, GOLDMANE_LIVE)
"""Every kind of server that is asked for flows, by the schemes of its URLs."""
