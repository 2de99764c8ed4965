"""An Observer service of Hubble on loopback, written from the published tables of fields.

It answers as a relay does: from a list of records, oldest first, those that the request's filters
and times want; then, when it is followed, what the test adds. It can lose events, lose nodes, and
break off in the middle.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
import hubble_wire as w

__all__ = ["HubbleServer"]


@dataclass(slots=True)
class HubbleServer:
    """Serves ``lines`` (the JSON of GetFlowsResponse); use it as a context."""

    lines: list[Mapping[str, Any]] = field(default_factory=list)
    status: Mapping[str, Any] | None = field(default_factory=dict)
    """ServerStatusResponse; None: the method is not there."""
    break_after: list[int] = field(default_factory=list)
    """Each stream ends with UNAVAILABLE after so many messages; streams beyond the list do not."""
    credentials: grpc.ServerCredentials | None = None
    address: str = "127.0.0.1:0"
    requests: list[Any] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    port: int = 0
    _server: Any = None

    def __enter__(self) -> HubbleServer:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to listen, where it listened before if it did."""
        methods = {"GetFlows": grpc.unary_stream_rpc_method_handler(self._flows)}
        if self.status is not None:
            methods["ServerStatus"] = grpc.unary_unary_rpc_method_handler(self._status)
        self._server = grpc.server(
            futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)]
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("observer.Observer", methods),)
        )
        where = f"127.0.0.1:{self.port}" if self.port else self.address
        if self.credentials is None:
            self.port = self._server.add_insecure_port(where)
        else:
            self.port = self._server.add_secure_port(where, self.credentials)
        self._server.start()

    def stop(self) -> None:
        """Break every connection off, and be away."""
        server, self._server = self._server, None
        with self.changed:
            self.changed.notify_all()
        server.stop(0).wait()

    def add(self, *lines: Mapping[str, Any]) -> None:
        """Something happens."""
        with self.changed:
            self.lines += lines
            self.changed.notify_all()

    def _status(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return w.message("ServerStatusResponse", self.status or {})

    def _flows(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        request = w.parse("GetFlowsRequest", data)
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()
        breaks = self.break_after.pop(0) if self.break_after else -1
        sent = 0
        for line in self._wanted(request, context):
            if sent == breaks:
                context.abort(grpc.StatusCode.UNAVAILABLE, "the relay shuts down")
            yield w.message("GetFlowsResponse", line)
            sent += 1
        if sent == breaks:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the relay shuts down")

    def _wanted(self, request: Any, context: Any) -> Iterator[Mapping[str, Any]]:
        server, place = self._server, 0
        if request.follow and not request.number and not request.HasField("since"):
            place = len(self.lines)
        elif request.number:
            wanted = [n for n, line in enumerate(self.lines) if self._passes(line, request)]
            place = ([0, *wanted][-request.number :] or [0])[0]
        while context.is_active() and self._server is server:
            with self.changed:
                if place == len(self.lines):
                    if not request.follow:
                        return
                    self.changed.wait(0.1)
                    continue
                line = self.lines[place]
            place += 1
            if self._passes(line, request):
                yield line

    def _passes(self, line: Mapping[str, Any], request: Any) -> bool:
        if "flow" not in line:
            return True
        response = w.parse("GetFlowsResponse", w.message("GetFlowsResponse", line))
        flow = response.flow
        time = (flow.time.seconds, flow.time.nanos)
        if request.HasField("since") and time < (request.since.seconds, request.since.nanos):
            return False
        if request.HasField("until") and time > (request.until.seconds, request.until.nanos):
            return False
        if any(_matches(flow, one) for one in request.blacklist):
            return False
        return not request.whitelist or any(_matches(flow, one) for one in request.whitelist)


def _matches(flow: Any, wanted: Any) -> bool:
    """Every field of a filter must fit, by any of its values."""
    tests = (
        (wanted.event_type, lambda one: one.type == flow.event_type.type),
        (wanted.source_pod, lambda one: _in(flow.source, one)),
        (wanted.destination_pod, lambda one: _in(flow.destination, one)),
        (wanted.source_identity, lambda one: one == flow.source.identity),
        (wanted.destination_identity, lambda one: one == flow.destination.identity),
    )
    return all(any(map(fits, values)) for values, fits in tests if values)


def _in(end: Any, prefix: str) -> bool:
    """``namespace/`` or ``namespace/name prefix``."""
    return f"{end.namespace}/{end.pod_name}".startswith(prefix)
