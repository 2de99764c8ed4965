"""What only some records say: names, services, DNS answers, how many flows they stand for."""

from __future__ import annotations

from collections.abc import Iterable

from capture.hubble_address import canonical
from capture.hubble_edge import Extra
from capture.hubble_errors import Bad
from capture.hubble_record import FlowRecord, Layer7, ServiceRecord
from capture.times import instant
from netpol.answers import Answer

__all__ = ["extra"]


def extra(flow: FlowRecord, *, reply: bool) -> Extra:
    """The extras of a record, by client and server. Raises :class:`Bad`."""
    source, destination = flow.source_names or (), flow.destination_names or ()
    theirs, ours = (destination, source) if reply else (source, destination)
    return Extra(
        count=_count(flow),
        client_names=_names(theirs),
        server_names=_names(ours),
        service=_service(flow.source_service if reply else flow.destination_service),
        answers=_answers(flow.l7, flow.time) if reply else (),
    )


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    """Names as they were asked for; who asks for ``*.example.org`` names no pattern."""
    return tuple(_name(one) for one in texts if "*" not in one)


def _name(text: str) -> str:
    return text.lower().removesuffix(".")


def _service(service: ServiceRecord | None) -> str:
    return f"{service.namespace}/{service.name}" if service and service.name else ""


def _count(flow: FlowRecord) -> int:
    """Flows that an aggregated record stands for; at least one."""
    total = flow.aggregate
    if total is None:
        return 1
    counts = (total.ingress_flow_count, total.egress_flow_count, total.unknown_direction_flow_count)
    return max(1, sum(map(int, counts)))


def _answers(layer7: Layer7, time: str) -> tuple[Answer, ...]:
    """The addresses in a DNS answer, by the name that was asked for, whatever aliases led there.

    A name of the search list that is none is answered NXDOMAIN: the one that was meant comes later.
    """
    dns = layer7.dns
    if dns is None or dns.rcode or not dns.query:
        return ()
    told = instant(time)
    times = told, told + dns.ttl * 10**9
    try:
        return tuple(Answer(_name(dns.query), canonical(ip)[0], *times) for ip in dns.ips)
    except ValueError as error:
        raise Bad(".l7.dns.ips", f"expected addresses: {error}") from None
