"""What an Enterprise flow log says of a connection.

Sources: "Flow log data types" and "Flow log aggregation" of Calico Enterprise. From aggregation
level 2 on the names of pods are common ones, and an address is at best that of one of many: it is
not used. Then a network outside is known by the DNS names of ``dest_domains`` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Final, TypeVar

from capture.calico_enterprise_record import (
    Policies,
    Record,
    decode_domains,
    decode_labels,
    decode_policies,
)
from capture.calico_fold import RAW_KEPT, Said
from capture.calico_policies import ACTIONS, Hit, from_string, signals, staged
from capture.calico_sides import HOST, KINDS, NETWORK, labels, party, protocol
from capture.hubble_errors import Bad, Incomplete
from netpol.net import PORT_PROTOCOLS, canonical_address
from netpol.peers import Endpoint, Labels

__all__ = ["by_address", "meaning", "shown"]

_T = TypeVar("_T")
_NONE: Final = (None, "", "-")


def meaning(record: Record, eras: tuple[int, int]) -> Said:
    """The connection that a log is about. Raises :class:`Bad`."""
    name = protocol(str(record.proto or ""))
    service = _service(record)
    exact = not _aggregated(record)
    return Said(
        client=_client(record, exact=exact),
        server=_server(record, service, exact=exact),
        protocol=name,
        port=_port(record.dest_port, ".dest_port") if name in PORT_PROTOCOLS else None,
        reporter=(record.reporter or "").lower(),
        signals=_signals(record),
        service=service,
        service_port=_service_port(record) if service else None,
        names=_names(record),
        eras=eras,
    )


def by_address(record: Record) -> bool:
    """Whether the address of a side may matter."""
    source, target = record.source_type, record.dest_type
    return source != "wep" or target != "wep"


def shown(record: Record) -> tuple[Labels, Labels]:
    """Labels of client and server."""
    return (
        _labels(b"" + record.source_labels, ".source_labels"),
        _labels(b"" + record.dest_labels, ".dest_labels"),
    )


def _aggregated(record: Record) -> bool:
    """Whether names are common ones: of a pod, the log does not give its own."""
    sides = (
        (record.source_type, record.source_name),
        (record.dest_type, record.dest_name),
    )
    return any(kind == "wep" and name in _NONE for kind, name in sides)


def _client(record: Record, *, exact: bool) -> Endpoint:
    kind = _kind(record.source_type, ".source_type")
    name = _name(record.source_name, record.source_name_aggr, ".source_name_aggr")
    address = record.source_ip if _told(kind, exact=exact) else None
    at_home = (record.reporter or "").lower() == "dst" and name == record.host
    space = record.source_namespace or ""
    return _side(party(kind, space, name, same_node=at_home), address, ".source_ip")


def _server(record: Record, service: str, *, exact: bool) -> Endpoint:
    kind = _kind(record.dest_type, ".dest_type")
    name = _name(record.dest_name, record.dest_name_aggr, ".dest_name_aggr")
    address = record.dest_ip if _told(kind, exact=exact) else None
    at_home = (record.reporter or "").lower() == "src" and name == record.host
    space = record.dest_namespace or ""
    side = party(kind, space, name, service=service, same_node=at_home)
    return _side(side, address, ".dest_ip")


def _told(kind: int, *, exact: bool) -> bool:
    """Whether an address says more than the name: a node's is its own, whatever is aggregated."""
    return kind == HOST or (kind == NETWORK and exact)


def _side(side: Endpoint, address: str | None, path: str) -> Endpoint:
    """The side with its address; of a network the name says no more than that it is public."""
    if address in _NONE or address is None:
        return side
    try:
        ip = canonical_address(address)
    except ValueError:
        raise Bad(path, f"expected an address, found {address[:40]!r}") from None
    # Of a node that is not the reporter's, an inventory knows by the address whose it is.
    more = {"host"} if "remote-node" in side.entities else set[str]()
    called = side.called if side.entities else ""
    return replace(side, ip=ip, entities=side.entities | more, called=called)


def _kind(text: str | None, path: str) -> int:
    kind = KINDS.get((text or "").lower())
    if kind is None:
        raise Bad(path, f"expected wep, hep, ns or net, found {text!r}")
    return kind


def _name(own: str | None, common: str | None, path: str) -> str:
    for name in (own, common):
        if name is not None and name not in _NONE:
            return name
    raise Incomplete(path)


def _port(value: int | str | None, path: str) -> int | None:
    """The number; None where it was aggregated away."""
    if value in _NONE or value is None:
        return None
    text = str(value)
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or int(text) > 65535:
        raise Bad(path, f"expected a port, found {text[:40]!r}")
    return int(text) or None


def _service(record: Record) -> str:
    parts = record.dest_service_namespace, record.dest_service_name
    return "" if any(part in _NONE for part in parts) else f"{parts[0]}/{parts[1]}"


def _service_port(record: Record) -> int | None:
    """Older logs have one field, for the port's name or number."""
    for value in (record.dest_service_port_num, record.dest_service_port):
        try:
            if port := _port(value, ""):
                return port
        except Bad:
            continue
    return None


def _signals(record: Record) -> tuple[str, ...]:
    action = (record.action or "").lower().removeprefix("-")
    if action not in ACTIONS:
        raise Bad(".action", f"expected allow or deny, found {record.action!r}")
    return signals(action, *_policies(b"" + record.policies))


@lru_cache(maxsize=RAW_KEPT)
def _policies(text: bytes) -> tuple[tuple[Hit, ...], tuple[Hit, ...]]:
    """The hits that were enforced, and those that would have been with staged policies."""
    found = _part(decode_policies, text, ".policies") or Policies()
    every = _hits(found.all_policies)
    enforced = _hits(found.enforced_policies) or tuple(hit for hit in every if not hit.staged)
    return enforced, _hits(found.pending_policies) or staged(every)


def _hits(texts: list[str] | None) -> tuple[Hit, ...]:
    return tuple(map(from_string, texts or ()))


def _names(record: Record) -> frozenset[str]:
    found = _part(decode_domains, record.dest_domains, ".dest_domains") or []
    return frozenset(name.lower().rstrip(".") for name in found) - {"", "-"}


@lru_cache(maxsize=RAW_KEPT)
def _labels(text: bytes, path: str) -> Labels:
    found = _part(decode_labels, text, path)
    return labels(found.labels or []) if found else ()


def _part(decode: Callable[[bytes], _T], text: bytes, path: str) -> _T | None:
    if not text:
        return None
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:
        raise Bad(path, str(error)) from error
