"""Notices about what the user traded: lists of addresses, the internet, staged roll-outs."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["SHAPING"]

SHAPING: Final[dict[str, Entry]] = {
    "NP050": Entry(
        title="a list of addresses is longer than --max-blocks",
        why="Fewer blocks would hold addresses of the cluster or private ones, which are never"
        " opened for the sake of a shorter list. The list is as short as it can be.",
        what_to_do="Nothing has to be done. Where the private networks are yours to open, edit the"
        " written policy; `netpol check` says what it then allows.",
    ),
    "NP052": Entry(
        title="a declared need cannot be written",
        why="An object of the cluster (a webhook, an aggregated API, a route) says that a Service"
        " is called, and no rule of this dialect can allow it: it has no word for the caller, and"
        " nobody told its address. Default deny may cut it off.",
        what_to_do="Give the EndpointSlices of default/kubernetes with --inventory, or choose a"
        " --target that has a word for the API server; --no-declared leaves such needs out.",
    ),
    "NP051": Entry(
        title="many public addresses called a port that no Service exposes",
        why="So many callers may mean that the port is for the internet, but no Service of type"
        " LoadBalancer or NodePort (or with external addresses) says so. Each address that was seen"
        " is allowed, and no other one: the next caller is denied.",
        what_to_do="Give --allow-world if the port is for everyone, or the Service in --inventory."
        " If it is not, find out how those callers reach it.",
    ),
}
