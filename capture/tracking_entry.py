"""Entries of the kernel's connection tracking, as netlink writes them: the translated ones.

The kernel writes all entries of a kind alike, so where each value stands is looked for once, and
then read as one structure whose headers must be the same. linux/netfilter/nfnetlink_conntrack.h.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from struct import error as StructError  # noqa: N812
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["STATUS", "TRANSLATED", "Half", "Translation", "translation"]

STATUS: Final = 3
TRANSLATED: Final = 0x30
"""``IPS_SRC_NAT | IPS_DST_NAT``."""
_HEAD: Final = Struct("=HH")
_NESTED, _TYPE = 0x8000, 0x3FFF
_IP, _PROTOCOL, _NUMBER, _PORTS = 1, 2, 1, (2, 3)
_FOUR, _SIX = (1, 2), (3, 4)
_ICMP: Final = ((4, 5, 6), (7, 8, 9))
"""Identifier, type and code of each version."""

_Path: TypeAlias = tuple[int, ...]
"""Types of attributes, each within the one before."""


class Half(NamedTuple):
    """One direction of a connection; addresses as on the wire."""

    source: bytes
    target: bytes
    protocol: int
    """IP protocol number; for ICMP plus type and code as in :class:`capture.packet_rows.Rows`."""
    source_port: int
    target_port: int
    """For ICMP both are its identifier."""


class Translation(NamedTuple):
    """A connection whose addresses or ports change on its way."""

    original: Half
    reply: Half


@dataclass(frozen=True, slots=True)
class _Layout:
    """An entry as a structure: each attribute's header, and its value."""

    structure: Struct
    heads: tuple[bytes, ...]
    places: dict[_Path, int]
    """By path the place of a value among the values."""
    halves: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None
    """Picks status and both directions of a connection with ports out of the values, or None."""


_LAYOUTS: Final[dict[int, _Layout]] = {}
"""By the size of an entry the layout that was seen last."""


def translation(data: bytearray, at: int, end: int) -> Translation | None:
    """The entry whose attributes stand there; None: it is not translated, or without addresses."""
    layout = _LAYOUTS.get(end - at)
    with suppress(LookupError, StructError, TypeError):  # not whole, or of a kind unknown here
        parts = layout.structure.unpack_from(data, at) if layout else ()
        if layout is None or parts[::2] != layout.heads:
            layout = _LAYOUTS[end - at] = _layout(data, at, end)
            parts = layout.structure.unpack_from(data, at)
        return _told(layout, parts[1::2])
    return None


def _told(layout: _Layout, values: tuple[Any, ...]) -> Translation | None:
    if layout.halves:
        status, *halves = layout.halves(values)
        if status & TRANSLATED:
            return Translation(Half(*halves[:5]), Half(*halves[5:]))
        return None
    found = {path: values[place] for path, place in layout.places.items()}
    if not found[STATUS,] & TRANSLATED:
        return None
    original = _half(found, 1)
    return Translation(original, _half(found, 2, original.protocol))


def _half(found: dict[_Path, Any], direction: int, protocol: int = 0) -> Half:
    """A direction of a connection without ports; answers have the protocol of what they answer."""
    source, target = _FOUR if (direction, _IP, _FOUR[0]) in found else _SIX
    sides = found[direction, _IP, source], found[direction, _IP, target]
    number = protocol or found[direction, _PROTOCOL, _NUMBER]
    for places in _ICMP:
        if (direction, _PROTOCOL, places[0]) in found:
            same, kind, code = (found[direction, _PROTOCOL, one] for one in places)
            return Half(*sides, protocol or number | kind << 8 | code << 16, same, same)
    return Half(*sides, number, 0, 0)


def _layout(data: bytearray, at: int, end: int) -> _Layout:
    codes, heads = [">"], []
    places: dict[_Path, int] = {}
    for path, head, size in _attributes(data, at, end, ()):
        codes.append(f"4s{_code(path, size)}")
        heads.append(head)
        places[path] = len(places)
    return _Layout(Struct("".join(codes)), tuple(heads), places, _picker(places))


def _attributes(
    data: bytearray, at: int, end: int, within: _Path
) -> Iterator[tuple[_Path, bytes, int]]:
    """Path, header and size of every value down to the status; 0 for one that has others in it."""
    while at + _HEAD.size <= end:
        size, kind = _HEAD.unpack_from(data, at)
        if not _HEAD.size <= size <= end - at:
            return
        path, nested = (*within, kind & _TYPE), kind & _NESTED
        yield path, bytes(data[at : at + _HEAD.size]), 0 if nested else size - _HEAD.size
        if nested:
            yield from _attributes(data, at + _HEAD.size, at + size, path)
        elif path == (STATUS,):
            return
        at += size + 3 & ~3


def _code(path: _Path, size: int) -> str:
    """How :mod:`struct` reads a value, with what fills it up to four bytes."""
    match path:
        case (3,) if size == 4:
            return "I"
        case (_, 2, _) if size == 2:
            return "H2x"
        case (_, 2, _) if size == 1:
            return "B3x"
    return f"{size}s{-size % 4}x"


def _picker(places: dict[_Path, int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]] | None:
    for addresses in (_FOUR, _SIX):
        wanted: list[_Path] = [(STATUS,)]
        for direction in (1, 2):
            wanted += [(direction, _IP, one) for one in addresses]
            wanted += [(direction, _PROTOCOL, one) for one in (_NUMBER, *_PORTS)]
        if all(path in places for path in wanted):
            return itemgetter(*(places[path] for path in wanted))
    return None
