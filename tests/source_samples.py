"""One small valid input per flow source, by the source's name: what tests over all sources read.

A sample holds at least one connection and one record that is none, if the format knows such.
"""

from __future__ import annotations

from typing import Final

import hubble_lines as h

__all__ = ["SAMPLES"]

SAMPLES: Final[dict[str, bytes]] = {
    "hubble": h.text(
        [
            h.wrapped(h.record()),
            h.wrapped(h.record(l4=h.tcp(8080, 43512, **h.SYN_ACK), is_reply=True)),
            {"lost_events": {"num_events_lost": "4"}},
        ]
    ),
}
