"""Stretches of an input, read by nobody who knows the others, are all of it; and they add up."""

from __future__ import annotations

import gzip
import io
import lzma
import pickle
from functools import partial
from pathlib import Path

import hubble_lines as h
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from kept import Kept

from capture.cuts import Places, Stretch, of_stretch
from capture.folded import Settings
from capture.shares import joined, packed, share, traced
from netpol import store
from netpol.inventory import Inventory
from netpol.store.parcel import Parcel

PICKLED = pickle.dumps(Settings(inventory=Inventory(), guard=2 * 10**9))


def plain(parts: list[bytes]) -> bytes:
    return b"".join(parts)


def zipped(parts: list[bytes]) -> bytes:
    return b"".join(gzip.compress(one, mtime=0) for one in parts)


def frames(parts: list[bytes]) -> bytes:
    skipped = b"\x50\x2a\x4d\x18\x02\0\0\0no"  # a skippable frame, as some tools write
    return b"".join(zstandard.compress(one) for one in parts) + skipped


PACKS = pytest.mark.parametrize("pack", [plain, zipped, frames])


@PACKS
@given(parts=st.lists(st.text("ab\n", max_size=40).map(str.encode), max_size=8), data=st.data())
def test_any_stretch_is_found_alone(pack, parts, data):
    """Wherever members begin and end."""
    packed, text = pack([b"a", *parts]), b"".join([b"a", *parts])
    places = Places(io.BytesIO(packed))
    assert b"".join(iter(partial(places.read, 7), b"")) == text
    start = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(1, len(text) - start))
    place, skip = places.of(start)
    one = Stretch(place=place, skip=skip, length=length, check=0)
    assert b"".join(of_stretch(io.BytesIO(packed), one)) == text[start : start + length]


def records(count: int = 120) -> list[bytes]:
    lines = []
    for n in range(count):
        ends = {"source": h.pod(f"web-{n % 7}"), "destination": h.pod(f"api-{n % 3}")}
        time = f"2026-11-02T{9 + n // 60:02}:14:{n % 60:02}Z"
        lines.append(h.text([h.wrapped(h.record(time=time, uuid=str(n), **ends))]) + b"\n")
        lines += [b"{torn\n"] * (n % 2)  # more than are kept
    return lines


def export(path: Path, parcels: list[Parcel] | None) -> bytes:
    """What a store holds that takes them."""
    assert parcels is not None
    if parcels:
        path.unlink(missing_ok=True)
    with store.opened(path, write=True) as kept:
        list(store.merge(kept, parcels))
        with kept.snapshot() as db:
            return b"".join(store.exported(db))


def serial(path: Path, name: Path, piece: int) -> bytes:
    """What one reader makes of a file."""
    path.unlink(missing_ok=True)
    Kept(path).learn(name, piece=piece)
    return export(path, [])


@pytest.mark.parametrize("end", [b"", b"\n", b'{"flow":', records(1)[0].rstrip()])
@PACKS
def test_shares_add_up_in_any_grouping(tmp_path, pack, end):
    lines = [*records(), end]
    path = tmp_path / "flows"
    path.write_bytes(pack([b"".join(lines[n : n + 20]) for n in range(0, len(lines), 20)]))
    name, each = str(path), len(b"".join(lines)) // 7 + 1
    trace = traced(name, None, each)
    assert trace is not None and len(trace.stretches) in (6, 7)
    shares = [share(name, "hubble", PICKLED, one) for one in trace.stretches]
    join = partial(joined, name)
    one = join(join(*shares[:2]), join(*shares[2:3]), join(join(*shares[3:5]), *shares[5:]))
    other = join(join(join(shares[0], join(*shares[1:5])), shares[5]), *shares[6:])
    alone = serial(tmp_path / "one.db", path, each)
    for each in (one, other, join(*shares)):  # joining changes nothing of what it joins
        assert export(tmp_path / "two.db", packed(name, PICKLED, trace, each)) == alone


def test_what_has_changed_does_not_add_up(tmp_path):
    path = tmp_path / "flows"
    lines = records()
    path.write_bytes(b"".join(lines))
    name, each = str(path), path.stat().st_size // 5
    trace = traced(name, None, each)
    assert trace is not None
    path.write_bytes(b"".join(lines).replace(b'"api-1"', b'"api-9"'))
    shares = [share(name, "hubble", PICKLED, one) for one in trace.stretches]
    assert packed(name, PICKLED, trace, joined(name, *shares)) is None
    path.write_bytes(b"".join(lines)[: 2 * each])
    shares = [share(name, "hubble", PICKLED, one) for one in trace.stretches]
    assert packed(name, PICKLED, trace, joined(name, *shares)) is None
    path.write_bytes(b"".join(lines) + lines[0])  # it has only grown
    shares = [share(name, "hubble", PICKLED, one) for one in trace.stretches]
    assert packed(name, PICKLED, trace, joined(name, *shares)) is not None


def test_damage_is_for_one_reader(tmp_path):
    path = tmp_path / "flows.gz"
    lines = records()
    data = zipped([b"".join(lines[n : n + 20]) for n in range(0, len(lines), 20)])
    for damaged in (data[:-9], data[:3000] + b"\xff" * 40 + data[3040:], data + b"\0" * 9):
        path.write_bytes(damaged)
        assert traced(str(path), None, len(data) // 4) is None


def test_what_is_not_worth_it_is_read_as_a_whole(tmp_path):
    path = tmp_path / "flows"
    path.write_bytes(gzip.compress(b"".join(records())))  # one member
    assert traced(str(path), None, 500) is None
    path.write_bytes(lzma.compress(b"".join(records())))
    assert traced(str(path), None, 500) is None
    path.write_bytes(b"".join(records(9)))
    assert traced(str(path), None, 1 << 20) is None
    path.write_bytes(b"")
    assert traced(str(path), None, 500) is None
