"""What lives in a network namespace: its servers, its clients, its tools, and an eye on its cables.

One process is one namespace: it starts under ``unshare --net``, obeys orders that come as lines of
JSON on its standard input, and ends when that does. The namespace, and every cable that ends in it,
goes with the process, however it ends: nothing is left to clean up.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from lab.eye import Eye
from lab.sctp import Sctp
from lab.speech import ASK, SERVE, Datagrams, Resolver, answers_of, question

PATIENCE = 60.0
"""Seconds after which nobody answers. What is refused is refused at once, with an ICMP error, so
that only what went wrong takes so long."""
_AT_ONCE = 50
_IP_TRANSPARENT = 19

ANSWERED, REFUSED, PROHIBITED, SILENT = "answered", "refused", "prohibited", "silent"


class Agent:
    def __init__(self) -> None:
        self.me, self.resolver_address = "", ""
        self.resolver = Resolver({}, "", self.port)
        self.heard: list[tuple[str, str]] = []
        self.eye = Eye()
        self.sctp = Sctp()
        # No port is used twice, so that no connection is taken for an older one.
        self._ports: Iterator[int] = count(33000)

    def port(self) -> int:
        return next(self._ports)

    def number(self) -> int:
        return os.getpid()

    def setup(self, me: str, zone: dict[str, list[str]], upstream: str, resolver: str) -> None:
        self.me, self.resolver_address = me, resolver
        self.sctp.me = me
        self.sctp.open()
        self.resolver = Resolver(zone, upstream, self.port)

    def sysctl(self, values: dict[str, int]) -> None:
        for name, value in values.items():
            Path("/proc/sys/net", name).write_text(str(value))

    def run(self, argv: list[str], text: str = "") -> str:
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr}\n{text}")
        return done.stdout

    async def serve(self, servers: list[list[Any]]) -> None:
        """Rows of (address, port, protocol, what to speak)."""
        for address, port, protocol, speaks in servers:
            if protocol == "SCTP":
                self.sctp.serving.add(port)
            elif protocol == "UDP":
                resolver = self.resolver if speaks == "dns" else None
                await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda resolver=resolver: Datagrams(resolver, self.heard),
                    local_addr=(address, port),
                )
            else:
                speak = self.resolver.stream if speaks == "dns" else SERVE[speaks]
                await asyncio.start_server(self._serving(speak), address, port, backlog=1000)

    def _serving(self, speak):
        async def serving(reader, writer) -> None:
            try:
                await speak(self.me, reader, writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass  # a client that only knocked
            finally:
                writer.close()

        return serving

    async def tries(self, tries: list[dict[str, Any]]) -> list[tuple[str, str]]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(what: dict[str, Any]) -> tuple[str, str]:
            async with gate:
                return await self._try(**what)

        return await asyncio.gather(*map(one, tries))

    async def _try(
        self, to: str, port: int, speaks: str, protocol: str = "TCP", source: str = ""
    ) -> tuple[str, str]:
        """What became of it, and what was answered. A name is tried at each of its addresses."""
        try:
            async with asyncio.timeout(PATIENCE):
                told = [
                    await self._connect(address, port, speaks, protocol, source)
                    for address in await self._addresses(to)
                ]
            return (ANSWERED, " ".join(told)) if told else (SILENT, f"{to} has no address")
        except TimeoutError:
            return SILENT, ""
        except OSError as error:
            match error.errno:
                case errno.ECONNREFUSED:
                    return REFUSED, ""
                case errno.EHOSTUNREACH | errno.EACCES:
                    return PROHIBITED, ""
                case _:
                    return SILENT, str(error)

    async def _addresses(self, to: str) -> list[str]:
        if ":" in to or to.replace(".", "").isdigit():
            return [to]
        asked = [await self._datagram(self.resolver_address, 53, question(to, v)) for v in (4, 6)]
        return [address for message in asked for address in answers_of(message)]

    async def _connect(self, to: str, port: int, speaks: str, protocol: str, source: str) -> str:
        if protocol == "SCTP":
            return await self.sctp.ask(to, port, source, self.port())
        if protocol == "ICMP":
            return await self._ping(to, source)
        query = question("frontend.shop.svc.cluster.local", 4)
        if protocol == "UDP":
            found = await self._datagram(to, port, query, source)
            return " ".join(answers_of(found)) if speaks == "dns" else self.me
        mine = (source or ("::" if ":" in to else "0.0.0.0"), self.port())
        reader, writer = await asyncio.open_connection(to, port, local_addr=mine)
        try:
            if speaks == "dns":
                writer.write(len(query).to_bytes(2) + query)
                length = int.from_bytes(await reader.readexactly(2))
                return " ".join(answers_of(await reader.readexactly(length)))
            return await ASK[speaks](reader, writer)
        finally:
            writer.close()

    async def _datagram(self, to: str, port: int, data: bytes, source: str = "") -> bytes:
        """What is answered to a datagram, sent again once a second as resolvers do."""
        loop = asyncio.get_running_loop()
        came: asyncio.Future[bytes] = loop.create_future()

        class Client(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr) -> None:
                came.done() or came.set_result(data)

            def error_received(self, exc: Exception) -> None:
                came.done() or came.set_exception(exc)

        mine = (source or ("::" if ":" in to else "0.0.0.0"), self.port())
        transport, _ = await loop.create_datagram_endpoint(
            Client, local_addr=mine, remote_addr=(to, port)
        )
        try:
            while True:
                transport.sendto(data)
                if (await asyncio.wait([came], timeout=1))[0]:
                    return came.result()
        finally:
            transport.close()

    async def _ping(self, to: str, source: str) -> str:
        six, loop = ":" in to, asyncio.get_running_loop()
        family, kind = (
            (socket.AF_INET6, socket.IPPROTO_ICMPV6)
            if six
            else (socket.AF_INET, socket.IPPROTO_ICMP)
        )
        with socket.socket(family, socket.SOCK_DGRAM, kind) as pinging:
            pinging.setblocking(False)
            # Its port is the identifier of its echo requests.
            pinging.bind((source or ("::" if six else "0.0.0.0"), self.port()))
            pinging.connect((to, 0))
            await loop.sock_sendall(pinging, bytes([128 if six else 8]) + bytes(15))
            await loop.sock_recv(pinging, 100)
        return ""

    def spoof(self, source: str, to: str, port: int, text: str) -> None:
        """A datagram under somebody else's address."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as liar:
            liar.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
            liar.bind((source, self.port()))
            liar.sendto(text.encode(), (to, port))

    def recall(self) -> list[tuple[str, str]]:
        return self.heard

    def watch(self, files: dict[str, str]) -> None:
        self.eye.open(files)

    def close_eye(self) -> dict[str, int]:
        return self.eye.close()


async def main() -> None:
    loop, orders, agent = asyncio.get_running_loop(), asyncio.StreamReader(limit=1 << 26), Agent()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        order = json.loads(line)
        try:
            told = getattr(agent, order["do"])(**order["with"])
            answer = {"told": await told if asyncio.iscoroutine(told) else told}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test that gave the order must know
            answer = {"error": repr(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
