"""Codes from NP030 on: what is decided while learning into a store."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["STORES"]

STORES: Final = {
    "NP030": Entry(
        title="an input is a shorter copy of what was learned",
        why="The store has learned a longer input that begins with the same bytes. A log grows at"
        " its end, so this is taken for an earlier copy of it, and left out: its records would"
        " count twice.",
        what_to_do="Nothing, if it is a copy. If its end is something else, learn it into a store"
        " of its own.",
    ),
    "NP031": Entry(
        title="a file that is followed is not read",
        why="No flow source recognises what is in it so far, or it cannot be opened. It is looked"
        " at again when it changes.",
        what_to_do="If it holds flows, name their kind with --from. If not, follow a pattern that"
        " leaves it out, such as 'logs/*.jsonl'.",
    ),
    "NP032": Entry(
        title="a store is asked without the inventory that it was learned with",
        why="A store keeps flows and which inventories they were learned with, not what is in"
        " these. Without one, sides that are known by address alone have no names, and workloads"
        " without traffic are not known.",
        what_to_do="Give the inventory that is named, or a later one, with --inventory.",
    ),
    "NP033": Entry(
        title="the inventory is older than the one that the store was learned with",
        why="It ends before the inventory with which flows were learned. Who had an address after"
        " that is not in it, so such sides may be held, or taken for who had the address before.",
        what_to_do="Give the inventory that is named, a later one, or both: they combine.",
    ),
}
