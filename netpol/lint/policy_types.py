"""NP101: policyTypes that say something else than the rules. Read from the documents themselves:
once defaults are filled in nobody can tell what was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netpol.lint.case import Case
from netpol.lint.documents import Written, objects
from netpol.lint.finding import Finding

__all__ = ["surprises"]

_CALICO: Final = ("projectcalico.org", "crd.projectcalico.org")
_DIRECTIONS: Final = (("Ingress", "ingress"), ("Egress", "egress"))


def surprises(case: Case) -> Iterator[Finding]:
    """Directions that are isolated, or not, against what the rules suggest."""
    for one in objects(case.documents):
        if one.group == "networking.k8s.io" and one.kind == "NetworkPolicy":
            yield from _kubernetes(one)
        elif one.group in _CALICO and one.kind in ("NetworkPolicy", "GlobalNetworkPolicy"):
            yield from _inert(one, "types")


def _kubernetes(one: Written) -> Iterator[Finding]:
    """The API server's defaulting: Ingress, and Egress only where there is an egress rule."""
    if one.spec.get("policyTypes"):
        yield from _inert(one, "policyTypes")
        return
    ingress, egress = one.spec.get("ingress"), one.spec.get("egress")
    if egress and not ingress:
        yield one.finding(
            "NP101",
            "it has egress rules and no policyTypes, so it isolates ingress too: nobody may connect"
            " to its pods; write policyTypes: [Egress], or [Ingress, Egress] if that is meant",
        )
    elif "egress" in one.spec and not egress:
        yield one.finding(
            "NP101",
            "its egress list is empty and policyTypes is missing, so egress stays open; write"
            " policyTypes: [Egress] to deny it",
        )


def _inert(one: Written, field: str) -> Iterator[Finding]:
    kinds = one.spec.get(field)
    if not isinstance(kinds, list) or not kinds:
        return
    for kind, direction in _DIRECTIONS:
        if one.spec.get(direction) and kind not in kinds:
            yield one.finding(
                "NP101",
                f"it has {direction} rules, but {field} leaves {kind} out, so they do nothing; add"
                f" {kind} or remove the rules",
            )
