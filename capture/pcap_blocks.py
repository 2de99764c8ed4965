"""Windows of packets out of pcapng: sections, interfaces and blocks.

A file may hold several sections, each with its byte order and its own interfaces, and each
interface has its link type and its unit of time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

import numpy as np

from capture.packet_rows import Bytes, Numbers, Window
from capture.pcap_frames import LARGEST, Broken, Damage, Source, native

__all__ = ["block_windows", "is_pcapng"]

_SECTION: Final = 0x0A0D0D0A
_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OLD_PACKET, _SIMPLE, _STATISTICS, _PACKET = 1, 2, 3, 5, 6
_PACKETS: Final = (_OLD_PACKET, _SIMPLE, _PACKET)
_SECTION_SIZE: Final = 28
_RESOLUTION, _OFFSET = 9, 14
_DROPS: Final = (5, 7)
_SECOND: Final = 1_000_000_000
_LATEST: Final = 1 << 32
"""Seconds since the epoch: beyond 2106 no clock is right."""
_UNKNOWN: Final = 0xFFFF
"""A link type that none has: of packets whose interface was never described."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interface:
    link: int = _UNKNOWN
    snap: int = 0
    resolution: int = 6
    """As in the option: a power of ten, or with the high bit of two."""
    offset: int = 0


@dataclass(slots=True)
class _Section:
    order: str
    interfaces: list[_Interface] = field(default_factory=list)
    drops: dict[int, int] = field(default_factory=dict)
    """Packets that each interface lost, by its latest statistics."""
    time: int = 0
    """Of the latest packet: a simple one has none of its own."""


def is_pcapng(head: bytes) -> bool:
    """Whether a file begins like pcapng."""
    return head[:4] == _SECTION.to_bytes(4) and head[8:12] in _ORDERS


def block_windows(source: Source, damage: Damage, lost: Callable[[int], None]) -> Iterator[Window]:
    """The packets of a pcapng file; ``lost`` is told what the capture dropped."""
    section = _Section("<")
    while True:
        found: list[int] = []
        broken, following = "", False
        try:
            following = _walk(source, section, found)
        except Broken as error:
            broken = str(error)
        if found:
            yield _window(source.data, found, section)
        if following and not broken:
            _end(section, lost)
            section = _Section(_ORDERS.get(source.data[source.at + 8 : source.at + 12], ""))
            broken = _begin(source, section)
        elif not broken and not source.more():
            broken = "the file ends within a block" if source.left else ""
            break
        if broken:
            break
    _end(section, lost)
    if broken:
        damage(broken, source.place)


def _end(section: _Section, lost: Callable[[int], None]) -> None:
    if any(section.drops.values()):
        lost(sum(section.drops.values()))


def _begin(source: Source, section: _Section) -> str:
    """Go behind the header of a section; what is wrong with it."""
    if not section.order:
        return "a section in no byte order"
    (size,) = Struct(section.order + "I").unpack_from(source.data, source.at + 4)
    if not _SECTION_SIZE <= size <= LARGEST:
        return f"a section header of {size} bytes"
    while source.left < size:
        if not source.more():
            return "the file ends within a block"
    source.at += size + 3 & ~3
    return ""


def _walk(source: Source, section: _Section, found: list[int]) -> bool:
    """Find the packets up to the next section, or to the last block that is whole.

    Returns whether there is a next section. Raises :class:`Broken`.
    """
    data, at, end = source.data, source.at, source.end
    head = Struct(section.order + "II").unpack_from
    add, last = found.append, end - 12
    try:
        while at <= last:
            kind, size = head(data, at)
            after = at + (size + 3 & ~3)
            if after > end or size < 12 or kind == _SECTION:
                if kind == _SECTION:
                    return True
                if not 12 <= size <= LARGEST:
                    raise Broken(f"a block of {size} bytes")
                break
            if kind in _PACKETS:
                add(at)
            elif kind == _INTERFACE:
                section.interfaces.append(_interface(data, at, size, section.order))
            elif kind == _STATISTICS:
                _statistics(data, at, size, section)
            at = after
        return False
    finally:
        source.at = at


def _options(data: bytes, at: int, end: int, order: str) -> Iterator[tuple[int, bytes]]:
    """Options (code, value) of a block; what does not fit in is none."""
    head = Struct(order + "HH")
    while at + head.size <= end:
        code, size = head.unpack_from(data, at)
        at += head.size
        if code == 0 or at + size > end:
            return
        yield code, data[at : at + size]
        at += size + 3 & ~3


def _interface(data: bytes, at: int, size: int, order: str) -> _Interface:
    if size < 20:
        return _Interface()
    link, _, snap = Struct(order + "HHI").unpack_from(data, at + 8)
    options = dict(_options(data, at + 16, at + size - 4, order))
    offset = options.get(_OFFSET, b"")
    return _Interface(
        link=link,
        snap=snap,
        resolution=(options.get(_RESOLUTION) or b"\6")[0],
        offset=Struct(order + "q").unpack(offset)[0] if len(offset) == 8 else 0,
    )


def _statistics(data: bytes, at: int, size: int, section: _Section) -> None:
    """How many packets an interface lost so far, by itself and in the system."""
    if size >= 24:
        (number,) = Struct(section.order + "I").unpack_from(data, at + 8)
        read = Struct(section.order + "Q")
        section.drops[number] = sum(
            read.unpack(value)[0]
            for code, value in _options(data, at + 20, at + size - 4, section.order)
            if code in _DROPS and len(value) == 8
        )


def _window(data: bytes, found: list[int], section: _Section) -> Window:
    padded = Bytes(data)
    at = np.array(found, np.int64)

    def four(offset: int) -> Numbers:
        return native(padded.four(at + offset), section.order).astype(np.int64)

    kind, block, number, captured = four(0), four(4), four(8), four(20)
    old, simple = kind == _OLD_PACKET, kind == _SIMPLE
    if old.any():
        number[old] = native(padded.two(at[old] + 8), section.order)
    known = [*section.interfaces, _Interface()]
    which = np.where(simple, 0, np.minimum(number, len(known) - 1))
    time = _times(four(12) << 32 | four(16), which, known)
    if simple.any():
        captured[simple] = _simple(number[simple], known[0])
        time[simple] = 0
        latest = np.maximum.accumulate(np.where(simple, -1, np.arange(len(at))))
        time = np.where(latest < 0, section.time, time[latest])
    section.time = int(time[-1])
    room = np.maximum(block - np.where(simple, 16, 32), 0)
    return Window(
        data=padded,
        start=at + np.where(simple, 12, 28),
        size=np.minimum(captured, room),
        time=time,
        link=np.array([one.link for one in known], np.uint16)[which],
    )


def _simple(original: Numbers, interface: _Interface) -> Numbers:
    """How much of simple packets was captured: they tell their original size alone."""
    captured: Numbers = np.minimum(original, interface.snap or LARGEST)
    return captured


def _times(stamp: Numbers, which: Numbers, known: list[_Interface]) -> Numbers:
    """Nanoseconds since the epoch."""
    time = np.zeros(len(stamp), np.int64)
    stamp = stamp.astype(np.uint64)
    for number in np.unique(which).tolist():
        here, one = which == number, known[number]
        time[here] = _nanoseconds(stamp[here], one.resolution)
        time[here] += max(min(one.offset, _LATEST), -_LATEST) * _SECOND
    return np.clip(time, 0, _LATEST * _SECOND)


def _nanoseconds(stamp: Numbers, resolution: int) -> Numbers:
    power = resolution & 0x7F
    found: Numbers
    if resolution & 0x80:
        power = min(power, 63)
        second = (stamp >> np.uint64(power)).astype(np.int64)
        part = (stamp & np.uint64((1 << power) - 1)) >> np.uint64(max(power - 30, 0))
        part = part * np.uint64(_SECOND) >> np.uint64(min(power, 30))
        found = np.minimum(second, _LATEST) * _SECOND + part.astype(np.int64)
    elif power > 9:
        found = (stamp // np.uint64(10 ** min(power - 9, 19))).astype(np.int64)
    else:
        unit = 10 ** (9 - power)
        found = np.minimum(stamp, np.uint64(_LATEST * _SECOND // unit)).astype(np.int64) * unit
    return found
