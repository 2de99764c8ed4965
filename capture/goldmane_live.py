"""Calico's Goldmane over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from capture.goldmane import GOLDMANE
from capture.live import Batch, LiveReading, LiveSource, Wanted

__all__ = ["GOLDMANE_LIVE"]


def _stream(reading: LiveReading, wanted: Wanted) -> Iterator[Batch]:
    from capture.goldmane_flows import ask_goldmane  # msgspec is not needed to list the sources

    return ask_goldmane(reading, wanted)


GOLDMANE_LIVE: Final = LiveSource(
    name=GOLDMANE.name,
    schemes=("goldmane",),
    summary="Calico's Goldmane (goldmane://host:7443), over gRPC with mutual TLS",
    sight=GOLDMANE.sight,
    stream=_stream,
)
