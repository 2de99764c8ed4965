"""Notices about servers that are asked for flows."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["LIVE"]

LIVE: Final[dict[str, Entry]] = {
    "NP040": Entry(
        title="a live source broke off",
        why="The connection to the server ended or did not come about. It is asked again, with"
        " longer and longer pauses, for what it has since shortly before the last record; records"
        " that it repeats count once.",
        what_to_do="Nothing, if it comes back soon: NP041 says so if records are missing."
        " Otherwise look whether the server runs and can be reached.",
        each=True,
    ),
    "NP041": Entry(
        title="records of a live source are missing",
        why="After an interruption the server no longer had the last record that was read before"
        " it. Its memory is short (an agent of Hubble keeps some thousand flows), so what was said"
        " in between may never have been seen.",
        what_to_do="Learn longer, so that what is regular is seen again; enlarge the server's"
        " buffer (hubble.eventBufferCapacity); or let the agents export to files as well.",
        each=True,
    ),
}
