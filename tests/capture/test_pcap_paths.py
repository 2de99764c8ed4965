"""The walk over whole windows and scapy read the same in the same packets."""

from io import BytesIO

import numpy as np
import pcap_files as p
import pytest
import scapy_packets as s

from capture import packet_layers as layers
from capture.packet_rows import Addresses, Rows
from capture.packet_scapy import fill
from capture.packet_transport import rows
from capture.packet_walk import Walk
from capture.pcap_frames import Source, windows

PACKETS = [(f"v4 {name}", one) for name, one in s.ends()]
PACKETS += [(f"v6 {name}", one) for name, one in s.ends(four=False)]
PACKETS += [(f"v6 {name}", one) for name, one in s.extended()]
PACKETS += [(f"v4 {name}", one) for name, one in s.fragments()]
WRAPPED = [
    (f"{tunnel}: {name}", wrap(one)) for tunnel, wrap in s.tunnels() for name, one in PACKETS
]


def window(frames, link):
    source = Source(BytesIO(p.pcap(frames, link=link)))
    source.more()
    (found,) = windows(source, pytest.fail)
    return found


def seen(found: Rows, data, addresses, one):
    """What a row says, as text and numbers."""
    layer = int(found.layer[one])
    if not layers.DONE <= layer < layers.REASONS:
        return (layer,)
    sides = [
        (addresses.text(int(side[one]) >> 16), int(side[one]) & 0xFFFF)
        for side in (found.source, found.target)
    ]
    numbers = [int(c[one]) for c in (found.protocol, found.kind, found.opening, found.mark)]
    payload = data.raw[int(found.payload[one]) : max(int(found.end[one]), int(found.payload[one]))]
    return (layer, *sides, *numbers, payload if layer in (layers.TCP, layers.UDP) else b"")


def by_walk(given):
    addresses = Addresses()
    found = rows(Walk.through(given, addresses), given.time)
    return [seen(found, given.data, addresses, n) for n in range(len(given.time))]


def by_scapy(given):
    addresses = Addresses()
    found = Rows.empty(len(given.time), given.time)
    fill(found, given, addresses, np.arange(len(given.time)))
    return [seen(found, given.data, addresses, n) for n in range(len(given.time))]


@pytest.mark.parametrize(
    ("link", "wrap"), [one[1:] for one in s.links()], ids=[one[0] for one in s.links()]
)
def test_both_read_the_same(link, wrap):
    every = PACKETS + WRAPPED if link == 1 else PACKETS
    given = window([bytes(wrap(one)) for _, one in every], link)
    names = [name for name, _ in every]
    fast, slow = (
        dict(zip(names, found, strict=True)) for found in (by_walk(given), by_scapy(given))
    )
    assert fast == slow


def test_frames_without_ip():
    given = window([bytes(one) for _, one in s.asides()], 1)
    assert by_scapy(given) == [(layers.NOT_IP,)] * 3
    assert by_walk(given) == [(layers.NOT_IP,), (layers.NOT_IP,), (layers.STRANGE,)]


@pytest.mark.parametrize(
    ("link", "wrap"), [one[1:] for one in s.strange()], ids=[one[0] for one in s.strange()]
)
def test_what_only_scapy_knows(link, wrap):
    inner = [one for _, one in PACKETS]
    plain = by_walk(window([bytes(one) for one in inner], 101))
    given = window([bytes(wrap(one)) for one in inner], link)
    assert {row[0] for row in by_walk(given)} == {layers.STRANGE}
    assert by_scapy(given) == plain
