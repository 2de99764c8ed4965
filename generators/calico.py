"""Calico policies, projectcalico.org/v3 and, as they are stored, crd.projectcalico.org/v1.

NetworkPolicy and GlobalNetworkPolicy become policies of their tiers. The staged kinds are read and
told (NP068), but not enforced; :func:`staged` gives what they would be. This is about pods: what is
for host endpoints alone (``preDNAT``, ``doNotTrack``) has no effect here (NP069).

Sources: Calico "Network policy", "Global network policy", "Tier" references; the order of tiers and
policies from ``felix/calc/policy_sorter.go``; what is refused from the validator
(``libcalico-go/lib/validator/v3``) and the CRDs of 3.32.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Final

from generators import kubernetes
from generators.calico_around import CONTEXT, GROUPS, Around, around
from generators.calico_grammar import Compare, Node
from generators.calico_labels import POD_NAMESPACE, both, of_accounts, of_namespaces, pods
from generators.calico_peers import Scope
from generators.calico_render import render
from generators.calico_rules import rules
from generators.calico_selectors import conjunctions, selector
from generators.generator import Dialect
from generators.reading import PolicyObject, UndecidedError, only, read, undecided
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.notices import Notice, Tell
from netpol.numbered import numbered
from netpol.policy import PodSelector, Policy, PolicySet, Rule, Undecided, in_namespace
from netpol.profile import CALICO as PROFILE

__all__ = ["CALICO", "CONTEXT", "STAGED", "parse", "render", "staged"]

_STORED: Final = "crd.projectcalico.org/v1"
_ENFORCED: Final = frozenset(
    (group, kind) for group in GROUPS for kind in ("NetworkPolicy", "GlobalNetworkPolicy")
)
STAGED: Final = frozenset(
    (group, f"Staged{kind}NetworkPolicy")
    for group in GROUPS
    for kind in ("", "Global", "Kubernetes")
)
"""(apiVersion, kind) of the policies that are only previewed."""
_GLOBAL: Final = frozenset({"GlobalNetworkPolicy", "StagedGlobalNetworkPolicy"})
_COMMON: Final = ("tier", "order", "selector", "serviceAccountSelector", "types", "ingress")
_FIELDS: Final = (*_COMMON, "egress", "performanceHints")
_HOST_FIELDS: Final = ("doNotTrack", "preDNAT", "applyOnForward")
_STAGED_ACTIONS: Final = ("Set", "Delete", "Learn", "Ignore")
_DIRECTIONS: Final = (("Ingress", "ingress", "source"), ("Egress", "egress", "destination"))


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The enforced policies among the documents and their tiers, with Calico's defaults filled in.

    Tiers, network sets, host endpoints, Services and Namespaces among the documents (those of
    :data:`CONTEXT`) are taken into account. Staged policies are read and told, and left out.
    """
    documents = list(documents)
    known = around(documents, tell)
    lower, scope = partial(_policies, known=known), partial(_about, known=known)
    found = read(documents, tell, _ENFORCED, lower, scope=scope, cluster=_GLOBAL)
    # What a staged policy would do does not matter here, only whether it is well formed.
    _staged(documents, lambda one: None if one.code == "NP064" else tell(one), known)
    names = {one.tier for one in found.policies} | {one.tier for one in found.undecided}
    return replace(found, tiers=known.used(names))


def staged(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The staged policies alone, as they would be if they were enforced.

    Those that would delete or ignore an enforced policy are none.
    """
    documents = list(documents)
    known = around(documents, tell)
    found = _staged(documents, tell, known)
    return replace(found, tiers=known.used([one.tier for one in found.policies]))


def _staged(documents: list[Document], tell: Tell, known: Around) -> PolicySet:
    lower, scope = partial(_previewed, known=known), partial(_about, known=known)
    return read(documents, tell, STAGED, lower, scope=scope, cluster=_GLOBAL)


# One policy


def _policies(one: PolicyObject, *, known: Around) -> tuple[Policy, ...]:
    """One policy per alternative of the policy's selector; none for host endpoints alone."""
    spec = one.body["spec"].need()
    hosts = _for_hosts(spec) if _wide(one) else False
    kinds, subjects, tier = _types(spec), _subjects(one), _tier(spec)
    order = spec["order"].number() if spec["order"].present else math.inf
    if hosts:
        return _nothing(one, spec, known)
    found = _rules(one, spec, known)
    if tier not in known.tiers:
        undecided(spec["tier"], f"the Tier {tier} is not among the objects that were read")
    policy = Policy(
        # The storage group keeps objects under "<tier>.<name>".
        name=one.name.removeprefix(f"{tier}.") if one.api_version == _STORED else one.name,
        namespace=one.namespace,
        subject=PodSelector(),
        ingress=found["Ingress"] if "Ingress" in kinds else None,
        egress=found["Egress"] if "Egress" in kinds else None,
        tier=tier,
        order=order,
        origin=one.origin,
    )
    return numbered(replace(policy, subject=subject) for subject in subjects)


def _nothing(one: PolicyObject, spec: Field, known: Around) -> tuple[Policy, ...]:
    """A policy for host endpoints; it must be well formed all the same."""
    with suppress(UndecidedError):
        _rules(replace(one, warn=lambda *_: None), spec, known)
    one.warn("NP069", spec, "this is for host endpoints alone and has no effect on pods")
    return ()


def _rules(one: PolicyObject, spec: Field, known: Around) -> dict[str, tuple[Rule, ...]]:
    def doubt(error: UndecidedError) -> None:
        end = "what the rule could change is undecided"
        one.warn("NP064", Field(None, error.where or ""), f"{error.what}; {end}")

    scope = Scope(namespace=one.namespace, around=known, note=one.note, doubt=doubt)
    found = {kind: rules(spec[name], side, scope) for kind, name, side in _DIRECTIONS}
    _known(one, spec)
    return found


def _wide(one: PolicyObject) -> bool:
    return one.kind in _GLOBAL


def _known(one: PolicyObject, spec: Field) -> None:
    for entry in spec["performanceHints"].entries():
        entry.choice(("AssumeNeededOnEveryNode",))
    wide = ("namespaceSelector", *_HOST_FIELDS) if _wide(one) else ()
    only(spec, (*_FIELDS, *wide, *(("stagedAction",) if _kind(one) in STAGED else ())))


def _kind(one: PolicyObject) -> tuple[str, str]:
    return one.api_version, one.kind


def _for_hosts(spec: Field) -> bool:
    """Whether a global policy is for host endpoints alone; its flags must go together."""
    untracked, before = spec["doNotTrack"].flag(False), spec["preDNAT"].flag(False)
    if untracked and before:
        spec["preDNAT"].refuse("not together with doNotTrack")
    if before and (spec["egress"].given or "Egress" in _types(spec)):
        spec["preDNAT"].refuse("not together with egress")
    if (untracked or before) and not spec["applyOnForward"].flag(False):
        spec["applyOnForward"].refuse("must be true with preDNAT or doNotTrack")
    return untracked or before


def _types(spec: Field) -> tuple[str, ...]:
    """The directions; unlike Kubernetes, rules for egress alone leave ingress out."""
    kinds = tuple(entry.choice(("Ingress", "Egress")) for entry in spec["types"].entries())
    if len(kinds) > len(set(kinds)):
        spec["types"].refuse("each direction once")
    ingress, egress = spec["ingress"].given, spec["egress"].given
    found = (*(("Ingress",) if ingress or not egress else ()), *(("Egress",) if egress else ()))
    return kinds or found


def _tier(spec: Field) -> str:
    return spec["tier"].text("") or "default"


def _subjects(one: PolicyObject) -> tuple[PodSelector, ...]:
    """The pods of a policy; one selector per alternative."""
    spec = one.body["spec"]
    parts: list[Node] = [selector(spec["selector"])]
    if one.namespace:
        parts.append(Compare(POD_NAMESPACE, "in", (one.namespace,)))
    elif spec["namespaceSelector"].given:
        parts.append(of_namespaces(selector(spec["namespaceSelector"])))
    if spec["serviceAccountSelector"].given:
        parts.append(of_accounts(selector(spec["serviceAccountSelector"])))
    found = (pods(each) for each in conjunctions(spec["selector"], both(tuple(parts))))
    return tuple(sorted({subject for subject in found if subject is not None}))


def _about(one: PolicyObject, *, known: Around) -> Undecided:
    """The pods, directions and tier that a policy could be about."""
    spec = one.body["spec"]
    everyone = PodSelector(in_namespace(one.namespace) if one.namespace else ())
    try:
        subjects = _subjects(one)
    except NetpolError:
        subjects = ()
    # Where the order of a tier is not known, it may be the first.
    first = min(known.tiers.values())
    return Undecided(
        subject=subjects[0] if len(subjects) == 1 else everyone,
        directions=tuple(kind.lower() for kind in _types(spec)),
        tier=known.tiers.get(_tier(spec), first).name,
        reason="",
    )


# Staged policies


def _previewed(one: PolicyObject, *, known: Around) -> tuple[Policy, ...]:
    spec = one.body["spec"].need()
    action = spec["stagedAction"].choice(_STAGED_ACTIONS) if spec["stagedAction"].given else "Set"
    if action == "Delete":
        for name, member in spec.children():
            if name not in ("tier", "stagedAction") and member.given:
                member.refuse("not together with stagedAction Delete")
    one.warn("NP068", spec, f"this is staged (stagedAction {action}) and not enforced")
    if action in ("Delete", "Ignore"):
        return ()
    if one.kind != "StagedKubernetesNetworkPolicy":
        return _policies(one, known=known)
    return _of_kubernetes(one, spec)


def _of_kubernetes(one: PolicyObject, spec: Field) -> tuple[Policy, ...]:
    """The policy of networking.k8s.io/v1 that would be made of a staged one."""
    body = {name: value for name, value in spec.table().items() if name != "stagedAction"}
    data: dict[str, object] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": one.name, "namespace": one.namespace},
        "spec": body,
    }
    told: list[Notice] = []
    document = Document(file=one.origin, index=1, data=data)
    found = kubernetes.parse([document], told.append).policies
    if not found:
        # The ending comes once, of the staged policy.
        ending = "; the policy is left out"
        spec.refuse("; ".join(notice.message.removesuffix(ending) for notice in told))
    return tuple(replace(policy, kind=one.kind, origin=one.origin) for policy in found)


CALICO: Final = Dialect(
    name="calico",
    summary="NetworkPolicy of projectcalico.org/v3, with order, deny and ICMP",
    profile=PROFILE,
    kinds=_ENFORCED,
    context=CONTEXT | STAGED,
    render=render,
    parse=parse,
)
