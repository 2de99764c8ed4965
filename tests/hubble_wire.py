"""Hubble's messages, written whole from the published tables of fields.

The product declares what it reads; here, apart from that, is what agents and relays write: enums
with their names, all fields, and Hubble's JSON turned into it by protobuf's own reader of JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    json_format,
    message_factory,
    timestamp_pb2,
    wrappers_pb2,
)

ENUMS = {
    "Verdict": "VERDICT_UNKNOWN FORWARDED DROPPED ERROR AUDIT REDIRECTED TRACED TRANSLATED",
    "FlowType": "UNKNOWN_TYPE L3_L4 L7 SOCK",
    "TrafficDirection": "TRAFFIC_DIRECTION_UNKNOWN INGRESS EGRESS",
    "TracePoint": "UNKNOWN_POINT TO_PROXY TO_HOST TO_STACK TO_OVERLAY FROM_ENDPOINT FROM_PROXY"
    " FROM_HOST FROM_STACK FROM_OVERLAY FROM_NETWORK TO_NETWORK FROM_CRYPTO TO_CRYPTO"
    " TO_ENDPOINT=101",
    "TraceReason": "TRACE_REASON_UNKNOWN NEW ESTABLISHED REPLY RELATED REOPENED",
    "DropReason": "DROP_REASON_UNKNOWN POLICY_DENIED=133 CT_MAP_INSERTION_FAILED=155"
    " POLICY_DENY=181 AUTH_REQUIRED=189",
    "L7Type": "UNKNOWN_L7_TYPE REQUEST RESPONSE SAMPLE",
    "IPVersion": "IP_NOT_USED IPv4 IPv6",
    "LostEventSource": "UNKNOWN_LOST_EVENT_SOURCE PERF_EVENT_RING_BUFFER OBSERVER_EVENTS_QUEUE"
    " HUBBLE_RING_BUFFER",
    "NodeState": "UNKNOWN_NODE_STATE NODE_CONNECTED NODE_UNAVAILABLE NODE_GONE NODE_ERROR",
}

TS, BOOL, U32 = (f".google.protobuf.{one}" for one in ("Timestamp", "BoolValue", "UInt32Value"))
MESSAGES = {
    "GetFlowsRequest": f"number 1 uint64; first 9 bool; follow 3 bool; blacklist 5 *FlowFilter;"
    f" whitelist 6 *FlowFilter; since 7 {TS}; until 8 {TS}",
    "FlowFilter": "source_pod 2 *string; destination_pod 4 *string; event_type 6 *EventTypeFilter;"
    " source_identity 19 *uint32; destination_identity 20 *uint32; uuid 29 *string",
    "EventTypeFilter": "type 1 int32; match_sub_type 2 bool; sub_type 3 int32",
    "GetFlowsResponse": f"flow 1 Flow; node_status 2 NodeStatusEvent; lost_events 3 LostEvent;"
    f" node_name 1000 string; time 1001 {TS}",
    "ServerStatusResponse": f"num_flows 1 uint64; max_flows 2 uint64; seen_flows 3 uint64;"
    f" uptime_ns 4 uint64; num_connected_nodes 5 {U32}; num_unavailable_nodes 6 {U32};"
    f" unavailable_nodes 7 *string; version 8 string; flows_rate 9 double",
    "NodeStatusEvent": "state_change 1 NodeState; node_names 2 *string; message 3 string",
    "LostEvent": "source 1 LostEventSource; num_events_lost 2 uint64",
    "Flow": f"time 1 {TS}; uuid 34 string; verdict 2 Verdict; drop_reason 3 uint32;"
    f" ethernet 4 Ethernet; IP 5 IP; l4 6 Layer4; source 8 Endpoint; destination 9 Endpoint;"
    f" Type 10 FlowType; node_name 11 string; node_labels 37 *string; source_names 13 *string;"
    f" destination_names 14 *string; l7 15 Layer7; reply 16 bool; event_type 19 CiliumEventType;"
    f" source_service 20 Service; destination_service 21 Service;"
    f" traffic_direction 22 TrafficDirection; policy_match_type 23 uint32;"
    f" trace_observation_point 24 TracePoint; trace_reason 36 TraceReason;"
    f" drop_reason_desc 25 DropReason; is_reply 26 {BOOL}; interface 28 NetworkInterface;"
    f" proxy_port 29 uint32; socket_cookie 32 uint64; cgroup_id 33 uint64; Summary 100000 string;"
    f" emitter 41 Emitter; aggregate 21007 Aggregate; egress_allowed_by 21001 *Policy",
    "Ethernet": "source 1 string; destination 2 string",
    "IP": "source 1 string; source_xlated 5 string; destination 2 string; ipVersion 3 IPVersion;"
    " encrypted 4 bool",
    "Layer4": "TCP 1 TCP; UDP 2 UDP; ICMPv4 3 ICMP; ICMPv6 4 ICMP; SCTP 5 UDP; VRRP 6 VRRP;"
    " IGMP 7 IGMP",
    "TCP": "source_port 1 uint32; destination_port 2 uint32; flags 3 TCPFlags",
    "UDP": "source_port 1 uint32; destination_port 2 uint32",
    "ICMP": "type 1 uint32; code 2 uint32",
    "VRRP": "type 1 uint32; vrid 2 uint32; priority 3 uint32",
    "IGMP": "type 1 uint32; group_address 2 string",
    "TCPFlags": "FIN 1 bool; SYN 2 bool; RST 3 bool; PSH 4 bool; ACK 5 bool; URG 6 bool;"
    " ECE 7 bool; CWR 8 bool; NS 9 bool",
    "Endpoint": "ID 1 uint32; identity 2 uint32; cluster_name 7 string; namespace 3 string;"
    " labels 4 *string; pod_name 5 string; workloads 6 *Workload",
    "Workload": "name 1 string; kind 2 string",
    "Service": "name 1 string; namespace 2 string",
    "Policy": "name 1 string; namespace 2 string; labels 3 *string; revision 4 uint64",
    "Layer7": "type 1 L7Type; latency_ns 2 uint64; dns 100 DNS; http 101 HTTP",
    "DNS": "query 1 string; ips 2 *string; ttl 3 uint32; cnames 4 *string;"
    " observation_source 5 string; rcode 6 uint32; qtypes 7 *string; rrtypes 8 *string",
    "HTTP": "code 1 uint32; method 2 string; url 3 string; protocol 4 string",
    "CiliumEventType": "type 1 int32; sub_type 2 int32",
    "NetworkInterface": "index 1 uint32; name 2 string",
    "Emitter": "name 1 string; version 2 string",
    "Aggregate": "ingress_flow_count 1 uint32; egress_flow_count 2 uint32;"
    " unknown_direction_flow_count 3 uint32",
}


@cache
def _classes() -> dict[str, Any]:
    return build("hubble.written", MESSAGES, ENUMS)


def build(package: str, tables: Mapping[str, str], enums: Mapping[str, str]) -> dict[str, Any]:
    """Classes of messages from ``field number kind`` tables."""
    proto = descriptor_pb2.FieldDescriptorProto
    wellknown = (timestamp_pb2, wrappers_pb2)
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package}.proto",
        package=package,
        syntax="proto3",
        dependency=[one.DESCRIPTOR.name for one in wellknown],
    )
    for name, words in enums.items():
        enum, number = file.enum_type.add(name=name), 0
        for word in words.split():
            value, _, at = word.partition("=")
            number = int(at or number)
            enum.value.add(name=value, number=number)
            number += 1
    for name, table in tables.items():
        message = file.message_type.add(name=name)
        for text in table.split(";"):
            field, number, kind = text.split()
            one = message.field.add(name=field, number=int(number), json_name=field)
            one.label = proto.LABEL_REPEATED if kind[0] == "*" else proto.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            if kind in enums:
                one.type, one.type_name = proto.TYPE_ENUM, f".{package}.{kind}"
            elif kind in tables or kind[0] == ".":
                one.type = proto.TYPE_MESSAGE
                one.type_name = kind if kind[0] == "." else f".{package}.{kind}"
            else:
                one.type = getattr(proto, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    for one in wellknown:
        pool.AddSerializedFile(one.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))
        for name in tables
    }


def message(name: str, fields: Mapping[str, Any]) -> bytes:
    """A message from its JSON."""
    return json_format.ParseDict(dict(fields), _classes()[name](), True).SerializeToString()


def responses(lines: Iterable[Mapping[str, Any]]) -> list[bytes]:
    """``GetFlowsResponse`` messages of lines as ``hubble observe -o jsonpb`` prints them."""
    return [message("GetFlowsResponse", line) for line in lines]


def parse(name: str, data: bytes) -> Any:
    """A message that the product wrote."""
    return _classes()[name].FromString(data)


def delimited(data: bytes) -> list[bytes]:
    """Messages with their length before them, as a varint."""
    found, place = [], 0
    while place < len(data):
        length = shift = 0
        while True:
            byte = data[place]
            place += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        found.append(data[place : place + length])
        place += length
    return found
