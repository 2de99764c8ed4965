"""What is known of a cluster's network plugin, as text and as an object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netpol.detect import Detected
from netpol.notices import Notice
from netpol.profile import Profile
from netpol.profile.facts import facts
from netpol.report.printable import printable_lines

__all__ = ["doctor_object", "doctor_text"]


def doctor_object(
    found: Detected, profile: Profile | None, notices: Iterable[Notice]
) -> dict[str, Any]:
    """What ``doctor --format json`` prints."""
    return {
        "cni": profile.name if profile else None,
        "enforces": bool(profile and profile.enforces),
        "evidence": [
            {"cni": one.profile, "object": one.where, "shows": one.shows} for one in found.evidence
        ],
        "reads": list(profile.reads) if profile else [],
        "facts": [
            {
                "field": one.field,
                "value": one.value,
                "source": one.source.text,
                "verified": one.source.verified,
            }
            for one in (facts(profile) if profile else ())
        ],
        "settings": [
            {"field": setting.field, "key": setting.key, "value": setting.value, "object": where}
            for setting, where in found.changed
        ],
        "remarks": [
            {"text": one.text, "verified": one.verified}
            for one in (profile.remarks if profile else ())
        ],
        "warnings": [{"code": one.code, "message": one.message} for one in notices],
    }


def doctor_text(found: Detected, profile: Profile | None, notices: Iterable[Notice]) -> str:
    """The profile, who says so, what it means, and what is wrong."""
    lines = [
        *_profile(profile),
        *_evidence(found),
        *(_facts(profile, found) if profile else ()),
        *(f"! {one.code} {one.message}" for one in notices),
    ]
    return printable_lines(lines)


def _profile(profile: Profile | None) -> Iterator[str]:
    if profile is None:
        yield "No network plugin that enforces policies shows in the inventory."
        return
    reads = " and ".join(profile.reads)
    state = (
        "enforces policies of" if profile.enforces else "enforces nothing, would read policies of"
    )
    yield f"{profile.name}: {profile.summary}; {state} {reads}"


def _evidence(found: Detected) -> Iterator[str]:
    if found.evidence:
        yield "\nThe inventory says so:"
    for one in found.evidence:
        yield f"  {one.profile}: {one.where}, {one.shows}"


def _facts(profile: Profile, found: Detected) -> Iterator[str]:
    yield "\nWhat that means; (U) is not verified:"
    changed = {setting.field: f"{setting.key} in {where}" for setting, where in found.changed}
    for one in facts(profile):
        yield f"  {one.title}: {one.value}"
        yield f"      {changed.get(one.field) or one.source}"
    if profile.remarks:
        yield "\nBeside that:"
    for remark in profile.remarks:
        yield f"  {remark}"
    yield ""
