"""Connection tracking as a second eye: namespaces, and a node that translates as kube-proxy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sniffing import MAIN, SERVER, capturing, read
from spaces import ip, needs_root, running

from capture.sniff import on_interface
from capture.source import Reading
from netpol.flow import Account, Flow
from netpol.notices import Notice

CLIENT, SERVED = ("10.77.1.2", "fd77:1::2"), ("10.77.2.2", "fd77:2::2")
NODE = ("10.77.2.1", "fd77:2::1")
"""Its addresses on the side of the server."""
VIP = ("10.96.0.20", "fd00:96::20")
CALLS = """
import socket, sys
def talk(to, udp):
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    for _ in range(3):
        with socket.create_connection((to, 80)) as sock:
            sock.sendall(b"ping")
            sock.recv(100)
    udp = udp or socket.socket(family, socket.SOCK_DGRAM)
    udp.sendto(b"ping", (to, 99))
    udp.recv(100)
    return udp
kept = {}
for line in sys.stdin:
    for to in sys.argv[1:]:
        kept[to] = talk(to, kept.get(to))
    print("said", flush=True)
"""
CABLES = """
link add front type veth peer eth0 netns {client}
link add back type veth peer eth0 netns {server}
addr add 10.77.1.1/24 dev front
addr add 10.77.2.1/24 dev back
addr add fd77:1::1/64 dev front nodad
addr add fd77:2::1/64 dev back nodad
link set front up
link set back up
"""
END = """
addr add 10.77.{n}.2/24 dev eth0
addr add fd77:{n}::2/64 dev eth0 nodad
link set eth0 up
route add default via 10.77.{n}.1
route add default via fd77:{n}::1
"""
TRANSLATED = """
table inet t {{
  chain in {{
    type nat hook prerouting priority dstnat
    ip daddr 10.96.0.20 tcp dport 80 dnat ip to 10.77.2.2:8080
    ip daddr 10.96.0.20 udp dport 99 dnat ip to 10.77.2.2:9999
    ip6 daddr fd00:96::20 tcp dport 80 dnat ip6 to [fd77:2::2]:8080
    ip6 daddr fd00:96::20 udp dport 99 dnat ip6 to [fd77:2::2]:9999
    {more}
  }}
  chain out {{ type nat hook postrouting priority srcnat; {masquerade}; }}
}}
"""


class Node:
    """client — node — server: names of namespaces."""

    def __init__(self) -> None:
        self.client, self.node, self.server = (f"npt{os.getpid()}{one}" for one in "cns")

    def run(self, space: str, *words: str, text: str | None = None) -> None:
        command = ["ip", "netns", "exec", space, *words]
        subprocess.run(command, check=True, input=text, text=True)

    def up(self) -> None:
        for space in (self.client, self.node, self.server):
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        cables = CABLES.format(client=self.client, server=self.server)
        self.run(self.node, "ip", "-batch", "-", text=cables)
        for number, space in ((1, self.client), (2, self.server)):
            self.run(space, "ip", "-batch", "-", text=END.format(n=number))
        forwarding = "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
        self.run(self.node, "sysctl", "-qw", *forwarding)

    def translate(self, masquerade: str = "", more: str = "") -> None:
        text = TRANSLATED.format(masquerade=masquerade, more=more)
        self.run(self.node, "nft", "-f", "-", text=text)

    def down(self) -> None:
        for space in (self.client, self.node, self.server):
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


@pytest.fixture
def node() -> Iterator[Node]:
    needs_root()
    if shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("nftables is not installed")
    found = Node()
    try:
        found.up()
        command = ["ip", "netns", "exec", found.server, sys.executable, "-c", SERVER]
        pipe = subprocess.PIPE
        with running(subprocess.Popen(command, stdout=pipe, text=True)) as server:
            assert server.stdout.readline() == "ready\n"
            yield found
    finally:
        found.down()


@contextmanager
def calling(node: Node) -> Iterator[subprocess.Popen[str]]:
    command = ["ip", "netns", "exec", node.client, sys.executable, "-c", CALLS, *VIP]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with running(subprocess.Popen(command, **pipes)) as process:
        yield process


def talk(calls: subprocess.Popen[str]) -> None:
    calls.stdin.write("\n")
    calls.stdin.flush()
    assert calls.stdout.readline() == "said\n"


def seen(node: Node, out: Path, *words: str, before: bool = False) -> set[tuple[object, ...]]:
    """What a capture on the node writes of calls; ``before``: some began before it."""
    with calling(node) as calls:
        if before:
            talk(calls)
        with capturing("--netns", node.node, *words, "-o", str(out)) as capture:
            talk(calls)
            said = capture.end()
    assert capture.process.returncode == 0, said
    flows, account = read(out)
    assert account.lost_events == 0
    return {row(one) for one in flows if one.protocol in ("TCP", "UDP")}


def row(flow: Flow) -> tuple[object, ...]:
    sides = flow.client.ip, flow.server.ip
    return (*sides, flow.protocol, flow.port, flow.service_port, flow.count, flow.certain)


def truth() -> set[tuple[object, ...]]:
    return {
        one
        for client, server in zip(CLIENT, SERVED, strict=True)
        for one in (
            (client, server, "TCP", 8080, 80, 3, True),
            (client, server, "UDP", 9999, 99, 1, True),
        )
    }


@pytest.mark.parametrize(
    "words", [("-i", "front"), ("-i", "back"), ()], ids=["before", "behind", "everywhere"]
)
@pytest.mark.parametrize("masquerade", ["", "masquerade"])
@pytest.mark.parametrize("before", [False, True], ids=["new", "goes on"])
def test_a_service_is_the_pod_behind_it(
    node: Node, tmp_path: Path, words: tuple[str, ...], masquerade: str, before: bool
) -> None:
    """Seen before the translation, behind it, or twice: one connection of client and server.

    A datagram of a connection that is older than the capture is known from the listing.
    """
    node.translate(masquerade)
    assert seen(node, tmp_path / "flows.jsonl", *words, before=before) == truth()


def test_without_it_the_packets_alone_count(node: Node, tmp_path: Path) -> None:
    node.translate("masquerade")
    out = tmp_path / "flows.jsonl"
    before = seen(node, out, "-i", "front", "--no-conntrack")
    assert {(one[1], one[3]) for one in before} == {(vip, port) for vip in VIP for port in (80, 99)}
    out.unlink()
    behind = seen(node, out, "-i", "back", "--no-conntrack")
    assert {one[0] for one in behind} == set(NODE)


def test_a_turn_within_a_host_is_no_other_server(node: Node, tmp_path: Path) -> None:
    """As of a proxy beside a pod: a policy is about the port that was dialled."""
    node.translate()
    turned = "type nat hook prerouting priority dstnat; tcp dport 7070 redirect to :8080;"
    node.run(node.server, "nft", "-f", "-", text=f"table inet t {{ chain in {{ {turned} }}; }}\n")
    out = tmp_path / "flows.jsonl"
    with capturing("--netns", node.server, "-o", str(out)) as capture:
        for to in SERVED:
            code = f"import socket; socket.create_connection(({to!r}, 7070)).close()"
            node.run(node.client, sys.executable, "-c", code)
        said = capture.end()
    assert capture.process.returncode == 0, said
    ports_seen = {(one.server.ip, one.port) for one in read(out)[0] if one.protocol == "TCP"}
    assert ports_seen == {(to, 7070) for to in SERVED}


def test_events_that_found_no_room_are_said(node: Node) -> None:
    node.translate()
    sniffer = on_interface("", node.node, buffer=1 << 20, conntrack=True)
    told: list[Notice] = []
    written: list[bytes] = []
    try:
        assert sniffer.tracking
        sniffer.tracking.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        with calling(node) as calls:
            for _ in range(3):
                talk(calls)
        reading = Reading(where="here", tell=told.append, account=Account())
        sniffer.run(reading, written.append, Event(), interval=1, duration=0.1, rate=None)
    finally:
        sniffer.close()
    lost = ("NP002", "no room for events of the connection tracking")
    assert lost in {(one.code, one.message) for one in told}
    assert b"no room for events of the connection tracking" in b"".join(written)


def test_without_the_privilege_packets_are_captured_all_the_same(tmp_path: Path) -> None:
    needs_root()
    if not (setpriv := Path("/usr/bin/setpriv")).exists():
        pytest.skip("setpriv (util-linux) is not installed")
    less = [str(setpriv), "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", *MAIN]
    out = str(tmp_path / "flows.jsonl")
    words = ["capture", "-i", "lo", "--duration", "100ms", "-o", out]
    ended = subprocess.run([*less, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert "no connection tracking: it needs CAP_NET_ADMIN" in ended.stderr
    ended = subprocess.run([*less, *words, "--conntrack"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "CAP_NET_ADMIN" in ended.stderr
