"""What objects of the cluster say of who calls whom, whether or not anybody saw it."""

from __future__ import annotations

from dataclasses import dataclass

from netpol.peers import Workload

__all__ = ["Caller", "Scrape"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Caller:
    """An object that says that a Service is called, whether or not anybody saw it."""

    kind: str
    """``admission webhook``, ``aggregated API`` or ``route``."""
    name: str
    """Of the object, for people."""
    namespace: str
    service: str
    port: str
    """The Service's port, by number or name; empty: any of them."""
    gateways: tuple[tuple[str, str], ...] = ()
    """(namespace, name) of the Gateways that call it, where it is a route of theirs."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Scrape:
    """Pods whose metrics Prometheus is told to fetch."""

    name: str
    """Of what says so, for people."""
    places: tuple[tuple[Workload, int], ...] = ()
    """(workload, TCP port), sorted."""
    clients: tuple[Workload, ...] = ()
    """Who is told; empty: nothing says who."""
