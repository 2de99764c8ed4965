"""The certificate as JSON and as the first screen."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

from netpol.certificate import Certificate
from netpol.compare import Difference
from netpol.doubts import doubts
from netpol.enough import enough
from netpol.evaluate import Decision, Step
from netpol.learn import Learned
from netpol.lint import Lint
from netpol.lint.finding import title
from netpol.opened import Opened, is_declared, is_outside
from netpol.peers import Workload, label
from netpol.prices import Price
from netpol.replay import Replay
from netpol.report.choices import choice_rows, choices_text
from netpol.report.contradictions import contradiction_rows, contradictions_text
from netpol.report.enough import saturation_object, saturation_text
from netpol.report.held import held_rows, held_text
from netpol.report.judged import decided_rows, decided_text, doubt_rows, doubt_text
from netpol.report.lint import finding_rows
from netpol.report.prices import (
    patterned_rows,
    patterned_text,
    price_rows,
    prices_text,
    widened_rows,
    widened_text,
)
from netpol.report.printable import printable_lines
from netpol.report.rows import Row, connection_row, evidence_object, records_object, rows
from netpol.report.words import doubt_words, set_words

__all__ = [
    "blame",
    "certificate_object",
    "certificate_text",
    "check_object",
    "denied_rows",
    "difference_rows",
    "opened_rows",
]

_MOST: Final = 5
"""Addresses on one line; JSON has all of them."""


def opened_rows(certificate: Certificate, *, outside: bool = False) -> list[Row]:
    """What is allowed without having been observed: in the cluster with all that is declared, or
    with somebody outside."""
    return [
        {**row, "reason": one.reason, "declared": is_declared(one)}
        for one in certificate.opened
        if outside == (is_outside(one) and not is_declared(one))
        for row in rows(one.client, one.server, one.ports)
    ]


def denied_rows(certificate: Certificate) -> list[Row]:
    """Accepted connections that are denied, by what, with their evidence."""
    return [
        {
            **connection_row(one.connection),
            "by": blame(one.decision),
            "evidence": evidence_object(one.evidence),
        }
        for one in certificate.denied
    ]


def difference_rows(found: Iterable[Difference]) -> list[Row]:
    """Where dialects differ."""
    return [
        {**row, "dialect": one.dialect, "reason": one.reason}
        for one in found
        for row in rows(one.client, one.server, one.ports)
    ]


def blame(decision: Decision) -> str:
    """What denies a connection, in words: the side, then the policies."""
    return "; ".join(
        f"{step.direction}: {_step(step)}"
        for step in (decision.egress, decision.ingress)
        if not step.allowed
    )


def _step(step: Step) -> str:
    names = ", ".join(map(title, step.policies))
    if step.rule is not None:
        return f"rule {step.number} of {names}"
    return f"{step.reason} of {names}" if names else step.reason


def certificate_object(
    certificate: Certificate,
    learned: Learned,
    found: Iterable[Difference],
    files: Iterable[str],
    origin: str = "dialect",
    prices: Iterable[Price] = (),
) -> dict[str, Any]:
    """What ``generate --format json`` prints; counts where the text shows a number."""
    return {
        "target": certificate.profile.words.name,
        "cni": certificate.profile.name,
        "cni_from": origin,
        "records": records_object(learned.records),
        "held": held_rows(learned),
        "decided": decided_rows(learned.decided),
        "doubts": doubt_rows(doubts(learned)),
        "contradictions": contradiction_rows(learned),
        "enough": saturation_object(enough(learned)),
        "accepted": certificate.accepted,
        "denied": len(certificate.denied),
        "undecided": [connection_row(c) for c in certificate.undecided],
        "unobserved": opened_rows(certificate),
        "unobserved_outside": opened_rows(certificate, outside=True),
        "rules": certificate.rules,
        "levels": price_rows(prices),
        "widened": widened_rows(certificate.widened),
        "patterns": patterned_rows(certificate.patterned),
        "rules_without_witness": len(certificate.without_witness),
        "dialect_differences": difference_rows(found),
        "decisions": choice_rows(certificate.choices),
        "attributed_share": round(learned.attributed_share, 4),
        "lost_events": learned.lost_events,
        "blind_spots": learned.blind_spots,
        "silent_workloads": [label(one) for one in certificate.silent],
        "open_namespaces": list(certificate.open_namespaces),
        "files": sorted(files),
    }


def check_object(
    result: Replay | None, learned: Learned, lint: Lint | None = None
) -> dict[str, Any]:
    """What ``check --format json`` prints; without a replay the lists about traffic are empty."""
    looked = lint or Lint()
    return {
        "records": records_object(learned.records),
        "held": held_rows(learned),
        "contradictions": contradiction_rows(learned),
        **(_replayed(result) if result else _NOT_REPLAYED),
        "blind_spots": learned.blind_spots,
        "findings": finding_rows(looked.findings),
        "findings_skipped": list(looked.skipped),
    }


_NOT_REPLAYED: Final[dict[str, Any]] = {
    "allowed": 0,
    "denied": [],
    "undecided": [],
    "unused_rules": [],
    "unobserved": [],
}


def _replayed(result: Replay) -> dict[str, Any]:
    certificate = result.certificate
    return {
        "allowed": certificate.accepted - len(certificate.denied),
        "denied": denied_rows(certificate),
        "undecided": _undecided_rows(result),
        "unused_rules": [
            {
                "policy": title(one.policy),
                "direction": one.direction,
                "rule": one.number,
                "origin": one.policy.origin,
            }
            for one in result.unused
        ],
        "unobserved": opened_rows(certificate),
    }


def _undecided_rows(result: Replay) -> list[Row]:
    """What could not be read decides, and kinds that the dialect does not decide."""
    found = [
        {**connection_row(one.connection), "by": "; ".join(map(doubt_words, one.because))}
        for one in result.unsure
    ]
    found += [{**connection_row(c), "by": ""} for c in result.certificate.undecided]
    return found


def certificate_text(
    certificate: Certificate,
    learned: Learned,
    found: tuple[Difference, ...],
    origin: str = "dialect",
    prices: Iterable[Price] = (),
) -> str:
    """Five lines, one per promise of the certificate; a mark in front says kept or not."""
    c = certificate
    declared = [one for one in c.opened if is_declared(one)]
    undeclared = [one for one in c.opened if not is_declared(one)]
    wider = [one for one in undeclared if not is_outside(one)]
    lines = [
        _line(
            not c.denied,
            "sufficient",
            f"{c.accepted - len(c.denied)} of {c.accepted} accepted connections are allowed by the"
            " policies as written",
        ),
        _line(
            not undeclared,
            "tight",
            f"{len(wider)} unobserved in-cluster pairs opened, {len(declared)} more declared needed"
            f" ({_needs(declared)})",
        ),
        _line(
            not c.without_witness,
            "minimal",
            f"{c.rules - len(c.without_witness)} of {c.rules} rules have a connection that needs"
            f" them{_needless(c.without_witness)}",
        ),
        _line(True, "equal", _equality(found)),
        _line(
            not (c.silent or c.open_namespaces or learned.lost_events or _partly(learned)),
            "honest",
            _unseen(certificate, learned),
        ),
    ]
    chosen = choices_text(c.choices, c.profile, origin)
    held = held_text(held_rows(learned))
    against = contradictions_text(contradiction_rows(learned))
    people = decided_text(learned.decided), doubt_text(doubts(learned))
    parts = (
        lines,
        prices_text(prices),
        _opened(c),
        _opened_outside(c),
        widened_text(c.widened),
        patterned_text(c.patterned),
        _different(found),
        chosen,
        *people,
        against,
        held,
    )
    return printable_lines(line for part in parts for line in part)


def _needs(declared: Iterable[Opened]) -> str:
    """What the needs are about."""
    others = any(not one.reason.endswith(": name resolution") for one in declared)
    return "name resolution, and what objects declare" if others else "name resolution"


def _opened(certificate: Certificate) -> Iterable[str]:
    """What is open without having been observed: a line per reason, server and ports."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in certificate.opened:
        if is_declared(one) or not is_outside(one):
            groups[(one.reason, label(one.server), set_words(one.ports))].append(label(one.client))
    if groups:
        yield "\n  Open in the cluster, not observed:"
    for (reason, server, ports), clients in groups.items():
        yield f"    {reason}: → {server} {ports}, from {', '.join(sorted(clients))}"


def _opened_outside(certificate: Certificate) -> Iterable[str]:
    """The same with somebody outside: a line per reason, workload and ports."""
    groups: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for one in certificate.opened:
        if is_outside(one) and not is_declared(one):
            egress = isinstance(one.client, Workload)
            ends = (one.client, one.server) if egress else (one.server, one.client)
            words = "may reach" if egress else "is open to"
            groups[(one.reason, label(ends[0]), words, set_words(one.ports))].append(label(ends[1]))
    if groups:
        yield "\n  Open to the outside, not observed of these workloads:"
    for (reason, own, words, ports), others in groups.items():
        more = f" and {len(others) - _MOST} more" if len(others) > _MOST else ""
        yield f"    {reason}: {own} {words} {', '.join(sorted(others)[:_MOST])}{more} {ports}"


def _different(found: Iterable[Difference]) -> Iterable[str]:
    """What the dialects do not say alike: a line per reason and server."""
    groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in found:
        groups[(label(one.client), set_words(one.ports), one.reason)].append(label(one.server))
    if groups:
        yield "\n  Said differently in other dialects:"
    for (client, ports, reason), servers in groups.items():
        yield f"    {client} → {', '.join(servers)} {ports}: {reason}"


def _line(kept: bool, promise: str, text: str) -> str:
    return f"  {'✔' if kept else '!'} {promise:<11}{text}"


def _equality(found: tuple[Difference, ...]) -> str:
    if not found:
        return "kubernetes, calico and cilium allow the same in-cluster connections"
    counts = ", ".join(f"{n} in {d}" for d, n in sorted(Counter(f.dialect for f in found).items()))
    return f"the dialects allow the same but for {len(found)} listed differences ({counts})"


def _partly(learned: Learned) -> bool:
    """Whether of some records nobody knows who it was, as far as the share that is shown tells."""
    return round(learned.attributed_share, 3) < 1


def _needless(rules: Sequence[str]) -> str:
    more = f" and {len(rules) - _MOST} more" if len(rules) > _MOST else ""
    return f"; not {', '.join(rules[:_MOST])}{more}" if rules else ""


def _unseen(certificate: Certificate, learned: Learned) -> str:
    silent = ", ".join(label(one) for one in certificate.silent[:3])
    more = len(certificate.silent) - 3
    parts = [f"{learned.attributed_share:.1%} of the records about connections attributed"]
    if known := saturation_text(enough(learned)):
        parts.append(known)
    if learned.lost_events:
        parts.append(f"{learned.lost_events:,} events lost by the source")
    if certificate.silent:
        parts.append(f"no traffic seen of {silent}" + (f" and {more} more" if more > 0 else ""))
    if certificate.open_namespaces:
        names = ", ".join(certificate.open_namespaces)
        parts.append(f"nothing seen in {names}, and so no policies there (--namespace)")
    if certificate.undecided:
        parts.append(f"{len(certificate.undecided)} ICMP connections not decided by this dialect")
    return "; ".join(parts)
