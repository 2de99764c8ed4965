"""Felix, Calico's agent: the packets that its Log action and its eBPF programs write down.

Kernel lines as syslog, journald or dmesg show them. A Log rule writes before anything is decided,
so a line says that somebody tried, never that a policy allowed it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from capture.source import FlowSource, Reading, Sight, line_by_line
from netpol.flow import Flow
from netpol.notices import Notice

if TYPE_CHECKING:
    from capture.felix_line import Packet
    from capture.fold import Fold

__all__ = ["FELIX"]

_KERNEL: Final = re.compile(rb"\bIN=\S* OUT=\S* .*?SRC=[0-9a-f.:]+ DST=[0-9a-f.:]+ .*?PROTO=")
_CALICO: Final = re.compile(rb"calico-packet: |\b(?:IN|OUT)=cali")
_TRACE: Final = re.compile(rb"-[EIX]: policy (?:ALLOWED|DENIED) proto ")
_OTHER: Final = "other line of the log"
_NO_TIME: Final = "no time"
_NODE: Final = re.compile(r"(\S+) kernel:")


def _detect(head: bytes) -> float:
    if _TRACE.search(head):
        return 0.9
    if not _KERNEL.search(head):
        return 0.0
    return 0.9 if _CALICO.search(head) else 0.4


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.fold import Fold
    from capture.lines import is_cut, lines, skip_line

    fold, untimed = Fold(reading, "felix"), 0
    now = int(time.time()) if reading.at is None else reading.at // 1_000_000_000
    for number, line in enumerate(lines(stream), reading.above + 1):
        if not line.isspace():
            untimed += _line(fold, line, number, now)
        if is_cut(line):
            skip_line(stream)
    if untimed:
        message = f"{untimed:,} records do not say when they were taken"
        reading.tell(Notice(code="NP011", message=message, where=reading.where))
    yield from fold.flows()


def _line(fold: Fold, line: bytes, number: int, now: int) -> bool:
    """Count one line; whether it is held for want of a time."""
    from capture.felix_line import date, logged, packet

    try:
        text, when = logged(line)
        seen = packet(text)
        if seen is None or seen.aside:
            fold.aside(_OTHER if seen is None else seen.aside)
            return False
        when = date(text, now) if when is None else when
        when = fold.reading.at if when is None else when
        if when is None:
            fold.hold(_NO_TIME)
            return True
        _add(fold, seen, text, when)
    except ValueError as error:
        fold.hold("unreadable", str(error), str(number))
    return False


def _add(fold: Fold, seen: Packet, text: str, when: int) -> None:
    node = _NODE.search(text)
    fold.add(
        fold.address(seen.client, when),
        fold.address(seen.server, when),
        seen.protocol,
        seen.port,
        (when, when),
        seen.signals,
        certain=seen.certain,
        # Client's and server's node both may log a connection.
        reporter=node[1] if node else "",
    )


FELIX: Final = FlowSource(
    name="felix",
    summary="Calico's Log action in the kernel's log (iptables, nftables), and its eBPF traces",
    sight=Sight(
        who="addresses",
        direction="certain for TCP handshakes, ICMP and eBPF traces; else by ports",
        port="of the pod",
        verdict="none: a Log rule writes before it is decided",
        outside="addresses",
        blind=(
            "only what reaches a Log rule is written, and the kernel limits how often",
            "a line says that somebody tried: whether it was answered another source must tell",
            "syslog says no year and no time zone: the last year that fits is meant, and UTC",
        ),
    ),
    detect=_detect,
    read=_read,
    by_line=line_by_line,
)
