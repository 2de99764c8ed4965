"""Hubble over gRPC: the relay of a cluster, or an agent by its socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capture.hubble import HUBBLE
from capture.live import Batch, LiveReading, LiveSource, Wanted

__all__ = ["HUBBLE_LIVE"]


def _stream(reading: LiveReading, wanted: Wanted) -> Iterator[Batch]:
    from capture.hubble_observer import observe  # msgspec is not needed to list the sources

    return observe(reading, wanted)


HUBBLE_LIVE: Final = LiveSource(
    name=HUBBLE.name,
    schemes=("hubble", "hubble+unix", "unix"),
    summary="Hubble Relay (hubble://host:4245) or an agent's socket"
    " (unix:///var/run/cilium/hubble.sock), over gRPC",
    sight=HUBBLE.sight,
    stream=_stream,
)
