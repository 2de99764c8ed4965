"""Policies that are there already: what is missing on top of them, and what of them nobody needs.

    atoms     rules cut into one peer and one run of ports each, and joined again
    missing   the part of a proposal that existing policies do not allow yet
    standing  existing rules that no observation needs, or that are broader than it
    findings  these and what else is wrong with existing policies, each rule once

Existing policies are never rewritten: what is proposed adds to them. What they deny explicitly no
allow rule can open; that is a conflict, and for people to decide.
"""

from netpol.existing.findings import Remark, remarks
from netpol.existing.missing import missing, together
from netpol.existing.standing import Excess, excesses

__all__ = ["Excess", "Remark", "excesses", "missing", "remarks", "together"]
