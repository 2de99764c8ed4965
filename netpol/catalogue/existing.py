"""Findings about policies that are there already, held against what was observed."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["EXISTING"]

EXISTING: Final[dict[str, Entry]] = {
    "NP150": Entry(
        title="a rule that no observation needs",
        why="No accepted connection and no declared need uses the rule: other rules allow the same"
        " first, or what it was for is gone, or did not happen while flows were recorded.",
        what_to_do="Ask who wrote it. What happens rarely (a nightly job, a failover) may need a"
        " longer window; what nobody knows can go.",
    ),
    "NP151": Entry(
        title="a rule is broader than what was observed",
        why="Some connections need the rule, and it opens others that nobody was seen to use: a"
        " selector, a block of addresses or a range of ports is wider than its use.",
        what_to_do="Put the narrower rule that is shown in its place, once the window of"
        " observation is long enough. It allows everything that the rule was seen to serve.",
    ),
    "NP152": Entry(
        title="an existing policy denies what is needed",
        why="A rule of an existing policy denies an accepted connection explicitly, or a policy"
        " that was not understood may do so. No allow rule beside it can open it again.",
        what_to_do="Decide which is right: change the rule that denies, or refuse the connection"
        " with `netpol decide`, so that it is no longer taken as needed.",
    ),
    "NP153": Entry(
        title="a proposed policy has another name",
        why="An existing policy has the name that the proposal would have had, and existing"
        " policies are not rewritten. The proposed one adds to it under a name of its own.",
        what_to_do="Nothing has to be done; or merge the two by hand, or generate without"
        " --existing, into the folder where the policies are, to have them edited.",
    ),
    "NP154": Entry(
        title="existing policies that the network plugin does not read",
        why="Policies of another plugin's kind are there, after a migration for instance. Whoever"
        " enforces the proposal takes no notice of them, so they allow and deny nothing: what they"
        " would allow is proposed as well.",
        what_to_do="Delete them once nothing enforces them any more. If something does, name it"
        " with --cni, and have the proposal written in a dialect that it reads (--target).",
    ),
}
