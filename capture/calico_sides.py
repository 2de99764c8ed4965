"""Who is who in Calico's flow logs: the types of endpoints and the names of networks.

A pod's name is often aggregated: its ``generateName`` with a ``*`` (see ``netpol.owners``). A
network that is no endpoint of Calico is ``pub`` or ``pvt``. The latter holds the addresses of RFC
1918 (IPv4): nodes without a host endpoint, pods that are gone, machines beside the cluster. It is
not the internet, and a rule for it would need addresses, so such a side stays without identity and
its flows are held; so do those with a NetworkSet, whose addresses no flow tells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from netpol.net import ICMP_PROTOCOLS, PORT_PROTOCOLS
from netpol.owners import generated
from netpol.peers import Endpoint, Labels

__all__ = ["HOST", "KINDS", "NETWORK", "labels", "party", "protocol"]

UNKNOWN, WORKLOAD, HOST, SET, NETWORK = range(5)
"""``goldmane.EndpointType``."""

KINDS: Final = {
    "": UNKNOWN,
    "-": UNKNOWN,
    "wep": WORKLOAD,
    "hep": HOST,
    "ns": SET,
    "net": NETWORK,
    "endpointtypeunspecified": UNKNOWN,
    "unspecified": UNKNOWN,
    "workloadendpoint": WORKLOAD,
    "hostendpoint": HOST,
    "networkset": SET,
    "network": NETWORK,
}
"""Types of endpoints by name, in lower case."""

PUBLIC, PRIVATE = "pub", "pvt"

_API: Final = "default/kubernetes"
_PROTOCOLS: Final = {
    **{name.lower(): name for name in (*PORT_PROTOCOLS, *ICMP_PROTOCOLS)},
    "icmp6": "ICMPv6",
    "ipv6-icmp": "ICMPv6",
    "1": "ICMP",
    "6": "TCP",
    "17": "UDP",
    "58": "ICMPv6",
    "132": "SCTP",
}


def protocol(text: str) -> str:
    """One of ``netpol.net.PROTOCOLS``, by name or number."""
    return _PROTOCOLS.get(text.lower(), "OTHER")


def labels(pairs: list[str]) -> Labels:
    """Sorted labels from ``key=value`` texts."""
    split = (pair.partition("=") for pair in pairs)
    return tuple(sorted({key: value for key, _, value in split if key}.items()))


@lru_cache(maxsize=4096)
def party(
    kind: int, namespace: str, name: str, *, service: str = "", same_node: bool = False
) -> Endpoint:
    """One side; ``-`` is no namespace or name.

    ``service``: the Service that was dialled, if it is the server; behind the API server's is
    nobody else. ``same_node``: a host endpoint is the node of the pod on the other side.
    """
    namespace, name = namespace.removeprefix("-"), name if name != "-" else ""
    kind = kind or _guessed(namespace, name)
    if kind == WORKLOAD and namespace and name:
        return Endpoint(namespace=namespace, pods=(name,))
    entities = {"kube-apiserver"} if service == _API else set[str]()
    if kind == HOST:
        entities.add("host" if same_node else "remote-node")
    elif kind == NETWORK and name == PUBLIC and not entities:
        entities.add("world")
    called = "" if entities and kind == NETWORK else _called(kind, namespace, name)
    return Endpoint(entities=frozenset(entities), called=called)


def _guessed(namespace: str, name: str) -> int:
    """The type of a side without one: only names that nothing else can have tell."""
    if namespace:
        return WORKLOAD if generated(name) else UNKNOWN
    return NETWORK if name in (PUBLIC, PRIVATE) else UNKNOWN


def _called(kind: int, namespace: str, name: str) -> str:
    if kind == NETWORK:
        return "a private network" if name == PRIVATE else f"network {name or '?'}"
    what = ("endpoint", "pod", "node", "NetworkSet")[kind]
    return f"{what} {namespace}/{name or '?'}" if namespace else f"{what} {name or '?'}"
