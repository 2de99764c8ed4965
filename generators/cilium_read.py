"""Reading Cilium's policies: objects, their specs, and the rules of each section."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from generators.cilium_around import Around, around
from generators.cilium_peers import MEMBERS, Speaker, peers
from generators.cilium_selectors import selects_init, subject
from generators.cilium_traffic import Traffic, traffic
from generators.doubts import Doubts
from generators.reading import PolicyObject, UndecidedError, read, undecided, whole_scope
from generators.selectors import label_key, requirements
from netpol.fields import Field
from netpol.manifests import Document
from netpol.notices import Tell
from netpol.numbered import numbered
from netpol.policy import (
    ANY,
    DEFAULT_TIER,
    DENY_TIER,
    Action,
    PodSelector,
    Policy,
    PolicySet,
    Rule,
    Undecided,
)

__all__ = ["KIND", "KINDS", "VERSION", "parse"]

VERSION: Final = "cilium.io/v2"
KIND: Final = "CiliumNetworkPolicy"
_CLUSTERWIDE: Final = "CiliumClusterwideNetworkPolicy"
KINDS: Final = frozenset({(VERSION, KIND), (VERSION, _CLUSTERWIDE)})
_DIRECTIONS: Final = (("ingress", "from"), ("egress", "to"))
_SECTIONS: Final = ("ingress", "ingressDeny", "egress", "egressDeny")
_LONGEST_LOG: Final = 32
_MODES: Final = ("disabled", "required", "test-always-fail")


def parse(documents: Iterable[Document], tell: Tell) -> PolicySet:
    """The Cilium policies among the documents.

    The CIDR groups and Services that they refer to are looked for among the documents, too.
    """
    every = list(documents)
    known = around(every, tell)

    def lower(one: PolicyObject) -> tuple[Policy, ...]:
        return _policies(one, known)

    return read(every, tell, KINDS, lower, scope=_scope, cluster=(_CLUSTERWIDE,))


def _specs(one: PolicyObject) -> list[Field]:
    spec, specs = one.body["spec"], one.body["specs"]
    if not spec.present and not specs.present:
        spec.refuse("either spec or specs is required")
    return [*([spec] if spec.present else []), *specs.entries()]


def _policies(one: PolicyObject, known: Around) -> tuple[Policy, ...]:
    found = [policy for spec in _specs(one) for policy in _spec_policies(spec, one, known)]
    tiers = (DEFAULT_TIER.name, DENY_TIER.name)
    by_tier = ([policy for policy in found if policy.tier == tier] for tier in tiers)
    return tuple(policy for policies in by_tier for policy in numbered(policies))


def _scope(one: PolicyObject) -> Undecided:
    """What an object could be about of which it is not known which pods it is for."""
    specs = [spec for spec in _specs(one) if spec["endpointSelector"].present]
    try:
        found = [subject(spec["endpointSelector"], one.namespace) for spec in specs]
    except UndecidedError:
        found = []
    subjects = {pods for pods in found if pods is not None}
    given = [name for spec in specs for name in _SECTIONS if spec[name].given]
    whole = whole_scope(one)
    return replace(
        whole,
        subject=subjects.pop() if len(subjects) == 1 else whole.subject,
        directions=tuple(
            name for name, _ in _DIRECTIONS if name in given or f"{name}Deny" in given
        ),
        tier=DENY_TIER.name if any(name.endswith("Deny") for name in given) else whole.tier,
    )


# Specs


@dataclass(frozen=True, slots=True)
class _Section:
    """One direction of a spec: its rules, None where there is no such section."""

    allow: tuple[Rule, ...] | None
    deny: tuple[Rule, ...] | None
    isolates: bool

    @property
    def default(self) -> tuple[Rule, ...] | None:
        """The rules in the tier ``default``: deny sections isolate, too."""
        return () if self.allow is None and self.deny is not None and self.isolates else self.allow


def _spec_policies(spec: Field, one: PolicyObject, known: Around) -> Iterator[Policy]:
    selected = _subject(spec, one)
    init = selects_init(spec["endpointSelector"])
    speaker = Speaker(namespace=one.namespace, init=init, around=known)
    if selected is None:
        one.warn("NP073", spec, "it is for nodes or other endpoints that are no pods")
        # Nothing about pods depends on what is not known of it.
        one = replace(one, warn=lambda *_: None)
    sections = [_section(spec, one, speaker, *each) for each in _DIRECTIONS]
    if selected is not None:
        yield from _of_sections(one, selected, sections)


def _subject(spec: Field, one: PolicyObject) -> PodSelector | None:
    """The pods of a spec, None for nodes; what is wrong with the spec as a whole is refused."""
    pods, nodes = spec["endpointSelector"], spec["nodeSelector"]
    if not any(spec[name].given for name in _SECTIONS):
        spec.refuse(f"at least one of {', '.join(_SECTIONS)} must have a rule")
    if nodes.present and one.kind == KIND:
        nodes.refuse(f"only in a {_CLUSTERWIDE}")
    if nodes.present and pods.present:
        nodes.refuse("not together with endpointSelector")
    if len(spec["log"]["value"].text("")) > _LONGEST_LOG:
        spec["log"]["value"].refuse(f"longer than {_LONGEST_LOG} characters")
    if not nodes.present:
        return subject(pods.need(), one.namespace)
    requirements(nodes, lambda field, name: label_key(field, name.replace(":", ".", 1)))
    return None


def _of_sections(
    one: PolicyObject, selected: PodSelector, sections: list[_Section]
) -> Iterator[Policy]:
    def policy(tier: str, isolates: bool, rules: Iterable[tuple[Rule, ...] | None]) -> Policy:
        incoming, outgoing = rules
        return Policy(
            name=one.name,
            namespace=one.namespace,
            subject=selected,
            ingress=incoming,
            egress=outgoing,
            tier=tier,
            isolates=isolates,
            origin=one.origin,
        )

    # A policy isolates in all its directions or in none, so a spec that differs becomes two.
    for isolates in (True, False):
        rules = [each.default if each.isolates is isolates else None for each in sections]
        if rules != [None, None]:
            yield policy(DEFAULT_TIER.name, isolates, rules)
    denied = [each.deny for each in sections]
    if denied != [None, None]:
        yield policy(DENY_TIER.name, False, denied)


# Sections


def _section(
    spec: Field, one: PolicyObject, speaker: Speaker, direction: str, prefix: str
) -> _Section:
    host = spec["nodeSelector"].present

    def listed(field: Field, speaker: Speaker) -> tuple[Rule, ...] | None:
        """The rules of a section; an empty list is no section."""
        entries = field.entries()
        found = tuple(
            replace(rule, entry=number)
            for number, entry in enumerate(entries, 1)
            for rule in _rules(entry, one, speaker, prefix, host)
        )
        return found if field.given else None

    return _Section(
        allow=listed(spec[direction], speaker),
        deny=listed(spec[f"{direction}Deny"], replace(speaker, deny=True)),
        isolates=spec["enableDefaultDeny"][direction].flag(True),
    )


def _rules(
    field: Field, one: PolicyObject, speaker: Speaker, prefix: str, host: bool
) -> Iterator[Rule]:
    """The neutral rules of one rule; none when it selects nobody."""
    if field[f"{prefix}Requires"].given:
        field[f"{prefix}Requires"].refuse("gone since Cilium 1.19, where it must be empty")
    doubts = Doubts()
    wanted = doubts.known(
        lambda: traffic(field, one, egress=prefix == "to", host=host), [Traffic()]
    )
    far = peers(field, speaker, prefix)
    doubts.known(lambda: _check_authentication(field["authentication"], one), None)
    said = (*(prefix + kind for kind in MEMBERS), "toPorts", "icmps")
    if not any(field[name].given for name in said):
        return
    action: Action = "deny" if speaker.deny else "allow"
    for those in far:
        if those.peers is ANY and those.without and those.doubt is None:
            one.warn("NP074", field, "its peers need no label, so they are nodes and the world too")
        doubt = those.doubt or next(iter(doubts.found), None)
        if doubt is not None:
            end = "what the rule could change is undecided"
            one.warn("NP064", Field(None, doubt.where or ""), f"{doubt.what}; {end}")
        for each in wanted:
            if each.ports or each.named:
                yield Rule(
                    action=action,
                    peers=those.peers,
                    without=those.without,
                    ports=each.ports,
                    named_ports=each.named,
                    dns=each.dns,
                    unsure="" if doubt is None else f"{doubt.where}: {doubt.what}",
                )


def _check_authentication(field: Field, one: PolicyObject) -> None:
    """Mutual authentication comes on top of what is allowed."""
    if not field.present or field["mode"].choice(_MODES) == "disabled":
        return
    if field["mode"].value == "test-always-fail":
        undecided(field["mode"], "a mode for tests only")
    one.note(field, "read as if everyone could prove who they are")
