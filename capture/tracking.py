"""The kernel's connection tracking as it happens: events over netlink, of translated connections.

An event has two tuples, as an entry of a listing has (:mod:`capture.conntrack_entry`): what the
client dialled, and who answers it. The kernel passes only those on that are translated
(:data:`_FILTER`), and only when they are new: the packets themselves tell what becomes of them.
Layout: linux/netfilter/nfnetlink_conntrack.h. A general netlink library takes several times as long
for an event as all packets of its connection take.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from struct import Struct, pack
from struct import error as StructError  # noqa: N812
from typing import Final, NamedTuple

from netpol.errors import NetpolError

__all__ = ["Half", "Tracking", "Translation"]

_NETFILTER: Final = 12
"""``NETLINK_NETFILTER``; its options are of this level:"""
_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_GROUP_NEW: Final = 1
"""``NFNLGRP_CONNTRACK_NEW``."""
_RECEIVE_FORCE: Final = 33
_ATTACH_FILTER: Final = 26
_BUFFER: Final = 8 << 20
"""Holds what comes between two looks at more than ten thousand new connections a second."""
_LONGEST: Final = 1 << 17

_NEW, _GET, _DONE, _ERROR = 0x100, 0x101, 3, 2
_HEAD: Final = Struct("=IHHII")
_CODE: Final = Struct("=i")
_DUMP: Final = _HEAD.pack(20, _GET, 0x301, 1, 0) + bytes(4)
"""Ask for all entries, of IPv4 and IPv6."""
_PAYLOAD: Final = 20
"""Behind ``struct nlmsghdr`` and ``struct nfgenmsg``."""
_ATTRIBUTE: Final = Struct("=HH")
_TYPE: Final = 0x3FFF
_ORIGINAL, _REPLY, _STATUS = 1, 2, 3
_TRANSLATED: Final = 0x30
"""``IPS_SRC_NAT | IPS_DST_NAT``."""
_PORT: Final = Struct(">H")
_WORD: Final = Struct(">I")

_FILTER: Final = b"".join(
    pack("=HBBI", *line)
    for line in (
        (0x00, 0, 0, _PAYLOAD),  # ld #: where attributes begin
        (0x01, 0, 0, _STATUS),  # ldx #: which is looked for
        (0x20, 0, 0, 0xFFFFF00C),  # ld ad: SKF_AD_NLATTR, its place or 0
        (0x15, 3, 0, 0),  # jeq: there is none
        (0x07, 0, 0, 0),  # tax
        (0x40, 0, 0, 4),  # ld [x + 4]: its value
        (0x45, 1, 0, _TRANSLATED),  # jset
        (0x06, 0, 0, 0),  # ret: not that
        (0x06, 0, 0, 0xFFFFFFFF),  # ret: all of it
    )
)


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


@dataclass(slots=True, kw_only=True)
class Tracking:
    """A socket for events of one namespace. Needs no privileges any more."""

    sock: socket.socket
    where: str
    known: list[Translation]
    """What there was before the first event."""
    overflows: int = 0
    """How often events were lost since this was set to zero last."""
    _buffer: bytearray = field(default_factory=lambda: bytearray(_LONGEST))

    @staticmethod
    def opened(where: str) -> Tracking:
        """Of this thread's namespace. Needs CAP_NET_ADMIN. Raises NetpolError."""
        try:
            sock = _socket()
            try:
                fprog, _kept = _program(_FILTER)
                sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, fprog)
                with suppress(PermissionError):  # in a user namespace; then there is less room
                    sock.setsockopt(socket.SOL_SOCKET, _RECEIVE_FORCE, _BUFFER)
                sock.setsockopt(_NETLINK, _ADD_MEMBERSHIP, _GROUP_NEW)
                sock.setblocking(False)
                return Tracking(sock=sock, where=where, known=list(_listed()))
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            denied = error.errno in (errno.EPERM, errno.EACCES)
            raise NetpolError(
                f"no connection tracking: {'it needs CAP_NET_ADMIN' if denied else error.strerror}",
                where=where,
                hint="--no-conntrack captures without it",
            ) from error

    def news(self) -> list[Translation]:
        """The connections that are new since this was asked last."""
        found, self.known = self.known, []
        while True:
            try:
                size = self.sock.recv_into(self._buffer)
            except BlockingIOError:
                return found
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.overflows += 1
                continue
            found.extend(_translations(self._buffer, size))

    def close(self) -> None:
        """End listening."""
        self.sock.close()


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    sock.bind((0, 0))
    return sock


def _program(code: bytes) -> tuple[bytes, object]:
    """``struct sock_fprog``, and the memory that it points into."""
    buffer = ctypes.create_string_buffer(code, len(code))
    return pack("@HP", len(code) // 8, ctypes.addressof(buffer)), buffer


def _listed() -> Iterator[Translation]:
    """The entries that are in the table now: one that goes on does not become new again."""
    buffer = bytearray(_LONGEST)
    with _socket() as sock:
        sock.send(_DUMP)
        while True:
            size = sock.recv_into(buffer)
            yield from _translations(buffer, size)
            if size < _HEAD.size or _ended(buffer, size):
                return


def _ended(data: bytearray, size: int) -> bool:
    """Whether this was the last of a listing. Raises OSError for one that failed."""
    for kind, at, _ in _messages(data, size):
        if kind == _ERROR:
            code = -_CODE.unpack_from(data, at)[0]
            raise OSError(code, os.strerror(code))
        if kind == _DONE:
            return True
    return False


def _messages(data: bytearray, size: int) -> Iterator[tuple[int, int, int]]:
    """(type, where what is behind the header begins, where it ends) of each message."""
    at = 0
    while at + _HEAD.size <= size:
        length, kind, *_ = _HEAD.unpack_from(data, at)
        if length < _HEAD.size:
            return
        yield kind, at + _HEAD.size, min(at + length, size)
        at += length + 3 & ~3


def _translations(data: bytearray, size: int) -> Iterator[Translation]:
    """The entries in some messages that are translated and whole."""
    for kind, at, end in _messages(data, size):
        if kind != _NEW:
            continue
        with suppress(LookupError, StructError):  # a tuple without addresses: of no use
            found = _attributes(data, at + 4, end)
            if _WORD.unpack_from(data, found[_STATUS][0])[0] & _TRANSLATED:
                original = _half(data, *found[_ORIGINAL])
                yield Translation(original, _half(data, *found[_REPLY], like=original))


def _attributes(data: bytearray, at: int, end: int) -> dict[int, tuple[int, int]]:
    """Where each attribute's value begins and ends."""
    found = {}
    while at + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < 4:
            break
        found[kind & _TYPE] = at + 4, min(at + size, end)
        at += size + 3 & ~3
    return found


def _half(data: bytearray, at: int, end: int, like: Half | None = None) -> Half:
    """A tuple; that of the answers has the protocol of the one that it answers."""
    parts = _attributes(data, at, end)
    ip, proto = _attributes(data, *parts[1]), _attributes(data, *parts[2])
    source, target = (ip[1], ip[2]) if 1 in ip else (ip[3], ip[4])
    number = data[proto[1][0]]
    sides = bytes(data[slice(*source)]), bytes(data[slice(*target)])
    if 2 in proto:
        port = _PORT.unpack_from
        return Half(*sides, number, port(data, proto[2][0])[0], port(data, proto[3][0])[0])
    for identifier, kind, code in ((4, 5, 6), (7, 8, 9)):
        if identifier in proto:
            same = _PORT.unpack_from(data, proto[identifier][0])[0]
            number |= data[proto[kind][0]] << 8 | data[proto[code][0]] << 16
            return Half(*sides, like.protocol if like else number, same, same)
    return Half(*sides, number, 0, 0)
