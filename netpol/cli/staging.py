"""``--staged``: the policies of a proof as a roll-out, which is read back and held against them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.cli.proof import Proof
    from netpol.graph import Connection
    from netpol.manifests import Document
    from netpol.peers import Workload
    from netpol.policy import PodSelector, Policy, PolicySet
    from netpol.rollout import Plan

__all__ = ["README", "staged"]

README: Final = "README.md"
"""The plan, among the files of a proof."""


def staged(proof: Proof, standing: PolicySet | None = None) -> Proof:
    """The same proof with the files of its roll-out; ``standing``: the policies that are there.

    Raises NetpolError where they would not do what they are for: change nothing today, deny nothing
    that is needed at any stage, and allow the same when they are enforced.
    """
    from generators.staging import staged_files
    from netpol.report.rollout import plan_text

    synthesis = proof.synthesis
    written = staged_files(proof.dialect, synthesis.policies, synthesis.named)
    if why := _wrong(proof, written, standing):
        raise NetpolError(
            f"the staged {proof.dialect.name} policies {why}; nothing was written",
            hint="this is a bug in netpol; please report it",
        )
    plan = _plan(proof)
    text = plan_text(plan, proof.certificate.silent)
    return replace(proof, files={**written, README: text}, plan=plan)


def _plan(proof: Proof) -> Plan:
    from generators.staging import first_step, second_step
    from netpol.rollout import Plan, rollout, stages

    learned, policies = proof.synthesis.learned, proof.synthesis.policies
    first, second = first_step(policies).policies, second_step(policies).policies
    ours = set(map(_file, policies.policies))
    more = [one for one in first if _file(one) not in ours]
    if proof.dialect.name == "cilium":  # where rules help before anything is isolated
        first, more = tuple(one for one in first if one not in more), []
    steps = rollout(learned, proof.synthesis.policed)
    return Plan(
        target=proof.dialect.name,
        stages=stages(first, _selected(proof, first), steps),
        whole={
            name: tuple(sorted(_file(one) for one in second if one.namespace == name))
            for name in {one.namespace for one in second}
        },
        between=tuple(dict.fromkeys(map(_file, more))),
    )


def _selected(proof: Proof, policies: Iterable[Policy]) -> dict[PodSelector, frozenset[Workload]]:
    """For each subject the workloads that it selects some pod of."""
    from netpol.lint.who import who
    from netpol.peers import Workload

    inventory, profile = proof.synthesis.learned.inventory, proof.certificate.profile
    found = who({one.subject for one in policies}, inventory, (), profile)
    return {
        one: frozenset(peer for peer in found[one] if isinstance(peer, Workload))
        for one in (policy.subject for policy in policies)
    }


def _file(policy: Policy) -> tuple[str, str]:
    """Namespace and name of its object, which may be several policies."""
    from netpol.numbered import object_name

    return policy.namespace, object_name(policy)


def _name(policy: Policy) -> tuple[str, str]:
    return policy.namespace, policy.name


def _wrong(proof: Proof, written: dict[str, str], standing: PolicySet | None) -> str:
    """What the texts say that they should not; empty where all is well."""
    from generators.calico import staged as as_enforced

    plain = _meaning(_read(proof.files)[0])
    found, documents = _read(written)
    match proof.dialect.name:
        case "calico":
            if found:
                return "are enforced"
            found = as_enforced(documents, lambda _: None).policies
        case "cilium":
            if any(one.isolates for one in found):
                return "isolate pods"
            found = tuple(replace(one, isolates=True) for one in found)
        case _:
            pass
    if _meaning(found) != plain:
        return "are not the same in the end"
    first = [_at_first(one, proof.dialect.name) for one in found]
    today = set(_denied(proof, standing, ()))
    if set(_denied(proof, standing, [one for one in first if one])) - today:
        return "deny in their first step what is needed"
    return ""


def _at_first(policy: Policy, dialect: str) -> Policy | None:
    """What a policy is when all workloads are under theirs, and no namespace as a whole."""
    from generators.staging import is_whole

    if not is_whole(policy):
        return policy
    return replace(policy, isolates=False) if dialect == "cilium" else None


def _denied(
    proof: Proof, standing: PolicySet | None, policies: Iterable[Policy]
) -> tuple[Connection, ...]:
    from netpol.certificate import denied_under
    from netpol.existing import together
    from netpol.policy import PolicySet

    tiers = proof.synthesis.policies
    every = together(standing or PolicySet(tiers=tiers.tiers), policies, tiers)
    return denied_under(every, proof.synthesis.learned, proof.certificate.profile)


def _read(texts: dict[str, str]) -> tuple[tuple[Policy, ...], list[Document]]:
    from generators import parse
    from netpol.cli.output import write
    from netpol.manifests import load

    with TemporaryDirectory(prefix="netpol-") as directory:
        write(texts, Path(directory))
        documents = list(load([directory], lambda _: None))
    return parse(documents, lambda _: None)[0].policies, documents


def _meaning(policies: Iterable[Policy]) -> dict[tuple[str, str], Policy]:
    """Policies by name, without where they come from and what is there for the time between."""
    from generators.staging import NAMES
    from netpol.numbered import object_name

    return {
        _name(one): replace(one, kind="", origin="")
        for one in policies
        if f"{NAMES}." not in f"{object_name(one)}."  # Parts after the first are ….names.2
    }
