"""``--existing``: policies that are there already, and what is proposed on top of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from netpol.cli.console import Notices
from netpol.cli.output import ours, write
from netpol.cli.proof import Proof
from netpol.cli.run import LIVE, Referred
from netpol.errors import NetpolError
from netpol.existing import Excess, Remark, excesses, missing, remarks
from netpol.lint import lint
from netpol.manifests import Document, dump, load
from netpol.notices import Notice, Tell
from netpol.numbered import object_name
from netpol.policy import CidrSelector, FqdnSelector, Policy, PolicySet
from netpol.profile import CNIS

if TYPE_CHECKING:
    from generators.generator import Dialect
    from netpol.certificate import Certificate, Denied
    from netpol.cli.engine import Engine
    from netpol.inventory import Inventory

__all__ = ["Found", "Standing", "counted", "on_top", "read_existing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The policies that are there already."""

    where: str
    documents: tuple[Document, ...]
    policies: PolicySet
    seen: frozenset[str]
    """The dialects they are in."""
    beside: Referred
    """What they may refer to as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found out about them."""

    standing: Standing
    remarks: tuple[tuple[Remark, str], ...]
    """Each with the narrower rule as YAML, where there is one."""
    conflicts: tuple[Denied, ...]


def read_existing(where: str, output: Path | None, notices: Notices, beside: Referred) -> Standing:
    """Policies of a file, a directory or the live cluster.

    What an earlier run wrote into ``output`` is a proposal still, and none of them.
    """
    from generators import parse

    if where == LIVE:
        from capture.policies import live_policies

        documents = live_policies(notices.tell)
    else:
        documents = tuple(
            one for one in load([where], notices.tell) if not _proposal(Path(one.file), output)
        )
    policies, seen = parse(documents, notices.tell, beside)
    return Standing(where=where, documents=documents, policies=policies, seen=seen, beside=beside)


def counted(standing: Standing, plugin: Engine, dialect: Dialect, tell: Tell) -> Standing:
    """Without the policies that whoever enforces the proposal does not read: they do nothing."""
    from generators import DIALECTS, parse
    from generators.reading import identity

    unread = plugin.unread(standing.seen, dialect)
    kinds = {kind for one in DIALECTS if one.name in unread for kind in one.kinds}
    left = tuple(one for one in standing.documents if identity(one) not in kinds)
    if left == standing.documents or plugin.profile is None:
        return standing
    number, names = len(standing.documents) - len(left), " and ".join(sorted(unread))
    message = f"{number} policies of {names} count as nothing: {plugin.profile.title} reads none"
    tell(Notice(code="NP154", where=standing.where, message=message))
    policies, seen = parse(left, _quiet, standing.beside)
    return replace(standing, documents=left, policies=policies, seen=seen)


def _proposal(file: Path, output: Path | None) -> bool:
    return (
        output is not None
        and file.resolve().is_relative_to(output.resolve())
        and file.is_file()
        and ours(file)
    )


def on_top(
    proof: Proof, standing: Standing, inventory: Inventory, tell: Tell
) -> tuple[Proof, Found]:
    """What of a whole proposal is missing, proved together with what is there, as it is written.

    Raises NetpolError where existing and proposed policies deny what neither denies explicitly.
    """
    from generators import parse
    from generators.generator import files
    from netpol.certificate import certify

    whole, profile = proof.synthesis, proof.certificate.profile
    learned = whole.learned
    left = missing(standing.policies, whole.policies, learned, profile, whole.declared)
    _tell_renamed(whole.policies, left, tell)
    written = files(proof.dialect, left, whole.named) if left.policies else {}
    documents, both = _read_back(standing, written, tell)
    certificate = certify(
        both,
        learned,
        profile,
        declared=whole.declared,
        policed=whole.policed,
        choices=whole.choices,
        generalised=whole.generalised,
        siblings=whole.siblings,
        widened=tuple(one for one in whole.widened if _written(one.blocks, left)),
        patterned=tuple(one for one in whole.patterned if _written([one.pattern], left)),
        calls=whole.calls,
    )
    # The proposal has the words of its dialect, and what is there those of the plugin's own.
    own = CNIS[profile.name].words if profile.name in CNIS else profile.words
    spoken = profile.speaking(own) if standing.seen - {"kubernetes"} else profile
    looked = lint(
        both, documents, inventory, spoken, lambda some: parse(some, _quiet, standing.beside)[0]
    )
    there = {one.origin for one in standing.policies.policies}
    looked = replace(looked, findings=tuple(f for f in looked.findings if f.origin in there))
    excess = excesses(standing.policies, whole.policies, learned, profile, whole.declared)
    found = Found(
        standing=standing,
        remarks=tuple(
            (one, _replacement(one.excess, proof.dialect) if one.excess else "")
            for one in remarks(looked, excess, learned)
        ),
        conflicts=tuple(one for one in certificate.denied if _explicit(one)),
    )
    synthesis = replace(whole, policies=left)
    certificate = _of_proposal(certificate, left)
    return replace(proof, synthesis=synthesis, files=written, certificate=certificate), found


def _written(some: Iterable[str], policies: PolicySet) -> bool:
    """Whether some block or name is in a rule."""
    rules = (
        rule for one in policies.policies for rule in (*(one.ingress or ()), *(one.egress or ()))
    )
    peers = {peer for rule in rules for peer in rule.peers or ()}
    return any(CidrSelector(one) in peers or FqdnSelector(one) in peers for one in some)


def _read_back(
    standing: Standing, written: dict[str, str], tell: Tell
) -> tuple[tuple[Document, ...], PolicySet]:
    """What is there and what is proposed, the latter as its text says it."""
    from generators import parse

    with TemporaryDirectory(prefix="netpol-") as directory:
        write(written, Path(directory))
        more = tuple(load([directory], tell))
    # Read together, for policies may refer to objects of the other part; told apart it was before.
    documents = (*standing.documents, *more)
    return documents, parse(documents, _quiet, standing.beside)[0]


def _quiet(_: Notice) -> None:
    """Tell nobody: what is wrong with the files was told when they were read first."""


def _explicit(one: Denied) -> bool:
    """Whether a rule denies it, or something that was not understood may."""
    steps = one.decision.egress, one.decision.ingress
    denied = any(step.rule is not None and not step.allowed for step in steps)
    return denied or bool(one.decision.undecided)


def _of_proposal(certificate: Certificate, left: PolicySet) -> Certificate:
    """The certificate of both, with the rules of the proposal alone."""
    own = {f"{one.namespace}/{one.name} " for one in left.policies}
    return replace(
        certificate,
        rules=sum(len(one.ingress or ()) + len(one.egress or ()) for one in left.policies),
        without_witness=tuple(
            one for one in certificate.without_witness if one.startswith(tuple(own))
        ),
    )


def _tell_renamed(whole: PolicySet, left: PolicySet, tell: Tell) -> None:
    names, called = (
        {(one.namespace, object_name(one)) for one in some.policies} for some in (whole, left)
    )
    for namespace, name in sorted(called - names):
        message = f"an existing policy has its name, so it is called {name}"
        tell(Notice(code="NP153", where=f"{namespace}/{name}", message=message))


def _replacement(excess: Excess, target: Dialect) -> str:
    """The narrower rules as YAML of the dialect of the policy; else of the target's; else none."""
    from generators import DIALECTS

    policy, side = excess.at.policy, excess.at.direction
    narrow = replace(
        policy,
        name="rule",
        tier="default",
        isolates=True,
        ingress=excess.narrower if side == "ingress" else None,
        egress=excess.narrower if side == "egress" else None,
    )
    own = [one for one in DIALECTS if policy.kind in {kind for _, kind in one.kinds}]
    for dialect in (*own[:1], target):
        text = _rendered(dialect, narrow, side) if excess.narrower else ""
        if text:
            return text
    return ""


def _rendered(dialect: Dialect, policy: Policy, side: str) -> str:
    try:
        manifests = dialect.render(PolicySet(policies=(policy,)))
    except NetpolError:
        return ""  # it has no words for an address or a name that another dialect can say
    spec = manifests[0].documents[0]["spec"]
    return dump({side: spec[side]}) if isinstance(spec, dict) and side in spec else ""
