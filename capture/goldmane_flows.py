"""The Flows service of Goldmane: pages of what it holds, or the stream of what comes.

``goldmane.Flows/List`` and ``/Stream`` of projectcalico/calico. It keeps about an hour, in
intervals of 15 s, and gives out an interval some time after its end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from capture.goldmane import GOLDMANE
from capture.grpc_door import Channel
from capture.live import Batch, LiveReading, Wanted
from capture.live_address import address
from capture.live_loop import Kind, decoded, stream
from capture.live_pump import Messages
from capture.source import Reading
from capture.wire import Table, messages
from capture.wire_goldmane import WireFold
from netpol.errors import NetpolError

__all__ = ["ask_goldmane"]

_PORT: Final = 7443
_LIST: Final = "/goldmane.Flows/List"
_STREAM: Final = "/goldmane.Flows/Stream"
_PAGE: Final = 1000
_INTERVAL: Final = 15
"""Seconds; Goldmane's own, so nothing is added up that could be told apart."""
_GIGA: Final = 1_000_000_000

_TABLES: Final[dict[str, Table]] = {
    "FlowListRequest": {
        "start_time_gte": (1, "int64"),
        "start_time_lt": (2, "int64"),
        "page": (3, "int64"),
        "page_size": (4, "int64"),
        "aggregation_interval": (7, "int64"),
    },
    "FlowListResult": {"meta": (1, "ListMetadata"), "flows": (2, "*bytes")},
    "ListMetadata": {"totalPages": (1, "int64")},
    "FlowStreamRequest": {"start_time_gte": (1, "int64"), "aggregation_interval": (3, "int64")},
}


class _Pages:
    """Every flow of a list, page by page."""

    def __init__(self, channel: Channel, start: int, end: int) -> None:
        self._channel = channel
        self._of = messages("netpol.goldmane.flows", _TABLES)
        self._start, self._end = start, end
        self._cancelled = False

    def __iter__(self) -> Iterator[bytes]:
        page, pages = 0, 1
        while page < pages and not self._cancelled:
            request = self._of["FlowListRequest"](
                start_time_gte=self._start,
                start_time_lt=self._end,
                page=page,
                page_size=_PAGE,
                aggregation_interval=_INTERVAL,
            )
            answer = self._channel.ask(_LIST, request.SerializeToString())
            result = decoded(self._of["FlowListResult"], answer, _LIST)
            yield from result.flows
            page, pages = page + 1, result.meta.totalPages

    def cancel(self) -> None:
        self._cancelled = True


def _ask(channel: Channel, wanted: Wanted, since: int | None) -> Messages:
    """Times are whole seconds; those of the bounds are in."""
    start = wanted.since if since is None else since
    seconds = max(1, start // _GIGA) if start is not None else 0
    if not wanted.follow:
        end = time.time_ns() if wanted.until is None else wanted.until
        return _Pages(channel, seconds, end // _GIGA + 1)
    request = messages("netpol.goldmane.flows", _TABLES)["FlowStreamRequest"](
        start_time_gte=seconds, aggregation_interval=_INTERVAL
    )
    return channel.stream(_STREAM, request.SerializeToString())


def _greet(channel: Channel, reading: Reading) -> bool:
    """It says nothing of itself."""
    return False


def ask_goldmane(reading: LiveReading, wanted: Wanted) -> Iterator[Batch]:
    """The batches of a Goldmane."""
    where = address(reading.where, _PORT)
    if where.namespaces or wanted.last:
        raise NetpolError(
            "Goldmane can be asked for times alone",
            where=reading.where,
            hint="leave out --last and ?namespace=, and say --since 10m",
        )
    kind = Kind(name=GOLDMANE.name, sight=GOLDMANE.sight, greet=_greet, ask=_ask, folding=WireFold)
    return stream(kind, where.target, reading, wanted)
