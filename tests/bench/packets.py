"""Reading packet captures: packets a second and peak memory, beside scapy and dpkt in the same run.

Each reader runs in a process of its own, by turns; the figures are medians of processor time. The
baselines make the same table of edges as we do, and the run fails when one differs. They do less:
they look for no copies, translations or names. Ratios carry over to other machines, figures do not.

    python tests/bench/packets.py [--packets N] [--repeats N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from statistics import median

import packet_capture
from ingest import FOLDER, MIB
from readers import high_water

Row = tuple[str, str, str, int, int]
OPENS, ACCEPTS, SAYS_NOTHING = range(3)
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", 132: "SCTP"}


@dataclass(slots=True)
class Conversation:
    """Packets between two sides."""

    first: tuple[bytes, int]
    packets: int = 0
    client: tuple[bytes, int] | None = None


@dataclass(slots=True)
class Plain:
    """The fold that both baselines do: a dictionary of conversations."""

    known: dict[tuple[object, ...], Conversation] = field(default_factory=dict)

    def add(self, sides: tuple[tuple[bytes, int], ...], protocol: int, says: int) -> None:
        source, target = sides
        key = (source, target, protocol) if source < target else (target, source, protocol)
        one = self.known.get(key)
        if one is None:
            one = self.known[key] = Conversation(source)
        one.packets += 1
        if says != SAYS_NOTHING:
            one.client = source if says == OPENS else target

    def rows(self) -> list[Row]:
        """Packets by edge; who opened nothing goes by the servers that were seen, then by port."""
        servers = {
            (key[1] if key[0] == one.client else key[0], key[2])
            for key, one in self.known.items()
            if one.client is not None
        }
        counts: Counter[tuple[str, str, str, int]] = Counter()
        for (low, high, protocol), one in self.known.items():
            client = one.client or self._guess(low, high, protocol, one, servers)
            server = high if client == low else low
            name = PROTOCOLS[protocol]
            port = {"ICMP": 8 * 256, "ICMPv6": 128 * 256}.get(name, server[1])
            texts = (str(ip_address(side[0])) for side in (client, server))
            counts[(*texts, name, port)] += one.packets
        return [(*key, n) for key, n in counts.items()]

    def _guess(self, low, high, protocol, one, servers):
        if protocol == 17:
            return one.first
        proven = (low, protocol) in servers, (high, protocol) in servers
        if proven[0] != proven[1]:
            return high if proven[0] else low
        return high if low[1] < high[1] else low


def flags(number: int) -> int:
    """What the flags of a TCP segment say."""
    if number & 4 or not number & 2:
        return SAYS_NOTHING
    return ACCEPTS if number & 16 else OPENS


CHUNKS = {1: OPENS, 2: ACCEPTS}


def with_scapy(path: Path) -> list[Row]:
    import scapy.layers.dns
    import scapy.layers.sctp
    from scapy.layers.inet import ICMP, IP, TCP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether  # noqa: F401 - registers the link type
    from scapy.utils import PcapReader

    fold, network = Plain(), {}

    def packed(text: str) -> bytes:
        if text not in network:
            network[text] = ip_address(text).packed
        return network[text]

    with PcapReader(str(path)) as packets:
        for packet in packets:
            head = packet[IP] if IP in packet else packet[IPv6]
            ends, inner = (packed(head.src), packed(head.dst)), head.payload
            if TCP in packet:
                ports, says, protocol = (inner.sport, inner.dport), flags(int(inner.flags)), 6
            elif UDP in packet:
                ports, says, protocol = (inner.sport, inner.dport), SAYS_NOTHING, 17
            elif ICMP in packet:
                ports, says, protocol = (
                    (inner.id, inner.id),
                    OPENS if inner.type == 8 else ACCEPTS,
                    1,
                )
            elif isinstance(inner, scapy.layers.sctp.SCTP):
                ports, protocol = (inner.sport, inner.dport), 132
                says = CHUNKS.get(inner.payload.type, SAYS_NOTHING)
            else:
                ports, protocol = (inner.id, inner.id), 58
                says = OPENS if inner.type == 128 else ACCEPTS
            fold.add(tuple(zip(ends, ports, strict=True)), protocol, says)
    return fold.rows()


def with_dpkt(path: Path) -> list[Row]:
    import dpkt

    fold = Plain()
    with path.open("rb") as stream:
        for _, data in dpkt.pcap.Reader(stream):
            head = dpkt.ethernet.Ethernet(data).data
            inner = head.data
            if isinstance(inner, dpkt.tcp.TCP):
                ports, says, protocol = (inner.sport, inner.dport), flags(inner.flags), 6
            elif isinstance(inner, dpkt.udp.UDP):
                ports, says, protocol = (inner.sport, inner.dport), SAYS_NOTHING, 17
            elif isinstance(inner, dpkt.icmp.ICMP):
                ports, says = (inner.data.id, inner.data.id), OPENS if inner.type == 8 else ACCEPTS
                protocol = 1
            elif isinstance(inner, dpkt.sctp.SCTP):
                ports, protocol = (inner.sport, inner.dport), 132
                says = CHUNKS.get(inner.chunks[0].type, SAYS_NOTHING)
            else:
                raw = bytes(inner)
                ports, protocol = (int.from_bytes(raw[4:6]),) * 2, 58
                says = OPENS if inner.type == 128 else ACCEPTS
            fold.add(((head.src, ports[0]), (head.dst, ports[1])), protocol, says)
    return fold.rows()


def with_netpol(path: Path) -> list[Row]:
    from capture.inputs import read
    from netpol.flow import Account

    told: list[object] = []
    counts: Counter[tuple[str, str, str, int]] = Counter()
    for flow in read(str(path), source="pcap", tell=told.append, account=Account()):
        counts[flow.client.ip, flow.server.ip, flow.protocol, flow.port or 0] += flow.records
    return [(*key, n) for key, n in counts.items()]


READERS: dict[str, Callable[[Path], list[Row]]] = {
    "netpol": with_netpol,
    "dpkt": with_dpkt,
    "scapy PcapReader": with_scapy,
}
SLOW = "scapy PcapReader"


@dataclass(frozen=True, slots=True)
class Run:
    """One reader over one file."""

    seconds: float
    peak: int
    right: float
    """Share of the packets that are in the edge in which they are in truth."""
    digest: str


def child(reader: str, path: Path) -> None:
    """Read ``path`` in this process and say how it went, as one line of JSON."""
    started = time.process_time()
    rows = READERS[reader](path)
    seconds, peak = time.process_time() - started, high_water()
    truth = {tuple(row[:4]): row[4] for row in json.loads(path.with_suffix(".json").read_text())}
    right = sum(min(n, truth.get(tuple(edge), 0)) for *edge, n in rows) / sum(truth.values())
    digest = hashlib.sha256(json.dumps(sorted(rows)).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "peak": peak, "right": right, "digest": digest}))


def run(reader: str, path: Path) -> Run:
    print(f"{reader}, {path.name}", file=sys.stderr)
    command = [sys.executable, __file__, "--child", reader, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Run(**json.loads(done.stdout))


def capture(packets: int) -> Path:
    """The bench file with so many packets, made when it is not there."""
    path = FOLDER / f"packets-{packets}.pcap"
    if not path.with_suffix(".json").exists():
        print(f"writing {path} …", file=sys.stderr)
        FOLDER.mkdir(exist_ok=True)
        packet_capture.write(path, packets)
    return path


def total(path: Path) -> int:
    """How many packets a bench file has."""
    return sum(row[4] for row in json.loads(path.with_suffix(".json").read_text()))


def turns(repeats: int) -> Iterator[str]:
    """Every reader so many times; scapy, which takes minutes, once."""
    for turn in range(repeats):
        yield from (reader for reader in READERS if reader != SLOW or turn == 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packets", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("READER", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
        return
    path = capture(options.packets)
    packets = total(path)
    runs: dict[str, list[Run]] = {reader: [] for reader in READERS}
    for reader in turns(options.repeats):
        runs[reader].append(run(reader, path))
    if len({one.digest for each in runs.values() for one in each}) != 1:
        sys.exit("the readers do not agree on the table of edges")
    print(f"{packets:,} packets, {path.stat().st_size / MIB:.0f} MiB\n")
    print(f"{'reader':18}{'packets/s':>12}{'peak MiB':>10}{'right':>10}{'netpol is':>12}")
    ours = median(one.seconds for one in runs["netpol"])
    for reader, each in runs.items():
        took, peak = median(one.seconds for one in each), max(one.peak for one in each) / MIB
        ratio = "" if reader == "netpol" else f"{took / ours:.1f} ×"
        speed = f"{packets / took:12,.0f}{peak:10.0f}"
        print(f"{reader:18}{speed}{each[0].right:10.3%}{ratio:>12}")
    path, slow = capture(options.packets * 5), packets / runs[SLOW][0].seconds
    large = run("netpol", path)
    speed = total(path) / large.seconds
    print("\na capture five times as large, beside the speeds above")
    print(
        f"{'netpol':18}{speed:12,.0f}{large.peak / MIB:10.0f}{large.right:10.3%}"
        f"{speed / slow:10.1f} ×"
    )


if __name__ == "__main__":
    main()
