"""One rule of a Calico policy → rules of the neutral model.

The side that the policy is about (``destination`` in ingress) becomes ``Rule.subject``, the other
one peers. Sources: Calico "Network policy" reference (Rule, EntityRule); ``validateRule`` and
``validateEntityRule`` of ``libcalico-go/lib/validator/v3``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from generators.calico_grammar import Not
from generators.calico_labels import both, pods
from generators.calico_peers import (
    EVERYWHERE,
    Scope,
    family,
    far,
    members,
    nets_of,
    of_family,
    of_service,
    selected,
)
from generators.calico_selectors import conjunctions, selector
from generators.calico_traffic import any_port, traffic
from generators.reading import UndecidedError, only, undecided
from netpol.fields import Field
from netpol.net import PortSet
from netpol.policy import Action, CidrSelector, PodSelector, Rule, in_namespace

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
    """The rules of ``ingress`` (``side`` is "source", the peers) or ``egress`` ("destination")."""
    if len(field.entries()) > MAX_RULES:
        field.refuse(f"at most {MAX_RULES} rules")
    return tuple(rule for entry in field.entries() for rule in _decided(entry, side, scope))


def _decided(field: Field, side: str, scope: Scope) -> tuple[Rule, ...]:
    """What a rule that only logs is about does not matter, if it is well formed."""
    try:
        return _rule(field, side, scope)
    except UndecidedError:
        if field["action"].value == "Log":
            return ()
        raise


def _rule(field: Field, side: str, scope: Scope) -> tuple[Rule, ...]:
    """One rule per alternative on the policed side; none when it only logs or matches nothing."""
    action = field["action"].choice((*ACTIONS, "Log"))
    near = "destination" if side == "source" else "source"
    version = family(field)
    _check(field, side, near, action, scope)
    ports, named = traffic(field, field["destination"])
    peers, holes = far(field[side], scope)
    if field[side]["services"].present:
        peers, ports, named = of_service(field[side]["services"], side, scope, ports, named)
    subjects = _near(field, field[near], scope)
    _known(field)
    if action == "Log" or not (ports or named) or peers == ():
        return ()
    if version is not None and not ports <= PortSet.of("ICMP" if version == 4 else "ICMPv6"):
        peers, holes = of_family(version, peers, holes)
    return tuple(
        Rule(
            action=ACTIONS[action],
            peers=peers,
            ports=ports,
            named_ports=named,
            without=tuple(sorted(set(holes), key=lambda one: (type(one).__name__, one))),
            subject=subject,
        )
        for subject in subjects
        if peers != ()
    )


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


# The policed side


def _near(rule: Field, field: Field, scope: Scope) -> Iterable[PodSelector | None]:
    """Alternatives for the policed pods; (None,) without a condition on them."""
    if rule["source"].given and not any_port(rule, rule["source"]):
        undecided(rule["source"]["ports"], "ports of the client are not modelled")
    nets = nets_of(field["nets"])
    if nets_of(field["notNets"]) or (nets and not set(nets) & set(EVERYWHERE.values())):
        name = "nets" if nets else "notNets"
        undecided(field[name], "addresses of the policed pods are not modelled")
    wanted = selected(field, scope.namespace)
    without_sets = [] if wanted is None else [wanted]
    if field["notSelector"].given:
        unwanted = selector(field["notSelector"])
        without_sets.append(unwanted)
        wanted = Not(unwanted) if wanted is None else both((wanted, Not(unwanted)))
    if wanted is None:
        return (None,)
    found = {one for one in map(pods, conjunctions(field, wanted)) if one is not None}
    everyone = {PodSelector(), PodSelector(in_namespace(scope.namespace))}
    if found & everyone:
        return (None,)
    for node in without_sets:
        if any(isinstance(one, CidrSelector) for one in members(field, node, scope)):
            undecided(field, "a network set on the policed side is not modelled")
    return tuple(sorted(found))
