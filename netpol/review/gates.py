"""What a pipeline may refuse to let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from netpol.review.risks import Risk

if TYPE_CHECKING:
    from netpol.review.review import Review

__all__ = ["GATES", "Gate", "stopped"]

Gate: TypeAlias = Literal[
    "opened",
    "opened-world",
    "opened-metadata",
    "opened-outside",
    "opened-database",
    "opened-admin",
    "opened-every-port",
    "opened-cross-team",
    "unobserved",
    "seen-once",
    "closed",
    "breaks-observed",
    "undecided",
    "rules",
    "new-rules",
    "findings",
]

GATES: Final[dict[Gate, str]] = {
    "opened": "a connection opens or broadens",
    "opened-world": "… to or from the internet at large",
    "opened-metadata": "… to the metadata address of the cloud",
    "opened-outside": "… to or from somebody outside the cluster",
    "opened-database": "… on a database port",
    "opened-admin": "… on an admin port",
    "opened-every-port": "… on nearly every port",
    "opened-cross-team": "… between namespaces of two teams",
    "unobserved": "… that was never observed",
    "seen-once": "… that was seen only once",
    "closed": "a connection closes or narrows",
    "breaks-observed": "an observed connection would be denied that was allowed",
    "undecided": "it cannot be decided what changes, or a new policy was left out",
    "rules": "a rule of the team is broken",
    "new-rules": "a rule of the team is broken that was kept before",
    "findings": "a policy has a new finding",
}
"""Every gate, and when it does not let a change pass."""

_RISKS: Final[dict[Gate, tuple[Risk, ...]]] = {
    "opened-world": ("world",),
    "opened-metadata": ("metadata",),
    "opened-outside": ("world", "outside"),
    "opened-database": ("database",),
    "opened-admin": ("admin",),
    "opened-every-port": ("every-port",),
    "opened-cross-team": ("cross-team",),
    "unobserved": ("never-observed",),
    "seen-once": ("seen-once",),
}


def stopped(gate: Gate, review: Review) -> int:
    """How many things of a review the gate does not let pass."""
    if gate in _RISKS:
        return sum(1 for one in review.edges if {*_RISKS[gate]} & {*one.risks})
    edges = [one.edge for one in review.edges]
    counts = {
        "opened": sum(one.opens for one in edges),
        "closed": sum(one.closes for one in edges),
        "breaks-observed": len(review.broke),
        "undecided": sum(one.kind == "undecided" for one in edges)
        + sum(not one.breach.certain for one in review.violations)
        + review.left_out,
        "rules": sum(one.breach.certain for one in review.violations),
        "new-rules": sum(one.breach.certain and one.new for one in review.violations),
        "findings": len(review.findings),
    }
    return counts[gate]
