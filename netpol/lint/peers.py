"""Peers that are not what they seem: NP100 and NP110."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netpol.lint.case import Case
from netpol.lint.finding import Finding, RuleAt
from netpol.policy import (
    NAMESPACE,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Selector,
    in_namespace,
)

__all__ = ["nobody", "split", "spoken"]


def split(case: Case) -> Iterator[Finding]:
    """NP100: a namespace and some pods as two peers, where one peer was probably meant.

    Quiet where the inventory shows that the two make sense apart: the policy's own namespace has
    such pods, and the other namespaces have none.
    """
    for at in case.rules:
        peers = [one for one in at.rule.peers or () if isinstance(one, PodSelector)]
        own = in_namespace(at.policy.namespace)
        places = [one for one in peers if one.namespaces != own and not one.pods]
        some = [one for one in peers if one.namespaces == own and one.pods]
        for place in places:
            for pods in some:
                if not _apart(case, place, pods):
                    yield at.finding("NP100", _split(place, pods))


def _split(place: PodSelector, pods: PodSelector) -> str:
    return (
        f"{spoken(place)} is one peer and {spoken(pods)} another, so either suffices; if pods with"
        " these labels in those namespaces were meant, write both selectors in one list entry"
    )


def _apart(case: Case, place: PodSelector, pods: PodSelector) -> bool:
    if not case.inventory.pods:
        return False
    labels = (dict(case.some(one).labels) for one in case.pods(place))
    there = any(_meets(found, pods.pods) for found in labels)
    return bool(case.pods(pods)) and not there


def _meets(labels: dict[str, str], wanted: Iterable[Requirement]) -> bool:
    """Whether pods have the labels that are asked for by value; other conditions do not matter."""
    return all(labels.get(one.key) in one.values for one in wanted if one.operator == "In")


def nobody(case: Case) -> Iterator[Finding]:
    """NP110: a peer that matches no pod of the inventory, or a rule that has no peer at all."""
    for at in case.rules:
        if at.rule.peers == ():
            yield at.finding("NP110", "its list of peers is empty, so it matches nobody")
    for at, peer in case.peer_selectors():
        if not case.pods(peer):
            yield at.finding("NP110", _nobody(case, at, peer))


def _nobody(case: Case, at: RuleAt, peer: PodSelector) -> str:
    hosted = case.hosted(peer)
    if hosted:
        return (
            f"{spoken(peer)} are only pods on the host's network ({case.names(hosted)}), which"
            " engines take for their node; name the nodes instead"
        )
    alike = (one for one in case.everyone if _meets(dict(case.some(one).labels), peer.pods))
    found = case.names(alike) if peer.pods else ""
    hint = f" ({found}, elsewhere, has such labels)" if found else ""
    return f"{spoken(peer)} are no pods of the inventory{hint}; mend or remove the peer"


def spoken(selector: Selector) -> str:
    """A selector in words."""
    match selector:
        case PodSelector(namespaces, pods):
            where = f"namespaces with {_all(namespaces)}" if namespaces else "all namespaces"
            if [(one.key, one.operator) for one in namespaces] == [(NAMESPACE, "In")]:
                where = f"namespace {' or '.join(namespaces[0].values)}"
            return f"pods with {_all(pods)} in {where}" if pods else f"all pods of {where}"
        case CidrSelector(cidr, excluded):
            return f"{cidr} without {', '.join(excluded)}" if excluded else cidr
        case FqdnSelector(name) | EntitySelector(name):
            return name


def _all(requirements: Iterable[Requirement]) -> str:
    return " and ".join(map(_one, requirements))


def _one(one: Requirement) -> str:
    key = "name" if one.key == NAMESPACE else one.key
    if one.operator == "In" and len(one.values) == 1:
        return f"{key}={one.values[0]}"
    values = f" ({', '.join(one.values)})" if one.values else ""
    return f"{key} {one.operator}{values}"
