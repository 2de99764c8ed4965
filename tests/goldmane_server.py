"""A Goldmane on loopback: its Flows service, written from the published tables of fields."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import grpc
from google.protobuf import json_format
from hubble_wire import build

__all__ = ["GoldmaneServer", "result"]

ENUMS = {
    "EndpointType": "EndpointTypeUnspecified WorkloadEndpoint HostEndpoint NetworkSet Network",
    "Reporter": "ReporterUnspecified Src Dst",
    "Action": "ActionUnspecified Allow Deny Pass",
    "PolicyKind": "KindUnspecified CalicoNetworkPolicy GlobalNetworkPolicy StagedNetworkPolicy"
    " StagedGlobalNetworkPolicy StagedKubernetesNetworkPolicy NetworkPolicy Profile=9 EndOfTier",
}
MESSAGES = {
    "FlowListRequest": "start_time_gte 1 int64; start_time_lt 2 int64; page 3 int64;"
    " page_size 4 int64; aggregation_interval 7 int64",
    "FlowListResult": "meta 1 ListMetadata; flows 2 *FlowResult",
    "ListMetadata": "totalPages 1 int64; totalResults 2 int64",
    "FlowStreamRequest": "start_time_gte 1 int64; aggregation_interval 3 int64",
    "FlowResult": "id 1 int64; flow 2 Flow",
    "Flow": "Key 1 FlowKey; start_time 2 int64; end_time 3 int64; source_labels 4 *string;"
    " dest_labels 5 *string; packets_in 6 int64; packets_out 7 int64; bytes_in 8 int64;"
    " bytes_out 9 int64; num_connections_started 10 int64; num_connections_completed 11 int64;"
    " num_connections_live 12 int64",
    "FlowKey": "source_name 1 string; source_namespace 2 string; source_type 3 EndpointType;"
    " dest_name 4 string; dest_namespace 5 string; dest_type 6 EndpointType; dest_port 7 int64;"
    " dest_service_name 8 string; dest_service_namespace 9 string;"
    " dest_service_port_name 10 string; dest_service_port 11 int64; proto 12 string;"
    " reporter 13 Reporter; action 14 Action; policies 15 PolicyTrace",
    "PolicyTrace": "enforced_policies 1 *PolicyHit; pending_policies 2 *PolicyHit",
    "PolicyHit": "kind 1 PolicyKind; namespace 2 string; name 3 string; tier 4 string;"
    " action 5 Action; policy_index 6 int64; rule_index 7 int64; trigger 8 PolicyHit",
}


@cache
def _classes() -> dict[str, Any]:
    return build("goldmane.written", MESSAGES, ENUMS)


def result(flow: Mapping[str, Any], ident: int = 1) -> bytes:
    """A FlowResult from a flow as Goldmane's emitter writes it."""
    message = _classes()["FlowResult"]()
    json_format.ParseDict({"id": ident, "flow": dict(flow)}, message)
    return message.SerializeToString()


@dataclass(slots=True)
class GoldmaneServer:
    """Serves ``flows`` (as the emitter writes them), oldest first; use it as a context."""

    flows: list[Mapping[str, Any]] = field(default_factory=list)
    credentials: grpc.ServerCredentials | None = None
    break_after: list[int] = field(default_factory=list)
    """Each stream ends with UNAVAILABLE after so many messages; streams beyond the list do not."""
    requests: list[Any] = field(default_factory=list)
    port: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _server: Any = None

    def __enter__(self) -> GoldmaneServer:
        self._server = grpc.server(futures.ThreadPoolExecutor(8))
        methods = {
            "List": grpc.unary_unary_rpc_method_handler(self._list),
            "Stream": grpc.unary_stream_rpc_method_handler(self._stream),
        }
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("goldmane.Flows", methods),)
        )
        if self.credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", self.credentials)
        self._server.start()
        return self

    def __exit__(self, *error: object) -> None:
        server, self._server = self._server, None
        server.stop(0).wait()

    def add(self, *flows: Mapping[str, Any]) -> None:
        """An interval ends."""
        with self._changed:
            self.flows += flows
            self._changed.notify_all()

    def _list(self, data: bytes, context: grpc.ServicerContext) -> bytes:
        request = _classes()["FlowListRequest"].FromString(data)
        self.requests.append(request)
        end = request.start_time_lt or 1 << 40
        found = [one for one in self.flows if request.start_time_gte <= one["start_time"] < end]
        size = request.page_size or len(found) or 1
        answer = _classes()["FlowListResult"]()
        answer.meta.totalPages = -(-len(found) // size)
        answer.meta.totalResults = len(found)
        for one in found[request.page * size : (request.page + 1) * size]:
            answer.flows.add().MergeFromString(result(one))
        return answer.SerializeToString()

    def _stream(self, data: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        request, server = _classes()["FlowStreamRequest"].FromString(data), self._server
        place = 0 if request.start_time_gte else len(self.flows)
        self.requests.append(request)
        breaks, sent = self.break_after.pop(0) if self.break_after else -1, 0
        while context.is_active() and self._server is server:
            with self._changed:
                if place == len(self.flows):
                    self._changed.wait(0.1)
                    continue
            flow = self.flows[place]
            place += 1
            if flow["start_time"] < request.start_time_gte:
                continue
            if sent == breaks:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Goldmane shuts down")
            yield result(flow, place)
            sent += 1
