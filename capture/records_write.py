"""Flows as netpol's own records, see :mod:`capture.records`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.json import Encoder

from capture.records_shape import VERSION, Gap, Owner, Record, Side
from capture.times import nanosecond_text
from netpol.flow import Flow
from netpol.peers import Endpoint

__all__ = ["gap", "write"]


def write(flows: Iterable[Flow]) -> Iterator[bytes]:
    """A line, with its newline, per flow."""
    encode = Encoder().encode
    yield from (encode(_record(flow)) + b"\n" for flow in flows)


def gap(lost: int, why: str, where: str, times: tuple[int, int]) -> bytes:
    """A line that says between which times not everything was captured, and why."""
    first, last = map(nanosecond_text, times)
    found = Gap(netpol=VERSION, lost=lost, why=why, where=where, first=first, last=last)
    return Encoder().encode(found) + b"\n"


def _record(flow: Flow) -> Record:
    return Record(
        netpol=VERSION,
        client=_side(flow.client),
        server=_side(flow.server),
        protocol=flow.protocol,  # type: ignore[arg-type] # one of netpol.net.PROTOCOLS
        port=flow.port,
        service=flow.service,
        service_port=flow.service_port,
        certain=flow.certain,
        records=flow.records,
        count=flow.count,
        distinct=flow.distinct.packed,
        reports=sorted(flow.reports),
        first=nanosecond_text(flow.first),
        last=nanosecond_text(flow.last),
        hours=sorted(flow.hours),
        signals=dict(sorted(flow.signals.items())),  # type: ignore[arg-type] # SIGNALS
        told=[
            (one.name, one.address, nanosecond_text(one.first), nanosecond_text(one.last))
            for one in sorted(flow.answers)
        ],
        sightings=[
            (one.namespace, one.pod, one.address, nanosecond_text(one.time))
            for one in sorted(flow.sightings)
        ],
        source=flow.source,
    )


def _side(side: Endpoint) -> Side:
    return Side(
        namespace=side.namespace,
        pods=list(side.pods),
        labels=dict(side.labels),
        namespace_labels=dict(side.namespace_labels),
        service_account=side.service_account,
        workload=Owner(*side.workload) if side.workload else None,
        ip=side.ip,
        entities=sorted(side.entities),  # type: ignore[arg-type] # of netpol.peers.ENTITIES
        names=sorted(side.names),
        called=side.called,
    )
