"""Flow logs of Calico Enterprise and Calico Cloud, typed.

Fields: "Flow log data types" of the Calico Enterprise documentation. Any may be null, and text may
be ``-`` for none. What needs decoding of its own stays raw. Fields of a kind stand in the order in
which they come, which is the order in which msgspec looks for them.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias, cast

from msgspec import Meta, Raw, Struct, defstruct, field
from msgspec.json import Decoder

from netpol.flow import MOST

__all__ = [
    "Line",
    "Numbers",
    "Policies",
    "Record",
    "decode_domains",
    "decode_labels",
    "decode_line",
    "decode_numbers",
    "decode_policies",
]

Count: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]
Text: TypeAlias = str | None
NOTHING = Raw(b"")


class Numbers(Struct, gc=False):
    """What differs between logs of one kind: the interval, and counts; and who wrote it."""

    start_time: Count = 0
    end_time: Count = 0
    num_flows: Count | None = None
    num_flows_started: Count | None = None
    packets_in: Count | None = None
    packets_out: Count | None = None
    host: Text = None


class Record(Numbers, gc=False):
    """One flow log."""

    source_ip: Text = None
    source_name: Text = None
    source_name_aggr: Text = None
    source_namespace: Text = None
    source_type: Text = None
    source_labels: Raw = NOTHING
    source_port: Raw = NOTHING
    dest_ip: Text = None
    dest_name: Text = None
    dest_name_aggr: Text = None
    dest_namespace: Text = None
    dest_port: int | str | None = None
    dest_type: Text = None
    dest_labels: Raw = NOTHING
    dest_service_namespace: Text = None
    dest_service_name: Text = None
    dest_service_port: int | str | None = None
    dest_service_port_num: int | str | None = None
    dest_domains: Raw = NOTHING
    proto: int | str | None = None
    action: Text = None
    reporter: Text = None
    policies: Raw = NOTHING


class Line(Record, gc=False):
    """A flow log, or a hit of a search around one."""

    hit: Record | None = field(default=None, name="_source")


class Labels(Struct, gc=False):
    """``source_labels`` and ``dest_labels``."""

    labels: list[str] | None = None


class Policies(Struct, gc=False):
    """Policy strings; old logs have the first list alone, with staged policies in it."""

    all_policies: list[str] | None = None
    enforced_policies: list[str] | None = None
    pending_policies: list[str] | None = None


_Never: TypeAlias = Annotated[int, Meta(lt=0, gt=0)]
_NUMBERS_ALONE = defstruct(
    "Alone",
    [
        (name, _Never, 0)
        for name in (*Line.__struct_fields__, "_source")
        if name not in (*Numbers.__struct_fields__, "hit")
    ],
    bases=(Numbers,),
    gc=False,
)

decode_line = Decoder(Line, strict=False).decode
decode_labels = Decoder(Labels | None).decode
decode_policies = Decoder(Policies | None).decode
decode_domains = Decoder(list[str] | None).decode
decode_numbers = cast("Decoder[Numbers]", Decoder(_NUMBERS_ALONE, strict=False)).decode
"""Of a record that says nothing else that matters, or it is an error."""
