"""A flow as its source saw it, in a few words: before attribution, so names are what there is."""

from __future__ import annotations

from netpol.flow import Flow
from netpol.net import ICMP_PROTOCOLS, PortSet
from netpol.peers import Endpoint

__all__ = ["flow_words"]


def flow_words(flow: Flow) -> str:
    """``shop/web-1 → shop/api-1 TCP 8080``."""
    port = "" if flow.port is None else PortSet.of(flow.protocol, flow.port).text(flow.protocol)
    port = port.removesuffix("/0") if flow.protocol in ICMP_PROTOCOLS else port
    return f"{_side(flow.client)} → {_side(flow.server)} {flow.protocol} {port}".rstrip()


def _side(side: Endpoint) -> str:
    if side.namespace:
        who = side.workload[1] if side.workload else next(iter(side.pods), "")
        return f"{side.namespace}/{who or ','.join(value for _, value in side.labels) or '?'}"
    return min(side.names, default="") or side.ip or min(side.entities, default=side.called or "?")
