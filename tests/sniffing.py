"""``netpol capture`` as a process, and servers and clients for it to see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spaces import Pair, ip, running

from capture.records import NETPOL
from capture.source import Reading
from netpol.flow import Account, Flow

MAIN = [sys.executable, "-c", "from netpol.cli import main; main()"]

SERVER = """
import socket, sys, threading
def listen(family, kind, port):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    if kind == socket.SOCK_STREAM:
        sock.listen(1024)
    return sock
def streams(sock):
    while True:
        one, _ = sock.accept()
        threading.Thread(target=answer, args=(one,), daemon=True).start()
def answer(one):
    with one:
        try:
            while data := one.recv(65536):
                one.sendall(data)
        except ConnectionResetError:
            pass
def datagrams(sock, port):
    while True:
        data, who = sock.recvfrom(4096)
        if port == 53:  # the question, then one address: 198.51.100.7
            record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\x3c\\0\\4" + bytes([198, 51, 100, 7])
            data = data[:2] + b"\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + data[12:] + record
        sock.sendto(data, who)
for family in (socket.AF_INET, socket.AF_INET6):
    for port in (8080, 50051):
        sock = listen(family, socket.SOCK_STREAM, port)
        threading.Thread(target=streams, args=(sock,), daemon=True).start()
    for port in (53, 9999):
        sock = listen(family, socket.SOCK_DGRAM, port)
        threading.Thread(target=datagrams, args=(sock, port), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
"""

CLIENT = """
import socket, ssl, sys, time
for to in sys.argv[2:]:
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    for _ in range(3):
        with socket.create_connection((to, 8080)) as sock:
            sock.sendall(b"not for the record: hunter2")
            sock.recv(100)
    try:
        socket.create_connection((to, 8081))
    except ConnectionRefusedError:
        pass
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"ping", (to, 9999))
        sock.recv(100)
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        question = b"\\x07example\\x03org\\0\\0\\1\\0\\1"
        sock.sendto(b"\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + question, (to, 53))
        sock.recv(512)
    context = ssl.create_default_context()
    bio = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = context.wrap_bio(*bio, server_hostname="api.example.org")
    try:
        hello.do_handshake()
    except ssl.SSLWantReadError:
        pass
    with socket.create_connection((to, 50051)) as sock:
        time.sleep(float(sys.argv[1]))
        sock.sendall(bio[1].read())
        sock.recv(100)
"""


LOAD = """
import socket, sys
for _ in range(int(sys.argv[1])):
    with socket.create_connection((sys.argv[2], 8080)) as sock:
        sock.sendall(b"x" * 4000)
        sock.recv(65536)
"""


class Capture:
    """A ``netpol capture`` that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert "capturing" in self.process.stderr.readline()

    def end(self, how: signal.Signals = signal.SIGTERM) -> str:
        self.process.send_signal(how)
        _, said = self.process.communicate()
        return said


@contextmanager
def capturing(*words: str) -> Iterator[Capture]:
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with running(subprocess.Popen([*MAIN, "capture", *words], **pipes)) as process:
        yield Capture(process)


def client(joined: Pair, *words: str, code: str = CLIENT) -> None:
    servers = [server for _, server in joined.sides]
    with running(joined.run(joined.client, code, *words, *servers)) as process:
        assert process.wait() == 0


def read(path: Path) -> tuple[list[Flow], Account]:
    account = Account()
    notices: list[str] = []
    reading = Reading(where=path.name, tell=lambda one: notices.append(str(one)), account=account)
    with path.open("rb") as stream:
        flows = list(NETPOL.read(stream, reading))
    assert account.balanced()
    assert not account.held, notices
    return flows, account


def of(joined: Pair, flows: list[Flow]) -> list[Flow]:
    """Without those of others, and neighbour discovery's."""
    return [one for one in flows if (one.client.ip, one.server.ip) in joined.sides]


def table(flows: list[Flow]) -> dict[tuple[str, str, str, int | None], Flow]:
    found = {(one.client.ip, one.server.ip, one.protocol, one.port): one for one in flows}
    assert len(found) == len(flows), "the same edge with another certainty"
    return found


def packet_sockets(space: str) -> list[list[str]]:
    """Rows of /proc/net/packet: …, protocol, interface, …, inode."""
    lines = ip("netns", "exec", space, "cat", "/proc/net/packet").splitlines()
    return [line.split() for line in lines[1:]]


def wait_for_sockets(capture: Capture, *spaces: str) -> None:
    """Until this process, and not another one's test, captures in each of the namespaces."""
    for space in spaces:
        while not own_files(capture) & {f"socket:[{row[-1]}]" for row in packet_sockets(space)}:
            assert capture.process.poll() is None
            time.sleep(0.05)


def own_files(capture: Capture) -> set[str]:
    found = set()
    for file in Path(f"/proc/{capture.process.pid}/fd").iterdir():
        with suppress(OSError):
            found.add(os.readlink(file))
    return found
