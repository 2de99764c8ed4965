"""Packet captures: pcap and pcapng files, of tcpdump, Wireshark and everything that writes them.

Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng, and the registry of link types at
tcpdump.org. Records are packets; connections are counted by the numbers that clients choose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow

__all__ = ["PCAP"]

_PCAP: Final = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_ORDERS: Final = (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a")


def _detect(head: bytes) -> float:
    if head[:4] in _PCAP or (head[:4] == _SECTION and head[8:12] in _ORDERS):
        return 1.0
    return 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.pcap_read import read  # numpy is not needed to list the sources

    yield from read(stream, reading)


PCAP: Final = FlowSource(
    name="pcap",
    summary="packet captures: pcap and pcapng files of tcpdump, Wireshark and others",
    sight=Sight(
        who="addresses",
        direction="certain, by who opened it; by ports where the opening was not captured",
        port="of the pod or the Service, by where it was captured; both where that was twice",
        verdict="answered, refused, rejected by a filter",
        outside="addresses, DNS answers, names in TLS and HTTP",
        blind=(
            "a packet that a policy drops looks like one that nobody answers",
            "what passed where nobody captured, or inside encrypted tunnels, is not seen",
            "in files of their own, connections from one port of a client count as one",
        ),
    ),
    detect=_detect,
    read=_read,
)
