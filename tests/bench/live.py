"""Live capture beside scapy's ``sniff``: the same load through a cable between two namespaces, or
over a node that translates as kube-proxy does.

For each load and each reader: packets that match and were counted as lost, and how much of one core
the reader took while the load ran. netpol's records must have every connection that was made, or it
must have counted the loss; translated ones have to be told as what they are. Needs root, iproute2
and nftables; says so where they are not to be had.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import sysconf
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pytest
from sniffing import MAIN, read
from spaces import needs_root, pair, running
from translating import CLIENT, SERVED, VIP, joined

SECONDS = 5

DATAGRAMS = """
import socket, sys, time
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], 9998))
rate, begun, sent = int(sys.argv[2]), time.monotonic(), 0
while (now := time.monotonic() - begun) < float(sys.argv[3]):
    for _ in range(min(int(now * rate) - sent, 1000)):
        sock.send(bytes(64))
        sent += 1
    time.sleep(0.0005)
print(sent)
"""
CONNECTIONS = """
import socket, sys, time
rate, begun, made = int(sys.argv[2]), time.monotonic(), 0
while (now := time.monotonic() - begun) < float(sys.argv[3]):
    for _ in range(int(now * rate) - made):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1" + bytes(3) + bytes(4))
            sock.connect((sys.argv[1], 7777))
        made += 1
    time.sleep(0.001)
print(made)
"""
BULK = """
import socket, sys, time
sock, data = socket.create_connection((sys.argv[1], 7778)), bytes(1 << 20)
end, sent = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    sent += sock.send(data)
print(f"{sent * 8 / 1e9 / float(sys.argv[2]):.1f}")
"""
SINKS = """
import socket, threading
def accept(sock):
    while True:
        sock.accept()[0].close()
def swallow(sock):
    room = bytearray(1 << 20)
    while True:
        one, _ = sock.accept()
        while one.recv_into(room):
            pass
short, long = (socket.create_server(("", port), backlog=4096) for port in (7777, 7778))
closed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
closed.bind(("", 9998))
threading.Thread(target=accept, args=(short,)).start()
threading.Thread(target=swallow, args=(long,)).start()
print("ready", flush=True)
"""
SCAPY = """
import struct, sys, threading
from scapy.config import conf
from scapy.layers.inet import TCP, UDP
import scapy.layers.l2
from scapy.sendrecv import AsyncSniffer
wanted = "(tcp[tcpflags] & tcp-syn != 0 or udp) and not port 7778"
sock = conf.L2listen(iface=sys.argv[1] or None, filter=wanted)
seen = [0]
def count(packet):
    seen[0] += 1
sniffer = AsyncSniffer(opened_socket=sock, prn=count, store=False)
sniffer.start()
print("capturing", file=sys.stderr, flush=True)
sys.stdin.readline()
sniffer.stop(join=False)
_, lost = struct.unpack("=II", sock.ins.getsockopt(263, 6, 8))
print(seen[0], lost, flush=True)
import os
os._exit(0)
"""


@dataclass(frozen=True, slots=True)
class Load:
    name: str
    code: str
    rate: int
    matching: int
    """Packets that a connection or datagram is."""
    port: int
    bulk: bool = False
    interface: str = "eth0"
    """Empty: all of them."""
    translated: bool = False
    """By a node between both, on which is captured, with its connection tracking."""

    @property
    def readers(self) -> tuple[str, ...]:
        """Scapy does not know copies of a packet for what they are."""
        return ("netpol", "scapy") if self.interface else ("netpol",)


LOADS = (
    Load("2,000 connections/s, bulk data", CONNECTIONS, 2_000, 2, 7777, bulk=True),
    Load(
        "the same, translated, on the pod's cable",
        *(CONNECTIONS, 2_000, 2, 7777),
        bulk=True,
        interface="front",
        translated=True,
    ),
    Load(
        "the same, translated, on both cables",
        *(CONNECTIONS, 2_000, 2, 7777),
        bulk=True,
        interface="",
        translated=True,
    ),
    Load("UDP, 20,000 packets/s", DATAGRAMS, 20_000, 1, 9998),
    Load("UDP, 100,000 packets/s", DATAGRAMS, 100_000, 1, 9998),
)


def main() -> None:
    try:
        needs_root()
    except pytest.skip.Exception as reason:
        print(f"live capture is not measured: {reason}")
        return
    head = ("load", "reader", "sent", "seen", "lost", "CPU", "bulk Gbit/s")
    print("{:<44}{:<10}{:>10}{:>10}{:>10}{:>8}{:>13}".format(*head))
    for load in LOADS:
        for reader in load.readers:
            with staged(load) as stage, tempfile.TemporaryDirectory() as folder:
                row = measured(stage, load, reader, Path(folder, "flows.jsonl"))
            print("{:<44}{:<10}{:>10,}{:>10,}{:>10,}{:>7.1%}{:>13}".format(*row))


@dataclass(frozen=True, slots=True)
class Stage:
    """Namespaces, and what the clients dial."""

    client: str
    server: str
    eye: str
    dialled: str

    def run(self, space: str, code: str, *words: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", space, sys.executable, "-c", code, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextmanager
def staged(load: Load) -> Iterator[Stage]:
    if not load.translated:
        with pair() as cable:
            yield Stage(cable.client, cable.server, cable.server, cable.sides[0][1])
        return
    with joined() as node:
        node.translate(more=f"ip daddr {VIP[0]} tcp dport {{ 7777, 7778 }} dnat ip to {SERVED[0]}")
        yield Stage(node.client, node.server, node.node, VIP[0])


def measured(stage: Stage, load: Load, reader: str, out: Path) -> tuple[object, ...]:
    with ExitStack() as stack:
        sinks = stack.enter_context(running(stage.run(stage.server, SINKS)))
        assert sinks.stdout is not None
        assert sinks.stdout.readline() == "ready\n"
        enter = ["ip", "netns", "exec", stage.eye]
        command = [*enter, *commands(load, out)[reader]]
        process = stack.enter_context(
            running(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        )
        assert process.stderr is not None
        assert "capturing" in process.stderr.readline()
        begun, used = time.monotonic(), cpu(process.pid)
        words = stage.dialled, str(load.rate), str(SECONDS)
        bulk = stage.run(stage.client, BULK, words[0], words[2]) if load.bulk else None
        sent = int(stage.run(stage.client, load.code, *words).communicate()[0])
        speed = bulk.communicate()[0].strip() if bulk else ""
        share = (cpu(process.pid) - used) / (time.monotonic() - begun)
        seen, lost = ended(process, reader, load, out)
    if reader == "netpol":
        assert seen + lost >= sent * load.matching, "a connection is neither recorded nor lost"
    return load.name, reader, sent * load.matching, seen, lost, share, speed


def commands(load: Load, out: Path) -> dict[str, list[str]]:
    where = ["-i", load.interface] if load.interface else []
    tracking = ["--conntrack"] if load.translated else []
    return {
        "netpol": [*MAIN, "capture", *where, *tracking, "-o", str(out)],
        "scapy": [sys.executable, "-c", SCAPY, load.interface],
    }


def ended(process: subprocess.Popen[str], reader: str, load: Load, out: Path) -> tuple[int, int]:
    """What was seen of the load, and what was lost."""
    if reader == "scapy":
        seen, lost = process.communicate("\n")[0].split()
        return int(seen), int(lost)
    process.terminate()
    process.communicate()
    flows, account = read(out)
    if load.translated:
        told = {(one.client.ip, one.server.ip) for one in flows if one.port == load.port}
        assert told == {(CLIENT[0], SERVED[0])}, told
    return sum(one.records for one in flows if one.port == load.port), account.lost_events


def cpu(process: int) -> float:
    """Seconds of it that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
