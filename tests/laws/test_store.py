"""What is made of a store is what is made of the files, however they were cut and merged."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import calico_lines as c
import hubble_lines as h
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kept import Kept, written
from source_samples import SAMPLES

from capture import SOURCES
from capture.folded import Folded, fold
from capture.inputs import read
from netpol import store
from netpol.eras import always
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.inventory import Inventory
from netpol.learn import learn
from netpol.report.graphs import graph_object

PODS = [
    h.pod(f"{app}-6d9c7f8b45-{end}") for app in ("web", "api", "db") for end in ("x2k9q", "qw4zt")
]
NAMELESS = {"identity": 16777217}
ENDS = st.sampled_from([*PODS, h.WORLD, h.HOST, NAMELESS, {}])
RECORDS = st.builds(
    h.record,
    time=st.sampled_from([f"2026-11-02T{hour}:59:59.5Z" for hour in ("08", "09", "10")]),
    verdict=st.sampled_from(["FORWARDED", "FORWARDED", "DROPPED", "AUDIT"]),
    l4=st.sampled_from(
        [h.tcp(SYN=True), h.tcp(8080, 43512, **h.SYN_ACK), h.udp(), h.tcp(RST=True)]
    ),
    source=ENDS,
    destination=ENDS,
    IP=st.builds(
        lambda a, b: {"source": a, "destination": b},
        *[st.sampled_from(["10.0.0.1", "198.51.100.7", "203.0.113.9"])] * 2,
    ),
    is_reply=st.sampled_from([None, True, False]),
    destination_names=st.sampled_from([None, None, ["a.example.org"]]),
    l7=st.sampled_from(
        [None, None, {"type": "REQUEST", "dns": {"query": "a.org.", "ips": ["198.51.100.7"]}}]
    ),
)


def graph(flows: Iterable[Flow], account: Account) -> dict[str, Any]:
    return graph_object(learn(flows, Inventory(), account))


def of_files(*files: Path, source: str | None = None) -> dict[str, Any]:
    account, flows = Account(), list[Flow]()
    for file in files:
        flows += read(str(file), source=source, tell=lambda _: None, account=account)
    account.blind.clear()
    return graph(flows, account)


def of_store(path: Path) -> dict[str, Any]:
    with store.opened(path) as kept, kept.snapshot() as db:
        return graph(store.flows(db), store.account(db))


@settings(deadline=None, max_examples=60)
@given(
    records=st.lists(RECORDS, min_size=1, max_size=25),
    cuts=st.lists(st.integers(0, 25), max_size=3),
    pieces=st.sampled_from([1, 700, 1 << 20]),
    order=st.randoms(use_true_random=False),
)
def test_a_store_gives_the_graph_of_the_files(tmp_path_factory, records, cuts, pieces, order):
    place = tmp_path_factory.mktemp("store")
    lines = [
        h.text([h.wrapped(record | {"uuid": str(n)})]) + b"\n" for n, record in enumerate(records)
    ]
    ends = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    files = [written(place / f"{a}", lines[a:b]) for a, b in pairwise(ends)]
    expected = of_files(*files)
    order.shuffle(files)
    stores = [Kept(place / "one.db"), Kept(place / "other.db")]
    for file in files:
        order.choice(stores).learn(file, piece=pieces)
    for one in stores:
        one.learn()
    order.shuffle(stores)
    with (
        store.opened(stores[0].path, write=True) as into,
        store.opened(stores[1].path) as other,
        other.snapshot() as db,
    ):
        list(store.merge(into, store.parcels(db)))
    assert of_store(stores[0].path) == expected


BUSY = RECORDS | st.builds(
    h.record,
    time=st.sampled_from(
        [
            f"2026-11-{day}T{time}Z"
            for day in ("02", "03", "04")
            for time in ("00:00:00", "09:59:59.5", "10:00:00")
        ]
    ),
    source=st.sampled_from(PODS),
    destination=st.sampled_from(PODS),
    IP=st.builds(
        lambda a: {"source": a, "destination": "10.0.0.9"},
        st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    ),
    destination_service=st.sampled_from(
        [None, {"namespace": "shop", "name": "a"}, {"namespace": "shop", "name": "b"}]
    ),
)
"""With records of pods that the first of, on each of several days, is not the first in the file."""


def lines_of(records: Iterable[dict[str, Any]]) -> list[bytes]:
    return [h.text([h.wrapped(one | {"uuid": str(n)})]) + b"\n" for n, one in enumerate(records)]


@settings(deadline=None, max_examples=60)
@given(
    lines=st.lists(BUSY, min_size=1, max_size=12).map(lines_of)
    | st.builds(
        lambda name, times, order: order.sample(
            lines := SAMPLES[name].splitlines(keepends=True) * times, len(lines)
        ),
        st.sampled_from([one.name for one in SOURCES]),
        st.integers(1, 3),
        st.randoms(use_true_random=False),
    ),
    source=st.sampled_from([None, "hubble"]),
    cuts=st.lists(st.floats(0, 1), max_size=4).map(sorted),
    pieces=st.lists(st.sampled_from([1, 700, 1 << 20]), min_size=5, max_size=5),
)
def test_a_file_gives_the_same_however_it_grew(tmp_path_factory, lines, source, cuts, pieces):
    """Byte for byte, wherever it was cut, also within a line, and what it was taken for then."""
    place = tmp_path_factory.mktemp("store")
    body, log = b"".join(lines), place / "log"
    grown, whole = Kept(place / "grown.db", source), Kept(place / "whole.db", source)
    for cut, piece in zip([*cuts, 1.0], pieces, strict=False):
        with suppress(NetpolError):  # so little of it tells nobody what it is
            grown.learn(written(log, [body[: round(cut * len(body))]]), piece=piece)
    with suppress(NetpolError):
        whole.learn(log)
    if whole.path.exists():
        assert grown.text == whole.text


NODE = {"dest_type": c.HEP, "dest_namespace": "-", "dest_port": 6443}
DIALLED = {"dest_service_namespace": "default", "dest_service_name": "kubernetes"}
INTERVALS = st.builds(
    lambda changes, labels, start, started: c.emitted(
        **changes,
        more={
            "start_time": c.START + start,
            "end_time": c.START + start + 15,
            "num_connections_started": started,
            "source_labels": labels,
        },
    ),
    st.sampled_from([{}, *({**NODE, "dest_name": n, **to} for n in "ab" for to in ({}, DIALLED))]),
    st.sampled_from([["app=web"], ["app=web", "n=0"], None]),
    st.sampled_from([0, 15, 3600]),
    st.integers(0, 2),
)


@settings(deadline=None, max_examples=60)
@given(
    records=st.lists(INTERVALS, min_size=1, max_size=8),
    cuts=st.lists(st.floats(0, 1), max_size=4).map(sorted),
    piece=st.sampled_from([1, 700]),
)
def test_intervals_give_the_same_graph_however_they_came(tmp_path_factory, records, cuts, piece):
    """What one says of a node is true of all, and a connection that lasts counts once."""
    place = tmp_path_factory.mktemp("store")
    body, log = c.text(records), place / "log"
    grown = Kept(place / "grown.db", "goldmane")
    for cut in (*cuts, 1.0):
        grown.learn(written(log, [body[: round(cut * len(body))]]), piece=piece)
    assert of_store(grown.path) == of_files(log)


@settings(deadline=None, max_examples=60)
@given(
    lines=st.lists(BUSY, min_size=1, max_size=12).map(lines_of),
    cuts=st.lists(st.integers(0, 12), max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_shares_of_a_file_add_up_in_any_order(lines, cuts, order):
    ends = sorted({0, len(lines), *(cut for cut in cuts if cut < len(lines))})
    shares = [lines[a:b] for a, b in pairwise(ends)]
    order.shuffle(shares)
    total = Folded()
    for one in shares:
        total.add(fold(BytesIO(b"".join(one)), "hubble", "log", always, None))
    whole = fold(BytesIO(b"".join(lines)), "hubble", "log", always, None)
    assert total.edges == whole.edges


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_every_source_gives_a_store_the_graph_of_the_file(tmp_path, name):
    log = written(tmp_path / "log", [SAMPLES[name]])
    kept = Kept(tmp_path / "kept.db")
    kept.learn(log)
    assert of_store(kept.path) == of_files(log, source=name)
    kept.learn(log)
    assert of_store(kept.path) == of_files(log, source=name)
