"""What a file is known by, and what of it is read again: each record counts once."""

from __future__ import annotations

import gzip
from pathlib import Path

import pcap_files as p
import pytest
from kept import LINES, Kept, directly, written

from netpol import store


@pytest.mark.parametrize("piece", [1, 3000, 1 << 20])
def test_a_store_holds_the_flows_of_the_file(kept: Kept, log: Path, piece: int) -> None:
    assert kept.learn(log, piece=piece) == 40
    assert kept.flows == directly(log)
    assert kept.account.balanced()


def test_the_same_content_counts_once(kept: Kept, log: Path, tmp_path: Path) -> None:
    kept.learn(log)
    before = kept.flows
    renamed = log.rename(tmp_path / "flows.jsonl.1")
    packed = tmp_path / "flows.jsonl.1.gz"
    packed.write_bytes(gzip.compress(renamed.read_bytes()))
    assert kept.learn(renamed, packed, renamed) == 0
    assert kept.flows == before
    assert not kept.told


def test_of_a_grown_file_the_rest_is_read(kept: Kept, tmp_path: Path) -> None:
    log = written(tmp_path / "log", LINES[:10])
    assert kept.learn(log) == 10
    assert kept.learn(written(log, LINES[:25])) == 15
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(b"".join(LINES)))
    assert kept.learn(packed) == 15
    assert kept.flows == directly(written(log, LINES))


def test_a_last_line_without_its_end_is_read_again_when_it_has_one(
    kept: Kept, tmp_path: Path
) -> None:
    log = written(tmp_path / "log", [*LINES[:10], LINES[10][:-40]])
    assert kept.learn(log) == 11
    assert kept.account.held == {"unreadable": 1}
    assert kept.learn(log) == 0
    assert kept.learn(written(log, [*LINES[:10], LINES[10][:-1]])) == 1
    assert kept.account.held == {}
    assert kept.learn(written(log, LINES)) == 30
    assert kept.flows == directly(log)
    assert kept.account.read == 40


def test_a_shorter_copy_is_left_out_and_told(kept: Kept, log: Path, tmp_path: Path) -> None:
    kept.learn(log)
    assert kept.learn(written(tmp_path / "copy", LINES[:30])) == 0
    assert [notice.code for notice in kept.told] == ["NP030"]


def test_files_that_only_begin_alike_both_count(kept: Kept, tmp_path: Path) -> None:
    one = written(tmp_path / "one", LINES[:20])
    other = written(tmp_path / "other", [*LINES[:10], *LINES[20:]])
    assert kept.learn(one, other) == 50


def test_a_capture_that_grew_takes_the_place_of_what_it_was(kept: Kept, tmp_path: Path) -> None:
    frames = [p.ethernet(one) for one in p.dialogue()]
    log = written(tmp_path / "a.pcap", [p.pcap(frames[:1])])
    kept.learn(log)
    assert kept.account.read == 1
    written(log, [p.pcap(frames)])
    assert kept.learn(log) == len(frames)
    assert kept.learn(log) == 0
    assert kept.account.read == len(frames)
    assert kept.flows == directly(log)


def test_bad_lines_keep_their_numbers(kept: Kept, tmp_path: Path) -> None:
    log = written(tmp_path / "log", [*LINES[:10], b"{]\n", *LINES[10:20], b"{]\n"])
    kept.learn(log, piece=1000)
    places = [notice.where.removeprefix(f"{log}:") for notice in kept.told]
    assert places == ["11", "22"]
    with store.opened(kept.path) as open_, open_.snapshot() as db:
        assert [(n.where, times) for n, times in store.notices(db)] == [
            (f"{log}:11", 1),
            (f"{log}:22", 1),
        ]


def test_damage_in_a_packed_file_costs_only_what_is_behind_it(kept: Kept, tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(LINES))
    log = written(tmp_path / "log.gz", [packed[:-20]])
    first = kept.learn(log)
    assert {notice.code for notice in kept.told} <= {"NP001", "NP004"}
    kept.learn(written(log, [packed]))
    assert first <= 40
    assert kept.flows == directly(log)
