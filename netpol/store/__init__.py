"""What has been learned so far: one SQLite file that never loses a flow and never counts one twice.

Attribution needs all flows together and the inventory, so a store keeps flows as their sources
folded them, never peers: what ``generate`` makes of a store is what it makes of the files.
"""

from __future__ import annotations

from netpol.store.beside import Known, Note, inventories, known_of, note, noted, remember
from netpol.store.file import Store, beside, is_store, opened
from netpol.store.identity import Identity, Trace
from netpol.store.ledger import Input, candidates, inputs
from netpol.store.load import account, flows, notices
from netpol.store.loose import Who, loose, named
from netpol.store.merge import absorb, merge
from netpol.store.parcel import parcels
from netpol.store.take import Fresh, Taken, Told, take
from netpol.store.text import exported, restored

__all__ = [
    "Fresh",
    "Identity",
    "Input",
    "Known",
    "Note",
    "Store",
    "Taken",
    "Told",
    "Trace",
    "Who",
    "absorb",
    "account",
    "beside",
    "candidates",
    "exported",
    "flows",
    "inputs",
    "inventories",
    "is_store",
    "known_of",
    "loose",
    "merge",
    "named",
    "note",
    "noted",
    "notices",
    "opened",
    "parcels",
    "remember",
    "restored",
    "take",
]
