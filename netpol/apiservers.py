"""The API server behind its Service: who dialled that knows, and the node that serves it does not.

Calico's flow logs name a node and tell the Service only in the report of the client's side. So what
one flow says of a port of a node holds for all flows to it, whichever input they came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from netpol.flow import Flow

__all__ = ["told_apart"]

_API: Final = "kube-apiserver"


def told_apart(flows: Iterable[Flow]) -> list[Flow]:
    """All flows; servers are the API server that some flow says is."""
    flows = list(flows)
    api = {_place(one) for one in flows if one.server.called and _API in one.server.entities}
    return [_served(one) if _place(one) in api else one for one in flows] if api else flows


def _served(flow: Flow) -> Flow:
    return replace(flow, server=replace(flow.server, entities=flow.server.entities | {_API}))


def _place(flow: Flow) -> tuple[str, str, int | None]:
    """The node, and the port at it; no node for other servers."""
    return flow.server.called, flow.protocol, flow.port
