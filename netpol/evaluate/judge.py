"""The judge: a policy set in a world, under the rules of one engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from netpol.evaluate.abroad import Abroad, abroad, rows
from netpol.evaluate.cells import kinds
from netpol.evaluate.compile import Direction
from netpol.evaluate.compiled import Compiled
from netpol.evaluate.connections import Row, Servers, inside, outside, servers
from netpol.evaluate.decide import Decision
from netpol.evaluate.rows import Doubt
from netpol.evaluate.witness import RuleId, used, witnesses
from netpol.graph import Connection
from netpol.net import NO_PORTS, PORT_PROTOCOLS, PortSet
from netpol.peers import Entity, Fqdn, Peer, Workload
from netpol.policy import PolicySet, Undecided
from netpol.profile import Profile
from netpol.world import World

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Judge", "decides"]


def decides(profile: Profile, connection: Connection) -> bool:
    """Whether the dialect decides about such connections at all.

    ICMP and other protocols without ports are undefined in a dialect that cannot name them
    (Kubernetes): there :meth:`Judge.decide` answers by the general rule that a rule without ports
    covers them, but engines may differ (docs/semantics.md#protocols-without-ports).
    """
    return profile.icmp or connection.protocol in PORT_PROTOCOLS


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Policies, a world and a profile; everything computed from them is computed once."""

    policies: PolicySet
    world: World
    profile: Profile

    @cached_property
    def compiled(self) -> Compiled:
        """What the answers are looked up in."""
        return Compiled(policies=self.policies, world=self.world, profile=self.profile)

    def decide(self, connection: Connection) -> Decision:
        """Whether a connection is allowed: for every pod of both sides, every address, every port.

        Peers outside that the world does not list are judged by what they say of themselves; the
        policies are compiled again only for one that is unlike all others so far. Raises
        NetpolError for a workload that the world does not know.
        """
        able = self._able((connection.client, connection.server))
        ports = able.atoms.mask(connection.ports)
        told: Decision | None = None
        unsure: dict[Undecided, None] = {}
        for client, server in able.pairs(connection.client, connection.server):
            egress = able.step("egress", client, server, ports)
            ingress = able.step("ingress", server, client, ports)
            unsure.update(dict.fromkeys((*egress.undecided, *ingress.undecided)))
            allowed, denied = egress.allowed and ingress.allowed, egress.denied or ingress.denied
            if told is None or denied or (told.allowed and not allowed):
                told = Decision(
                    allowed=allowed,
                    egress=egress,
                    ingress=ingress,
                    client=able.who(connection.client, client),
                    server=able.who(connection.server, server),
                )
            if denied:
                return told
        assert told is not None
        return replace(told, undecided=tuple(unsure)) if unsure else told

    def replay(self, connections: Iterable[Connection]) -> Iterator[bool]:
        """Whether each is allowed, in order: what :meth:`decide` says, without who says so.

        For many connections: what two peers may do is looked up once, then every connection
        between them is a test of bits. Raises NetpolError as :meth:`decide` does.
        """
        between: dict[tuple[Peer, Peer], int] = {}
        wanted: dict[tuple[str, int | None], int] = {}
        for one in connections:
            pair, name = (one.client, one.server), (one.protocol, one.port)
            if (denied := between.get(pair)) is None:
                denied = between[pair] = self._able(pair).denied(*pair)
            if (ports := wanted.get(name)) is None:
                ports = wanted[name] = self.compiled.atoms.mask(one.ports)
            yield not ports & denied

    def denied(self, client: Peer, server: Peer) -> PortSet:
        """The ports of a pair that :meth:`decide` would deny: for some pod or address of either."""
        able = self._able((client, server))
        return able.atoms.ports(able.denied(client, server))

    def replay_numbered(
        self, peers: Sequence[Peer], ports: Sequence[PortSet], flows: NDArray[np.integer[Any]]
    ) -> NDArray[np.bool_]:
        """:meth:`replay` for millions: a row of ``flows`` is (client, server, ports), as places.

        Flows that are alike are judged once; what remains for each is a look-up by bisection.
        """
        import numpy as np

        rows = flows.astype(np.int64, copy=False)
        keys = (rows[:, 0] * len(peers) + rows[:, 1]) * len(ports) + rows[:, 2]
        distinct = np.unique(keys)  # with its inverse it would sort places, ten times slower
        wanted = [self.compiled.atoms.mask(one) for one in ports]
        between: dict[int, int] = {}
        answers = np.empty(len(distinct), dtype=bool)
        for number, key in enumerate(distinct.tolist()):
            place, name = divmod(key, len(ports))
            if (denied := between.get(place)) is None:
                pair = peers[place // len(peers)], peers[place % len(peers)]
                denied = between[place] = self._able(pair).denied(*pair)
            answers[number] = not wanted[name] & denied
        return answers[np.searchsorted(distinct, keys)]

    def connections(self) -> Iterator[Row]:
        """Rows (client workload, server workload, ports), sorted by the peers' labels.

        The ports that *some* pair of pods may use: a hole counts even where only one pod has it.
        A workload's pods may always be several, so it also has a row with itself.
        """
        return inside(self.compiled.plan())

    def outside_connections(self) -> Iterator[Row]:
        """Rows between each workload and each party of ``world.outside``, either way, sorted.

        The ports that some pod of the workload may use with *every* address of the party.
        """
        return outside(self.compiled.plan())

    def address_connections(self) -> Iterator[Row]:
        """Rows between each workload and blocks of addresses, either way, sorted by workload.

        All addresses, whether or not anybody was seen there, each as somebody outside of whom
        nothing else is known. The blocks of one workload and direction are disjoint and the fewest
        that say it exactly; how the rules were written does not show. Ports as in
        :meth:`outside_connections`.
        """
        return rows(self.abroad())

    def servers(self, doubt: Doubt = "ignored") -> Iterator[tuple[Workload, Servers]]:
        """:meth:`connections` by client; ``doubt``: what becomes of what is undecided."""
        return servers(self.compiled.plan(doubt))

    def abroad(self, doubt: Doubt = "ignored") -> Iterator[tuple[Workload, Direction, Abroad]]:
        """:meth:`address_connections` by workload and direction, as spans of addresses."""
        return abroad(self.compiled.plan(doubt))

    def parties(self, doubt: Doubt = "ignored") -> Iterator[Row]:
        """:meth:`outside_connections`; ``doubt``: what becomes of what is undecided."""
        return outside(self.compiled.plan(doubt))

    @cached_property
    def kinds(self) -> tuple[Fqdn | Entity, ...]:
        """Parties that these rules, or this engine, tell from mere addresses.

        The entities that a dialect or a rule names, and a name for each name or pattern of a rule.
        With them, ``knowing(kinds).outside_connections()`` covers whom no block of addresses does.
        """
        return kinds(self.compiled.words, self.profile)

    def knowing(self, peers: Iterable[Peer]) -> Judge:
        """This judge, with the outside ones among ``peers`` added to its world."""
        wider = self.compiled.knowing(peers).world
        return self if wider is self.world else replace(self, world=wider)

    def undecided_connections(self) -> Iterator[Row]:
        """The part of :meth:`connections` and :meth:`outside_connections` that is not known.

        Ports that are allowed or not depending on what ``policies.undecided`` mean; the rows of
        those two methods say what the policies allow that were understood.
        """
        if self.policies.certain:
            return
        for found in (inside, outside):
            certain = {
                (row.client, row.server): row.ports for row in found(self.compiled.plan("denied"))
            }
            for client, server, ports in found(self.compiled.plan("allowed")):
                rest = ports - certain.get((client, server), NO_PORTS)
                if rest:
                    yield Row(client, server, rest)

    def witnesses(self, connections: Iterable[Connection]) -> dict[RuleId, Connection]:
        """For each allow rule one of ``connections`` that is allowed, and denied without the rule.

        Keys are (place in ``policies.policies``, direction, place of the rule); a rule without an
        entry has no witness among these.
        """
        asked = list(connections)
        able = self._able(peer for one in asked for peer in (one.client, one.server))
        allowed = (one for one in asked if able.allowed(one))
        return witnesses((one, able.trials(one)) for one in allowed)

    def used(self, connections: Iterable[Connection]) -> set[RuleId]:
        """The rules that decide some of ``connections``, on either side and for any pair of pods.

        Where several rules would allow one, the first is the one that is used.
        """
        asked = list(connections)
        able = self._able(peer for one in asked for peer in (one.client, one.server))
        return used(trial for one in asked for trial in able.trials(one))

    def _able(self, peers: Iterable[Peer]) -> Compiled:
        """What can be asked about ``peers``: compiled again only where some are of a new kind.

        The widest that was needed so far is kept, so that one stream of questions compiles once
        for each kind of party and never for each party.
        """
        asked, able = list(peers), self._widest[0]
        strange = [peer for peer in asked if not able.admits(peer)]
        if strange:
            self._widest[0] = able = able.knowing(strange)
            assert all(able.admits(peer) for peer in asked)
        return able

    @cached_property
    def _widest(self) -> list[Compiled]:
        return [self.compiled]
