"""A TPACKET_V3 ring: the kernel writes packets into memory that we share (linux/if_packet.h).

The kernel fills a block, hands it over, and goes on with the next; a block that is not full is
handed over after :data:`_RETIRE` milliseconds. What comes while every block is ours is lost, and
counted. The socket sees what goes out, too, and is not promiscuous unless asked.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct, pack
from sys import byteorder
from typing import Final

from capture.bpf import program
from netpol.errors import NetpolError

__all__ = ["BLOCK", "Block", "Ring", "opened"]

BLOCK: Final = 1 << 17
_FRAME: Final = 1 << 11
_RETIRE: Final = 100

_PACKET: Final = 263
"""``SOL_PACKET``; its options:"""
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION = 1, 5, 6, 10
_V3: Final = 2
_PROMISCUOUS: Final = 1
_ATTACH_FILTER: Final = 26
_ALL: Final = 3
_GET_INDEX: Final = 0x8933
"""``SIOCGIFINDEX``, answered for the namespace of the socket."""

_STATUS: Final = Struct("=I")
_HEAD: Final = Struct("=IIII")
"""Of a block, behind version and offset: status, number of packets, where the first is, size."""
_COUNTS: Final = Struct("=III")


@dataclass(frozen=True, slots=True)
class Block:
    """Packets as the kernel laid them out."""

    data: bytes
    packets: int
    first: int


@dataclass(slots=True, kw_only=True)
class Ring:
    """A socket with its blocks. Needs no privileges any more."""

    sock: socket.socket
    name: str
    """Of the interface that it is bound to; empty: all of its namespace."""
    where: str
    """What a person calls it."""
    blocks: int
    index: int = 0
    """Number of the interface; 0: all, -1: there is none of that name now."""
    _memory: mmap.mmap = field(init=False)
    _next: int = 0

    def __post_init__(self) -> None:
        flags, access = mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE
        size = self.blocks * BLOCK
        self._memory = mmap.mmap(self.sock.fileno(), size, flags=flags, prot=access)

    def taken(self) -> Iterator[Block]:
        """The blocks that the kernel has handed over; each is given back once it is copied."""
        for _ in range(self.blocks):
            at = self._next * BLOCK
            status, packets, first, size = _HEAD.unpack_from(self._memory, at + 8)
            if not status & 1:
                return
            data = self._memory[at : at + min(size, BLOCK)]
            _STATUS.pack_into(self._memory, at + 8, 0)
            self._next = (self._next + 1) % self.blocks
            yield Block(data, packets, first)

    def lost(self) -> int:
        """Packets that found no room since this was asked last."""
        counts = self.sock.getsockopt(_PACKET, _STATISTICS, _COUNTS.size)
        return int(_COUNTS.unpack(counts)[1])

    def follow(self) -> bool:
        """Bind anew to an interface that was made again; whether there is one of that name."""
        if not self.name:
            return True
        with suppress(OSError):  # what a link that is down has left behind
            self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        found = _index(self.sock, self.name)
        if found > 0 and found != self.index:
            try:
                _bind(self.sock, found)
            except OSError:  # gone again
                found = -1
        self.index = found
        return found > 0

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        self.sock.close()


def opened(name: str, blocks: int, *, promiscuous: bool = False) -> socket.socket:
    """A socket that captures on an interface of this thread's namespace; without a name, on all.

    Needs CAP_NET_RAW. Raises NetpolError.
    """
    try:
        # Of no protocol: nothing arrives before the filter is there.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, 0)
    except PermissionError as error:
        raise NetpolError(
            "capturing needs CAP_NET_RAW",
            hint="run as root, or see netpol capture --print-manifest daemonset",
        ) from error
    except OSError as error:
        raise NetpolError(f"cannot capture here: {error.strerror}") from error
    try:
        _prepare(sock, name, blocks, promiscuous=promiscuous)
    except OSError as error:
        sock.close()
        where = f"interface {name}" if name else "capture"
        hint = "`ip link` lists the interfaces" if name else "try a smaller --buffer"
        raise NetpolError(str(error.strerror or error), where=where, hint=hint) from error
    except BaseException:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket, name: str, blocks: int, *, promiscuous: bool) -> None:
    _attach(sock, program(loopback=name == "lo"))
    sock.setsockopt(_PACKET, _VERSION, _V3)
    frames = blocks * BLOCK // _FRAME
    request = pack("=7I", BLOCK, blocks, _FRAME, frames, _RETIRE, 0, 0)
    sock.setsockopt(_PACKET, _RX_RING, request)
    index = socket.if_nametoindex(name) if name else 0
    if promiscuous:
        sock.setsockopt(_PACKET, _ADD_MEMBERSHIP, pack("=iHH8x", index, _PROMISCUOUS, 0))
    _bind(sock, index)


def _bind(sock: socket.socket, index: int) -> None:
    """``socket.bind`` knows no number for all interfaces."""
    address = pack("=H", socket.AF_PACKET) + pack(">H", _ALL) + pack("=i12x", index)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(sock.fileno(), address, len(address)):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def _attach(sock: socket.socket, code: bytes) -> None:
    """``SO_ATTACH_FILTER``; the kernel copies the program."""
    buffer = ctypes.create_string_buffer(code, len(code))
    fprog = pack("@HP", len(code) // 8, ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)


def _index(sock: socket.socket, name: str) -> int:
    from fcntl import ioctl

    try:
        answer = ioctl(sock, _GET_INDEX, pack("=16s24x", name.encode()))
    except OSError:
        return -1
    return int.from_bytes(answer[16:20], byteorder, signed=True)
