"""The fields of Hubble's messages that are read, by number.

Source: ``flow.proto``, ``observer.proto`` and ``relay.proto`` of cilium/cilium (API of 1.19).
"""

from __future__ import annotations

from typing import Final

from capture.wire import TIMESTAMP, Table

__all__ = ["TABLES"]

TABLES: Final[dict[str, Table]] = {
    "GetFlowsResponse": {
        "flow": (1, "Flow"),
        "node_status": (2, "NodeStatusEvent"),
        "lost_events": (3, "LostEvent"),
        "time": (1001, "Timestamp"),
    },
    "Flow": {
        "time": (1, "Timestamp"),
        "verdict": (2, "int32"),
        "drop_reason": (3, "uint32"),
        "IP": (5, "bytes"),
        "l4": (6, "Layer4"),
        "source": (8, "bytes?"),
        "destination": (9, "bytes?"),
        # Repeated, but nearly always absent: as the last one they cost nothing to look at.
        "source_names": (13, "bytes"),
        "destination_names": (14, "bytes"),
        "l7": (15, "bytes"),
        "reply": (16, "bool"),
        "event_type": (19, "bytes"),
        "source_service": (20, "bytes"),
        "destination_service": (21, "bytes"),
        "drop_reason_desc": (25, "int32"),
        "is_reply": (26, "bytes?"),
        "uuid": (34, "bytes"),
        "aggregate": (21007, "bytes"),
    },
    "Timestamp": TIMESTAMP,
    "Rare": {
        "source_names": (13, "*string"),
        "destination_names": (14, "*string"),
        "source_service": (20, "Service?"),
        "destination_service": (21, "Service?"),
        "aggregate": (21007, "Aggregate?"),
    },
    "RareResponse": {"flow": (1, "Rare")},
    "Service": {"name": (1, "string"), "namespace": (2, "string")},
    "Aggregate": {
        "ingress_flow_count": (1, "uint32"),
        "egress_flow_count": (2, "uint32"),
        "unknown_direction_flow_count": (3, "uint32"),
    },
    "IP": {"source": (1, "string"), "destination": (2, "string")},
    "Endpoint": {
        "identity": (2, "uint32"),
        "namespace": (3, "string"),
        "labels": (4, "*string"),
        "pod_name": (5, "string"),
        "workloads": (6, "*Workload"),
    },
    "Workload": {"name": (1, "string"), "kind": (2, "string")},
    "Layer4": {
        "TCP": (1, "Tcp?"),
        "UDP": (2, "Ports?"),
        "ICMPv4": (3, "Icmp?"),
        "ICMPv6": (4, "Icmp?"),
        "SCTP": (5, "Ports?"),
        "VRRP": (6, "bytes?"),
        "IGMP": (7, "bytes?"),
    },
    "Tcp": {
        "source_port": (1, "uint32"),
        "destination_port": (2, "uint32"),
        "flags": (3, "bytes"),
    },
    "Flags": {"SYN": (2, "bool"), "RST": (3, "bool"), "ACK": (5, "bool")},
    "Ports": {"source_port": (1, "uint32"), "destination_port": (2, "uint32")},
    "Icmp": {"type": (1, "uint32"), "code": (2, "uint32")},
    "Layer7": {"type": (1, "int32"), "dns": (100, "Dns?")},
    "Dns": {
        "query": (1, "string"),
        "ips": (2, "*string"),
        "ttl": (3, "uint32"),
        "rcode": (6, "uint32"),
    },
    "Event": {"type": (1, "int32"), "sub_type": (2, "int32")},
    "Bool": {"value": (1, "bool")},
    "LostEvent": {"source": (1, "int32"), "num_events_lost": (2, "uint64")},
    "NodeStatusEvent": {
        "state_change": (1, "int32"),
        "node_names": (2, "*string"),
        "message": (3, "string"),
    },
}
