"""What `netpol capture` can tell, under the name that its flow records have."""

from __future__ import annotations

from typing import Final

from capture.source import Sight, Watcher

__all__ = ["CAPTURE"]

CAPTURE: Final = Watcher(
    name="capture",
    summary="packets as they pass, seen by `netpol capture`; what it writes is read as netpol",
    sight=Sight(
        who="addresses",
        direction="certain, by who opened it; by ports where the opening was not captured",
        port="of the pod, and that of the Service where connection tracking is listened to",
        verdict="answered, refused, rejected by a filter",
        outside="addresses, DNS answers, names in TLS",
        blind=(
            "a packet that a policy drops looks like one that nobody answers",
            "what passed elsewhere, before a container was found or in encrypted tunnels is unseen",
            "in different intervals, connections from one port of a client count as one",
        ),
    ),
)
