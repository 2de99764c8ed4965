"""The evaluator: what a policy set allows in a world, under the rules of one engine.

``Judge(policies=…, world=…, profile=…)`` answers; see its methods. How it works: :mod:`.cells`
groups endpoints that the policies cannot tell apart, :mod:`.select` turns each selector into a set
of cells, :mod:`.compile` gives each pod cell its rules tier by tier, :mod:`.decide` walks them for
one connection and :mod:`.rows` for all peers at once, which :mod:`.connections` joins pod by pod
and :mod:`.abroad` reads as blocks of addresses. :mod:`.compiled` keeps all of that.
"""

from netpol.evaluate.abroad import Abroad, Span, blocks, joined
from netpol.evaluate.connections import Row
from netpol.evaluate.decide import Decision, Reason, Step
from netpol.evaluate.judge import Judge, decides
from netpol.evaluate.names import name_matches
from netpol.evaluate.rows import Doubt
from netpol.evaluate.witness import RuleId

__all__ = [
    "Abroad",
    "Decision",
    "Doubt",
    "Judge",
    "Reason",
    "Row",
    "RuleId",
    "Span",
    "Step",
    "blocks",
    "decides",
    "joined",
    "name_matches",
]
