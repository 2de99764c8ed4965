"""A gRPC server that answers with frames which were made before: it is never the bottleneck.

It speaks just as much HTTP/2 (RFC 9113) as a client needs that reads one stream: settings, pings,
flow control, and literal headers. Whatever method is called gets all messages, but for those whose
path ends in ``Status``, which are not implemented.

    python tests/bench/canned.py MESSAGES REPEATS

prints the port; MESSAGES is a file of messages, each behind its length as a varint.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW_SIZE = 4
BATCH = 64
"""Messages in one write."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A header field without indexing, with a new name (RFC 7541, 6.2.2)."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


OK = b"\x88" + literal(b"content-type", b"application/grpc")
"""``:status: 200`` is number 8 of HPACK's static table."""
DONE = literal(b"grpc-status", b"0")
UNIMPLEMENTED = OK + literal(b"grpc-status", b"12")


def batches(messages: list[bytes], stream: int) -> list[tuple[int, bytes]]:
    """(bytes that count for flow control, frames) of each write."""
    found = []
    for first in range(0, len(messages), BATCH):
        framed = [b"\0" + struct.pack(">I", len(m)) + m for m in messages[first : first + BATCH]]
        data = b"".join(frame(DATA, 0, stream, one) for one in framed)
        found.append((sum(map(len, framed)), data))
    return found


class Connection:
    """One client."""

    def __init__(self, sock: socket.socket, canned: dict[int, list[tuple[int, bytes]]], repeats):
        self.sock, self.canned, self.repeats = sock, canned, repeats
        self.file = sock.makefile("rb")
        self.window = {0: 65535}
        self.initial = 65535
        self.change = threading.Condition()
        """Frames of two threads must not mix, and what a window allowed is sent before a change of
        it is acknowledged."""

    def send(self, frames: bytes) -> None:
        with self.change:
            self.sock.sendall(frames)

    def run(self) -> None:
        assert self.file.read(len(PREFACE)) == PREFACE
        self.send(frame(SETTINGS, 0, 0))
        while len(head := self.file.read(9)) == 9:
            length, kind, flags = int.from_bytes(head[:3]), head[3], head[4]
            stream, payload = int.from_bytes(head[5:]) & 0x7FFFFFFF, self.file.read(length)
            if kind == SETTINGS and not flags & ACK:
                self.settings(payload)
            elif kind == WINDOW_UPDATE:
                self.widen(stream, int.from_bytes(payload))
            elif kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))
            elif kind == HEADERS:
                self.called(stream, payload)

    def settings(self, payload: bytes) -> None:
        with self.change:
            for name, value in struct.iter_unpack(">HI", payload):
                if name == INITIAL_WINDOW_SIZE:
                    for stream in self.window:
                        self.window[stream] += (value - self.initial) * bool(stream)
                    self.initial = value
                    self.change.notify()
            self.send(frame(SETTINGS, ACK, 0))

    def widen(self, stream: int, more: int) -> None:
        with self.change:
            self.window[stream] = self.window.get(stream, self.initial) + more
            self.change.notify()

    def called(self, stream: int, headers: bytes) -> None:
        # The first call of a connection asks for the status; later ones are in the canned frames.
        if stream not in self.canned:
            self.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, UNIMPLEMENTED))
            return
        with self.change:
            self.window.setdefault(stream, self.initial)
        threading.Thread(target=self.answer, args=(stream,), daemon=True).start()

    def answer(self, stream: int) -> None:
        self.send(frame(HEADERS, END_HEADERS, stream, OK))
        window = self.window
        for _ in range(self.repeats):
            for size, data in self.canned[stream]:
                with self.change:
                    self.change.wait_for(lambda s=size: min(window[0], window[stream]) >= s)
                    window[0] -= size
                    window[stream] -= size
                    self.send(data)
        self.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, DONE))


def serve(messages: list[bytes], repeats: int, streams: Iterable[int]) -> None:
    """Answer calls that are one of ``streams`` of their connection (1, 3, 5 …)."""
    canned = {stream: batches(messages, stream) for stream in streams}
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            sock, _ = server.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock, canned, repeats)
            threading.Thread(target=connection.run, daemon=True).start()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from hubble_wire import delimited

    serve(delimited(Path(sys.argv[1]).read_bytes()), int(sys.argv[2]), [3])
