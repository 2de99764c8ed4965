"""The parts of Hubble's records that are read, typed; everything else is skipped undecoded.

Field numbers, names and JSON rules: ``flow.proto`` of cilium/cilium. Default values are left out of
the JSON, so an absent number is 0 and an absent flag false; ``is_reply`` is a wrapper type, whose
absence means unknown. Enums are names, or numbers that the writer had no name for; 64-bit numbers
are text.

Fields stand in the order in which they come in a line, which is the order in which msgspec looks
for them. The structs hold no cycles, hence ``gc=False``.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Raw, Struct
from msgspec.json import Decoder

from netpol.flow import MOST

__all__ = [
    "VERDICTS",
    "Addresses",
    "Dns",
    "EndpointRecord",
    "FlowRecord",
    "Icmp",
    "Layer4",
    "Layer7",
    "Line",
    "LostEvents",
    "NodeStatus",
    "Ports",
    "ServiceRecord",
    "Tcp",
    "Verdict",
    "WorkloadRecord",
    "decode_addresses",
    "decode_bare",
    "decode_endpoint",
    "decode_labels",
    "decode_line",
    "decode_stamp",
]

VERDICTS: Final = (
    "VERDICT_UNKNOWN",
    "FORWARDED",
    "DROPPED",
    "ERROR",
    "AUDIT",
    "REDIRECTED",
    "TRACED",
    "TRANSLATED",
)
"""Names of ``flow.Verdict`` by number."""

Verdict: TypeAlias = Literal[
    "VERDICT_UNKNOWN",
    "FORWARDED",
    "DROPPED",
    "ERROR",
    "AUDIT",
    "REDIRECTED",
    "TRACED",
    "TRANSLATED",
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Time: TypeAlias = Annotated[str, Meta(max_length=64)]
Byte: TypeAlias = Annotated[int, Meta(ge=0, le=255)]
Whole: TypeAlias = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^\d{1,20}$")]
"""A 64-bit number: text by the rules of proto-JSON, but writers differ."""
Tally: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)] | Annotated[str, Meta(pattern=r"^\d{1,12}$")]
"""How many flows something stands for."""


class Flags(Struct, gc=False, frozen=True):
    """TCP flags; the others decide nothing."""

    SYN: bool = False
    RST: bool = False
    ACK: bool = False


class Tcp(Struct, gc=False):
    """``flow.TCP``."""

    source_port: Port = 0
    destination_port: Port = 0
    flags: Flags = Flags()


class Ports(Struct, gc=False, frozen=True):
    """``flow.UDP`` and ``flow.SCTP``."""

    source_port: Port = 0
    destination_port: Port = 0


class Icmp(Struct, gc=False, frozen=True):
    """``flow.ICMPv4`` and ``flow.ICMPv6``."""

    type: Byte = 0
    code: Byte = 0


class Layer4(Struct, gc=False, frozen=True):
    """``flow.Layer4``: one of its members is there."""

    TCP: Tcp | None = None
    UDP: Ports | None = None
    ICMPv4: Icmp | None = None
    ICMPv6: Icmp | None = None
    SCTP: Ports | None = None
    VRRP: dict[str, Raw] | None = None
    IGMP: dict[str, Raw] | None = None


class Dns(Struct, gc=False):
    """``flow.DNS``; ``ips`` only in answers, ``rcode`` 3 is NXDOMAIN."""

    query: str = ""
    ips: list[str] = []
    rcode: int = 0
    ttl: Annotated[int, Meta(ge=0, le=(1 << 32) - 1)] = 0
    """Seconds."""


class Layer7(Struct, gc=False, frozen=True):
    """``flow.Layer7``; type REQUEST 1, RESPONSE 2, SAMPLE 3."""

    type: str | int = 0
    dns: Dns | None = None


NO_LAYER7: Final = Layer7("")
"""Of records that are not the proxy's; the empty type tells."""


class Event(Struct, gc=False, frozen=True):
    """``flow.CiliumEventType``: 1 drop, 4 trace, 5 policy verdict, 7 socket, 129 L7, 130 agent."""

    type: int = 0
    sub_type: int = 0


class ServiceRecord(Struct, gc=False):
    """``flow.Service``."""

    name: str = ""
    namespace: str = ""


class Aggregate(Struct, gc=False):
    """``flow.Aggregate``: how many flows an aggregated record stands for."""

    ingress_flow_count: Tally = 0
    egress_flow_count: Tally = 0
    unknown_direction_flow_count: Tally = 0


class FlowRecord(Struct, gc=False):
    """``flow.Flow``. Endpoints and addresses stay raw: they are decoded once per distinct text."""

    time: Time = ""
    verdict: Verdict | None = None
    drop_reason: int = 0
    IP: Raw = Raw(b"")
    l4: Layer4 = Layer4()
    source: Raw = Raw(b"")
    destination: Raw = Raw(b"")
    source_names: list[str] | None = None
    destination_names: list[str] | None = None
    l7: Layer7 = NO_LAYER7
    reply: bool = False
    event_type: Event = Event()
    source_service: ServiceRecord | None = None
    destination_service: ServiceRecord | None = None
    drop_reason_desc: str | int = 0
    is_reply: bool | None = None
    aggregate: Aggregate | None = None


class LostEvents(Struct, gc=False):
    """``flow.LostEvent``."""

    source: str | int = ""
    num_events_lost: Whole = 1


class NodeStatus(Struct, gc=False):
    """``relay.NodeStatusEvent``."""

    state_change: str | int = 0
    node_names: list[str] = []
    message: str = ""


class Line(Struct, gc=False):
    """``observer.GetFlowsResponse`` and ``observer.ExportEvent``."""

    flow: FlowRecord | None = None
    node_status: NodeStatus | None = None
    lost_events: LostEvents | None = None
    agent_event: Raw = Raw(b"")
    debug_event: Raw = Raw(b"")


class Stamped(Struct, gc=False):
    """The time beside the flow, which repeats the flow's own."""

    time: Time = ""


class Addresses(Struct, gc=False):
    """``flow.IP``."""

    source: str = ""
    destination: str = ""


class WorkloadRecord(Struct, gc=False):
    """``flow.Workload``."""

    name: str = ""
    kind: str = ""


class EndpointRecord(Struct, gc=False):
    """``flow.Endpoint``."""

    identity: int = 0
    namespace: str = ""
    labels: Raw = Raw(b"[]")
    pod_name: str = ""
    workloads: list[WorkloadRecord] = []


decode_line = Decoder(Line).decode
decode_stamp = Decoder(Stamped).decode
decode_bare = Decoder(FlowRecord).decode
decode_endpoint = Decoder(EndpointRecord).decode
decode_labels = Decoder(list[str]).decode
decode_addresses = Decoder(Addresses).decode
