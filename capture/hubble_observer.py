"""The Observer service of Hubble: what is asked of it, and how it says what it cannot see.

``observer.Observer/GetFlows`` of cilium/cilium. What is about no connection stays with the server:
debug and capture events, socket translations, the agents' events, health checks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from capture.grpc_door import Call, Channel, RefusedError, Tls
from capture.hubble import HUBBLE
from capture.live import Batch, LiveReading, Wanted
from capture.live_address import Address, address
from capture.live_loop import Kind, decoded, stream
from capture.live_seen import Seen
from capture.source import Reading
from capture.wire import TIMESTAMP, Message, Table, messages
from capture.wire_hubble_decode import Decoder
from capture.wire_hubble_fold import WireFold
from netpol.notices import Notice

__all__ = ["observe"]

_PORT: Final = 4245
"""Of the relay, as ``cilium hubble port-forward`` opens it."""
_GET_FLOWS: Final = "/observer.Observer/GetFlows"
_STATUS: Final = "/observer.Observer/ServerStatus"
_GIGA: Final = 1_000_000_000
_BESIDE: Final = (2, 3, 7, 130)
"""Event types that are about no connection: debug, capture, socket translation, agent."""
_HEALTH: Final = 4
"""The reserved identity of Cilium's health endpoints."""

_TABLES: Final[dict[str, Table]] = {
    "GetFlowsRequest": {
        "number": (1, "uint64"),
        "follow": (3, "bool"),
        "blacklist": (5, "*FlowFilter"),
        "whitelist": (6, "*FlowFilter"),
        "since": (7, "Timestamp?"),
        "until": (8, "Timestamp?"),
    },
    "FlowFilter": {
        "source_pod": (2, "*string"),
        "destination_pod": (4, "*string"),
        "event_type": (6, "*EventTypeFilter"),
        "source_identity": (19, "*uint32"),
        "destination_identity": (20, "*uint32"),
    },
    "EventTypeFilter": {"type": (1, "int32")},
    "Timestamp": TIMESTAMP,
    "ServerStatusResponse": {
        "num_unavailable_nodes": (6, "Count?"),
        "unavailable_nodes": (7, "*string"),
    },
    "Count": {"value": (1, "uint32")},
}
_NODES_SHOWN: Final = 5


def _greet(channel: Channel, reading: Reading) -> bool:
    """Tell which nodes the relay does not reach."""
    try:
        answer = channel.ask(_STATUS, b"")
    except RefusedError as error:
        if error.code == "UNIMPLEMENTED":
            return False  # whether it has the other method shows when that is called
        raise
    status = decoded(messages("netpol.observer", _TABLES)["ServerStatusResponse"], answer, _STATUS)
    names = list(status.unavailable_nodes)
    if away := max(status.num_unavailable_nodes.value, len(names)):
        listed = ", ".join(names[:_NODES_SHOWN]) or "names are not told"
        message = f"{away} node{'' if away == 1 else 's'} unavailable: {listed}"
        reading.tell(Notice(code="NP003", message=message, where=reading.where))
    return True


def _request(wanted: Wanted, since: int | None, namespaces: tuple[str, ...]) -> bytes:
    """``observer.GetFlowsRequest``. Filters of a list are joined by or, fields of one by and."""
    request = messages("netpol.observer", _TABLES)["GetFlowsRequest"]()
    request.follow = wanted.follow
    aside = request.blacklist.add()
    for number in _BESIDE:
        aside.event_type.add(type=number)
    request.blacklist.add(source_identity=[_HEALTH])
    request.blacklist.add(destination_identity=[_HEALTH])
    if namespaces:
        of = [f"{one}/" for one in namespaces]
        request.whitelist.add(source_pod=of)
        request.whitelist.add(destination_pod=of)
    if since is None and wanted.last:
        request.number = wanted.last
    _time(request, "since", wanted.since if since is None else since)
    _time(request, "until", wanted.until)
    encoded: bytes = request.SerializeToString()
    return encoded


def _time(request: Message, name: str, nanoseconds: int | None) -> None:
    if nanoseconds is not None:
        time = getattr(request, name)
        time.SetInParent()
        time.seconds, time.nanos = divmod(nanoseconds, _GIGA)


def observe(reading: LiveReading, wanted: Wanted) -> Iterator[Batch]:
    """The batches of a relay or an agent."""
    where = address(reading.where, _PORT)
    if where.unix:
        wanted = replace(wanted, tls=Tls(plaintext=True))
    return stream(_kind(where), where.target, reading, wanted)


def _kind(where: Address) -> Kind:
    decoder: list[Decoder] = []

    def ask(channel: Channel, wanted: Wanted, since: int | None) -> Call:
        return channel.stream(_GET_FLOWS, _request(wanted, since, where.namespaces))

    def folding(reading: Reading, seen: Seen) -> WireFold:
        decoder[:] = decoder or [Decoder(seen)]
        return WireFold(reading, decoder[0])

    return Kind(name=HUBBLE.name, sight=HUBBLE.sight, greet=_greet, ask=ask, folding=folding)
