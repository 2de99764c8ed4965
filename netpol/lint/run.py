"""All families of findings over one set of policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from netpol.inventory import Inventory
from netpol.lint.blocks import over_pods
from netpol.lint.case import Case, Read
from netpol.lint.enforced import not_enforced
from netpol.lint.finding import Finding
from netpol.lint.names import unresolved, unseen_names
from netpol.lint.peers import nobody, split
from netpol.lint.policy_types import surprises
from netpol.lint.ports import service_ports, unknown_names
from netpol.lint.seven import defeated
from netpol.lint.shadows import shadowed
from netpol.lint.sides import one_sided
from netpol.lint.subjects import for_nobody, open_namespaces
from netpol.manifests import Document
from netpol.policy import PolicySet
from netpol.profile import Profile

__all__ = ["Lint", "lint"]

_Look: TypeAlias = Callable[[Case], Iterator[Finding]]

_AS_WRITTEN: Final[dict[str, _Look]] = {
    "NP100": split,
    "NP101": surprises,
    "NP104": defeated,
    "NP105": unseen_names,
    "NP112": not_enforced,
}
"""What the policies alone show."""

_IN_A_CLUSTER: Final[dict[str, _Look]] = {
    "NP102": unresolved,
    "NP103": service_ports,
    "NP106": over_pods,
    "NP107": open_namespaces,
    "NP108": one_sided,
    "NP109": for_nobody,
    "NP110": nobody,
    "NP111": shadowed,
    "NP113": unknown_names,
}
"""What only an inventory shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lint:
    """What was found, and the codes that were not looked for, without an inventory."""

    findings: tuple[Finding, ...] = ()
    skipped: tuple[str, ...] = ()


def lint(
    policies: PolicySet,
    documents: Iterable[Document],
    inventory: Inventory,
    profile: Profile,
    read: Read,
) -> Lint:
    """Look at ``policies``, as read from ``documents``, for what may surprise.

    ``inventory`` should be that of a cluster or its manifests: pods known from flows alone would
    make everybody else look missing. Without any pod the findings that need them are skipped.
    ``read`` is the reader with which the documents became policies. Sorted by code; several
    findings of one code keep the order of policies and rules.
    """
    case = Case(
        policies=policies,
        documents=tuple(documents),
        inventory=inventory,
        profile=profile,
        read=read,
    )
    looks = _AS_WRITTEN | (_IN_A_CLUSTER if inventory.pods else {})
    found = [one for code in sorted(looks) for one in dict.fromkeys(looks[code](case))]
    return Lint(findings=tuple(found), skipped=tuple(sorted(_IN_A_CLUSTER.keys() - looks.keys())))
