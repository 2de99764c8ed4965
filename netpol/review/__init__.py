"""What a change of policies does, on what evidence, and whether a team wants it.

:func:`review` puts together what a reviewer must know: the connections that open and close
(``edges``), what was observed of them (``observed``) and what is risky about them (``risks``), the
policies that change (``touched``) and the rule and line behind each edge (``causes``, ``places``),
the team's own rules (``rules``, ``peers``, ``breaches``) and the gates that fail (``gates``).
Everything is asked of :func:`netpol.changes.changes` and the Judge; nothing here evaluates.
"""

from netpol.review.edges import Edge
from netpol.review.gates import GATES, Gate
from netpol.review.review import Review, Side, review

__all__ = ["GATES", "Edge", "Gate", "Review", "Side", "review"]
