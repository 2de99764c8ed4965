"""Stores that older versions wrote are brought to the present one, with all that is in them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from kept import LINES, Kept, directly, written
from source_samples import SAMPLES

from netpol import store
from netpol.flow import Flow
from netpol.sketch import EMPTY
from netpol.store.schema import STEPS, VERSION

STORES = Path(__file__).parents[1] / "data" / "stores"
"""One of each version, made by the netpol that wrote it, of the same two inputs."""


def inputs(place: Path) -> list[Path]:
    """A log with a line that is none and one without its end, and events."""
    log = written(place / "flows.jsonl", [*LINES[:10], b"no flow\n", LINES[10][:-40]])
    return [log, written(place / "table.txt", [SAMPLES["conntrack"]])]


def alike(flows: Iterable[Flow]) -> list[Flow]:
    """Without the counts that version 1 did not have, or had otherwise."""
    return [replace(flow, distinct=EMPTY, reports=()) for flow in flows]


def test_there_is_a_store_of_every_version() -> None:
    assert len(STEPS) == VERSION
    kept = sorted(STORES.iterdir())
    assert kept == sorted(STORES / f"v{number}.db.gz" for number in range(1, VERSION + 1))


@pytest.mark.parametrize("version", range(1, VERSION + 1))
@pytest.mark.parametrize("write", [False, True])
def test_an_older_store_is_brought_to_the_present(
    tmp_path: Path, version: int, write: bool
) -> None:
    kept = Kept(tmp_path / "kept.db")
    kept.path.write_bytes(gzip.decompress((STORES / f"v{version}.db.gz").read_bytes()))
    assert int.from_bytes(kept.path.read_bytes()[60:64]) == version
    with store.opened(kept.path, write=write) as opened:
        assert opened.db.execute("PRAGMA user_version").fetchone() == (VERSION,)
    log, table = inputs(tmp_path)
    assert kept.account.balanced()
    assert alike(kept.flows) == alike(directly(log, table))
    assert kept.learn(log, table) == 0
    assert kept.learn(written(log, [*LINES[:10], b"no flow\n", *LINES[10:12]])) == 2
    assert alike(kept.flows) == alike(directly(log, table))


def test_an_older_store_is_a_source(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    old.write_bytes(gzip.decompress((STORES / "v1.db.gz").read_bytes()))
    kept = Kept(tmp_path / "kept.db")
    with (
        store.opened(kept.path, write=True) as into,
        store.opened(old) as other,
        other.snapshot() as db,
    ):
        list(store.merge(into, store.parcels(db)))
    assert kept.learn(*inputs(tmp_path)) == 0
