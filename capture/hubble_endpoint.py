"""Endpoints of Hubble's records: decoded once per distinct text, then known by small numbers.

The text of an endpoint is the same in every record of a pod, so labels are decoded a few thousand
times for millions of records. Two sides are told apart by what a policy can select — namespace,
labels, service account, owner — and not by pod, so that the pods of one workload are one side. What
only the pod's own node adds (ID, workloads, cluster) is no part of that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from capture.hubble_errors import Bad, Incomplete
from capture.hubble_record import EndpointRecord, decode_endpoint, decode_labels
from netpol.owners import from_pod_name
from netpol.peers import ENTITIES, Endpoint, Labels

__all__ = ["Interned", "Side", "Sides"]

CACHE_BYTES: Final = 24 << 20
"""Endpoint texts that are remembered; beyond it the memory starts anew."""

LABELS_REMEMBERED: Final = 4096

POD_BITS: Final = 256

_NAMESPACE: Final = "io.kubernetes.pod.namespace"
_NAMESPACE_LABEL: Final = "io.cilium.k8s.namespace.labels."
_SERVICE_ACCOUNT: Final = "io.cilium.k8s.policy.serviceaccount"
_CLUSTER: Final = "io.cilium.k8s.policy.cluster"

_BY_NUMBER: Final = {
    1: "host",
    2: "world",
    4: "health",
    5: "init",
    6: "remote-node",
    7: "kube-apiserver",
    8: "ingress",
    9: "world",
    10: "world",
}
"""Reserved identities (cilium/cilium ``pkg/identity/numericidentity.go``)."""


class Side(NamedTuple):
    """What tells one side of connections from another. ``ip`` only where no pod is named."""

    namespace: str = ""
    labels: Labels = ()
    namespace_labels: Labels = ()
    service_account: str = ""
    owner: tuple[str, str] = ("", "")
    """(kind, name) by the pattern of the pod's name: keeps StatefulSets with equal labels apart."""
    entities: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    """DNS names among its labels: the identity of an ``toFQDNs`` rule."""
    ip: str = ""
    era: int = 0
    """Of its address, where that is all that is known of it."""

    @property
    def is_pod(self) -> bool:
        """Whether it is some pod, named or not."""
        return bool(self.namespace)

    @property
    def order(self) -> tuple[object, ...]:
        """What sides are sorted by."""
        return (*self[:5], sorted(self.entities), sorted(self.names), self.ip, self.era)

    def __str__(self) -> str:
        who = self.owner[1] or ",".join(f"{key}={value}" for key, value in self.labels)
        if self.namespace:
            return f"{self.namespace}/{who or '?'}"
        return ",".join(sorted(self.entities)) or self.ip or "?"


@dataclass(slots=True)
class Interned:
    """What one endpoint text means."""

    side: int
    """Number of its Side."""
    pod: str
    """Name of the pod; empty when the source names none, and the address is needed."""
    bit: int = 0
    """The pod, as a bit: the place of its name in ``Sides.pods[side]``."""
    nameless: bool = False
    """It has nothing but its address."""
    cluster: str = ""
    """Its cluster, of a pod whose labels tell it."""


@dataclass(slots=True)
class Sides:
    """Every distinct Side seen, numbered, and the memory of endpoint texts.

    A number stands for at most :data:`POD_BITS` pods; a side with more has several numbers.
    """

    decode: Callable[[bytes], EndpointRecord] = decode_endpoint
    """What reads an endpoint's text."""
    known: list[Side] = field(default_factory=list)
    """By number."""
    same: list[int] = field(default_factory=list)
    """By number: the first number of the same side."""
    texts: dict[bytes, Interned] = field(default_factory=dict)
    """What each text means that was seen lately; for what is not there, ask :meth:`intern`."""
    _numbers: dict[tuple[Side, int], int] = field(default_factory=dict)
    _pods: dict[Side, dict[str, int]] = field(default_factory=dict)
    _names: defaultdict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _size: int = 0
    _labelled: dict[tuple[str, bytes, int], tuple[Side, str]] = field(default_factory=dict)
    _owners: defaultdict[int, set[tuple[str, str]]] = field(
        default_factory=lambda: defaultdict(set)
    )

    def number(self, side: Side, shelf: int = 0) -> int:
        """The number of a side, new or known."""
        key = side, shelf
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = len(self.known)
            self.known.append(side)
            self.same.append(self._numbers[side, 0] if shelf else found)
        return found

    def find(self, side: Side) -> int | None:
        """The number of a side that is known."""
        return self._numbers.get((side, 0))

    def pods_of(self, number: int, bits: int) -> set[str]:
        """The names of the pods that ``bits`` stand for."""
        return {name for n, name in enumerate(self._names[number]) if bits >> n & 1}

    def intern(self, raw: bytes, path: str) -> Interned:
        """What an endpoint's text means. Raises :class:`Bad` when it means nothing."""
        found = self._decode(raw, path)
        self._size += len(raw)
        if self._size > CACHE_BYTES:
            self.texts.clear()
            self._size = len(raw)
        self.texts[raw] = found
        return found

    def _decode(self, raw: bytes, path: str) -> Interned:
        if not raw or raw == b"null":
            raise Incomplete(path)
        try:
            record = self.decode(raw)
        except (ValueError, RecursionError) as error:
            raise Bad(path, str(error)) from error
        side, cluster = self._side(record, path)
        if not side.owner[1]:
            nameless = not (side.is_pod or side.entities)
            return Interned(self.number(side), "", nameless=nameless, cluster=cluster)
        number, bit = self._pod(side, record.pod_name)
        for owner in record.workloads[:1]:
            if owner.kind and owner.name:
                self._owners[self.same[number]].add((owner.kind, owner.name))
        return Interned(number, record.pod_name, bit, cluster=cluster)

    def _side(self, record: EndpointRecord, path: str) -> tuple[Side, str]:
        """The side that an endpoint is, without its address; and its cluster."""
        key = record.namespace, b"" + record.labels, record.identity
        found = self._labelled.get(key)
        if found is None:
            try:
                labels = decode_labels(record.labels)
            except (ValueError, RecursionError) as error:
                raise Bad(f"{path}.labels", str(error)) from error
            found = _labelled(record.namespace, labels, record.identity)
            if len(self._labelled) >= LABELS_REMEMBERED:
                self._labelled.clear()
            self._labelled[key] = found
        side, cluster = found
        named = side.namespace and record.pod_name and "health" not in side.entities
        return side._replace(owner=from_pod_name(record.pod_name)) if named else side, cluster

    def _pod(self, side: Side, name: str) -> tuple[int, int]:
        """(number, bit) of a pod of ``side``."""
        pods = self._pods.setdefault(side, {})
        index = pods.setdefault(name, len(pods))
        self.number(side)
        number = self.number(side, index // POD_BITS)
        names = self._names[number]
        if index % POD_BITS == len(names):
            names.append(name)
        return number, 1 << index % POD_BITS

    def endpoint(self, number: int, pods: set[str], names: set[str]) -> Endpoint:
        """One side as the rest of netpol knows it."""
        side = self.known[number]
        owners = self._owners[number]
        return Endpoint(
            namespace=side.namespace,
            pods=tuple(sorted(pods)),
            labels=side.labels,
            namespace_labels=side.namespace_labels,
            service_account=side.service_account,
            workload=next(iter(owners)) if len(owners) == 1 else None,
            ip=side.ip,
            entities=side.entities,
            names=frozenset(names) | side.names,
        )


def _labelled(namespace: str, labels: list[str], identity: int) -> tuple[Side, str]:
    """The side with these labels, or, without any, with a reserved identity; and its cluster."""
    sorted_out = _Labels()
    for text in labels:
        sorted_out.add(text)
    entities = sorted_out.entities
    if not labels and identity in _BY_NUMBER:
        entities.add(_BY_NUMBER[identity])
    elif sorted_out.outside and not entities and not sorted_out.own:
        entities.add("world")
    side = Side(
        namespace=namespace or sorted_out.namespace,
        labels=tuple(sorted(sorted_out.own.items())),
        namespace_labels=tuple(sorted(sorted_out.of_namespace.items())),
        service_account=sorted_out.service_account,
        entities=frozenset(entities),
        names=frozenset(sorted_out.names),
    )
    return side, sorted_out.cluster


@dataclass(slots=True)
class _Labels:
    """Cilium's labels, ``source:key=value``, by what they are about."""

    own: dict[str, str] = field(default_factory=dict)
    of_namespace: dict[str, str] = field(default_factory=dict)
    namespace: str = ""
    service_account: str = ""
    cluster: str = ""
    entities: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    outside: bool = False
    """It has the identity of an address block or a DNS name."""

    def add(self, text: str) -> None:
        source, _, rest = text.partition(":")
        match source:
            case "k8s":
                self._kubernetes(*rest.partition("=")[::2])
            case "reserved":
                entity = "world" if rest.startswith("world-ipv") else rest.rstrip("=")
                self.entities.update({entity} & set(ENTITIES))
            case "cidr":
                self.outside = True
            case "fqdn":
                self.outside = True
                self.names.update([rest.lower().rstrip(".")] if "*" not in rest else [])
            case _:
                pass  # container, unspec …: no Kubernetes policy can select by them

    def _kubernetes(self, key: str, value: str) -> None:
        if key.startswith(_NAMESPACE_LABEL):
            self.of_namespace[key.removeprefix(_NAMESPACE_LABEL)] = value
        elif key == _NAMESPACE:
            self.namespace = value
        elif key == _SERVICE_ACCOUNT:
            self.service_account = value
        elif key == _CLUSTER:
            self.cluster = value
        else:
            self.own[key] = value
