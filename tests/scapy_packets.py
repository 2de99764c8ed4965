"""Packets of every kind and encapsulation that captures of clusters hold, built by scapy."""

from __future__ import annotations

import logging
import random
import warnings

logging.getLogger("scapy").setLevel(logging.CRITICAL)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from scapy.contrib.erspan import ERSPAN_II
    from scapy.contrib.geneve import GENEVE, GeneveOptions
    from scapy.contrib.mpls import MPLS
    from scapy.layers.dns import DNS, DNSQR, DNSRR
    from scapy.layers.inet import ICMP, IP, TCP, UDP, IPerror, TCPerror, UDPerror  # noqa: F401
    from scapy.layers.inet6 import (
        ICMPv6DestUnreach,
        ICMPv6EchoReply,
        ICMPv6EchoRequest,
        ICMPv6MLReport2,
        ICMPv6ND_NS,
        IPv6,
        IPv6ExtHdrDestOpt,
        IPv6ExtHdrFragment,
        IPv6ExtHdrHopByHop,
        IPv6ExtHdrRouting,
    )
    from scapy.layers.l2 import (
        ARP,
        GRE,
        LLC,
        SNAP,
        CookedLinux,
        CookedLinuxV2,
        Dot1AD,
        Dot1Q,
        Ether,
        Loopback,
    )
    from scapy.layers.ppp import PPP, PPPoE
    from scapy.layers.sctp import (
        SCTP,
        SCTPChunkAbort,
        SCTPChunkData,
        SCTPChunkInit,
        SCTPChunkInitAck,
        SCTPChunkShutdown,
    )
    from scapy.layers.vxlan import VXLAN
    from scapy.packet import Packet, Raw

NODES, NODES6 = ("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
QUIC = b"\xc3\0\0\0\1\x08" + bytes(range(8)) + bytes(1250)


def _network(ends, four, **more):
    return (IP if four else IPv6)(src=ends[0], dst=ends[1], **more)


def ends(four=True):
    """Packets by name, from one pod to another."""
    pods = ("10.244.1.7", "10.244.2.9") if four else ("fd00:1::7", "fd00:2::9")
    rng, there = random.Random(4), _network(pods, four)
    if four:
        there.id = 4711
    port, number = 43512, rng.randrange(1 << 32)
    tcp = {"sport": port, "dport": 8080, "seq": number}
    yield "syn", there / TCP(flags="S", options=[("MSS", 1460)], **tcp)
    yield "syn-ack", there / TCP(flags="SA", ack=0, **tcp)
    yield "reset", there / TCP(flags="RA", ack=9, **tcp)
    yield "data", there / TCP(flags="PA", ack=9, **tcp) / b"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n"
    yield "end", there / TCP(flags="FA", ack=9, **tcp)
    yield "null scan", there / TCP(flags="", **tcp)
    yield "udp", there / UDP(sport=port, dport=9999) / b"abc"
    yield "udp, empty", there / UDP(sport=port, dport=9999)
    asked = DNS(id=7, qd=DNSQR(qname="a.example.org"))
    yield "dns question", there / UDP(sport=port, dport=53) / asked
    told = DNS(id=7, qr=1, qd=asked.qd, an=DNSRR(rrname="a.example.org", rdata="203.0.113.7"))
    yield "dns answer", there / UDP(sport=53, dport=port) / told
    yield "quic", there / UDP(sport=port, dport=443) / QUIC
    sctp = {"sport": port, "dport": 3868}
    yield "sctp init", there / SCTP(tag=0, **sctp) / SCTPChunkInit(init_tag=number)
    yield "sctp init ack", there / SCTP(tag=77, **sctp) / SCTPChunkInitAck(init_tag=8)
    yield "sctp data", there / SCTP(tag=77, **sctp) / SCTPChunkData(tsn=5, data=b"hello!!!")
    yield "sctp end", there / SCTP(tag=77, **sctp) / SCTPChunkShutdown(cumul_tsn_ack=1)
    yield "sctp abort", there / SCTP(tag=77, **sctp) / SCTPChunkAbort()
    if four:
        yield "ping", there / ICMP(type=8, id=77) / b"ping"
        yield "pong", there / ICMP(type=0, id=77) / b"ping"
        yield "timestamp", there / ICMP(type=13, id=3)
        quoted = IP(bytes(_network(pods[::-1], True) / TCP(**tcp)))
        datagram = IP(bytes(_network(pods[::-1], True) / UDP(sport=1, dport=2) / b"12"))
        yield "prohibited", there / ICMP(type=3, code=13) / quoted
        yield "prohibited, 8 bytes", there / ICMP(type=3, code=9) / Raw(bytes(quoted)[:28])
        yield "port unreachable", there / ICMP(type=3, code=3) / datagram
        yield "time exceeded", there / ICMP(type=11) / quoted
        yield "igmp", IP(src=pods[0], dst="224.0.0.22", proto=2) / Raw(b"\x22\0\0\0\0\0\0\1")
    else:
        yield "ping", there / ICMPv6EchoRequest(id=77) / b"ping"
        yield "pong", there / ICMPv6EchoReply(id=77) / b"ping"
        quoted = IPv6(bytes(_network(pods[::-1], False) / TCP(**tcp)))
        yield "prohibited", there / ICMPv6DestUnreach(code=1) / quoted
        yield "port unreachable", there / ICMPv6DestUnreach(code=4) / quoted
        yield "no route", there / ICMPv6DestUnreach(code=0) / quoted
        yield "neighbours", there / ICMPv6ND_NS(tgt=pods[1])
        yield "multicast", there / ICMPv6MLReport2()
    protocol = {"proto": 89} if four else {"nh": 89}
    yield "another protocol", _network(pods, four, **protocol) / Raw(b"\2\1\0\x2c12345678")
    protocol = {"proto": 50} if four else {"nh": 50}
    yield "sealed", _network(pods, four, **protocol) / Raw(bytes(range(40)))
    yield "wireguard", there / UDP(sport=51820, dport=51820) / b"\4\0\0\0abcdefgh"
    yield "not wireguard", there / UDP(sport=51820, dport=51820) / b"\4\1\0\0abcdefgh"


def extended():
    """IPv6 with extension headers."""
    head, tcp = _network(("fd00:1::7", "fd00:2::9"), False), TCP(sport=4, dport=5, flags="S", seq=6)
    hop, options = IPv6ExtHdrHopByHop(), IPv6ExtHdrDestOpt()
    routing = IPv6ExtHdrRouting(addresses=["fd00::5"])
    yield "hop by hop", head / hop / tcp
    yield "routing", head / routing / tcp
    yield "all of them", head / hop / options / routing / options / tcp
    yield "first fragment", head / IPv6ExtHdrFragment(id=9, m=1, nh=6) / tcp
    yield "later fragment", head / IPv6ExtHdrFragment(id=9, offset=90, nh=6) / Raw(bytes(40))
    yield "options of a fragment", head / hop / IPv6ExtHdrFragment(id=9, m=1) / options / tcp


def fragments():
    """IPv4, in two pieces."""
    head = {"src": "10.244.1.7", "dst": "10.244.2.9", "id": 5}
    yield "first fragment", IP(flags="MF", **head) / UDP(sport=1, dport=2, len=3000) / bytes(64)
    yield "later fragment", IP(frag=9, proto=17, **head) / Raw(bytes(64))
    yield "with options", IP(options=[(b"\x94\x04\0\0")], **head) / TCP(sport=1, dport=2, seq=8)


def _ethernet(packet: Packet) -> Packet:
    return Ether(**MACS) / packet


def tunnels():
    """How packets are wrapped between nodes, by name: functions from a packet to a packet."""
    four, six = (_network(nodes, n == 0) for n, nodes in enumerate((NODES, NODES6)))
    udp = {"sport": 50000}
    yield "vxlan", lambda p: four / UDP(dport=4789, **udp) / VXLAN(vni=1) / _ethernet(p)
    yield "vxlan 8472", lambda p: four / UDP(dport=8472, **udp) / VXLAN(vni=1) / _ethernet(p)
    yield "vxlan over six", lambda p: six / UDP(dport=4789, **udp) / VXLAN(vni=1) / _ethernet(p)
    yield "geneve", lambda p: four / UDP(dport=6081, **udp) / GENEVE(vni=1) / _ethernet(p)
    option = [GeneveOptions(classid=1, type=2, data=b"12345678")]
    yield (
        "geneve with options",
        lambda p: four / UDP(dport=6081, **udp) / GENEVE(vni=1, options=option) / _ethernet(p),
    )
    yield "ip in ip", lambda p: four / p
    yield "ip in six", lambda p: six / p
    yield "gre", lambda p: four / GRE() / p
    yield "gre with key", lambda p: four / GRE(key_present=1, key=5, seqnum_present=1) / p
    yield "gre of frames", lambda p: four / GRE(proto=0x6558) / _ethernet(p)
    yield (
        "ip in ip in vxlan",
        lambda p: (
            four / UDP(dport=4789, **udp) / VXLAN(vni=1) / Ether(**MACS) / Dot1Q(vlan=3) / four / p
        ),
    )


def links():
    """(name, link type, function from a packet to a frame)."""
    yield "ethernet", 1, _ethernet
    yield "vlan", 1, lambda p: Ether(**MACS) / Dot1Q(vlan=7) / p
    yield "two tags", 1, lambda p: Ether(**MACS) / Dot1AD(vlan=7) / Dot1Q(vlan=8) / p
    yield "raw", 101, lambda p: p
    yield "cooked", 113, lambda p: CookedLinux() / p
    yield "cooked 2", 276, lambda p: CookedLinuxV2() / p
    yield "loopback", 0, lambda p: Loopback(type=2 if isinstance(p, IP) else 10) / p


def strange():
    """(name, link type, function): what only scapy knows."""
    four = IP(src=NODES[0], dst=NODES[1])
    yield (
        "erspan",
        101,
        lambda p: four / GRE(proto=0x88BE, seqnum_present=1) / ERSPAN_II() / _ethernet(p),
    )
    yield "mpls", 1, lambda p: Ether(**MACS) / MPLS(label=5, s=1) / p
    yield (
        "pppoe",
        1,
        lambda p: Ether(**MACS) / PPPoE() / PPP(proto=0x21 if isinstance(p, IP) else 0x57) / p,
    )
    yield "snap", 1, lambda p: Ether(**MACS, type=len(p) + 8) / LLC() / SNAP() / p


def asides():
    """Frames without IP."""
    yield "arp", Ether(**MACS) / ARP(pdst="10.0.0.1")
    yield "lldp", Ether(**MACS, type=0x88CC) / Raw(bytes(40))
    yield "spanning tree", Ether(**MACS, type=38) / LLC() / Raw(bytes(35))
