"""What a Profile is: what the CNI that enforces policies does, where CNIs differ.

A dialect says how policies are written (:mod:`netpol.profile.words`), a profile what becomes of
them. Each profile is one small table of facts, with the source of every one that differs from what
Kubernetes says; facts that nobody has seen on a cluster are marked as unverified, and shown so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from netpol.profile.words import Words

__all__ = ["Profile", "Setting", "Signs", "Source", "unverified"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a fact is from."""

    text: str
    verified: bool = True
    """False: from general knowledge or one secondary hint; try it on a cluster."""

    def __str__(self) -> str:
        return self.text if self.verified else f"(U) {self.text}"


def unverified(text: str) -> Source:
    """The source of a fact that is not certain."""
    return Source(text, verified=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A key of the CNI's ConfigMap that changes a fact where it has, or contains, a value."""

    key: str
    value: str
    """What the key is set to; or one of the words of a list that is separated by commas."""
    field: str
    """The fact, a field of Profile."""
    becomes: bool | str

    def holds(self, settings: Mapping[str, str]) -> bool:
        """Whether the ConfigMap says so."""
        words = settings.get(self.key, "").replace("[", "").replace("]", "").split(",")
        return self.value in [word.strip().strip('"').lower() for word in words]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """How a CNI shows in an inventory."""

    workloads: frozenset[str] = frozenset()
    """Names of its DaemonSets."""
    labels: frozenset[tuple[str, str]] = frozenset()
    """Labels of its pods, whatever their DaemonSet is called."""
    config: frozenset[tuple[str, str]] = frozenset()
    """(namespace, name) of its ConfigMaps."""
    annotations: tuple[str, ...] = ()
    """How the keys of its annotations on nodes begin."""
    beneath: frozenset[str] = frozenset()
    """Profiles whose signs are there too, since this one is made of them or comes on top."""
    settings: tuple[Setting, ...] = ()
    """How its ConfigMap changes the facts."""
    switch: tuple[str, str] | None = None
    """The (key, value) of its ConfigMap without which it enforces nothing."""


Sctp: TypeAlias = Literal["yes", "no", "when enabled"]
IcmpRule: TypeAlias = Literal["rules without ports", "undefined"]
NamedPorts: TypeAlias = Literal["yes", "no", "open when unresolved"]
Excepts: TypeAlias = Literal["own block", "all rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What one CNI does. What ``words`` can say is also there as attributes of the profile."""

    name: str
    summary: str
    words: Words
    """The dialect in which policies for it are written; see :meth:`speaking`."""
    reads: tuple[str, ...]
    """Names of the dialects that it enforces."""
    groups: frozenset[str]
    """API groups of the policy kinds that it enforces."""
    called: str = ""
    """Its name in a sentence, where that is not ``name``."""
    enforces: bool = True
    """Whether it acts upon policies at all."""
    cidr_matches_pods: bool
    """Whether a CIDR peer matches pods by their address (Kubernetes leaves it open)."""
    cidr_matches_nodes: bool
    """Whether a CIDR peer matches nodes by their address."""
    before_dnat: bool = False
    """Whether egress is policed before a Service's address is translated to that of a pod."""
    node_to_pod: bool = True
    """Whether a pod's own node always reaches it: probes, and hostNetwork pods of that node."""
    pod_to_node: bool = False
    """Whether a pod always reaches its own node."""
    icmp_rule: IcmpRule = "rules without ports"
    """What covers ICMP of isolated pods, where the policies have no words for it."""
    icmp_open: tuple[int, ...] = ()
    """ICMP types that always pass."""
    identity_labels_only: bool = False
    """Whether selectors see only identity-relevant labels (Cilium)."""
    identity_filter: str = ""
    """Which those are beside the default, as its ConfigMap says (Cilium's ``labels``)."""
    end_port: bool = True
    """Whether a range of ports (endPort) covers more than its first port."""
    sctp: Sctp = "yes"
    """Whether rules about SCTP are enforced; some CNIs must be told to."""
    named_ports: NamedPorts = "yes"
    """Whether names of ports work, and what a rule does when all of its names are unknown."""
    excepts: Excepts = "own block"
    """What ``except`` takes addresses out of: its own block, or every rule for the same pods."""
    one_family: bool = False
    """Whether a cluster has either IPv4 or IPv6, and rules about the other do nothing."""
    port_entries: int | None = None
    """How many distinct ports or ranges of ports one peer address may have."""
    sources: Mapping[str, Source] = field(default_factory=dict, compare=False)
    """Where the facts are from, by field."""
    remarks: tuple[Source, ...] = ()
    """What else one should know before relying on it."""
    signs: Signs = field(default_factory=Signs, compare=False)

    @property
    def title(self) -> str:
        """What it is called in a sentence."""
        return self.called or self.name

    @property
    def entities(self) -> frozenset[str]:
        """See :class:`Words`; likewise the next ones."""
        return self.words.entities

    @property
    def fqdn(self) -> bool:
        """Whether a rule can name a DNS name."""
        return self.words.fqdn

    @property
    def icmp(self) -> bool:
        """Whether a rule can name ICMP types."""
        return self.words.icmp

    @property
    def mixed_peers(self) -> bool:
        """Whether one rule may list peers of several kinds."""
        return self.words.mixed_peers

    def speaking(self, words: Words) -> Profile:
        """The same CNI, given policies of another dialect."""
        return replace(self, words=words)

    def source(self, name: str) -> Source:
        """Where the fact in a field is from."""
        if name == "words":
            return Source(f"what policies of {self.words.name} can say")
        if name in _CHOSEN:
            return Source(f"chosen with {_CHOSEN[name]}")
        return self.sources.get(name, _STANDARD)


_CHOSEN = {"max_port_gap": "--max-port-gap", "namespace_label": "--namespace-label"}
"""What no fact decides but the user."""
_STANDARD = Source("no deviation from what Kubernetes says is known")
