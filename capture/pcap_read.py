"""Reading a capture: which format it is, its windows into the fold, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.packet_fold import PacketFold
from capture.pcap_blocks import block_windows, is_pcapng
from capture.pcap_frames import HEADER, Source, is_pcap, windows
from capture.source import Reading
from netpol.flow import Flow
from netpol.notices import Notice

__all__ = ["read"]

_DAMAGED: Final = "damaged capture"


def read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    """The flows of a capture."""
    fold = PacketFold(reading, "pcap")
    account = reading.account

    def damage(message: str, place: int) -> None:
        """The record at ``place`` and what is behind it cannot be read."""
        account.read += 1
        account.held[_DAMAGED] = account.held.get(_DAMAGED, 0) + 1
        reading.tell(Notice(code="NP001", message=message, where=f"{reading.where}:byte {place}"))

    def lost(events: int) -> None:
        account.lost_events += events
        reading.tell(Notice(code="NP002", message=f"{events} packets lost", where=reading.where))

    source = Source(stream)
    while source.left < HEADER and source.more():
        pass
    if is_pcap(source.data):
        found = windows(source, damage)
    elif is_pcapng(source.data):
        found = block_windows(source, damage, lost)
    else:
        found = iter(())
        if source.left:
            damage("neither pcap nor pcapng", 0)
    for window in found:
        fold.take(window)
    yield from fold.flows()
