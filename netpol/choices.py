"""What was written otherwise, or not at all, because of what the CNI does: for the certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from netpol.graph import Connection
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Peer, label
from netpol.profile import Profile, Source

__all__ = [
    "Choice",
    "Choices",
    "Generalised",
    "Named",
    "Opening",
    "Patterned",
    "Siblings",
    "Widened",
    "listed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a choice opens beyond what was observed."""

    client: Peer
    server: Peer
    ports: PortSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Widened:
    """A list of outside addresses with more of them than were seen, so that it is shorter."""

    workload: Peer
    """Whose policy has the list; a group on coarser levels."""
    direction: str
    ports: PortSet
    blocks: tuple[str, ...]
    addresses: int
    """How many are open that nobody was seen to use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterned:
    """A pattern of DNS names: every name that it matches is open, not only those that were seen."""

    workload: Peer
    """Whose policy has it; a group on coarser levels."""
    pattern: str
    ports: PortSet
    names: tuple[str, ...]
    """Those that were seen, sorted; none where a flow log told no more than the pattern."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Somebody outside who was known by DNS names, in the policy of one workload or group."""

    policy: tuple[str, str]
    """(namespace, name)."""
    block: str
    """A CIDR; empty where no address was told."""
    names: frozenset[str]


def _between(
    subjects: Mapping[Peer, tuple[Peer, ...]],
    ports: Mapping[tuple[Peer, Peer], PortSet],
    client: Peer,
    server: Peer,
) -> PortSet:
    """The ports between whatever two workloads are selected as a part of."""
    return PortSet.union(
        ports.get((one, other), NO_PORTS)
        for one in subjects.get(client, (client,))
        for other in subjects.get(server, (server,))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalised:
    """What a person's choice of coarser policies opens."""

    reason: str
    subjects: Mapping[Peer, tuple[Peer, ...]]
    """As part of what each workload is selected."""
    ports: Mapping[tuple[Peer, Peer], PortSet]
    """What was observed between those."""
    ruled: Callable[[Connection], Connection]
    """Who is meant where a rule for one of these connections means all of the internet."""

    def opens(self, client: Peer, server: Peer) -> PortSet:
        """What the choice alone opens between two workloads."""
        return _between(self.subjects, self.ports, client, server)

    def says(self, client: Peer, server: Peer) -> str:
        """Why, the same for all."""
        del client, server
        return self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Workloads that no labels tell apart: what is for one of them is for the other, too."""

    subjects: Mapping[Peer, tuple[Peer, ...]]
    """As part of what each workload is selected: first as what it is itself part of."""
    ports: Mapping[tuple[Peer, Peer], PortSet]
    """What is allowed between those."""
    ruled: Callable[[Connection], Connection]
    """As in :class:`Generalised`."""

    def opens(self, client: Peer, server: Peer) -> PortSet:
        """What two workloads may do because others may."""
        return _between(self.subjects, self.ports, client, server)

    def says(self, client: Peer, server: Peer) -> str:
        """Who is not told from whom."""
        found = dict.fromkeys(
            f"no labels tell {label(own)} from {', '.join(map(label, others))}"
            for own, *others in (self.subjects.get(one, (one,)) for one in (client, server))
            if others
        )
        return "; ".join(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision that a field of the profile made."""

    field: str
    """Of Profile."""
    what: str
    """What was done, for a person."""
    where: tuple[str, ...]
    """Whom it is about, sorted."""
    source: Source
    opens: tuple[Opening, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """The choices of one run, while they come together; equal ones are one."""

    profile: Profile
    known: dict[tuple[str, str], dict[str, tuple[Opening, ...]]] = field(default_factory=dict)

    def add(self, name: str, what: str, where: str, opens: Iterable[Opening] = ()) -> None:
        """Note that the field ``name`` had this effect there."""
        about = self.known.setdefault((name, what), {})
        about[where] = tuple(dict.fromkeys((*about.get(where, ()), *opens)))

    def all(self) -> tuple[Choice, ...]:
        """Every choice once, sorted."""
        return tuple(
            Choice(
                field=name,
                what=what,
                where=tuple(sorted(about)),
                source=self.profile.source(name),
                opens=tuple(one for where in sorted(about) for one in about[where]),
            )
            for (name, what), about in sorted(self.known.items())
        )


def listed(connection: Connection) -> str:
    """A connection in a word."""
    return f"{label(connection.client)} → {label(connection.server)} {connection.ports}"
