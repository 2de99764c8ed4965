"""What policies are for: which namespaces, and what of the accepted cannot be said by any rule."""

from __future__ import annotations

from typing import Final

from netpol.choices import Choices, listed
from netpol.errors import NetpolError
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.net import is_hostname
from netpol.notices import Notice, Tell
from netpol.parties import entity_blocks
from netpol.peers import Entity, Fqdn, Peer, Workload
from netpol.profile import Profile
from netpol.quarantine import Held
from netpol.services import exposed_ports
from netpol.synthesize import dns
from netpol.synthesize.builder import Selectors
from netpol.synthesize.declared import declared_calls, nobody_scrapes
from netpol.synthesize.levels import Grouping
from netpol.synthesize.options import Options
from netpol.synthesize.patterns import is_told_pattern
from netpol.synthesize.refused import Refusals, needs_a_rule, note_names

__all__ = [
    "kept_apart",
    "policed_namespaces",
    "promised_calls",
    "without_nameless",
    "without_refused",
    "without_world",
]

_WORLD: Final = Entity("world")
_INTERNET: Final = "somebody on the internet, of whom no address is told"


def policed_namespaces(learned: Learned, options: Options) -> frozenset[str]:
    """Namespaces with traffic, the same for every dialect; probes alone are no traffic.

    Those that the user names may be without: then nothing is allowed there.
    """
    seen = {
        peer.namespace
        for connection, _ in learned.accepted
        for peer in (connection.client, connection.server)
        if isinstance(peer, Workload) and connection.client != Entity("host")
    }
    wanted = seen if options.namespaces is None else options.namespaces
    known = {one.namespace for one in learned.inventory.workloads}
    unknown = sorted((wanted | options.exclude) - seen - known)
    if unknown:
        raise NetpolError(
            f"nothing was learned about the namespace {unknown[0]}",
            hint=f"traffic was seen in {', '.join(sorted(seen)) or 'none at all'}",
        )
    return frozenset(wanted - options.exclude)


def without_refused(
    learned: Learned, policed: frozenset[str], choices: Choices, tell: Tell
) -> Learned:
    """Hold what no rule can be written or is enforced about."""
    refusals = Refusals(
        profile=choices.profile,
        inventory=learned.inventory,
        blocks=entity_blocks(learned.accepted, learned.inventory),
    )
    held = []
    for connection, evidence in learned.accepted:
        if not _about(connection, policed) or not needs_a_rule(connection, choices):
            continue
        note_names(connection, evidence.names, choices)
        name, reason = refusals.of(connection)
        if name:
            held.append(Held(connection=connection, reason=reason, evidence=evidence))
            choices.add(name, f"held: {reason}", listed(connection))
            message = f"{listed(connection)} is held: {reason}"
            tell(Notice(code="NP026", where=choices.profile.name, message=message))
    return learned.holding(held) if held else learned


def without_world(
    learned: Learned, policed: frozenset[str], options: Options, profile: Profile, tell: Tell
) -> Learned:
    """Hold what only a rule for the whole internet would allow, if nobody asked for one.

    Some sources tell of no address outside (Calico's ``pub``), or of names alone, which few rules
    can say. Clients from the internet at a port
    that a Service shows to it are what that Service is for.
    """
    shown = exposed_ports(learned.inventory)
    naming = _naming(learned, policed, options, profile)

    def unnamed(connection: Connection) -> bool:
        client, server = connection.client, connection.server
        if isinstance(server, Fqdn) and _about(connection, policed):
            said = is_hostname(server.name) or is_told_pattern(server.name)
            return not (said and isinstance(client, Workload) and client.namespace in naming)
        if _WORLD not in (client, server) or not _about(connection, policed):
            return False
        port = connection.protocol, connection.port
        return not isinstance(server, Workload) or port not in shown.get(server, ())

    if options.allow_world:
        return learned
    held = [
        Held(connection=connection, reason=_INTERNET, evidence=evidence)
        for connection, evidence in learned.accepted
        if unnamed(connection)
    ]
    for one in held:
        tell(Notice(code="NP028", where=listed(one.connection), message=_INTERNET))
    return learned.holding(held) if held else learned


def _naming(
    learned: Learned, policed: frozenset[str], options: Options, profile: Profile
) -> frozenset[str]:
    """The namespaces in which rules can name DNS names: where asking for them is inspected."""
    if not (profile.fqdn and options.dns):
        return frozenset()
    refusals = Refusals(profile=profile, inventory=learned.inventory)
    found = dns.resolvers(learned.accepted, learned.inventory)
    serving = {one: ports for one, ports in found.items() if not refusals.unreachable(one)}
    asking = dns.clients(serving, learned.inventory, policed)
    return frozenset(name for name, workloads in asking.items() if workloads)


def without_nameless(
    learned: Learned, policed: frozenset[str], selectors: Selectors, grouping: Grouping
) -> Learned:
    """Hold what would need a rule about pods that no label names."""

    def nameless(connection: Connection) -> bool:
        sides = map(grouping.subject, (connection.client, connection.server))
        pods = [peer for peer in sides if isinstance(peer, Workload)]
        return _about(connection, policed) and not all(map(selectors.can_name, pods))

    kept = [edge for edge in learned.accepted if not nameless(edge[0])]
    if len(kept) == len(learned.accepted):
        return learned
    held = (
        Held(connection=connection, reason="no label names one of the sides", evidence=evidence)
        for connection, evidence in learned.accepted
        if nameless(connection)
    )
    return learned.holding(held)


def _about(connection: Connection, policed: frozenset[str]) -> bool:
    """Whether one of the sides is in a policed namespace."""
    sides = (connection.client, connection.server)
    return any(isinstance(peer, Workload) and peer.namespace in policed for peer in sides)


def promised_calls(
    learned: Learned, policed: frozenset[str], options: Options, choices: Choices, tell: Tell
) -> dict[Connection, str]:
    """What is declared and can be written; what cannot is told (NP052, NP053)."""
    if not options.declared:
        return {}
    probes = not choices.profile.node_to_pod
    found = declared_calls(learned.accepted, learned.inventory, policed, probes=probes)
    for name in nobody_scrapes(learned.inventory):
        tell(Notice(code="NP053", where=name, message="nobody is known to fetch these metrics"))
    refusals = Refusals(
        profile=choices.profile,
        inventory=learned.inventory,
        blocks=entity_blocks([(one, Evidence()) for one in found], learned.inventory),
    )
    wanted = {}
    for connection, why in found.items():
        if not needs_a_rule(connection, choices):
            continue
        if (reason := refusals.of(connection)[1]) == "":
            wanted[connection] = why
        else:
            message = f"{listed(connection)}: {reason}"
            tell(Notice(code="NP052", where=why, message=message))
    return wanted


def kept_apart(learned: Learned, policed: frozenset[str], options: Options) -> frozenset[Peer]:
    """Those that no level groups with others: they resolve names for everybody."""
    if options.level == "workload" or not options.dns:
        return frozenset()
    found = dns.resolvers(learned.accepted, learned.inventory)
    return frozenset({*found, *dns.upstream(found, learned.inventory, policed)})
