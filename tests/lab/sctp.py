"""SCTP as far as a connection goes (RFC 9260), in this process: few kernels have it at hand.

Clients and servers of a namespace share two sockets for each version of IP: one that speaks, and
one that hears, packets and ICMP errors. Should the kernel have SCTP of its own, it must not answer
beside this one: :data:`HUSH` keeps it from that.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import sys
from typing import Final, TypeAlias

__all__ = ["HUSH", "Sctp"]

_SCTP: Final = 132
_MARK: Final = 0x5C79
HUSH: Final = f"""
table inet hush {{
chain out {{
  type filter hook output priority raw;
  meta l4proto sctp meta mark != {_MARK} drop
}}
}}
"""
_DATA, _INIT, _INIT_ACK, _ABORT, _SHUTDOWN, _SHUTDOWN_ACK = 0, 1, 2, 6, 7, 8
_ECHO, _ECHO_ACK, _DONE = 10, 11, 14
_TAG: Final = struct.Struct("!I")
_WINDOW: Final = struct.pack("!IHHI", 1 << 16, 1, 1, 1)
_COOKIE: Final = struct.pack("!HH", 7, 8) + b"lab!"
_FIRST: Final = struct.pack("!IHHI", 1, 0, 0, 0)
_IP_PKTINFO, _IP_RECVERR, _IPV6_RECVERR = 8, 11, 25
_ERRORS: Final = {4: (socket.IPPROTO_IP, _IP_RECVERR), 6: (socket.IPPROTO_IPV6, _IPV6_RECVERR)}
_SPEAK_AS: Final = {
    4: (socket.IPPROTO_IP, _IP_PKTINFO),
    6: (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO),
}
_HEARD_AT: Final = {**_SPEAK_AS, 6: (socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO)}
_Chunk: TypeAlias = tuple[int, bytes]


def _table() -> list[int]:
    found = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        found.append(value)
    return found


_TABLE: Final = _table()


def _crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def _packet(ports: tuple[int, int], tag: int, *chunks: _Chunk) -> bytes:
    body = b"".join(
        struct.pack("!BBH", kind, 3 if kind == _DATA else 0, 4 + len(value)) + value
        + bytes(-len(value) % 4)
        for kind, value in chunks
    )  # fmt: skip
    head = struct.pack("!HHI", *ports, tag)
    return head + struct.pack("<I", _crc32c(head + bytes(4) + body)) + body


class Sctp:
    """``me``: what servers answer with."""

    def __init__(self) -> None:
        self.me = ""
        self.serving: set[int] = set()
        self._asking: dict[int, asyncio.Future[bytes]] = {}
        """By the client's own port: the packet that it waits for."""
        self._tags: dict[tuple[str, int, int], int] = {}
        """By a server's client and both ports: the tag that packets to that client must have."""
        self._mouths: dict[int, socket.socket] = {}

    def open(self) -> None:
        for version, family in ((4, socket.AF_INET), (6, socket.AF_INET6)):
            mouth, ear = (socket.socket(family, socket.SOCK_RAW, _SCTP) for _ in range(2))
            mouth.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _MARK)
            self._mouths[version] = mouth
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            ear.setsockopt(*_ERRORS[version], 1)
            ear.setsockopt(*_HEARD_AT[version], 1)
            ear.setblocking(False)
            asyncio.get_running_loop().add_reader(ear, self._hear, version, ear)

    async def ask(self, to: str, port: int, source: str, own: int) -> str:
        """Connect, let the server say who it is, and close. Raises OSError where that fails."""

        async def answer(tag: int, *chunks: _Chunk) -> bytes:
            came = self._asking[own] = asyncio.get_running_loop().create_future()
            self._say(to, source, _packet((own, port), tag, *chunks))
            return await came

        try:
            told = await answer(0, (_INIT, _TAG.pack(own) + _WINDOW))
            if told[12] == _ABORT:
                raise ConnectionRefusedError(errno.ECONNREFUSED, "SCTP: ABORT")
            (theirs,) = _TAG.unpack_from(told, 16)
            told = await answer(theirs, (_ECHO, told[-4:]))
            await answer(theirs, (_SHUTDOWN, _TAG.pack(1)))
            self._say(to, source, _packet((own, port), theirs, (_DONE, b"")))
            return told[32:].rstrip(b"\0").decode()
        finally:
            self._asking.pop(own, None)

    def _say(self, to: str, source: str, packet: bytes) -> None:
        six = ":" in to
        rest = []
        if source:
            mine = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, source)
            info = mine + bytes(4) if six else bytes(4) + mine + bytes(4)
            rest = [(*_SPEAK_AS[6 if six else 4], info)]
        self._mouths[6 if six else 4].sendmsg([packet], rest, 0, (to, 0))

    def _hear(self, version: int, ear: socket.socket) -> None:
        while True:
            try:
                data, ((_, _, info),), _, sender = ear.recvmsg(1 << 16, 256)
            except BlockingIOError:
                break
            except OSError:
                continue  # of an error: it is in the queue, too
            if version == 4:
                data, at = data[(data[0] & 15) * 4 :], socket.inet_ntop(socket.AF_INET, info[8:])
            else:
                at = socket.inet_ntop(socket.AF_INET6, info[:16])
            self._take(data, sender[0], at)
        self._errors(ear)

    def _errors(self, ear: socket.socket) -> None:
        """ICMP errors: each quotes the packet that it is about."""
        while True:
            try:
                data, rest, _, _ = ear.recvmsg(256, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return
            told = next(value for *kind, value in rest if tuple(kind) in _ERRORS.values())
            number = int.from_bytes(told[:4], sys.byteorder)
            came = self._asking.get(int.from_bytes(data[:2]))
            if came and not came.done():
                came.set_exception(OSError(number, os.strerror(number)))

    def _take(self, data: bytes, sender: str, at: str) -> None:
        theirs, mine, _, _, kind = struct.unpack_from("!HHIIB", data)
        client = sender, theirs, mine
        match kind:
            case 1:
                self._tags[client] = _TAG.unpack_from(data, 16)[0]
                accepted = _INIT_ACK, _TAG.pack(mine) + _WINDOW + _COOKIE
                chunks = [accepted if mine in self.serving else (_ABORT, b"")]
            case 10:
                chunks = [(_ECHO_ACK, b""), (_DATA, _FIRST + self.me.encode())]
            case 7:
                chunks = [(_SHUTDOWN_ACK, b"")]
            case _:
                came = self._asking.get(mine)
                if came and not came.done():
                    came.set_result(data)
                return
        self._say(sender, at, _packet((mine, theirs), self._tags[client], *chunks))
