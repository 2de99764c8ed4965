"""``--staged``: the policies of a proof as a roll-out, which is read back and held against them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.cli.proof import Proof
    from netpol.manifests import Document
    from netpol.policy import Policy
    from netpol.rollout import Step

__all__ = ["staged"]


def staged(proof: Proof) -> Proof:
    """The same proof with the files of its roll-out.

    Raises NetpolError where they would not do what they are for: change nothing today (Kubernetes:
    deny nothing that is needed in the first step), and allow the same when they are enforced.
    """
    from generators.staging import staged_files
    from netpol.report.rollout import plan_text
    from netpol.rollout import rollout

    written = staged_files(proof.dialect, proof.synthesis.policies, proof.synthesis.named)
    if why := _wrong(proof, written):
        raise NetpolError(
            f"the staged {proof.dialect.name} policies {why}; nothing was written",
            hint="this is a bug in netpol; please report it",
        )
    learned, policed = proof.synthesis.learned, proof.synthesis.policed
    steps = rollout(learned, policed)
    silent = proof.certificate.silent
    plan = plan_text(proof.dialect.name, steps, _files(proof, steps), silent)
    return replace(proof, files={**written, "README.md": plan})


def _files(proof: Proof, steps: tuple[Step, ...]) -> Iterator[tuple[Step, str]]:
    for one in steps:
        name = proof.synthesis.names.get(one.workload)
        if name:
            yield one, f"{one.workload.namespace}/{name}.yaml"


def _wrong(proof: Proof, written: dict[str, str]) -> str:
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
            if _denies_in_its_first_step(proof, written):
                return "deny in their first step what is needed"
    return "" if _meaning(found) == plain else "are not the same in the end"


def _denies_in_its_first_step(proof: Proof, written: dict[str, str]) -> bool:
    from generators.staging import SECOND
    from netpol.certificate import denied_under
    from netpol.policy import PolicySet

    first, _ = _read({name: text for name, text in written.items() if not name.startswith(SECOND)})
    policies, profile = PolicySet(policies=first), proof.certificate.profile
    return bool(denied_under(policies, proof.synthesis.learned, profile))


def _read(texts: dict[str, str]) -> tuple[tuple[Policy, ...], list[Document]]:
    from generators import parse
    from netpol.cli.output import write
    from netpol.manifests import load

    with TemporaryDirectory(prefix="netpol-") as directory:
        write(texts, Path(directory))
        documents = list(load([directory], lambda _: None))
    return parse(documents, lambda _: None)[0].policies, documents


def _meaning(policies: tuple[Policy, ...]) -> dict[tuple[str, str], Policy]:
    """Policies by name, without where they come from and what is there for the time between."""
    from generators.staging import NAMES
    from netpol.numbered import object_name

    return {
        (one.namespace, one.name): replace(one, kind="", origin="")
        for one in policies
        if f"{NAMES}." not in f"{object_name(one)}."  # Parts after the first are ….names.2
    }
