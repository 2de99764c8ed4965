"""A review as JSON."""

from __future__ import annotations

from typing import Any

from netpol.learn import Learned
from netpol.peers import label
from netpol.report.certificates import blame
from netpol.report.contradictions import contradiction_rows
from netpol.report.enough import saturation_object
from netpol.report.judged import decided_rows, decision_object, doubt_rows
from netpol.report.review_words import sentence
from netpol.report.rows import Row, connection_row, evidence_object, records_object, rows
from netpol.review import Review
from netpol.review.causes import Cause
from netpol.review.places import Place
from netpol.review.review import Broke, Reviewed, Violation

__all__ = ["review_object"]


def review_object(review: Review, learned: Learned | None) -> dict[str, Any]:
    """What ``review --format json`` prints; names as they are, nothing is cut or masked."""
    replayed = review.replayed
    return {
        "summary": sentence(review),
        "policies": [{"policy": one.text, "change": one.how} for one in review.touched],
        "changes": [row for one in review.edges for row in _changes(one)],
        "stay": review.stay,
        "observed": None if replayed is None else replayed.asked,
        "breaks": [_break(one) for one in review.broke],
        "denied_before": [connection_row(c) for c in replayed.before] if replayed else [],
        "undecided": [connection_row(c) for c in replayed.undecided] if replayed else [],
        "rules": [row for one in review.violations for row in _violation(one)],
        "rules_about_nobody": [
            {"rule": rule.name, "side": side, "file": rule.file, "line": rule.line}
            for rule, side in review.idle
        ],
        "findings": [
            {"code": f.code, "policy": f.policy, "message": f.message, **_place(place)}
            for f, place in review.findings
        ],
        "gates": {"asked": list(review.asked), "failed": dict(review.failed)},
        "decided": decided_rows(learned.decided) if learned else [],
        "doubts": doubt_rows(review.doubts),
        "coverage": _coverage(review, learned),
    }


def _coverage(review: Review, learned: Learned | None) -> Row | None:
    """How much was seen, and what could not be; null without flows."""
    if learned is None or review.replayed is None or review.enough is None:
        return None
    return {
        "records": records_object(learned.records),
        "attributed_share": round(learned.attributed_share, 4),
        "lost_events": learned.lost_events,
        "blind_spots": {name: list(texts) for name, texts in learned.blind_spots.items()},
        "connections": len(learned.accepted),
        "silent_workloads": [label(one) for one in review.replayed.silent],
        "contradictions": contradiction_rows(learned),
        "enough": saturation_object(review.enough),
    }


def _changes(one: Reviewed) -> list[Row]:
    edge = one.edge
    seen = None if one.evidence is None else evidence_object(one.evidence)
    return [
        {
            "change": edge.kind,
            **row,
            "blocks": list(edge.blocks),
            "evidence": seen,
            "held": dict(one.tried),
            "declared": list(one.declared),
            "risks": list(one.risks),
            "doubts": list(one.doubts),
            "decided": [decision_object(each) for each in one.decided],
            "because": _causes(one.causes),
            **_place(one.place),
        }
        for row in rows(edge.client, edge.server, edge.ports)
    ]


def _break(one: Broke) -> Row:
    return {
        **connection_row(one.broken.connection),
        "by": blame(one.broken.decision),
        "evidence": evidence_object(one.broken.evidence),
        "because": _causes(one.causes),
        **_place(one.place),
    }


def _violation(one: Violation) -> list[Row]:
    breach = one.breach
    return [
        {
            "rule": breach.rule.name,
            "demand": breach.rule.demand,
            **row,
            "blocks": list(breach.blocks),
            "witness": connection_row(breach.witness),
            "certain": breach.certain,
            "new": one.new,
            "because": _causes(one.causes),
            **_place(one.place),
        }
        for row in rows(breach.client, breach.server, breach.ports)
    ]


def _causes(causes: tuple[Cause, ...]) -> list[str]:
    return [one.text for one in causes]


def _place(place: Place | None) -> Row:
    if place is None:
        return {"file": None, "line": None}
    return {"file": place.file, "line": place.line}
