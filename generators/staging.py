"""Policies that are not enforced yet, or not all at once: how each dialect stages a roll-out.

calico      the Staged kinds: their verdicts show in flow logs, no packet is dropped; with the
            additions below, because it will be enforced workload by workload
cilium      ``enableDefaultDeny: false``: the rules are there, nothing is isolated by them
kubernetes  has no dry run, so two steps: first what allows, workload by workload, then the default
            deny. In the first step only pods with a policy of their own are isolated, so that the
            need for names, which is one policy for a namespace, is written once for each of them.

Sources: Calico "Staged network policies"; Cilium "Policy Enforcement Modes" (enableDefaultDeny);
Kubernetes "Network Policies" (a pod is isolated as soon as one policy selects it).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from generators.generator import Dialect, Manifest, files
from netpol.choices import Named
from netpol.numbered import grouped, object_name, renamed
from netpol.policy import PodSelector, Policy, PolicySet

__all__ = ["FIRST", "NAMES", "SECOND", "first_step", "is_whole", "second_step", "staged_files"]

FIRST: Final = "1-allow"
SECOND: Final = "2-default-deny"
"""Folders of the two steps."""

NAMES: Final = ".names"
"""At the end of the name of a policy that lets one workload resolve names."""

_WHOLE: Final = ("default-deny", "allow-dns")
"""What the names of policies for every pod of a namespace begin with."""


def staged_files(
    dialect: Dialect, policies: PolicySet, named: Iterable[Named] = ()
) -> dict[str, str]:
    """Path → text, as :func:`generators.generator.files` has them."""
    match dialect.name:
        case "calico":
            return files(
                replace(dialect, render=lambda some: _calico(dialect, some)), policies, named
            )
        case "cilium":
            loose = tuple(replace(one, isolates=False) for one in policies.policies)
            return files(dialect, replace(policies, policies=loose), named)
        case _:
            return files(
                replace(dialect, render=lambda some: _steps(dialect, some)), policies, named
            )


def first_step(policies: PolicySet) -> PolicySet:
    """What is applied first where nothing can be staged: the policies of workloads."""
    asked = {one.namespace: one for one in policies.policies if is_whole(one) and one.egress}
    return replace(policies, policies=tuple(_first(policies.policies, asked)))


def second_step(policies: PolicySet) -> PolicySet:
    """What is applied when that works: policies for whole namespaces."""
    return replace(policies, policies=tuple(filter(is_whole, policies.policies)))


def is_whole(policy: Policy) -> bool:
    """Whether it is for every pod of a namespace, whoever that is.

    By its name: on top of existing policies it may have another one at the end.
    """
    return policy.name.startswith(_WHOLE) and not policy.subject.pods and not policy.ingress


def _first(policies: tuple[Policy, ...], asked: Mapping[str, Policy]) -> Iterator[Policy]:
    resolving = set[PodSelector]()
    for some in grouped(one for one in policies if not is_whole(one)):
        yield from some
        for one in some:
            isolated = one.egress is not None and one.subject not in resolving
            if isolated and one.namespace in asked:
                resolving.add(one.subject)
                names = replace(asked[one.namespace], subject=one.subject)
                yield replace(names, name=renamed(one, f"{object_name(one)}{NAMES}").name)


def _steps(dialect: Dialect, policies: PolicySet) -> tuple[Manifest, ...]:
    return tuple(
        replace(manifest, path=f"{folder}/{manifest.path}")
        for folder, some in ((FIRST, first_step(policies)), (SECOND, second_step(policies)))
        for manifest in dialect.render(some)
    )


def _calico(dialect: Dialect, policies: PolicySet) -> tuple[Manifest, ...]:
    both = (*first_step(policies).policies, *second_step(policies).policies)
    return tuple(
        replace(manifest, documents=tuple(map(_staged, manifest.documents)))
        for manifest in dialect.render(replace(policies, policies=both))
    )


def _staged(document: dict[str, object]) -> dict[str, object]:
    """A policy as one of a Staged kind; a list of addresses as it is."""
    spec = document["spec"]
    if document["kind"] != "NetworkPolicy":
        return document
    assert isinstance(spec, dict)
    return {
        **document,
        "kind": f"Staged{document['kind']}",
        "spec": {"stagedAction": "Set", **spec},
    }
