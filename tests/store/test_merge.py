"""Merging is a union: the same content counts once, whoever learned it, in any order."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kept import LINES, Kept, written
from source_samples import SAMPLES

from netpol import store
from netpol.errors import NetpolError

CUTS = st.integers(0, len(LINES))
LOGS = "abc"


def text(path: Path) -> bytes:
    """A store as JSON lines."""
    with store.opened(path) as kept, kept.snapshot() as db:
        return b"".join(store.exported(db))


def test_the_same_bytes_taken_for_two_kinds_count_once(kept: Kept, tmp_path: Path) -> None:
    """Whichever was there first, and whoever saw only their beginning."""
    log, part = written(tmp_path / "log", LINES), written(tmp_path / "part", [LINES[0][:300]])
    stores = []
    for number, (source, file) in enumerate(
        [("hubble", log), ("aws", log), ("aws", part), ("hubble", part)]
    ):
        one = Kept(tmp_path / f"{number}.db", source)
        one.learn(file)
        stores.append(one.path)
    place = tmp_path / "merged"
    place.mkdir()
    found = {merged(place, order) for order in itertools.permutations(stores)}
    assert len(found) == 1
    assert found == {Kept(stores[0]).text}  # those that read nothing in it count for nothing


def netpol(*args: object, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from netpol.cli import main; main()", *map(str, args)]
    return subprocess.run(command, capture_output=True, check=check)


def merged(place: Path, stores: Sequence[Path]) -> bytes:
    """The text of all stores together, merged in this order."""
    into = place / "into.db"
    with store.opened(into, write=True) as kept:
        for one in stores:
            with store.opened(one) as other, other.snapshot() as db:
                list(store.merge(kept, store.parcels(db)))
    found = text(into)
    for left in place.glob("into.db*"):
        left.unlink()
    return found


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("merge")


@settings(
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    seen=st.lists(
        st.lists(st.tuples(st.sampled_from(LOGS), CUTS, st.integers(0, 99)), max_size=3),
        min_size=2,
        max_size=3,
    )
)
def test_merging_is_commutative_associative_and_idempotent(place: Path, seen) -> None:
    """Stores that learned beginnings of some logs, of which some end in the middle of a line."""
    for left in place.iterdir():
        left.unlink()
    stores = []
    for number, logs in enumerate(seen):
        one = Kept(place / f"{number}.db")
        with store.opened(one.path, write=True):
            pass
        for name, cut, torn in logs:
            lines = [line.replace(b"web-", name.encode() + b"-") for line in LINES]
            tail = lines[cut][:torn] if cut < len(lines) else b""
            one.learn(written(place / name, [*lines[:cut], tail]))
        stores.append(one.path)
    expected = merged(place, stores)
    for order in itertools.permutations(stores):
        assert merged(place, order) == expected
    assert merged(place, [*stores, *stores]) == expected
    half = place / "half.db"
    with store.opened(half, write=True) as kept:
        for one in stores[1:]:
            with store.opened(one) as other, other.snapshot() as db:
                list(store.merge(kept, store.parcels(db)))
    assert merged(place, [stores[0], half]) == expected


def test_a_text_is_the_store_again(kept: Kept, log: Path, tmp_path: Path) -> None:
    kept.learn(log)
    copy = tmp_path / "copy.db"
    lines = text(kept.path).splitlines(keepends=True)
    for _ in range(2):
        with store.opened(copy, write=True) as into:
            list(store.merge(into, store.restored(lines, "text")))
        assert text(copy) == text(kept.path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "the end of the text is missing"),
        ([b'{"flow": {}}\n'], "not a line of `netpol store export`"),
        ([b'{"netpol_store": 99, "inputs": 0}\n'], "of version 99"),
    ],
)
def test_what_is_no_text_of_a_store_is_refused(lines: list[bytes], said: str) -> None:
    with pytest.raises(NetpolError, match=said):
        list(store.restored(lines, "text"))


def test_of_a_text_that_breaks_off_no_part_of_an_input_is_taken(
    kept: Kept, log: Path, tmp_path: Path
) -> None:
    kept.learn(log)
    lines = text(kept.path).splitlines(keepends=True)
    copy = tmp_path / "copy.db"
    with (
        store.opened(copy, write=True) as into,
        pytest.raises(NetpolError, match="end of the text"),
    ):
        list(store.merge(into, store.restored(lines[:-1], "text")))
    assert text(copy) == b'{"netpol_store":3,"inputs":0,"inventories":[]}\n'


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize(
    "damaged",
    [
        lambda lines: lines[:-1],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [*lines[:-1], b"{}\n"],
        lambda lines: [*lines[:-1], lines[-1][:-9]],
        lambda lines: [*lines[:-1], re.sub(rb'"port":\d+', b'"port":99999', lines[-1])],
        lambda lines: [*lines[:-1], re.sub(rb'"protocol":"\w+', b'"protocol":"FOO', lines[-1])],
        lambda lines: [*lines[:-1], re.sub(rb'"records":', b'"records":-', lines[-1])],
        lambda lines: [*lines[:-1], re.sub(rb'"first":', b'"first":9', lines[-1])],
        lambda lines: [*lines[:-1], re.sub(rb'"records":', b'"records":1', lines[-1])],
        *(
            lambda lines, time=time: [
                re.sub(rb'"sightings":\[\[.*?\]\]', b'"sightings":[["a","b","::1",%d]]' % time, one)
                for one in lines
            ]
            for time in (-1, 1 << 63)
        ),
        lambda lines: [
            *lines[:-1],
            re.sub(rb'"told":.*?\]', b'"told":[["a.org","::1",0,%d]]' % (1 << 70), lines[-1]),
        ],
        lambda lines: [re.sub(rb'"read":', b'"read":1', line) for line in lines],
        lambda lines: [*lines[:-1], re.sub(rb'"hours":.', b'"hours":[9999999', lines[-1])],
        lambda lines: [re.sub(rb'"ip":"[^"]+', b'"ip":"no address', line) for line in lines],
        lambda lines: [*lines[:-1], re.sub(rb'"entities":\[', b'"entities":["moon"', lines[-1])],
    ],
)
def test_of_a_damaged_text_nothing_is_imported(
    kept: Kept,
    log: Path,
    tmp_path: Path,
    damaged: Callable[[list[bytes]], list[bytes]],
    there: bool,
) -> None:
    """The first of two inputs is whole, and is not taken either."""
    kept.learn(log, written(tmp_path / "other", [SAMPLES["conntrack"]]))
    lines = text(kept.path).splitlines(keepends=True)
    copy, torn = Kept(tmp_path / "copy.db"), written(tmp_path / "torn.jsonl", damaged(lines))
    if there:
        copy.learn(written(tmp_path / "third", [SAMPLES["retina"]]))
        before = text(copy.path)
    done = netpol("store", "import", torn, "--store", copy.path, check=False)
    assert done.returncode == 2
    assert b"torn.jsonl" in done.stderr
    if there:
        assert text(copy.path) == before
    else:
        assert not list(tmp_path.glob("copy.db*"))
    netpol("store", "import", written(torn, lines), "--store", copy.path)
    assert there or text(copy.path) == text(kept.path)


def test_a_store_that_nothing_could_be_learned_into_is_not_left_behind(tmp_path: Path) -> None:
    done = netpol("learn", tmp_path / "none", "--store", tmp_path / "new.db", check=False)
    assert done.returncode == 2
    assert not list(tmp_path.iterdir())


def test_what_is_learned_twice_is_learned_once(kept: Kept, log: Path, tmp_path: Path) -> None:
    """A store that learned more of a log than another takes its place; the same file is known."""
    kept.learn(log)
    other = Kept(tmp_path / "other.db")
    other.learn(written(tmp_path / "part", LINES[:9]))
    with (
        store.opened(other.path, write=True) as into,
        store.opened(kept.path) as one,
        one.snapshot() as db,
    ):
        assert [fresh.account.read for fresh in store.merge(into, store.parcels(db))] == [40]
    assert other.flows == kept.flows
    assert other.learn(log) == 0
