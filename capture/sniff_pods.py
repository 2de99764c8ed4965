"""A process of its own that enters the pods' namespaces and hands sockets out of them over.

It alone keeps the privileges, and it reads no packet; who reads them has none. It ends when the
other end of its channel is closed, however that came about.
"""

from __future__ import annotations

import array
import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from capture.namespaces import found, inside
from capture.privileges import NET_RAW, SYS_ADMIN, SYS_PTRACE, drop
from capture.ring import opened
from netpol.errors import NetpolError

__all__ = ["Came", "Failed", "Left", "News", "Pods"]

_EVERY: Final = 0.5
"""Seconds between looks at the processes of the node."""
_LONGEST: Final = 4096


@dataclass(frozen=True, slots=True)
class Came:
    """A namespace that was not there before."""

    number: int
    where: str
    sock: socket.socket


@dataclass(frozen=True, slots=True)
class Left:
    """A namespace in which there is no process any more."""

    number: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A namespace that cannot be captured in."""

    where: str
    why: str


News: TypeAlias = Came | Left | Failed


@dataclass(slots=True)
class Pods:
    """The end of the channel that is read."""

    channel: socket.socket

    @staticmethod
    def followed(blocks: int) -> Pods:
        """Start the process. Raises NetpolError where nothing could be captured."""
        opened("", blocks).close()  # say now what would fail in every pod
        mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if not os.fork():
            try:
                mine.close()
                _serve(its, blocks)
            finally:
                os._exit(0)
        its.close()
        mine.setblocking(False)
        return Pods(mine)

    def news(self) -> Iterator[News]:
        """What happened since this was asked last. Raises NetpolError where nobody can say."""
        while True:
            try:
                text, rights, _, _ = self.channel.recvmsg(_LONGEST, socket.CMSG_SPACE(4))
            except BlockingIOError:
                return
            if not text:
                raise NetpolError("the process that enters the pods' namespaces has ended")
            kind, number, where, why = text.decode().split("\0")
            files = array.array("i")
            for _, _, data in rights:
                files.frombytes(data)
            match kind:
                case "came":
                    yield Came(int(number), where, socket.socket(fileno=files[0]))
                case "left":
                    yield Left(int(number))
                case _:
                    yield Failed(where, why)

    def close(self) -> None:
        """Let the process end."""
        self.channel.close()


def _serve(channel: socket.socket, blocks: int) -> None:
    for one in (signal.SIGINT, signal.SIGTERM):  # the other process decides when it is over
        signal.signal(one, signal.SIG_IGN)
    drop((NET_RAW, SYS_ADMIN, SYS_PTRACE))
    known: set[int] = set()
    failed: set[int] = set()
    with suppress(BrokenPipeError):
        while True:
            spaces = found()
            for number in known - spaces.keys():
                _say(channel, "left", number)
            for number in spaces.keys() - known:
                where = str(spaces[number])
                try:
                    with inside(spaces[number]):
                        sock = opened("", blocks)
                except NetpolError as error:  # tried again, and said once
                    if spaces[number].exists() and number not in failed:
                        failed.add(number)
                        _say(channel, "failed", number, where, error.what)
                    continue
                with sock:
                    _say(channel, "came", number, where, files=[sock.fileno()])
                known.add(number)
            known &= spaces.keys()
            failed &= spaces.keys()
            if select.select([channel], [], [], _EVERY)[0]:
                return


def _say(
    channel: socket.socket,
    kind: str,
    number: int,
    where: str = "",
    why: str = "",
    files: list[int] | None = None,
) -> None:
    text = "\0".join((kind, str(number), where, why)).encode()
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
    channel.sendmsg([text], rights)
