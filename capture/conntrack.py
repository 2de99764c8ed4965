"""The kernel's connection tracking: ``conntrack -L``, ``conntrack -E`` and /proc/net/nf_conntrack.

Text or XML. One line tells the client, the address and port that it dialled, and who answered: the
end of a Service is known without an inventory. It knows addresses only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

from capture.lines import LINE_LIMIT, is_cut, lines, skip_line
from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow

if TYPE_CHECKING:
    from capture.conntrack_fold import Table

__all__ = ["CONNTRACK"]

_TEXT: Final = re.compile(
    rb"^\s*(?:\[\d+\.\d+\]\s+)?(?:\[(?:NEW|UPDATE|DESTROY)\]\s+)?(?:ipv[46]\s+\d+\s+)?\w+\s+\d+\s"
    rb"[^\n=]*\bsrc=[0-9a-f.:]+ dst=[0-9a-f.:]+ [^\n]*?\bsrc=[0-9a-f.:]+ dst=",
    re.MULTILINE,
)
_XML: Final = re.compile(rb"<flow(?: type=\"\w+\")?>\s*<meta direction=\"original\">")
_FLOW: Final = re.compile(rb"<flow\b.*?</flow>", re.DOTALL)
_AROUND: Final = re.compile(rb"<\?xml[^>]*\?>|</?conntrack>|\[USERSPACE\][^<\n]*|\s+")
"""What stands around the elements and is no record."""
_FLOW_LIMIT: Final = 1 << 16
"""Bytes of one ``<flow>`` element; real ones have about a thousand."""

SUMMARY: Final = "summary of the tool"
LOST: Final = "lost events"


def _detect(head: bytes) -> float:
    return 0.95 if _TEXT.search(head) or _XML.search(head) else 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.conntrack_fold import Table
    from capture.fold import Fold

    table, rest = Table(Fold(reading, "conntrack")), b""
    for number, line in enumerate(lines(stream), 1):
        if is_cut(line):
            skip_line(stream)
            table.fold.hold("unreadable", f"longer than {LINE_LIMIT >> 20} MiB", str(number))
        elif rest or line.lstrip().startswith(b"<"):
            rest = _xml(rest + line, number, table)
        elif not line.isspace():
            _line(line, number, table)
    if rest:
        table.fold.hold("unreadable", "the last element has no end")
    yield from table.flows()


def _line(line: bytes, number: int, table: Table) -> None:
    from capture.conntrack_entry import Incomplete, parse

    text = line.decode("utf-8", "replace")
    if text.startswith("conntrack v"):
        _said(text, number, table)
        return
    try:
        table.add(parse(text))
    except ValueError as error:
        reason = "incomplete" if isinstance(error, Incomplete) else "unreadable"
        table.fold.hold(reason, str(error), str(number))


def _said(text: str, number: int, table: Table) -> None:
    """What the tool says on stderr, where that went into the same file."""
    from netpol.notices import Notice

    if "ENOBUFS" not in text:
        table.fold.aside(SUMMARY)
        return
    table.fold.aside(LOST)
    reading = table.fold.reading
    reading.account.lost_events += 1
    message = "the buffer for events overflowed (ENOBUFS); nobody knows how many were lost"
    reading.tell(Notice(code="NP002", message=message, where=f"{reading.where}:{number}"))


def _xml(text: bytes, number: int, table: Table) -> bytes:
    """Count the elements that are whole; what is left of one that is not."""
    from capture.conntrack_entry import Incomplete
    from capture.conntrack_xml import parse_xml

    end, around = 0, b""
    for found in _FLOW.finditer(text):
        around += text[end : found.start()]
        end = found.end()
        try:
            table.add(parse_xml(found[0]))
        except ValueError as error:
            reason = "incomplete" if isinstance(error, Incomplete) else "unreadable"
            table.fold.hold(reason, str(error), str(number))
    begin = text.find(b"<flow", end)
    around += text[end:begin] if begin >= 0 else text[end:]
    if _AROUND.sub(b"", around):
        table.fold.hold("unreadable", "expected <flow> elements", str(number))
    if begin < 0:
        return b""
    if len(text) - begin > _FLOW_LIMIT:
        table.fold.hold(
            "unreadable", f"an element of more than {_FLOW_LIMIT >> 10} KiB", str(number)
        )
        return b""
    return text[begin:]


CONNTRACK: Final = FlowSource(
    name="conntrack",
    summary="Linux connection tracking: `conntrack -L`, `conntrack -E -o timestamp`, text or XML,"
    " and /proc/net/nf_conntrack",
    sight=Sight(
        who="addresses",
        direction="certain, the first tuple; by ports where it was picked up in the middle",
        port="of the pod, and that of the Service, on the node that translates",
        verdict="answered, refused or unanswered; what a policy dropped leaves no entry",
        outside="addresses",
        blind=(
            "what a policy drops before the first packet is confirmed is not seen",
            (
                "a listing misses short connections and shows some days after their last packet:"
                " an address that changed hands since is taken for its present holder's"
            ),
            "connections from one port of a client count as one, also where it was used again",
            "where Cilium replaces kube-proxy, most traffic of pods is not in the kernel's table",
            (
                "after the table was emptied, connections that go on may seem to be opened by the"
                " server"
            ),
        ),
    ),
    detect=_detect,
    read=_read,
)
