"""The network policy agent of the AWS VPC CNI: its log on the node, and the same in CloudWatch.

Each line is the first packet of a connection, so who opened it is certain. It names addresses only.
On the way out of a pod (``egress``) the address may be a Service's: attribution translates it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from capture.documents import a_line_each
from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow
from netpol.net import PORT_PROTOCOLS
from netpol.notices import Notice
from netpol.sketch import identity

if TYPE_CHECKING:
    from capture.aws_message import Message
    from capture.fold import Fold

__all__ = ["AWS"]

_FLOW: Final = re.compile(
    rb"Flow Info:\s*Src IP:?\s*[0-9a-f.:]+\s+Src Port"
    rb'|Flow Info:\s*\\*",\s*\\*"Src IP\\*"\s*:\s*\\*"[0-9a-f.:]+\\*"'
    rb"|\bNode:[^;\n{]*;\s*SIP:\s*[0-9a-f.:]+;\s*SPORT:\s*\d"
)
_AGENT: Final = re.compile(
    rb'^\s*\{"[^\n]*(?:network-policy-agent|policyendpoints?_controller|PolicyEndpoint)',
    re.MULTILINE,
)
_INSIDE: Final = frozenset({b"events", b"logEvents", b"results"})
"""Where exports of CloudWatch hold their events."""

_NUMBERS: Final = {"TCP": 6, "UDP": 17, "SCTP": 132}

OTHER: Final = "other line of the log"
ENDED: Final = "end of a connection"
_ENDS: Final = frozenset({"EXPIRED", "DELETED"})
_DENIALS: Final = {"ADMIN": "forbidden", "BASELINE": "forbidden", "ERROR": "dropped"}
"""What a DENY is, by the tier that gave it: by a rule, or for a fault; else for want of a rule."""


def _detect(head: bytes) -> float:
    if _FLOW.search(head):
        return 0.96
    return 0.4 if _AGENT.search(head) and b'"msg"' in head else 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.aws_message import parts
    from capture.documents import pieces
    from capture.fold import Fold

    fold, untimed = Fold(reading, "aws"), 0
    for number, text in pieces(stream, _INSIDE, reading.above):
        for part in [] if text.isspace() else parts(text):
            untimed += _record(fold, part, number)
    if untimed:
        message = f"{untimed:,} records do not say when they were taken"
        reading.tell(Notice(code="NP011", message=message, where=reading.where))
    yield from fold.flows()


def _record(fold: Fold, text: bytes, number: int) -> bool:
    """Count one record; whether it is held for want of a time."""
    from capture.aws_message import understood
    from capture.hubble_errors import fault
    from capture.lines import LINE_LIMIT

    try:
        if len(text) >= LINE_LIMIT:
            raise ValueError(f"longer than {LINE_LIMIT >> 20} MiB")
        message, time = understood(text)
        return _add(fold, message, fold.reading.at if time is None else time)
    except (ValueError, RecursionError) as error:
        path, said = fault(text, error) if text.lstrip()[:1] in b"{[" else ("", str(error))
        fold.hold("unreadable", said, f"{number}: {path}" if path else str(number))
        return False


def _add(fold: Fold, message: Message | None, time: int | None) -> bool:
    """Count what a line says; whether it is held for want of a time. Raises ``ValueError``."""
    if message is None:
        fold.aside(OTHER)
    elif message.verdict in _ENDS:
        fold.aside(ENDED)
    elif message.verdict not in ("ACCEPT", "DENY"):
        fold.hold("unknown verdict")
    elif message.protocol.startswith("ICMP"):
        fold.hold("the port is not known")
    elif time is None:
        fold.hold("no time")
        return True
    else:
        _connection(fold, message, time)
    return False


def _connection(fold: Fold, message: Message, time: int) -> None:
    from capture.hubble_orient import STRAY_REPLY, answer_ports

    source, target = fold.address(message.source, time), fold.address(message.target, time)
    ported = message.protocol in PORT_PROTOCOLS
    protocol = message.protocol if ported else "OTHER"
    number, times = _NUMBERS.get(message.protocol, 0), (time, time)
    if ported and answer_ports(message.source_port, message.target_port):
        # The agent had forgotten the connection, or never saw it begin: no first packet.
        if message.verdict == "DENY":
            fold.aside(STRAY_REPLY)
            return
        port, certain = message.source_port, False
        one = identity(message.target, message.target_port, number)
        fold.add(
            target, source, protocol, port, times, ["answered"], certain=certain, distinct=(one,)
        )
        return
    allowed = message.verdict == "ACCEPT"
    verdict = "allowed" if allowed else _DENIALS.get(message.tier, "denied")
    fold.add(
        source,
        target,
        protocol,
        message.target_port if ported else None,
        times,
        ("forward", "opened", verdict),
        distinct=(identity(message.source, message.source_port, number),),
    )


AWS: Final = FlowSource(
    name="aws",
    summary="AWS VPC CNI: log of the network policy agent, on the node or from CloudWatch",
    sight=Sight(
        who="addresses",
        direction="certain: the first packet of each connection",
        port="of the pod on the way in, of the Service on the way out",
        verdict="allowed or denied, and in which tier; never answered or not",
        outside="addresses",
        blind=(
            "pods that no policy selects leave no line: apply policies that allow everything first",
            "accepted connections are logged with log level debug only",
            "of ICMP the type is not told",
            "connections from one port of a client count as one, also where it was used again",
        ),
    ),
    detect=_detect,
    read=_read,
    by_line=a_line_each,
)
