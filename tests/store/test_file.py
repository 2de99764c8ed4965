"""What is a store, what is none, and who may write to it."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from kept import LINES, Kept, written

from netpol.cli import cli
from netpol.errors import NetpolError
from netpol.store import account, exported, flows, is_store, opened
from netpol.store.schema import VERSION


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "kept.db"
    with opened(path, write=True):
        pass
    return path


def test_a_store_is_known_by_its_header(kept: Path, tmp_path: Path) -> None:
    assert is_store(kept)
    other = tmp_path / "other"
    other.write_text("{}")
    assert not is_store(other)


@pytest.mark.parametrize("write", [False, True])
@pytest.mark.parametrize("content", [b"x", b"SQLite format 3\0", b'{"flow": {}}\n' * 99])
def test_a_foreign_file_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, write: bool
) -> None:
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(NetpolError, match="no store"), opened(path, write=write):
        pass
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE things (id INTEGER)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(NetpolError, match="no store of netpol"), opened(path, write=True):
        pass
    assert path.read_bytes() == before


def test_a_truncated_store_is_refused_and_left_alone(kept: Path) -> None:
    whole = kept.read_bytes()
    for size in (50, 4096, len(whole) - 4096):
        kept.write_bytes(whole[:size])
        with pytest.raises(NetpolError), opened(kept, write=True):
            pass
        assert kept.read_bytes() == whole[:size]


def test_damage_is_said(kept: Path) -> None:
    whole = bytearray(kept.read_bytes())
    whole[200:] = b"\xff" * (len(whole) - 200)
    kept.write_bytes(whole)
    with pytest.raises(NetpolError, match="cannot be used"), opened(kept) as store:
        store.db.execute("SELECT * FROM inputs").fetchall()


def nameless(text: str) -> str:
    """Statements that leave a side without its text, which the table forbids."""
    return (
        "PRAGMA writable_schema = ON;"
        "UPDATE sqlite_schema SET sql = replace(sql, 'text TEXT NOT NULL', 'text TEXT');"
        f"PRAGMA writable_schema = RESET; {text}"
    )


@pytest.mark.parametrize(
    "damage",
    [
        """UPDATE endpoints SET text = replace(text, '"ip":""', '"ip":"10&0.0.1"')""",
        """UPDATE endpoints SET text = replace(text, '"entities":[', '"entities":["moon"')""",
        nameless("UPDATE endpoints SET text = NULL WHERE id = 1"),
        "UPDATE edges SET protocol = 'TCc'",
        "UPDATE evidence SET seen = x'90'",
        """UPDATE inputs SET account = replace(account, '"read":', '"read":1')""",
    ],
)
def test_what_nobody_wrote_is_damage(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "kept.db"
    Kept(path).learn(written(tmp_path / "flows.jsonl", LINES))
    with closing(sqlite3.connect(path)) as db:
        db.executescript(damage)
    with pytest.raises(NetpolError, match="cannot be used"):
        assert Kept(path).flows and Kept(path).account


def test_records_that_are_gone_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    Kept(path).learn(written(tmp_path / "flows.jsonl", LINES))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM evidence WHERE edge = 1")
    for command in ("status", "graph"):
        done = CliRunner().invoke(cli, [command, "--store", str(path)])
        assert isinstance(done.exception, NetpolError)
        assert "not all records are there" in str(done.exception)


def test_an_hour_that_no_calendar_has_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    Kept(path).learn(written(tmp_path / "flows.jsonl", LINES))
    hour = pack_hour(next(iter(Kept(path).flows[0].hours)))
    whole = path.read_bytes()
    assert hour in whole
    path.write_bytes(whole.replace(hour, pack_hour(1 << 31)))
    with pytest.raises(NetpolError, match="cannot be used"):
        assert Kept(path).flows


def pack_hour(hour: int) -> bytes:
    """As it is in the file."""
    return msgspec.msgpack.encode(hour)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_to_its_bytes_it_is_read_or_refused(tmp_path: Path, seed: int) -> None:
    path, chance = tmp_path / "kept.db", random.Random(seed)
    Kept(path).learn(written(tmp_path / "flows.jsonl", LINES))
    whole = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 5, 200])):
        whole[chance.randrange(100, len(whole))] = chance.randrange(256)
    path.write_bytes(whole)
    with suppress(NetpolError), opened(path) as store, store.snapshot() as db:
        list(exported(db))
        list(flows(db))
        account(db)


def test_a_newer_store_is_refused(kept: Path) -> None:
    db = sqlite3.connect(kept)
    db.execute(f"PRAGMA user_version = {VERSION + 1}")
    db.close()
    with pytest.raises(NetpolError, match=f"version {VERSION + 1}"), opened(kept, write=True):
        pass


def test_one_process_writes_at_a_time_and_others_read(kept: Path) -> None:
    with opened(kept, write=True), opened(kept) as reader, reader.snapshot() as db:
        assert db.execute("SELECT count(*) FROM inputs").fetchone() == (0,)
        with pytest.raises(NetpolError, match="another process"), opened(kept, write=True):
            pass


def test_there_must_be_a_store_to_read_from(tmp_path: Path) -> None:
    with pytest.raises(NetpolError, match="cannot be opened"), opened(tmp_path / "none"):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [False, True])
def test_who_waits_for_another_program_is_told_so(
    kept: Path, monkeypatch: pytest.MonkeyPatch, write: bool
) -> None:
    monkeypatch.setattr("netpol.store.file._WAIT", 0.1)
    other = sqlite3.connect(kept, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    try:
        with (
            pytest.raises(NetpolError, match="locked") as caught,
            opened(kept, write=write) as one,
            one.snapshot() as db,
        ):
            db.execute("SELECT * FROM inputs").fetchall()
        assert "another program" in caught.value.hint
    finally:
        other.close()
