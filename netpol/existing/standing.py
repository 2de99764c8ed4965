"""Rules that are there already and allow more than any observation needs.

Each rule is judged alone: what it opens, less what the connections that it serves need. Where it
serves none, nobody needs it; else the rest of it is the narrower rule that would do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from netpol.certificate import Edge, judge_of, translated
from netpol.changes import Change, changes
from netpol.evaluate import Judge, RuleId, decides
from netpol.existing.atoms import atoms, joined
from netpol.graph import Connection, Evidence
from netpol.learn import Learned
from netpol.lint.finding import DIRECTIONS, RuleAt
from netpol.net import NO_PORTS, PortSet
from netpol.peers import Peer
from netpol.policy import PolicySet, Rule
from netpol.profile import Profile

__all__ = ["Excess", "excesses"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """An allow rule that opens more than what was observed or declared needs of it."""

    at: RuleAt
    opens: tuple[Change, ...]
    """What it opens beyond that, were it the only rule and the other side open."""
    serves: tuple[Edge, ...]
    """The accepted connections that it is the first to allow; with no evidence: declared ones."""
    narrower: tuple[Rule, ...]
    """What would do for those; empty where it serves none."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Connections that are not taken as needed and that it would allow, by the reason."""


def excesses(
    existing: PolicySet,
    proposed: PolicySet,
    learned: Learned,
    profile: Profile,
    declared: Iterable[Connection],
) -> Iterator[Excess]:
    """Every such rule of ``existing``, in their order; ``proposed`` is what would do in all.

    Rules that deny open nothing, and rules that are not understood are left alone. A rule that
    opens nothing at all is none: that its selectors match nobody is another finding.
    """
    edges = [(c, e) for c, e in learned.accepted if decides(profile, c)]
    edges += [(one, Evidence()) for one in sorted(declared, key=lambda c: c.key)]
    edges += translated(edges, profile, learned.inventory)
    served = _served(judge_of(existing, learned, profile, edges), edges)
    knocking = [(one.connection, one.evidence) for one in learned.held]
    knocked = _served(judge_of(existing, learned, profile, knocking), knocking)
    reasons = {one.connection: one.reason for one in learned.held}
    enough = judge_of(_cut(proposed), learned, profile, edges)
    seen: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for one, _ in edges:
        seen[one.client, one.server] |= one.ports
    for at in _rules(existing):
        rule = at.index, at.direction, at.place
        needed = tuple(served.get(rule, ()))
        narrower = _narrower(at, enough, [one for one, _ in needed])
        beyond = _beyond(at, narrower, existing, learned, profile)
        if any(one.closed for one in beyond):  # it is not narrower in everything
            narrower = _fewer_ports(at.rule, narrower)
            beyond = _beyond(at, narrower, existing, learned, profile)
        opens = tuple(_unseen(beyond, seen))
        if opens:
            held = Counter(reasons[one] for one, _ in knocked.get(rule, ()))
            yield Excess(
                at=at,
                opens=opens,
                serves=needed,
                narrower=narrower,
                held=dict(sorted(held.items())),
            )


def _rules(policies: PolicySet) -> Iterator[RuleAt]:
    for index, policy in enumerate(policies.policies):
        for direction in DIRECTIONS:
            for place, rule in enumerate(policy.rules(direction) or ()):
                if rule.action == "allow" and not rule.unsure:
                    yield RuleAt(
                        index=index, policy=policy, direction=direction, place=place, rule=rule
                    )


def _served(judge: Judge, edges: Iterable[Edge]) -> dict[RuleId, list[Edge]]:
    """For each rule the connections that it decides, whatever the other side says."""
    found: dict[RuleId, list[Edge]] = defaultdict(list)
    for edge in edges:
        for rule in judge.used([edge[0]]):
            found[rule].append(edge)
    return found


def _cut(policies: PolicySet) -> PolicySet:
    """With one rule for each peer and each run of ports."""
    cut = (
        replace(
            one,
            ingress=None if one.ingress is None else _atoms(one.ingress),
            egress=None if one.egress is None else _atoms(one.egress),
        )
        for one in policies.policies
    )
    return replace(policies, policies=tuple(cut))


def _atoms(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(part for rule in rules for part in atoms(rule))


def _narrower(at: RuleAt, enough: Judge, needed: list[Connection]) -> tuple[Rule, ...]:
    """The parts of what would do in all that these connections use, for the rule's own side."""
    used = sorted(rule for rule in enough.used(needed) if rule[1] == at.direction)
    parts = [
        (enough.policies.policies[index].rules(side) or ())[place] for index, side, place in used
    ]
    return joined(parts, at.policy)


def _fewer_ports(rule: Rule, enough: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rule with its own peers, for those of its ports alone that are needed.

    Who decided that a part of the internet may call is not told to let in all of it.
    """
    ports = PortSet.union(one.ports for one in enough) & rule.ports
    return (replace(rule, ports=ports) if ports or rule.named_ports else rule,)


def _beyond(
    at: RuleAt, narrower: tuple[Rule, ...], existing: PolicySet, learned: Learned, profile: Profile
) -> list[Change]:
    """What the rule opens and the narrower ones do not, and the other way round."""
    old, new = (
        judge_of(_alone(at, rules, existing), learned, profile) for rules in (narrower, (at.rule,))
    )
    return list(changes(old, new))


def _unseen(
    beyond: Iterable[Change], seen: Mapping[tuple[Peer, Peer], PortSet]
) -> Iterator[Change]:
    """Without what is needed and another rule allows first."""
    for one in beyond:
        opened = one.opened - seen.get((one.client, one.server), NO_PORTS)
        if opened:
            yield replace(one, opened=opened)


def _alone(at: RuleAt, rules: tuple[Rule, ...], existing: PolicySet) -> PolicySet:
    """These rules in place of all that the policies say; the other direction is open."""
    ingress = rules if at.direction == "ingress" else None
    egress = rules if at.direction == "egress" else None
    only = replace(at.policy, ingress=ingress, egress=egress, isolates=True)
    return replace(existing, policies=(only,), undecided=())
