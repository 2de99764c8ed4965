"""From connections of one workload in one direction to the fewest rules, as a CNI takes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netpol.choices import Choices, Opening
from netpol.graph import Connection
from netpol.net import PortSet
from netpol.peers import Peer, Workload, label
from netpol.policy import FqdnSelector, PodSelector, Rule, Selector
from netpol.synthesize.builder import Edge, Selectors
from netpol.synthesize.dns import Resolvers
from netpol.synthesize.limits import apart, bridged, coalesced, covering, entries, single_ports
from netpol.synthesize.merged import merged
from netpol.synthesize.outside import Outsiders
from netpol.synthesize.rectangles import cover
from netpol.synthesize.through import Through

__all__ = ["Rules"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What every workload of one run shares."""

    selectors: Selectors
    outsiders: Outsiders
    through: Through
    choices: Choices
    resolvers: Resolvers
    """Which each pod may ask anyhow."""
    port_gap: int = 0
    """How many ports that nobody used a range may bridge, gap by gap."""

    def of(self, edges: Iterable[Edge], *, subject: Workload, ingress: bool) -> tuple[Rule, ...]:
        """Rules that cover these connections and no other pair of peer and port.

        More than those only where the user lets ranges bridge gaps, or the CNI takes no more ports
        per address; then it is a choice.
        """
        edges = tuple(edges)
        pairs: dict[Selector, PortSet] = defaultdict(PortSet)
        who: dict[Selector, set[Peer]] = defaultdict(set)
        for peer, selector, ports in self._pods(edges, subject, ingress):
            pairs[selector] |= ports
            who[selector].add(peer)
        others = [one for one in edges if not isinstance(_peer(one[0], ingress), Workload)]
        for selector, ports in self.outsiders.selectors(others, ingress=ingress).items():
            pairs[selector] |= ports
        cut = self._apart(self._bridged(pairs, who, subject, ingress), label(subject))
        cut = self._within_limits(cut, who, subject, ingress)
        return tuple(self._written(cut, label(subject), ingress))

    def _pods(
        self, edges: Iterable[Edge], subject: Workload, ingress: bool
    ) -> Iterator[tuple[Workload, Selector, PortSet]]:
        """Each workload on the other side, with selectors and ports."""
        calls: dict[Workload, list[tuple[PortSet, frozenset[str]]]] = defaultdict(list)
        for connection, evidence in edges:
            peer = _peer(connection, ingress)
            if isinstance(peer, Workload):
                calls[peer].append((connection.ports, evidence.services))
        for peer, found in calls.items():
            if ingress:
                ports = PortSet.union(ports for ports, _ in found)
                yield from ((peer, one, ports) for one in self.selectors.of(peer))
            else:
                for selector, ports in self.through.peers(peer, found, (subject,)):
                    yield peer, selector, ports

    def _bridged(
        self,
        pairs: dict[Selector, PortSet],
        who: dict[Selector, set[Peer]],
        subject: Workload,
        ingress: bool,
    ) -> dict[Selector, PortSet]:
        """The same peers with the narrow gaps between their ports filled."""
        if not self.port_gap:
            return pairs
        found = {selector: bridged(ports, self.port_gap) for selector, ports in pairs.items()}
        for selector, ports in pairs.items():
            if more := found[selector] - ports:
                what = f"{ports} became {found[selector]}; not observed: {more}"
                opens = _opens(who[selector], subject, ingress, more)
                self.choices.add("max_port_gap", what, label(subject), opens)
        return found

    def _apart(self, pairs: Mapping[Selector, PortSet], where: str) -> dict[Selector, PortSet]:
        if self.choices.profile.excepts == "own block":
            return dict(pairs)
        cut = apart(pairs)
        if cut.keys() != pairs.keys():
            what = "blocks are cut where another rule of the same pods excepts a part of them"
            self.choices.add("excepts", what, where)
        return cut

    def _within_limits(
        self,
        pairs: dict[Selector, PortSet],
        who: dict[Selector, set[Peer]],
        subject: Workload,
        ingress: bool,
    ) -> dict[Selector, PortSet]:
        """At most so many ports and ranges for each address as the CNI takes."""
        limit = self.choices.profile.port_entries
        if limit is None:
            return pairs
        found: dict[Selector, PortSet] = {}
        for selector, ports in pairs.items():
            room = limit - entries(covering(pairs, selector)) - self._for_names(who[selector])
            found[selector] = coalesced(ports, room)
            if more := found[selector] - ports:
                what = (
                    f"{entries(ports)} ports and ranges for one address became"
                    f" {entries(found[selector])}, of at most {limit}; not observed: {more}"
                )
                opens = _opens(who[selector], subject, ingress, more)
                self.choices.add("port_entries", what, label(subject), opens)
        return found

    def _for_names(self, peers: Iterable[Peer]) -> int:
        """The entries of resolvers that every pod has by the policy for names."""
        found = (self.resolvers.get(one, ()) for one in peers)
        return max((2 * len(ports) for ports in found), default=0)

    def _written(
        self, pairs: Mapping[Selector, PortSet], where: str, ingress: bool
    ) -> Iterator[Rule]:
        profile = self.choices.profile
        for table in self._tables(pairs):
            for peers, ports in cover(table, key=_by_kind, tell=self.selectors.tell, where=where):
                rule = Rule(peers=self._shortened(peers, where, ingress), ports=ports)
                cut = (rule,) if profile.end_port else single_ports(rule)
                if cut != (rule,):
                    what = f"each port of {ports} is written on its own: ranges are not enforced"
                    self.choices.add("end_port", what, where)
                most = profile.words.ports_per_list
                if most is not None and entries(ports) > most:
                    what = f"{entries(ports)} ports are written in lists of at most {most}"
                    self.choices.add("words", what, where)
                yield from cut

    def _shortened(
        self, peers: tuple[Selector, ...], where: str, ingress: bool
    ) -> tuple[Selector, ...]:
        if self.choices.profile.before_dnat and not ingress:
            return peers  # A Service's address is opened by its own labels, one Service each.
        spaces, least = self.selectors.spaces, 2 if self.choices.profile.words.one_peer else 3
        found = merged(peers, least=least, short=lambda names: spaces.label(names) is not None)
        return tuple(
            spaces.shortened(one, where) if isinstance(one, PodSelector) else one for one in found
        )

    def _tables(self, pairs: Mapping[Selector, PortSet]) -> list[dict[Selector, PortSet]]:
        """The pairs that may share a rule: all of them, or those of one kind of peer."""
        mixed = self.selectors.profile.mixed_peers
        tables: dict[str, dict[Selector, PortSet]] = defaultdict(dict)
        for selector, ports in pairs.items():
            alone = not mixed or isinstance(selector, FqdnSelector)
            tables[type(selector).__name__ if alone else ""][selector] = ports
        return [tables[kind] for kind in sorted(tables)]


def _peer(connection: Connection, ingress: bool) -> Peer:
    return connection.client if ingress else connection.server


def _opens(peers: Iterable[Peer], subject: Workload, ingress: bool, more: PortSet) -> list[Opening]:
    """The same ports for each of the peers of one workload."""
    return [
        Opening(
            client=peer if ingress else subject,
            server=subject if ingress else peer,
            ports=more,
        )
        for peer in sorted(peers, key=label)
    ]


def _by_kind(selector: Selector) -> tuple[str, str]:
    return type(selector).__name__, repr(selector)
