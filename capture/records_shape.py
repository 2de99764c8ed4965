"""The shape of netpol's own flow records, as they stand in a line: ``docs/reference/`` has its JSON
Schema, which is made from these structs.

What a record does not say is left out. A field that this version does not know is refused, as it
may change what the others mean; so whoever adds one gives the shape a new version.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from netpol.flow import MOST

__all__ = ["VERSION", "Gap", "Owner", "Record", "Side", "Version"]

VERSION: Final = 2

Number: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Whole: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]
Time: TypeAlias = Annotated[
    str, Meta(max_length=64, description="RFC 3339, to the nanosecond, in UTC")
]
Protocol: TypeAlias = Literal["TCP", "UDP", "SCTP", "ICMP", "ICMPv6", "OTHER"]
Entity: TypeAlias = Literal[
    "world", "host", "remote-node", "kube-apiserver", "health", "ingress", "init"
]
Signal: TypeAlias = Literal[
    "opened",
    "answered",
    "refused",
    "allowed",
    "audited",
    "denied",
    "forbidden",
    "dropped",
    "forward",
    "traced",
]


class Owner(Struct, frozen=True, forbid_unknown_fields=True):
    """The workload of a pod."""

    kind: str
    name: str


class Side(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What was seen of one side of a connection: ``netpol.peers.Endpoint``."""

    namespace: str = ""
    pods: Annotated[list[str], Meta(description="names of the pods seen")] = []
    labels: dict[str, str] = {}
    namespace_labels: dict[str, str] = {}
    service_account: str = ""
    workload: Owner | None = None
    ip: Annotated[
        str, Meta(description="the address, where the other fields do not identify the side")
    ] = ""
    entities: list[Entity] = []
    names: Annotated[list[str], Meta(description="DNS names of the address")] = []
    called: Annotated[
        str, Meta(description="how the source calls a party that it does not identify")
    ] = ""


class Record(Struct, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Connections from ``client`` to ``server``: ``netpol.flow.Flow``, one a line."""

    netpol: Annotated[Literal[1, 2], Meta(description="version of this shape; in every line")]
    client: Annotated[Side, Meta(description="who opened it")] = Side()
    server: Annotated[Side, Meta(description="who was listening")] = Side()
    protocol: Protocol
    port: Annotated[
        Number | None,
        Meta(description="where the server's pod listens; for ICMP type * 256 + code"),
    ] = None
    service: Annotated[
        str, Meta(description="namespace/name of the Service that was dialled, where known")
    ] = ""
    service_port: Annotated[Number | None, Meta(description="the port that was dialled there")] = (
        None
    )
    certain: Annotated[
        bool, Meta(description="false: who opened it was inferred from the ports alone")
    ] = True
    records: Annotated[int, Meta(ge=1, le=MOST, description="so many input records are in it")] = 1
    count: Annotated[Whole, Meta(description="so many connections they stand for")] = 1
    distinct: Annotated[
        bytes,
        Meta(
            max_length=2048,
            description="which connections they are, in place of their count: the smallest 256 of"
            " the hashes of client address, client port and protocol, 8 bytes each (since"
            " version 2)",
        ),
    ] = b""
    reports: Annotated[
        list[tuple[str, Whole]],
        Meta(description="[reporter, count] where several tell of the same connections"),
    ] = []
    first: Time
    last: Time
    hours: Annotated[list[int], Meta(description="hours since the epoch in which it was seen")] = []
    signals: Annotated[
        dict[Signal, Whole], Meta(description="records that tell what became of it")
    ] = {}
    answers: Annotated[
        list[tuple[str, str]],
        Meta(
            description="[DNS name, address] that the client was answered, which held from first"
            " to last: of version 1, which knew no lifetimes"
        ),
    ] = []
    told: Annotated[
        list[tuple[str, str, Time, Time]],
        Meta(
            description="[DNS name, address, when the client was answered, until when that was to"
            " hold] (since version 2)"
        ),
    ] = []
    sightings: Annotated[
        list[tuple[str, str, str, Time]],
        Meta(description="[namespace, pod, address, time] at which a named pod was seen"),
    ] = []
    source: Annotated[
        str, Meta(min_length=1, max_length=64, description="the flow source that saw it")
    ]


class Gap(Struct, kw_only=True, forbid_unknown_fields=True):
    """A time of which not everything was captured."""

    netpol: Annotated[Literal[1, 2], Meta(description="version of this shape; in every line")]
    lost: Annotated[Whole, Meta(description="so many packets at least; 0: nobody could count them")]
    why: Annotated[str, Meta(max_length=256)]
    where: Annotated[str, Meta(max_length=4096, description="what was captured there")]
    first: Time
    last: Time


class Version(Struct):
    """The version alone, of a line that cannot be read."""

    netpol: int
