"""``netpol capture`` on real packets: network namespaces, cables, servers and clients."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from scenes import told
from sniffing import (
    MAIN,
    SERVER,
    capturing,
    client,
    of,
    packet_sockets,
    read,
    table,
    wait_for_sockets,
)
from spaces import Pair, ip, needs_root, pair, running

from capture.sniff_sight import CAPTURE
from netpol.flow import Flow


@pytest.fixture
def joined() -> Iterator[Pair]:
    needs_root()
    with pair() as found:
        yield found


@pytest.fixture
def serving(joined: Pair) -> Iterator[Pair]:
    with running(joined.run(joined.server, SERVER)) as server:
        assert server.stdout.readline() == "ready\n"
        yield joined


def check_scene(joined: Pair, flows: list[Flow]) -> None:
    """What :data:`CLIENT` does, and nothing else."""
    found = table(flows)
    edges = {}
    for mine, other in joined.sides:
        edges |= {
            (mine, other, "TCP", 8080): ("opened", "answered"),
            (mine, other, "TCP", 8081): ("opened", "refused"),
            (mine, other, "TCP", 50051): ("opened", "answered"),
            (mine, other, "UDP", 9999): ("opened", "answered"),
            (mine, other, "UDP", 53): ("opened", "answered"),
        }
    assert {key: set(one.signals) - {"forward"} for key, one in found.items()} == {
        key: set(signals) for key, signals in edges.items()
    }
    assert all(one.certain for one in found.values())
    assert {one.source for one in found.values()} == {CAPTURE.name}
    for mine, other in joined.sides:
        assert found[mine, other, "TCP", 8080].signals["opened"] == 3
        assert found[mine, other, "TCP", 8080].count == 3
        assert found[mine, other, "TCP", 50051].server.names == {"api.example.org"}
        assert told(found[mine, other, "UDP", 53]) == {("example.org", "198.51.100.7")}


@pytest.mark.parametrize("side", ["client", "server", "both"])
def test_who_talks_to_whom(serving: Pair, tmp_path: Path, side: str) -> None:
    """At the client, at the server, and through /proc at both, where all is seen twice."""
    out = tmp_path / "flows.jsonl"
    where = ("--netns", getattr(serving, side)) if side != "both" else ("--pods",)
    idle = "import sys, time; print('here', flush=True); time.sleep(3600)"
    with running(serving.run(serving.client, idle)), capturing(*where, "-o", str(out)) as capture:
        if side == "both":
            wait_for_sockets(capture, serving.client, serving.server)
        client(serving, "0")
        said = capture.end()
    assert capture.process.returncode == 0, said
    flows, account = read(out)
    check_scene(serving, of(serving, flows))
    assert side == "both" or account.lost_events == 0  # others may keep this machine busy
    assert "hunter2" not in out.read_text()


def test_what_comes_in_a_later_interval_is_still_understood(serving: Pair, tmp_path: Path) -> None:
    """The ClientHello comes some intervals after the handshake; who opened it is not forgotten."""
    out = tmp_path / "flows.jsonl"
    with capturing("--netns", serving.server, "--interval", "500ms", "-o", str(out)) as capture:
        client(serving, "1.5")
        capture.end()
    flows = of(serving, read(out)[0])
    assert all(one.certain for one in flows)
    assert {(one.client.ip, one.server.ip) for one in flows} == {*serving.sides}
    late = [one for one in flows if one.port == 50051]
    assert sum(one.signals.get("opened", 0) for one in late) == 2
    named = {one.server.ip for one in late if one.server.names == {"api.example.org"}}
    assert named == {server for _, server in serving.sides}


def test_standard_output(serving: Pair, tmp_path: Path) -> None:
    with capturing("--netns", serving.client, "--interval", "1s", "-i", "eth0") as capture:
        client(serving, "0")
        capture.process.send_signal(signal.SIGINT)
        shown, _ = capture.process.communicate()
    out = tmp_path / "flows.jsonl"
    out.write_text(shown)
    check_scene(serving, of(serving, read(out)[0]))


@pytest.mark.parametrize("words", [(), ("--promiscuous",)])
def test_it_is_promiscuous_only_when_asked(joined: Pair, words: tuple[str, ...]) -> None:
    with capturing("--netns", joined.client, "-i", "eth0", *words) as capture:
        shown = ip("-n", joined.client, "-d", "link", "show", "eth0")
        assert f" promiscuity {len(words)} " in shown
        capture.end()


def test_a_duration_ends_it(joined: Pair) -> None:
    with capturing("--netns", joined.client, "--duration", "300ms") as capture:
        assert capture.process.wait() == 0


def test_it_has_no_privileges_while_it_reads(joined: Pair) -> None:
    for words in (("--netns", joined.client), ("--pods",)):
        with capturing(*words) as capture:
            status = Path(f"/proc/{capture.process.pid}/status").read_text()
            sets = re.findall(r"^Cap(?:Inh|Prm|Eff|Amb):\t(\w+)$", status, re.MULTILINE)
            assert [int(one, 16) for one in sets] == [0, 0, 0, 0]
            assert re.search(r"^NoNewPrivs:\t1$", status, re.MULTILINE)
            capture.end()


def test_pods_come_and_go(tmp_path: Path) -> None:
    """A namespace that is made while capturing is captured in; its end ends nothing."""
    needs_root()
    out = tmp_path / "flows.jsonl"
    with capturing("--pods", "--interval", "1s", "-o", str(out)) as capture:
        for _ in range(2):
            with pair() as late, running(late.run(late.server, SERVER)) as server:
                assert server.stdout.readline() == "ready\n"
                for space in (late.client, late.server):
                    wait_for_sockets(capture, space)
                client(late, "0")
        assert capture.process.poll() is None
        said = capture.end()
    assert capture.process.returncode == 0, said
    found = table(of(late, read(out)[0]))
    seen = found[*late.sides[0], "TCP", 8080]
    # A copy of a packet may come too late to be known as one; a connection counts once.
    assert seen.count == 6
    assert seen.signals["opened"] >= 6


def test_an_interface_may_be_made_again(serving: Pair, tmp_path: Path) -> None:
    """While it is down, or gone, nothing is seen, and that is said; then it goes on."""
    out = tmp_path / "flows.jsonl"
    words = ("--netns", serving.server, "-i", "eth0", "--interval", "1s", "-o", str(out))
    with capturing(*words) as capture:
        client(serving, "0")
        ip("-n", serving.server, "link", "set", "eth0", "down")
        ip("-n", serving.server, "link", "set", "eth0", "up")
        ip("-n", serving.server, "addr", "add", f"{serving.six}2/64", "dev", "eth0", "nodad")
        client(serving, "0")
        ip("-n", serving.server, "link", "del", "eth0")
        while b"interface was gone" not in out.read_bytes():
            assert capture.process.poll() is None
            time.sleep(0.05)
        serving.lay()
        while any(row[4] == "-1" for row in packet_sockets(serving.server)):
            time.sleep(0.05)
        client(serving, "0")
        said = capture.end()
    assert capture.process.returncode == 0, said
    assert "NP002" in said
    flows, account = read(out)
    assert table(flows)[*serving.sides[0], "TCP", 8080].signals["opened"] == 9
    assert account.other["not everything was captured"] >= 1


def test_a_full_file_gives_way(serving: Pair, tmp_path: Path) -> None:
    """Of several files, none is larger than was asked for, and together they have everything."""
    from capture.sniff_file import Records

    with Records(path=tmp_path / "flows.jsonl", largest=2000) as records:
        line = b'{"netpol":1,"protocol":"TCP"}\n'
        for _ in range(500):
            records.add(line)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 5
    assert all(one.stat().st_size <= 2000 for one in files)
    assert b"".join(one.read_bytes() for one in files) == line * 500


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("-i", "no-such-link"), "interface no-such-link: no interface"),
        (("--netns", "no-such-space"), "no such network namespace"),
        (("--netns", "/etc/hostname"), "cannot enter"),
    ],
)
def test_what_cannot_be_captured_is_said(words: tuple[str, ...], what: str) -> None:
    needs_root()
    ended = subprocess.run([*MAIN, "capture", *words], capture_output=True, text=True)
    assert ended.returncode == 2
    assert what in ended.stderr
    assert "hint:" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_file_may_be_in_the_directory_of_somebody_else(joined: Pair, tmp_path: Path) -> None:
    """As with sudo: what the file needs is done before privileges are given up, or refused."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    os.chown(home, 65534, 65534)
    words = ("--netns", joined.client, "-o", str(home / "flows.jsonl"))
    with capturing(*words, "--duration", "300ms") as capture:
        assert capture.process.wait() == 0
    command = [*MAIN, "capture", *words, "--max-size", "1"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "--max-size puts files aside" in ended.stderr


SENDS = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", (sys.argv[1], 7))
"""


def test_when_nobody_follows_the_pods_it_ends(joined: Pair, tmp_path: Path) -> None:
    """Whoever started it must start it anew; what was captured is written."""
    out = tmp_path / "flows.jsonl"
    idle = "import time; time.sleep(3600)"
    with running(joined.run(joined.client, idle)), capturing("--pods", "-o", str(out)) as capture:
        wait_for_sockets(capture, joined.client)
        client(joined, code=SENDS)
        number = capture.process.pid
        (helper,) = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        os.kill(int(helper), signal.SIGKILL)
        said = capture.process.communicate()[1]
    assert capture.process.returncode == 2
    assert "has ended" in said
    assert of(joined, read(out)[0])


def test_without_the_privilege_it_says_so() -> None:
    needs_root()
    if not (setpriv := Path("/usr/bin/setpriv")).exists():
        pytest.skip("setpriv (util-linux) is not installed")
    less = [str(setpriv), "--bounding-set", "-net_raw", "--inh-caps", "-net_raw"]
    ended = subprocess.run([*less, *MAIN, "capture"], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "CAP_NET_RAW" in ended.stderr


def test_a_file_of_something_else_is_left_alone(joined: Pair, tmp_path: Path) -> None:
    out = tmp_path / "notes.txt"
    out.write_text("mine")
    words = ("capture", "--netns", joined.client, "-o", str(out))
    ended = subprocess.run([*MAIN, *words], capture_output=True, text=True)
    assert ended.returncode == 2
    assert out.read_text() == "mine"


FRAMES = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
    sock.bind(("eth0", 0))
    for frame in sys.argv[1:]:
        sock.send(bytes.fromhex(frame))
"""


def test_what_no_socket_here_sends(joined: Pair, tmp_path: Path) -> None:
    """Tags, extension headers, SCTP, echo, as frames; what tells nothing stays in the kernel."""
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrHopByHop
    from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
    from scapy.layers.sctp import SCTP, SCTPChunkInit
    from scapy.layers.vxlan import VXLAN

    ether = Ether(src="02:00:00:00:00:01", dst="ff:ff:ff:ff:ff:ff")
    (mine, other), (mine6, other6) = joined.sides
    four, six = IP(src=mine, dst=other), IPv6(src=mine6, dst=other6)

    def syn(port: int) -> TCP:
        return TCP(sport=40000 + port, dport=port, flags="S", seq=70000 + port)

    tunnel = ether / four / UDP(sport=5, dport=4789) / VXLAN(flags=8, vni=7)
    frames = {
        ("TCP", 1001): ether / Dot1Q(vlan=7) / four / syn(1001),
        ("TCP", 1002): ether / Dot1AD(vlan=7) / Dot1Q(vlan=8) / six / syn(1002),
        ("TCP", 1007): ether / Dot1Q(vlan=7) / Dot1Q(prio=2, vlan=0x500) / four / syn(1007),
        ("TCP", 1008): ether / Dot1Q(vlan=7) / Dot1Q(prio=3, vlan=0xFFF) / six / syn(1008),
        ("TCP", 1003): ether / six / IPv6ExtHdrHopByHop() / syn(1003),
        ("TCP", 1004): ether / IP(src=mine, dst=other, options=b"\1" * 12) / syn(1004),
        ("TCP", 1005): tunnel / Ether() / four / syn(1005),
        ("SCTP", 1006): ether
        / four
        / SCTP(sport=9, dport=1006)
        / SCTPChunkInit(init_tag=99999, a_rwnd=1),
        ("ICMP", 8 * 256): ether / four / ICMP(type=8, id=7),
        ("ICMPv6", 128 * 256): ether / six / ICMPv6EchoRequest(id=7),
    }
    silent = [
        ether / IP(src=mine, dst=other, frag=100) / bytes(40),
        ether / four / TCP(sport=1017, dport=41007, flags="A", seq=5) / bytes(40),
        ether / four / TCP(sport=41008, dport=1018, flags="R", seq=5),
    ]
    words = [bytes(one).hex() for one in (*frames.values(), *silent)]
    out = tmp_path / "flows.jsonl"
    with capturing("--netns", joined.server, "-o", str(out)) as capture:
        with running(joined.run(joined.client, FRAMES, *words)) as process:
            assert process.wait() == 0
        capture.end()
    found = {(one.protocol, one.port): one for one in of(joined, read(out)[0])}
    assert found.keys() == frames.keys()
    assert all(one.certain and "opened" in one.signals for one in found.values())


def test_dns_over_tcp(joined: Pair, tmp_path: Path) -> None:
    record = (
        r'b"\xc0\x0c\0\x1c\0\1\0\0\0\x3c\0\x10" + bytes([0x20, 1, 0xd, 0xb8]) + bytes(11) + b"\7"'
    )
    question = r'b"\7example\3org\0\0\x1c\0\1"'
    server = f"""
import socket
sock = socket.create_server(("", 53))
print("ready", flush=True)
while True:
    one, _ = sock.accept()
    with one:
        one.recv(512)
        answer = b"\\1\\2\\x81\\x80\\0\\1\\0\\1\\0\\0\\0\\0" + {question} + {record}
        one.sendall(len(answer).to_bytes(2, "big") + answer)
"""
    asking = f"""
import socket, sys
with socket.create_connection((sys.argv[1], 53)) as sock:
    asked = b"\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + {question}
    sock.sendall(len(asked).to_bytes(2, "big") + asked)
    while sock.recv(512):
        pass
"""
    out = tmp_path / "flows.jsonl"
    with running(joined.run(joined.server, server)) as process:
        assert process.stdout.readline() == "ready\n"
        with capturing("--netns", joined.server, "-o", str(out)) as capture:
            client(joined, code=asking)
            capture.end()
    (flow,) = of(joined, read(out)[0])
    assert told(flow) == {("example.org", "2001:db8::7")}
