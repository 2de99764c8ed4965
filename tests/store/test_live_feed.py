"""Servers into a store: each record once, whatever breaks off and whenever netpol is stopped."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from threading import Event

import hubble_lines as h
import pytest
from hubble_server import HubbleServer
from kept import Kept, directly

from capture.grpc_door import Tls
from capture.ingest import Ingest
from capture.inputs import live
from capture.live import Backoff, Wanted
from capture.live_feed import LiveFeed
from netpol import store
from netpol.errors import NetpolError

PLAIN = Wanted(
    tls=Tls(plaintext=True), backoff=Backoff(first=0.01, most=0.05, patience=0.3), interval=0.02
)


def line(number: int):
    minute, second = divmod(number, 60)
    when = f"2026-11-02T09:{minute:02}:{second:02}Z"
    return h.wrapped(h.record(uuid=f"uuid-{number}", time=when, source=h.pod(f"web-{number % 9}")))


def asked(kept: Kept, server: HubbleServer, wanted: Wanted = PLAIN, records: int = -1) -> int:
    """What a store gets of a server until the end, or until so many records have come."""
    url, count = f"hubble://localhost:{server.port}", 0
    source = live(url)
    assert source is not None
    with store.opened(kept.path, write=True) as opened:
        feed = LiveFeed(url, source, Ingest(store=opened, tell=kept.told.append), wanted, Event())
        while not feed.ended and count != records:
            count += sum(one.account.folded for one in feed.poll())
            time.sleep(0.01)
        return count + sum(one.account.folded for one in feed.close())


def test_a_store_holds_the_flows_of_the_server(kept: Kept, tmp_path: Path) -> None:
    lines = [line(n) for n in range(200)]
    with HubbleServer(lines, break_after=[30, 70, 11]) as server:
        assert asked(kept, server) == 200
    log = tmp_path / "log"
    log.write_bytes(h.text(lines))
    assert kept.flows == directly(log)
    assert kept.account.balanced() and kept.account.folded == 200


def test_another_run_goes_on_where_one_stopped(kept: Kept, tmp_path: Path) -> None:
    follow = replace(PLAIN, follow=True, since=1)
    with HubbleServer([line(n) for n in range(50)]) as server:
        assert asked(kept, server, follow, records=50) == 50
        server.add(*(line(n) for n in range(50, 80)))
        assert asked(kept, server, follow, records=30) == 30
        assert asked(kept, server) == 0
        server.add(line(80))
        assert asked(kept, server) == 1
    log = tmp_path / "log"
    log.write_bytes(h.text(line(n) for n in range(81)))
    assert kept.flows == directly(log)
    assert [one.code for one in kept.told] == []


def test_recordings_in_two_stores_are_both_in_the_merged_one(kept: Kept, tmp_path: Path) -> None:
    other = Kept(tmp_path / "other.db")
    with HubbleServer([line(n) for n in range(20)]) as server:
        assert asked(kept, server) == 20
        server.lines = [line(n) for n in range(20, 30)]
        assert asked(other, server) == 10
    with store.opened(kept.path, write=True) as into, store.opened(other.path) as source:
        for _ in range(2):
            with source.snapshot() as db:
                list(store.merge(into, store.parcels(db)))
    assert kept.account.folded == 30


def test_a_server_that_refuses_ends_the_run(kept: Kept) -> None:
    with HubbleServer([line(1)]) as server, pytest.raises(NetpolError) as error:
        asked(kept, server, replace(PLAIN, tls=Tls()))
    assert "--plaintext" in error.value.hint
