"""What a store keeps of a Flow: the edge that it is about, and what was seen of that.

Two flows are of one edge when they differ only in what adds up. The names of pods are among that:
a source shows the pods of one owner as one side, and which of them it shows depends on where its
input was cut. What adds up does so by sums, minima, maxima and unions, so that the order does not
matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from typing import Annotated, Final, NamedTuple, TypeAlias, TypeVar

import msgspec

from netpol.answers import HOUR, Answer, union
from netpol.eras import Era
from netpol.flow import Flow, Sighting, sampled
from netpol.net import PROTOCOLS
from netpol.owners import Owner, from_pod_name
from netpol.peers import ENTITIES, Endpoint
from netpol.sketch import Sketch

__all__ = [
    "Edge",
    "Flows",
    "Hour",
    "Seen",
    "Side",
    "Total",
    "add",
    "both",
    "endpoint_of",
    "pack",
    "parts_of",
    "protocol_of",
    "side_text",
    "unpack",
]

_SHARED: Final = 1 << 16
"""So many different ones are remembered, to be shared."""

Hour: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=((1 << 63) - 1) // HOUR)]
"""Hours since the epoch; not more than 64 bits have of nanoseconds."""

_T = TypeVar("_T", int, str, tuple[str, str])
_Told: TypeAlias = tuple[str, str, int, int]


class Side(msgspec.Struct, frozen=True):
    """One side without the names of its pods and its DNS names; ``owner`` tells its pods apart."""

    endpoint: Endpoint
    owner: Owner | None

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for what no source says."""
        ip, entities = self.endpoint.ip, self.endpoint.entities
        if not entities.issubset(ENTITIES):
            raise ValueError(f"unknown entities {sorted(entities.difference(ENTITIES))}")
        try:
            if ip:
                inet_pton(AF_INET6 if ":" in ip else AF_INET, ip)
        except OSError:
            raise ValueError(f"{ip!r} is no address") from None


class Edge(NamedTuple):
    """What evidence is about; the columns of a row of ``edges``, with sides as JSON."""

    client: str
    server: str
    protocol: str
    port: int
    service: str
    service_port: int
    certain: bool
    source: str
    reported: bool
    since: int
    until: int


class Seen(msgspec.Struct, array_like=True):
    """What was seen of an edge, beside numbers that SQL can add; every list is sorted."""

    reports: dict[str, int]
    hours: list[Hour]
    signals: dict[str, int]
    answers: list[tuple[str, str]] = []
    sightings: list[Sighting] = []
    client_pods: list[str] = []
    server_pods: list[str] = []
    client_names: list[str] = []
    server_names: list[str] = []
    distinct: bytes = b""
    told: list[_Told] = []
    """DNS answers with their lifetimes, in place of ``answers``, which knew none."""


class Total(NamedTuple):
    """A row of ``evidence``, without its keys."""

    records: int
    connections: int
    first: int
    last: int
    seen: bytes


_encode_side: Final[Callable[[Side], bytes]] = msgspec.json.Encoder(order="deterministic").encode
_decode_side: Final = msgspec.json.Decoder(Side).decode
pack: Final[Callable[[Seen], bytes]] = msgspec.msgpack.Encoder(order="deterministic").encode
unpack: Final[Callable[[bytes], Seen]] = msgspec.msgpack.Decoder(Seen).decode


def parts_of(flow: Flow, era: Era) -> tuple[Edge, Total]:
    """The edge of a flow and its evidence; ``era``: of addresses, as in the reading."""
    edge = Edge(
        client=_text(flow.client),
        server=_text(flow.server),
        protocol=flow.protocol,
        port=-1 if flow.port is None else flow.port,
        service=flow.service,
        service_port=-1 if flow.service_port is None else flow.service_port,
        certain=flow.certain,
        source=flow.source,
        reported=bool(flow.reports),
        since=_stretch(flow, flow.first, era),
        until=_stretch(flow, flow.last, era),
    )
    seen = Seen(
        reports=dict(flow.reports),
        hours=sorted(flow.hours),
        signals=flow.signals,
        answers=[],
        sightings=sampled(flow.sightings),
        client_pods=sorted(flow.client.pods) if _by_owner(flow.client) else [],
        server_pods=sorted(flow.server.pods) if _by_owner(flow.server) else [],
        client_names=sorted(flow.client.names),
        server_names=sorted(flow.server.names),
        distinct=flow.distinct.packed,
        told=sorted(flow.answers),
    )
    count = 0 if flow.distinct or flow.reports else flow.count  # it would not add up
    return edge, Total(flow.records, count, flow.first, flow.last, pack(seen))


def _by_owner(side: Endpoint) -> Owner | None:
    """The one owner that the names of its pods show."""
    owners = {from_pod_name(pod) for pod in side.pods}
    return owners.pop() if len(owners) == 1 else None


def side_text(side: Side) -> str:
    """By which it is the same as another."""
    return _encode_side(side).decode()


def _text(side: Endpoint) -> str:
    owner = _by_owner(side)
    bare = replace(side, names=frozenset(), pods=() if owner else side.pods)
    return side_text(Side(bare, owner))


def _stretch(flow: Flow, time: int, era: Era) -> int:
    """Where the stretch begins in which the addresses mean the same; 0: no address is asked."""
    loose = (
        side.ip
        for side in (flow.client, flow.server)
        if side.ip and not (side.namespace or side.entities)
    )
    return max((max(era(ip, time), time // HOUR * HOUR) for ip in loose), default=0)


class Flows:
    """Makes flows again; those that are alike share what is alike in them, so that many fit."""

    def __init__(self) -> None:
        self._endpoint = lru_cache(_SHARED)(_endpoint)
        self._hours = lru_cache(_SHARED)(frozenset[int])

    def of(self, edge: Edge, total: Total) -> Flow:
        """The flow of an edge. Raises ``DecodeError`` for what nobody wrote."""
        seen = unpack(total.seen)
        distinct = Sketch(seen.distinct)
        return Flow(
            client=self._endpoint(edge.client, tuple(seen.client_pods), tuple(seen.client_names)),
            server=self._endpoint(edge.server, tuple(seen.server_pods), tuple(seen.server_names)),
            protocol=protocol_of(edge.protocol),
            port=None if edge.port < 0 else edge.port,
            service=edge.service,
            service_port=None if edge.service_port < 0 else edge.service_port,
            certain=bool(edge.certain),
            records=total.records,
            count=distinct.count or max((total.connections, *seen.reports.values())),
            distinct=distinct,
            reports=tuple(sorted(seen.reports.items())) if edge.reported else (),
            first=total.first,
            last=total.last,
            hours=self._hours(tuple(seen.hours)),
            signals=seen.signals,
            answers=union(
                (Answer(*pair, total.first, total.last) for pair in seen.answers),
                (Answer(*one) for one in seen.told),
            ),
            sightings=frozenset(seen.sightings),
            source=edge.source,
        )


def endpoint_of(text: str) -> Endpoint:
    """The side that is kept as this text, without names. Raises ``DecodeError``."""
    return _decode_side(text or "").endpoint  # there is none in a damaged row


def protocol_of(text: str) -> str:
    """A protocol that is kept as this text. Raises ``DecodeError``."""
    if text not in PROTOCOLS:
        raise msgspec.DecodeError(f"unknown protocol {text!r}")
    return text


def _endpoint(text: str, pods: tuple[str, ...], names: tuple[str, ...]) -> Endpoint:
    found = endpoint_of(text)
    return replace(found, pods=pods or found.pods, names=frozenset(names))


def add(one: Total, other: Total) -> Total:
    """Both together."""
    return Total(
        one.records + other.records,
        one.connections + other.connections,
        min(one.first, other.first),
        max(one.last, other.last),
        both(one.seen, other.seen),
    )


def both(one: bytes, other: bytes) -> bytes:
    """What was seen twice of an edge, together."""
    a, b = unpack(one), unpack(other)
    return pack(
        Seen(
            reports=_summed(a.reports, b.reports),
            hours=_union(a.hours, b.hours),
            signals=_summed(a.signals, b.signals),
            answers=_union(a.answers, b.answers),
            sightings=sampled([*a.sightings, *b.sightings]),
            client_pods=_union(a.client_pods, b.client_pods),
            server_pods=_union(a.server_pods, b.server_pods),
            client_names=_union(a.client_names, b.client_names),
            server_names=_union(a.server_names, b.server_names),
            distinct=(Sketch(a.distinct) | Sketch(b.distinct)).packed,
            told=_told(a.told, b.told),
        )
    )


def _told(one: list[_Told], other: list[_Told]) -> list[_Told]:
    if not (one and other) or one == other:
        return one or other
    return sorted(union((Answer(*each) for each in one), (Answer(*each) for each in other)))


def _summed(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _union(one: list[_T], other: list[_T]) -> list[_T]:
    if not (one and other) or one == other:
        return one or other
    found = set(one)
    found.update(other)
    return sorted(found)
