"""Packets of some interfaces, as they pass, into pcap files."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import BinaryIO

__all__ = ["Eye"]

_ALL = 0x0003
_RCVBUFFORCE = 33
_TIMESTAMPNS = 35
_PACKET_STATISTICS = 6
_SNAP = 1 << 17


class Eye:
    """One AF_PACKET socket and one file an interface; nothing is promiscuous."""

    def __init__(self) -> None:
        self.open_now: dict[str, tuple[socket.socket, BinaryIO]] = {}

    def open(self, files: dict[str, str]) -> None:
        """``files``: by the interface's name."""
        for name, path in files.items():
            found = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
            found.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 1 << 24)
            found.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)  # when it passed, not when read
            found.bind((name, _ALL))
            found.setblocking(False)
            file = open(path, "wb")  # noqa: SIM115
            # Nanoseconds, version 2.4, Ethernet.
            file.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, _SNAP, 1))
            self.open_now[name] = found, file
            asyncio.get_running_loop().add_reader(found, self._read, found, file)

    def _read(self, eye: socket.socket, file: BinaryIO) -> None:
        while True:
            try:
                packet, [(_, _, stamp)], _, _ = eye.recvmsg(_SNAP, 64)
            except BlockingIOError:
                return
            seconds, nano = struct.unpack("qq", stamp)
            file.write(struct.pack("=IIII", seconds, nano, len(packet), len(packet)) + packet)

    def close(self) -> dict[str, int]:
        """Write what is left. How many packets the kernel lost, by interface."""
        lost = {}
        for name, (eye, file) in self.open_now.items():
            self._read(eye, file)
            asyncio.get_running_loop().remove_reader(eye)
            _, lost[name] = struct.unpack("II", eye.getsockopt(263, _PACKET_STATISTICS, 8))
            eye.close()
            file.close()
        self.open_now = {}
        return lost
