"""What the lab's servers and clients say to each other: HTTP, Redis, PostgreSQL, DNS, echo.

Standard library only: an agent starts in a few hundredths of a second.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

__all__ = ["ASK", "SERVE", "Datagrams", "Resolver", "answers_of", "question"]

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter
_GET = b"*2\r\n$3\r\nGET\r\n$2\r\nme\r\n"

# Servers: ``me`` is the name that they answer with, so that a client knows whom it reached.


async def serve_http(me: str, reader: Reader, writer: Writer) -> None:
    await reader.readuntil(b"\r\n\r\n")
    body = me.encode()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


async def serve_redis(me: str, reader: Reader, writer: Writer) -> None:
    """GET alone, of one key."""
    if await reader.readexactly(len(_GET)) != _GET:
        writer.write(b"-ERR unknown command\r\n")
        return
    writer.write(b"$%d\r\n%s\r\n" % (len(me), me.encode()))


async def serve_postgres(me: str, reader: Reader, writer: Writer) -> None:
    """SSLRequest is refused, StartupMessage is answered with one parameter."""
    await reader.readexactly(8)
    writer.write(b"N")
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    await reader.readexactly(length - 4)
    body = b"server\0%s\0" % me.encode()
    writer.write(b"S" + struct.pack("!I", len(body) + 4) + body)


SERVE: dict[str, Callable[[str, Reader, Writer], Awaitable[None]]] = {
    "http": serve_http,
    "redis": serve_redis,
    "postgres": serve_postgres,
}

# Clients


async def ask_http(reader: Reader, writer: Writer) -> str:
    writer.write(b"GET / HTTP/1.1\r\nHost: lab\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].split()[0])
    return (await reader.readexactly(length)).decode()


async def ask_redis(reader: Reader, writer: Writer) -> str:
    writer.write(_GET)
    length = int((await reader.readline())[1:])
    return (await reader.readexactly(length)).decode()


async def ask_postgres(reader: Reader, writer: Writer) -> str:
    writer.write(struct.pack("!II", 8, 80877103))
    assert await reader.readexactly(1) == b"N"
    body = struct.pack("!I", 196608) + b"user\0lab\0\0"
    writer.write(struct.pack("!I", len(body) + 4) + body)
    assert await reader.readexactly(1) == b"S"
    (length,) = struct.unpack("!I", await reader.readexactly(4))
    return (await reader.readexactly(length - 4)).split(b"\0")[1].decode()


async def ask_nothing(reader: Reader, writer: Writer) -> str:
    """That somebody accepts the connection is enough."""
    return ""


ASK: dict[str, Callable[[Reader, Writer], Awaitable[str]]] = {
    "http": ask_http,
    "redis": ask_redis,
    "postgres": ask_postgres,
    "knock": ask_nothing,
}

# DNS


def question(name: str, version: int) -> bytes:
    labels = b"".join(bytes([len(one)]) + one.encode() for one in name.split("."))
    kind = 1 if version == 4 else 28
    return struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", kind, 1)


def answers_of(message: bytes) -> list[str]:
    """The addresses in an answer of :class:`Resolver`, which points all names at the question."""
    (count,) = struct.unpack_from("!H", message, 6)
    place = message.index(b"\0", 12) + 5
    found = []
    for _ in range(count):
        (length,) = struct.unpack_from("!H", message, place + 10)
        found.append(str(ip_address(message[place + 12 : place + 12 + length])))
        place += 12 + length
    return found


class Resolver:
    """Answers from a zone; what is not in it is asked upstream, if there is one."""

    def __init__(self, zone: dict[str, list[str]], upstream: str, source: Callable[[], int]):
        self.zone, self.upstream, self.source = zone, upstream, source

    async def answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 1
        name, place = [], 12
        while query[place]:
            name.append(query[place + 1 : place + 1 + query[place]].decode())
            place += 1 + query[place]
        known = self.zone.get(".".join(name))
        if known is None and self.upstream:
            return await asyncio.to_thread(self._forward, query)
        (kind,) = struct.unpack_from("!H", query, end)
        wanted = [ip_address(one) for one in known or ()]
        found = [one.packed for one in wanted if one.version == {1: 4, 28: 6}.get(kind)]
        rows = [struct.pack("!3HIH", 0xC00C, kind, 1, 30, len(one)) + one for one in found]
        code = 0x8180 if known is not None else 0x8183
        return (
            query[:2]
            + struct.pack("!5H", code, 1, len(rows), 0, 0)
            + query[12 : end + 4]
            + b"".join(rows)
        )

    def _forward(self, query: bytes) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as upward:
            upward.settimeout(10)
            upward.bind(("", self.source()))
            upward.connect((self.upstream, 53))
            upward.send(query)
            return upward.recv(4096)

    async def stream(self, me: str, reader: Reader, writer: Writer) -> None:
        """DNS over TCP: messages with their length before them."""
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        found = await self.answer(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(found)) + found)


class Datagrams(asyncio.DatagramProtocol):
    """A UDP server: DNS, or whatever came goes back. It remembers from whom it heard what."""

    def __init__(self, resolver: Resolver | None, heard: list[tuple[str, str]]):
        self.resolver, self.heard = resolver, heard
        self.running: set[asyncio.Task[None]] = set()

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self.heard.append((addr[0], data.hex()))
        if self.resolver is None:
            self.transport.sendto(data, addr)
            return
        task = asyncio.ensure_future(self._answer(self.resolver, data, addr))
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def _answer(self, resolver: Resolver, data: bytes, addr) -> None:
        self.transport.sendto(await resolver.answer(data), addr)
