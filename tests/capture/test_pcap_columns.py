"""Laws of the columns: grouping and adding up are as with Python's dictionaries, hashes or not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import packet_groups, packet_rows, packet_table
from capture.packet_rows import Addresses, Rows
from capture.packet_table import Table, summed

SMALL = st.integers(0, 3)
PACKETS = st.lists(st.tuples(SMALL, SMALL, SMALL, st.integers(0, 4), SMALL), max_size=40)


@pytest.fixture(params=[None, 0, 1, 1 << 63], ids=["hashed", "one hash", "two", "two by the top"])
def hashes(request, monkeypatch):
    """The real hash, or one that is nearly or always the same: it must not matter."""
    if request.param is not None:
        real = packet_rows.mixed
        for module in (packet_rows, packet_groups, packet_table):
            monkeypatch.setattr(module, "mixed", lambda *c: real(*c) & np.uint64(request.param))


def columns(rows, *kinds):
    return [np.array([row[n] for row in rows], kind) for n, kind in enumerate(kinds)]


@settings(deadline=None, derandomize=True)
@given(PACKETS)
def check_groups(packets):
    given_columns = columns(packets, np.uint64, np.int64, np.uint32)
    order, starts = packet_groups.grouped(*given_columns)
    groups = np.split(order, starts[1:]) if len(starts) else []
    known = {}
    for n, packet in enumerate(packets):
        known.setdefault(packet[:3], []).append(n)
    assert sorted(group.tolist() for group in groups) == sorted(known.values())


def test_groups(hashes):
    check_groups()


def rows_of(packets):
    found = Rows.empty(len(packets), np.arange(len(packets), dtype=np.int64))
    found.source, found.target, found.protocol, found.kind, found.opening = columns(
        packets, np.uint64, np.uint64, np.uint32, np.uint8, np.uint32
    )
    return found


def counted(packets):
    """Packets and connections by sides and protocol: one begins with another number, or loosely."""
    known, numbers = {}, {}
    for source, target, protocol, _, opening in packets:
        key = (min(source, target), max(source, target), protocol)
        packets_seen, count = known.get(key, (0, 0))
        count += numbers.get(key) != opening if opening else key not in known
        numbers[key] = opening or numbers.get(key)
        known[key] = packets_seen + 1, count
    return known


@settings(deadline=None, derandomize=True)
@given(PACKETS, st.lists(st.integers(0, 40), max_size=3))
def check_sums(packets, cuts):
    table = Table()
    bounds = [0, *sorted(min(cut, len(packets)) for cut in cuts), len(packets)]
    for start, end in pairwise(bounds):
        table.add(summed(rows_of(packets[start:end])))
    found = {
        (int(one["low"]), int(one["high"]), int(one["protocol"])): (
            int(one["seen"].sum()),
            int(one["count"]),
        )
        for one in table.rest()
    }
    assert found == counted(packets)


def test_sums(hashes, monkeypatch):
    monkeypatch.setattr(packet_table, "ROOM", 64)
    check_sums()


def test_addresses(hashes):
    rng = np.random.default_rng(7)
    addresses, known = Addresses(), {}
    for _ in range(5):
        high, low = (rng.integers(0, 4, 30).astype(np.uint64) for _ in range(2))
        numbers = addresses.six(high, low).tolist()
        for one in zip(high.tolist(), low.tolist(), numbers, strict=True):
            assert known.setdefault(one[:2], one[2]) == one[2]
    assert len(set(known.values())) == len(known) == 16
    assert addresses.text(known[0, 1]) == "::1"
