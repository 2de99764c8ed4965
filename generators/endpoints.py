"""The addresses behind a Service that selects no pods: EndpointSlices and Endpoints.

Somebody else keeps these objects; engines that let a rule name a Service take its addresses from
them. All addresses count, ready or not. Source: Kubernetes API discovery/v1 and v1 Endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from generators.reading import identity
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import NO_PORTS, PORT_PROTOCOLS, PortSet, host_cidr
from netpol.policy import CidrSelector

__all__ = ["KINDS", "Backends", "backends"]

_SLICE: Final = ("discovery.k8s.io/v1", "EndpointSlice")
_WHOLE: Final = ("v1", "Endpoints")
KINDS: Final = frozenset({_SLICE, _WHOLE})
"""(apiVersion, kind) of the objects that list addresses."""
_OF_SERVICE: Final = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Backends:
    """Single addresses, and the ports at which they listen."""

    addresses: tuple[CidrSelector, ...] = ()
    ports: PortSet = NO_PORTS

    def __or__(self, other: Backends) -> Backends:
        both = sorted({*self.addresses, *other.addresses})
        return Backends(tuple(both), self.ports | other.ports)


def backends(documents: Iterable[Document]) -> Mapping[tuple[str, str], Backends]:
    """By (namespace, name) of the Service; objects that cannot be read are as good as absent."""
    found: dict[tuple[str, str], Backends] = {}
    for document in documents:
        kind, body = identity(document), Field(document.data)
        if kind not in KINDS:
            continue
        metadata = body["metadata"]
        try:
            labels = metadata["labels"]
            name = metadata["name"].text() if kind == _WHOLE else labels[_OF_SERVICE].text("")
            here = _whole(body) if kind == _WHOLE else _slice(body)
            key = metadata["namespace"].text("") or "default", name
        except NetpolError:
            continue
        found[key] = found.get(key, Backends()) | here
    return found


def _slice(body: Field) -> Backends:
    every = (
        one.text() for entry in body["endpoints"].entries() for one in entry["addresses"].entries()
    )
    return Backends(tuple(_hosts(every)), _ports(body["ports"]))


def _whole(body: Field) -> Backends:
    found = Backends()
    for subset in body["subsets"].entries():
        listed = (*subset["addresses"].entries(), *subset["notReadyAddresses"].entries())
        addresses = _hosts(one["ip"].text() for one in listed)
        found |= Backends(tuple(addresses), _ports(subset["ports"]))
    return found


def _hosts(addresses: Iterable[str]) -> Iterator[CidrSelector]:
    for one in addresses:
        try:
            yield CidrSelector(host_cidr(one))
        except ValueError:
            continue  # A name: slices may list those, engines do not read them.


def _ports(field: Field) -> PortSet:
    """Numbers alone; a port of a slice without one is every port of its protocol."""
    found = []
    for one in field.entries():
        protocol = one["protocol"].choice(PORT_PROTOCOLS) if one["protocol"].given else "TCP"
        number = one["port"].whole(1, 65535) if one["port"].given else None
        found.append(PortSet.of(protocol, *(() if number is None else (number,))))
    return PortSet.union(found)
