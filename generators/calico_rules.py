"""One rule of a Calico policy → rules of the neutral model.

The side that the policy is about (``destination`` in ingress) becomes ``Rule.subject`` and
``Rule.at``, the other one peers. Sources: Calico "Network policy" reference (Rule, EntityRule);
``validateRule`` and ``validateEntityRule`` of ``libcalico-go/lib/validator/v3``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from generators.calico_near import Near, nearby
from generators.calico_peers import Peers, Scope, family, far, of_service, of_version
from generators.calico_traffic import Named, at_most, client_ports, traffic
from generators.doubts import Doubts
from generators.reading import only, undecided
from netpol.fields import Field
from netpol.net import PortSet
from netpol.policy import ANY, Action, Rule, Selector

__all__ = ["ACTIONS", "MAX_RULES", "rules"]

ACTIONS: Final[dict[str, Action]] = {"Allow": "allow", "Deny": "deny", "Pass": "pass"}
MAX_RULES: Final = 1024
_RULE_FIELDS: Final = (
    *("action", "ipVersion", "protocol", "notProtocol", "icmp", "notICMP", "http", "metadata"),
    *("source", "destination"),
)
_SELECTING: Final = ("selector", "notSelector", "namespaceSelector", "serviceAccounts")
_SIDE_FIELDS: Final = (*_SELECTING, "nets", "notNets", "ports", "notPorts", "services")


def rules(field: Field, side: str, scope: Scope) -> tuple[Rule, ...]:
    """The rules of ``ingress`` (``side`` is "source", the peers) or ``egress`` ("destination").

    What is not modelled of a rule is told, and the rule is in doubt (``Rule.unsure``).
    """
    if len(field.entries()) > MAX_RULES:
        field.refuse(f"at most {MAX_RULES} rules")
    return tuple(
        replace(rule, entry=number)
        for number, entry in enumerate(field.entries(), 1)
        for rule in _rule(entry, side, scope)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Match:
    """What a rule matches, apart from whom it is for."""

    ports: PortSet
    named: Named
    peers: Peers
    holes: tuple[Selector, ...]


def _rule(field: Field, side: str, scope: Scope) -> tuple[Rule, ...]:
    """One rule per alternative on the policed side; none when it only logs or matches nothing."""
    action = field["action"].choice((*ACTIONS, "Log"))
    version = family(field)
    near = "destination" if side == "source" else "source"
    _check(field, side, near, action, scope)
    doubts = Doubts()
    found = _match(field, side, scope, doubts)
    anywhere: tuple[Near, ...] = ((None, None),)
    subjects = doubts.known(lambda: nearby(field[near], scope), anywhere)
    doubts.known(lambda: _known(field), None)
    client = client_ports(field)
    if action == "Log" or not (found.ports or found.named) or client == "none":
        return ()
    if client == "some":
        place = field["source"]["ports" if field["source"]["ports"].given else "notPorts"]
        doubts.known(lambda: undecided(place, "the port of the client is not looked at"), None)
    peers, holes = of_version(version, found.ports, found.peers, list(found.holes))
    if peers != () and doubts.found:
        scope.doubt(doubts.found[0])
    return tuple(
        Rule(
            action=ACTIONS[action],
            peers=peers,
            ports=found.ports,
            named_ports=found.named,
            without=tuple(sorted(set(holes), key=lambda one: (type(one).__name__, one))),
            subject=subject,
            at=at,
            unsure=doubts.reason,
        )
        for subject, at in subjects
        if peers != ()
    )


def _match(field: Field, side: str, scope: Scope, doubts: Doubts) -> _Match:
    ports, named = doubts.known(lambda: traffic(field, field["destination"]), at_most(field))
    anyone: tuple[Peers, list[Selector]] = (ANY, [])
    peers, holes = doubts.known(lambda: far(field[side], scope), anyone)
    services = field[side]["services"]
    if services.present:
        unknown: tuple[Peers, PortSet, Named] = (ANY, ports, named)
        peers, ports, named = doubts.known(
            lambda: of_service(services, side, scope, ports, named), unknown
        )
    return _Match(ports=ports, named=named, peers=peers, holes=tuple(holes))


def _known(field: Field) -> None:
    only(field, _RULE_FIELDS)
    for name in ("source", "destination"):
        only(field[name], _SIDE_FIELDS)
        only(field[name]["services"], ("name", "namespace"))
        only(field[name]["serviceAccounts"], ("names", "selector"))


def _check(field: Field, side: str, near: str, action: str, scope: Scope) -> None:
    """What Calico refuses of a rule as a whole."""
    if field[near]["services"].present:
        field[near]["services"].refuse("may be named only for the peers of a rule")
    services = field[side]["services"]
    if services.present:
        _check_services(field[side], services, scope, side)
    if not field["http"].present:
        return
    if action != "Allow" or side != "source":
        field["http"].refuse("is for Allow rules of ingress alone")
    if field["protocol"].given and field["protocol"].value not in ("TCP", "tcp", 6):
        field["http"].refuse("needs the protocol TCP, or none")
    scope.note(field["http"], "HTTP is not modelled, the rule counts for all requests")


def _check_services(field: Field, services: Field, scope: Scope, side: str) -> None:
    others = ("ports", "notPorts") if side == "destination" else ()
    for name in (*_SELECTING, "nets", "notNets", *others):
        if field[name].given or (name == "serviceAccounts" and field[name].present):
            field[name].refuse("not together with services")
    if not services["name"].text(""):
        services["name"].refuse("is required")
    if not (scope.namespace or services["namespace"].text("")):
        services["namespace"].refuse("is required in a global policy")
