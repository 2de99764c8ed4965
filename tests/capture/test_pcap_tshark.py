"""Connections and packets of generated captures, as tshark counts them."""

import shutil
import subprocess
from collections import Counter, defaultdict

import pcap_files as p
import pytest
import scapy_packets as s

TSHARK = shutil.which("tshark")
pytestmark = pytest.mark.skipif(TSHARK is None, reason="tshark (Debian package) is not installed")

FIELDS = ("frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.stream")
PORTS = ("udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport", "icmp.ident")
TRANSPORTS = {"tcp": "TCP", "udp": "UDP", "sctp": "SCTP", "icmp": "ICMP", "icmpv6": "ICMPv6"}


def conversation(n):
    """Some connections of a pair of pods that no other has."""
    pods = f"10.244.1.{n % 250 + 1}", f"10.245.{n // 250}.9"
    six = f"fd00:1::{n:x}", f"fd00:2::{n:x}"
    for ends in (pods, six):
        yield from p.dialogue(*ends, 40000 + n, 8080, seq=70000 + n)
        yield from p.dialogue(*ends, 40000 + n, 8080, seq=9_000_000 + n)  # the same ports again
        yield from p.dialogue(*ends, 50000 + n, 443, seq=80000 + n)[3:]  # without its start
        yield from p.dialogue(*ends, 55000 + n, 443, seq=60000 + n)[3:]
        yield from p.dialogue(*ends, 55000 + n, 443, seq=9_500_000 + n)  # and with it
        asked, told = p.udp(40000 + n, 9999, b"abc"), p.udp(9999, 40000 + n, b"defg")
        yield from (p.ip(*ends, 17, asked), p.ip(*ends[::-1], 17, told), p.ip(*ends, 17, asked))
        init = p.sctp(40000 + n, 3868, 0, 1, bytes([0, 0, 1, n % 256]) + bytes(12))
        yield from (
            p.ip(*ends, 132, init),
            p.ip(*ends[::-1], 132, p.sctp(3868, 40000 + n, 256 + n % 256, 2)),
        )
    for kind in (8, 0):
        yield p.ip(*(pods if kind else pods[::-1]), 1, p.icmp(kind, 0, n + 1))
    for kind in (128, 129):
        yield p.ip(*(six if kind == 128 else six[::-1]), 58, p.icmp(kind, 0, n + 1))


def built(one):
    return s.IP(one) if one[0] >> 4 == 4 else s.IPv6(one)


def loopback(packet):
    """With macOS's number for IPv6: tshark does not know Linux's, which is scapy's."""
    return s.Loopback(type=2 if isinstance(packet, s.IP) else 30) / packet


LINKS = [(n, link, loopback if n == "loopback" else wrap) for n, link, wrap in s.links()]


def captures():
    """(name, link type, packets)."""
    tunnels = [wrap for _, wrap in s.tunnels()]
    for name, link, wrap in LINKS:
        plain = [bytes(wrap(built(one))) for n in range(3) for one in conversation(n)]
        yield name, link, plain
        inside = [
            bytes(wrap(tunnel(built(one))))
            for n, tunnel in enumerate(tunnels)
            for one in conversation(n + 100)
        ]
        yield f"{name}, tunnels", link, inside
    yield "hop by hop", 101, [bytes(one) for name, one in s.extended() if name == "hop by hop"]


def by_tshark(path):
    """Connections and packets by protocol, packets by pair of addresses."""
    wanted = [word for name in (*FIELDS, *PORTS) for word in ("-e", name)]
    options = ["-n", "-T", "fields", "-E", "occurrence=l", "-d", "udp.port==8472,vxlan"]
    command = [TSHARK, "-r", str(path), *options, *wanted]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    known, packets, pairs = defaultdict(set), Counter(), Counter()
    for line in done.stdout.splitlines():
        names, *values = line.split("\t")
        layers = names.split(":")
        (transport,) = [name for name in layers if name in TRANSPORTS][-1:]
        network = [name for name in layers if name in ("ip", "ipv6")][-1]
        ends = tuple(sorted(values[:2] if network == "ip" else values[2:4]))
        stream, ports = values[4], values[5:]
        place = {"tcp": (stream,), "udp": ports[:2], "sctp": ports[2:4]}.get(transport, ())
        packets[TRANSPORTS[transport]] += 1
        pairs[ends] += 1
        known[TRANSPORTS[transport]].add((ends, *sorted(place)))
    return {name: len(found) for name, found in known.items()}, packets, pairs


def by_netpol(data):
    flows, account, _ = p.read(data)
    known, packets, pairs = Counter(), Counter(), Counter()
    for flow in flows:
        known[flow.protocol] += flow.count
        packets[flow.protocol] += flow.records
        pairs[tuple(sorted((flow.client.ip, flow.server.ip)))] += flow.records
    assert (account.held, account.other) == ({}, {})
    return known, packets, pairs


@pytest.mark.parametrize(
    ("link", "packets"), [one[1:] for one in captures()], ids=[one[0] for one in captures()]
)
def test_connections_and_packets_agree(tmp_path, link, packets):
    data, path = p.pcap(packets, link=link), tmp_path / "a.pcap"
    path.write_bytes(data)
    assert by_netpol(data) == by_tshark(path)
