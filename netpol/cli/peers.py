"""CLIENT, SERVER and PORT as people type them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from netpol.errors import NetpolError
from netpol.inventory import Inventory, Pod, Service
from netpol.net import ICMP_PROTOCOLS, PORT_PROTOCOLS, PROTOCOLS, canonical_cidr, host_cidr, network
from netpol.peers import ENTITIES, Cidr, Entity, Fqdn, Peer, Workload, label

__all__ = ["Found", "port_of", "resolved", "workload_of"]

Thing = TypeVar("Thing", Pod, Service)

_FORMS: Final = (
    "write namespace/Kind/name, namespace/name or name (of a workload or a pod), an address or"
    " CIDR, entity:world or fqdn:name"
)
_PORTS: Final = (
    "write 8080 (TCP), 8080/udp, udp/53, icmp/8 or the name of a port of the server's pods"
)
_PROTOCOLS: Final = {protocol.lower(): protocol for protocol in PROTOCOLS}
_HIGHEST: Final = {**dict.fromkeys(PORT_PROTOCOLS, 65535), **dict.fromkeys(PROTOCOLS[3:], 255)}
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_MOST: Final = 8
"""Candidates that an error lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who was meant, and the inventory in which it has that name.

    One pod of a workload is taken out of it, as a workload of its own: ``namespace/Pod/name``.
    """

    peer: Peer
    inventory: Inventory


def resolved(text: str, inventory: Inventory) -> Found:
    """Who ``text`` means. Raises NetpolError when that is nobody or several."""
    kind, colon, name = text.partition(":")
    match kind:
        case "entity" if name in ENTITIES:
            return Found(peer=Entity(name), inventory=inventory)
        case "entity":
            raise NetpolError(f"there is no entity {name!r}", hint=f"one of {', '.join(ENTITIES)}")
        case "fqdn" if colon and name:
            return Found(peer=Fqdn(name.lower().rstrip(".")), inventory=inventory)
        case _:
            cidr = _cidr(text)
            return _addressed(cidr, inventory) if cidr else _named(text, inventory)


def workload_of(text: str, workloads: Iterable[Workload]) -> Workload:
    """The workload ``namespace/Kind/name``, ``namespace/name`` or ``name``.

    Raises NetpolError if that is not exactly one.
    """
    every = list(workloads)
    found = _matching(text, every)
    if len(found) == 1:
        return found[0]
    if found:
        raise NetpolError(
            f"{text!r} may be several workloads", hint=f"one of {', '.join(map(label, found))}"
        )
    raise _nobody(text, every)


def _matching(text: str, workloads: Iterable[Workload]) -> list[Workload]:
    match text.split("/"):
        case [namespace, kind, name]:
            wanted = namespace, kind.lower(), name
            return [w for w in workloads if (w.namespace, w.kind.lower(), w.name) == wanted]
        case [namespace, name]:
            return sorted(w for w in workloads if (w.namespace, w.name) == (namespace, name))
        case [name] if name and ":" not in name:
            return sorted(w for w in workloads if w.name == name)
        case _:
            raise NetpolError(f"{text!r} is not understood", hint=_FORMS)


def _nobody(text: str, workloads: list[Workload]) -> NetpolError:
    namespace, slash, _ = text.partition("/")
    name = text.rpartition("/")[2]
    short: dict[str, list[str]] = {}
    for one in sorted(workloads):
        known = f"{one.namespace}/{one.name}" if slash else one.name
        short.setdefault(known, []).append(label(one))
    wanted = f"{namespace}/{name}" if slash else name
    # Without the namespace, which is mostly right, a slip is a greater part of the text.
    close = difflib.get_close_matches(wanted, short, n=_MOST, cutoff=0.75 if slash else 0.6)
    near = [each for one in close for each in short[one]]
    here = [label(one) for one in sorted(workloads) if one.namespace == namespace]
    hint = _FORMS
    if near:
        hint = f"did you mean {' or '.join(near[:_MOST])}?"
    elif here:
        more = f" and {len(here) - _MOST} more" if len(here) > _MOST else ""
        hint = f"in {namespace} there is {', '.join(here[:_MOST])}{more}"
    return NetpolError(f"no workload or pod {text!r} is known", hint=hint)


def _cidr(text: str) -> str:
    """Canonical text when ``text`` is an address or a CIDR, else empty."""
    try:
        return canonical_cidr(text)
    except ValueError:
        return ""


def _named(text: str, inventory: Inventory) -> Found:
    if not _matching(text, inventory.workloads):
        pods = list(_pods(text, inventory))
        if len(pods) == 1:
            return _alone(pods[0], inventory)
        if pods:
            named = ", ".join(f"{pod.namespace}/Pod/{pod.name}" for pod in pods[:_MOST])
            raise NetpolError(f"{text!r} may be several pods", hint=f"one of {named}")
        for service in _called(text, "service", inventory.services.values()):
            raise _is_service(service, inventory)
    return Found(peer=workload_of(text, inventory.workloads), inventory=inventory)


def _is_service(service: Service, inventory: Inventory) -> NetpolError:
    """Policies are about pods, and about the ports on which these listen."""
    behind = sorted(
        {
            label(pod.workload)
            for pod in inventory.pods.values()
            if service in inventory.services_of(pod)
        }
    )
    hint = f"name who is behind it: {' or '.join(behind[:_MOST])}" if behind else _FORMS
    return NetpolError(
        f"{service.namespace}/{service.name} is a Service, and policies are about pods", hint=hint
    )


def _pods(text: str, inventory: Inventory) -> Iterator[Pod]:
    """The pods that the text names, whatever their workloads; templates are none."""
    return _called(text, "pod", (one for one in inventory.pods.values() if not one.template))


def _called(text: str, kind: str, things: Iterable[Thing]) -> Iterator[Thing]:
    """Those that the text names: ``namespace/Kind/name``, ``namespace/name`` or ``name``."""
    *space, name = text.split("/")
    if [one.lower() for one in space[1:]] in ([], [kind]):
        for thing in things:
            if thing.name == name and space[:1] in ([], [thing.namespace]):
                yield thing


def _alone(pod: Pod, inventory: Inventory) -> Found:
    """One pod as a workload of its own, if it is not all of its workload anyway."""
    if len(inventory.workloads[pod.workload]) == 1:
        return Found(peer=pod.workload, inventory=inventory)
    own = Workload(pod.namespace, "Pod", pod.name)
    pods = {**inventory.pods, (pod.namespace, pod.name): replace(pod, workload=own)}
    return Found(peer=own, inventory=replace(inventory, pods=pods))


def _addressed(cidr: str, inventory: Inventory) -> Found:
    """The pod with this address, else the block itself: outside, or a node."""
    for pod in inventory.pods.values():
        living = not (pod.host_network or pod.finished or pod.template)
        if living and cidr in map(_host, pod.addresses):
            return _alone(pod, inventory)
    for service in inventory.services.values():
        if cidr in map(_host, service.cluster_ips):
            raise NetpolError(
                f"{network(cidr).network_address} is the Service"
                f" {service.namespace}/{service.name}",
                hint="policies see the pods behind it and their port: name the workload",
            )
    return Found(peer=Cidr(cidr), inventory=inventory)


def _host(address: str) -> str:
    try:
        return host_cidr(address)
    except ValueError:
        return ""


def port_of(text: str, server: Peer, inventory: Inventory) -> tuple[str, int | None]:
    """(protocol, number) as a Connection has them; a name is looked up in the server's pods.

    Without a number (``tcp``): every port of the protocol. Raises NetpolError for what is no port,
    and for a name that no pod or several pods of the server have with different numbers.
    """
    protocol, number = _split(text)
    if number == "":
        return protocol, None
    if not (number.isascii() and number.isdecimal()):
        return protocol, _named_port(protocol, number, server, inventory)
    value = int(number)
    if value > _HIGHEST[protocol]:
        raise NetpolError(f"{value} is no {protocol} number", hint=_PORTS)
    return protocol, value * 256 if protocol in ICMP_PROTOCOLS else value


def _split(text: str) -> tuple[str, str]:
    """(protocol, number or name or nothing)."""
    match [part.lower() for part in text.split("/")]:
        case [only] if only in _PROTOCOLS:
            return _PROTOCOLS[only], ""
        case [only] if _NAME.fullmatch(only):
            return "TCP", only
        case [protocol, number] if protocol in _PROTOCOLS and _NAME.fullmatch(number):
            return _PROTOCOLS[protocol], number
        case [number, protocol] if protocol in _PROTOCOLS and _NAME.fullmatch(number):
            return _PROTOCOLS[protocol], number
        case _:
            raise NetpolError(f"{text!r} is no port", hint=_PORTS)


def _named_port(protocol: str, name: str, server: Peer, inventory: Inventory) -> int:
    pods = inventory.workloads.get(server, ()) if isinstance(server, Workload) else ()
    ports = [one for pod in pods for one in pod.ports if one.name and one.protocol == protocol]
    numbers = sorted({one.port for one in ports if one.name == name})
    if len(numbers) == 1:
        return numbers[0]
    if numbers:
        raise NetpolError(
            f"the port {name} is {' or '.join(map(str, numbers))}, depending on the pod",
            hint="give the number, or one pod as the server",
        )
    known = sorted({one.name for one in ports})
    hint = f"it has {', '.join(known)}" if known else _PORTS
    raise NetpolError(f"{label(server)} has no {protocol} port named {name!r}", hint=hint)
