"""What all forms of a review say in the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from netpol.graph import Evidence
from netpol.peers import Cidr, Peer, label
from netpol.report.blocks import addresses_words
from netpol.report.rows import evidence_object
from netpol.report.words import count
from netpol.review import Review
from netpol.review.causes import Cause

__all__ = ["causes_words", "evidence_words", "party", "sentence"]


def sentence(review: Review) -> str:
    """The sentence that decides."""
    return f"{_policies(review)}: {_edges(review)}; {_broken(review)}{_left_out(review)}."


def _policies(review: Review) -> str:
    counts = Counter(one.how for one in review.touched)
    changed = sum(counts.values()) - counts["reworded"]
    if changed:
        return f"{count(changed, 'policy', 'policies')} change{'s' * (changed == 1)}"
    if counts["reworded"]:
        are = "is" if counts["reworded"] == 1 else "are"
        return f"{count(counts['reworded'], 'policy', 'policies')} {are} only written otherwise"
    return "No policy changes"


def _edges(review: Review) -> str:
    edges = [one.edge for one in review.edges]
    opens, closes = sum(e.opens for e in edges), sum(e.closes for e in edges)
    unsure = sum(e.kind == "undecided" for e in edges)
    if not opens and not closes:
        first = "nothing opens, nothing closes"
    else:
        first = f"{_verb(opens, 'connection', 'open')}, {_verb(closes, '', 'close')}"
    doubt = f", {unsure:,} cannot be decided" if unsure else ""
    return f"{first}{doubt}, {_verb(review.stay, '', 'stay')} in the cluster"


def _verb(number: int, noun: str, verb: str) -> str:
    what = count(number, noun) if noun else f"{number:,}"
    return f"{what} {verb}{'s' * (number == 1)}"


def _broken(review: Review) -> str:
    if review.replayed is None:
        return "without flows it is not known what would break"
    return f"{count(len(review.broke), 'observed connection')} would be denied"


def _left_out(review: Review) -> str:
    if not review.left_out:
        return ""
    are = "is" if review.left_out == 1 else "are"
    words = count(review.left_out, "new policy", "new policies")
    return f". But {words} cannot be read or would be refused, and {are} left out of all this"


def party(peer: Peer, blocks: tuple[str, ...]) -> str:
    """A side of an edge or a breach, which may be about several blocks: these in words."""
    return addresses_words(blocks) if isinstance(peer, Cidr) and blocks else label(peer)


def evidence_words(
    evidence: Evidence | None,
    tried: Iterable[tuple[str, int]] = (),
    declared: Iterable[str] = (),
) -> str:
    """How often, from when to when, and by whom it was seen; else why it is a declared need."""
    if evidence is None:
        return ""
    held = "; ".join(f"{count(n, 'record')} held: {reason}" for reason, n in tried)
    if not evidence.records:
        needs = [f"declared need: {why}" for why in declared]
        return "; ".join(["never observed", *needs, *([held] if held else [])])
    found = evidence_object(evidence)
    when = " – ".join(dict.fromkeys([found.get("first", ""), found.get("last", "")]))
    seen = f"{evidence.count or evidence.records:,}×"
    by = ", ".join(name for name, _ in evidence.sources)
    return ", ".join(part for part in (seen, when, by, held) if part)


def causes_words(causes: Iterable[Cause]) -> str:
    """The rules behind something; the first few."""
    texts = [one.text for one in causes]
    more = f" and {len(texts) - 2} more" if len(texts) > 2 else ""
    return ", ".join(texts[:2]) + more
