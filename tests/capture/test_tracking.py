"""Connection tracking as a second eye: namespaces, and a node that translates as kube-proxy."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest
from sniffing import MAIN, SERVER, capturing, read
from spaces import needs_root, running
from translating import CLIENT, NODE, SERVED, VIP, Node, joined

from capture.sniff import on_interface
from capture.source import Reading
from netpol.flow import Account, Flow
from netpol.notices import Notice

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


@pytest.fixture
def node() -> Iterator[Node]:
    with joined() as found:
        command = ["ip", "netns", "exec", found.server, sys.executable, "-c", SERVER]
        pipe = subprocess.PIPE
        with running(subprocess.Popen(command, stdout=pipe, text=True)) as server:
            assert server.stdout.readline() == "ready\n"
            yield found


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
