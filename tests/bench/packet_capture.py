"""A capture of a made-up cluster for the bench, of any size, with the true connections beside it.

TCP with handshake, data and FIN, of which 3 % have no handshake; DNS, SCTP, ICMP; 5 % IPv6 and 1 %
with a VLAN tag. Nothing of netpol is used to write it.
"""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

PORTS = (80, 443, 5432, 6379, 8080, 8443, 9090, 9092, 27017, 50051)
START = 1_793_700_000_000_000_000
EDGES = 2000
BATCH = 5000
ETHERNET = b"\2\0\0\0\0\1\2\0\0\0\0\2"
Step = tuple[bool, int, bytes]
"""To the server or back, IP protocol, what is behind the IP header."""
Edge = tuple[bytes, bytes, str, int]


def edges(rng: random.Random) -> list[Edge]:
    """Client, server, protocol, port."""
    found = []
    for n in range(EDGES):
        six = rng.random() < 0.05
        pods = [rng.randrange(1, 3000) for _ in range(2)]
        texts = [f"fd00:10::{pod:x}" if six else f"10.244.{pod >> 8}.{(pod & 255)}" for pod in pods]
        roll = rng.random()
        kind = "TCP" if roll < 0.86 else "UDP" if roll < 0.96 else "SCTP" if roll < 0.98 else "ICMP"
        port = {"UDP": 53, "SCTP": 3868, "ICMP": 2048}.get(kind, PORTS[n % len(PORTS)])
        if kind == "ICMP" and six:
            kind, port = "ICMPv6", 128 * 256
        if texts[0] != texts[1]:
            found.append((ip_address(texts[0]).packed, ip_address(texts[1]).packed, kind, port))
    return found


def segment(
    there: bool, ports: tuple[int, int], flags: int, seq: int, ack: int, data: bytes
) -> Step:
    source, target = ports if there else ports[::-1]
    head = struct.pack("!HHIIBBHHH", source, target, seq, ack, 0x50, flags, 64240, 0, 0)
    return there, 6, head + data


def tcp(rng: random.Random, port: int, data: bytes) -> Iterator[Step]:
    ports = rng.randrange(32768, 61000), port
    mine, theirs = rng.randrange(1 << 16, 1 << 31), rng.randrange(1 << 16, 1 << 31)
    if rng.random() >= 0.03:
        yield segment(True, ports, 2, mine, 0, b"")
        yield segment(False, ports, 18, theirs, mine + 1, b"")
        yield segment(True, ports, 16, mine + 1, theirs + 1, b"")
    mine, theirs = mine + 1, theirs + 1
    for _ in range(rng.randrange(1, 6)):
        asked, told = data[: rng.randrange(40, 200)], data[: rng.randrange(20, 400)]
        yield segment(True, ports, 24, mine, theirs, asked)
        mine += len(asked)
        yield segment(False, ports, 24, theirs, mine, told)
        theirs += len(told)
    yield segment(True, ports, 17, mine, theirs, b"")
    yield segment(False, ports, 17, theirs, mine + 1, b"")
    yield segment(True, ports, 16, mine + 1, theirs + 1, b"")


def dns(rng: random.Random, names: list[bytes]) -> Iterator[Step]:
    port, number, n = rng.randrange(32768, 61000), rng.randrange(65536), rng.randrange(len(names))
    asked = names[n] + b"\0\1\0\1"
    query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + asked
    address = bytes((203, 0, 113, n % 256))
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, rng.randrange(300), 4) + address
    answer = struct.pack("!HHHHHH", number, 0x8180, 1, 1, 0, 0) + asked + record
    yield True, 17, struct.pack("!HHHH", port, 53, 8 + len(query), 0) + query
    yield False, 17, struct.pack("!HHHH", 53, port, 8 + len(answer), 0) + answer


def sctp(rng: random.Random, port: int, data: bytes) -> Iterator[Step]:
    ports = rng.randrange(32768, 61000), port
    mine, theirs = rng.randrange(1, 1 << 32), rng.randrange(1, 1 << 32)
    init = struct.pack("!IIHHI", mine, 65536, 1, 1, 1)
    accept = struct.pack("!IIHHI", theirs, 65536, 1, 1, 1)
    chunks = [(True, 0, 1, init), (False, mine, 2, accept), (True, theirs, 10, b"cook")]
    chunks += [(False, mine, 11, b"")]
    chunks += [
        (n % 2 == 0, (theirs, mine)[n % 2], 0, struct.pack("!I", n) + data[:80]) for n in range(4)
    ]
    for there, tag, kind, value in chunks:
        source, target = ports if there else ports[::-1]
        chunk = struct.pack("!BBH", kind, 0, 4 + len(value)) + value
        yield there, 132, struct.pack("!HHII", source, target, tag, rng.randrange(1 << 32)) + chunk


def echo(rng: random.Random, kind: str) -> Iterator[Step]:
    number = rng.randrange(65536)
    types, protocol = ((8, 0), 1) if kind == "ICMP" else ((128, 129), 58)
    for one in range(3):
        for there, type_ in zip((True, False), types, strict=True):
            yield there, protocol, struct.pack("!BBHHH", type_, 0, 0, number, one) + bytes(56)


def framed(edge: Edge, step: Step, identity: int, *, tagged: bool) -> bytes:
    there, protocol, inside = step
    source, target = edge[:2] if there else edge[1::-1]
    six = len(source) == 16
    if six:
        head = struct.pack("!IHBB", 6 << 28, len(inside), protocol, 64)
    else:
        head = struct.pack("!BBHHHBBH", 69, 0, 20 + len(inside), identity, 0x4000, 64, protocol, 0)
    kind = (b"\x81\0\0\7" if tagged else b"") + (b"\x86\xdd" if six else b"\x08\0")
    return ETHERNET + kind + head + source + target + inside


def connections(rng: random.Random) -> Iterator[tuple[Edge, list[Step]]]:
    known, data = edges(rng), rng.randbytes(400)
    names = [b"\3api\7tenant%d\7example\3org\0" % (n % 10) for n in range(100)]
    weights = [1 / (n + 1) for n in range(len(known))]
    rng.shuffle(weights)
    while True:
        for edge in rng.choices(known, weights, k=BATCH):
            match edge[2]:
                case "TCP":
                    yield edge, list(tcp(rng, edge[3], data))
                case "UDP":
                    yield edge, list(dns(rng, names))
                case "SCTP":
                    yield edge, list(sctp(rng, edge[3], data))
                case kind:
                    yield edge, list(echo(rng, kind))


def write(path: Path, packets: int, seed: int = 1) -> None:
    """Write a capture of at least so many packets, and the true number of packets by edge."""
    rng = random.Random(seed)
    truth: Counter[Edge] = Counter()
    every, done, clock = connections(rng), 0, START
    with path.open("wb") as sink:
        sink.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
        while done < packets:
            batch: list[tuple[int, bytes]] = []
            for _ in range(BATCH):
                edge, steps = next(every)
                truth[edge] += len(steps)
                tagged, time = rng.random() < 0.01, clock + rng.randrange(10**9)
                for step in steps:
                    time += rng.randrange(100_000, 20_000_000)
                    identity = rng.randrange(1, 65536)
                    batch.append((time, framed(edge, step, identity, tagged=tagged)))
            batch.sort()
            clock += 10**9
            done += len(batch)
            for time, frame in batch:
                sink.write(struct.pack("<IIII", *divmod(time, 10**9), len(frame), len(frame)))
                sink.write(frame)
    rows = [
        [str(ip_address(client)), str(ip_address(server)), protocol, port, n]
        for (client, server, protocol, port), n in sorted(truth.items())
    ]
    path.with_suffix(".json").write_text(json.dumps(rows))
