"""Calico's own labels: one selector over the labels that an endpoint has or inherits.

Every selector of a policy or a rule — pods, namespace, service account — becomes one tree over the
endpoint's own labels, its namespace's under ``pcns.`` and its service account's under ``pcsa.``:
so does Calico itself, and what has no namespace then simply lacks those labels. A conjunction over
these labels is split into what it says of pods (:func:`pods`).

Source: ``libcalico-go/lib/backend/syncersv1/updateprocessors/{rules,selectors}.go`` and
``libcalico-go/lib/backend/k8s/conversion`` of projectcalico/calico.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from generators.calico_grammar import All, And, Compare, Global, Has, Node, Not, Or
from generators.calico_selectors import Conjunction
from netpol.policy import NAMESPACE, SERVICE_ACCOUNT, PodSelector, Requirement

__all__ = ["NAME", "POD_ACCOUNT", "POD_NAMESPACE", "both", "of_accounts", "of_namespaces", "pods"]

NAME: Final = "projectcalico.org/name"
"""Label of every namespace and every service account: its name."""
POD_NAMESPACE: Final = "projectcalico.org/namespace"
"""Label of everything that is in a namespace: that namespace's name."""
POD_ACCOUNT: Final = "projectcalico.org/serviceaccount"
"""Label of every pod: its service account's name."""
_ORCHESTRATOR: Final = Requirement("projectcalico.org/orchestrator", "In", ("k8s",))
_NAMESPACE_OF: Final = frozenset({POD_NAMESPACE, f"pcns.{NAME}", f"pcns.{NAMESPACE}"})
_ACCOUNT_OF: Final = frozenset({POD_ACCOUNT, f"pcsa.{NAME}"})


def of_namespaces(node: Node) -> Node:
    """A namespaceSelector over the labels of endpoints: ``all()`` is "has a namespace"."""
    return _turned(node, "pcns.", Has(POD_NAMESPACE))


def of_accounts(node: Node) -> Node:
    """A selector of service accounts over the labels of endpoints."""
    return _turned(node, "pcsa.", All())


def both(parts: tuple[Node, ...]) -> Node:
    """All of the parts."""
    return parts[0] if len(parts) == 1 else And(parts)


def _turned(node: Node, prefix: str, everything: Node) -> Node:
    match node:
        case All():
            return everything
        case Global():
            return Not(everything)
        case Has() | Compare():
            return replace(node, key=prefix + node.key)
        case Not(part):
            return Not(_turned(part, prefix, everything))
        case And(parts) | Or(parts):
            return type(node)(tuple(_turned(part, prefix, everything) for part in parts))
        case _:
            assert_never(node)


def pods(wanted: Conjunction) -> PodSelector | None:
    """What a conjunction says of pods; None when no pod can meet it."""
    spaces, own = set[Requirement](), set[Requirement]()
    for one in wanted:
        if one.key == _ORCHESTRATOR.key:
            if not one.holds("k8s"):
                return None
        elif one.key in _NAMESPACE_OF | _ACCOUNT_OF:
            # Every pod has a namespace and a service account.
            if one.operator == "DoesNotExist":
                return None
            if one.operator != "Exists":
                space = one.key in _NAMESPACE_OF
                key = NAMESPACE if space else SERVICE_ACCOUNT
                (spaces if space else own).add(replace(one, key=key))
        elif one.key.startswith("pcns."):
            spaces.add(replace(one, key=one.key.removeprefix("pcns.")))
        elif one.key.startswith("pcsa."):
            own.add(replace(one, key=f"{SERVICE_ACCOUNT}.{one.key.removeprefix('pcsa.')}"))
        else:
            own.add(one)
    return PodSelector(tuple(sorted(spaces)), tuple(sorted(own)))
