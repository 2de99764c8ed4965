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

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from generators.generator import Dialect, Manifest, files
from netpol.choices import Named
from netpol.numbered import grouped, object_name, renamed
from netpol.policy import Policy, PolicySet

__all__ = ["FIRST", "NAMES", "SECOND", "first_step", "second_step", "staged_files"]

FIRST: Final = "1-allow"
SECOND: Final = "2-default-deny"
"""Folders of the two steps."""

NAMES: Final = ".names"
"""At the end of the name of a policy that lets one workload resolve names."""

_WHOLE: Final = frozenset({"default-deny", "allow-dns"})
"""Policies for every pod of a namespace."""


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
    """What is applied first where nothing can be staged: one policy or two for a workload."""
    names = {one.namespace: one for one in policies.policies if one.name == "allow-dns"}
    found = tuple(_first(policies.policies, names))
    return replace(policies, policies=found)


def second_step(policies: PolicySet) -> PolicySet:
    """What is applied when that works: policies for whole namespaces."""
    whole = tuple(one for one in policies.policies if one.name in _WHOLE)
    return replace(policies, policies=whole)


def _first(policies: tuple[Policy, ...], names: dict[str, Policy]) -> Iterator[Policy]:
    for some in grouped(one for one in policies if one.name not in _WHOLE):
        yield from some
        asking = [one for one in some if one.egress is not None and one.namespace in names]
        for one in asking:
            asked = replace(names[one.namespace], subject=one.subject)
            yield replace(asked, name=renamed(one, f"{object_name(one)}{NAMES}").name)


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
