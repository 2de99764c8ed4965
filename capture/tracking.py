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
from typing import Final

from capture.tracking_entry import STATUS, TRANSLATED, Translation, translation
from netpol.errors import NetpolError

__all__ = ["Tracking"]

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

_FILTER: Final = b"".join(
    pack("=HBBI", *line)
    for line in (
        (0x00, 0, 0, _PAYLOAD),  # ld #: where attributes begin
        (0x01, 0, 0, STATUS),  # ldx #: which is looked for
        (0x20, 0, 0, 0xFFFFF00C),  # ld ad: SKF_AD_NLATTR, its place or 0
        (0x15, 3, 0, 0),  # jeq: there is none
        (0x07, 0, 0, 0),  # tax
        (0x40, 0, 0, 4),  # ld [x + 4]: its value
        (0x45, 1, 0, TRANSLATED),  # jset
        (0x06, 0, 0, 0),  # ret: not that
        (0x06, 0, 0, 0xFFFFFFFF),  # ret: all of it
    )
)


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
        if kind == _NEW and (found := translation(data, at + 4, end)):
            yield found
