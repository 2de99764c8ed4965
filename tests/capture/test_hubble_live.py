"""A real gRPC server on loopback speaks the Observer service, and the real client reads it."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import hubble_lines as h
import pytest
from authority import Authority
from hubble_server import HubbleServer

from capture.grpc_door import Tls
from capture.hubble_live import HUBBLE_LIVE
from capture.inputs import live
from capture.live import Backoff, Batch, LiveReading, Position, Wanted
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.notices import Notice

SOON = Backoff(first=0.01, most=0.05, patience=0.3)
PLAIN = Wanted(tls=Tls(plaintext=True), backoff=SOON, interval=0.05)
FOLLOW = replace(PLAIN, follow=True)


def line(number: int, **changes) -> dict:
    """A record of its own: its time and UUID follow from its number."""
    minute, second = divmod(number, 60)
    when = f"2026-11-02T09:{minute:02}:{second:02}.{number % 7}Z"
    return h.wrapped(h.record(uuid=f"uuid-{number}", time=when) | changes)


def url(server: HubbleServer, rest: str = "") -> str:
    return f"hubble://localhost:{server.port}{rest}"


def read(where: str, wanted: Wanted = PLAIN) -> tuple[list[Flow], Account, list[Notice]]:
    """All that is wanted, as a command reads it."""
    source, account, told = live(where), Account(), list[Notice]()
    assert source is HUBBLE_LIVE
    flows = list(source.read(where, wanted, tell=told.append, account=account))
    assert account.balanced()
    return flows, account, told


def until(batches: Iterator[Batch], records: int) -> list[Batch]:
    """Batches until so many records were read."""
    found: list[Batch] = []
    while sum(one.account.folded for one in found) < records:
        found.append(next(batches))
    return found


def total(batches: Iterable[Batch]) -> Account:
    account = Account()
    for one in batches:
        account.add(one.account)
    assert account.balanced()
    return account


def test_what_a_server_streams_is_what_its_lines_say():
    lines = [line(n) for n in range(40)]
    lines += [{"lost_events": {"source": "HUBBLE_RING_BUFFER", "num_events_lost": "17"}}]
    lines += [{"node_status": {"state_change": "NODE_GONE", "node_names": ["a"]}}]
    with HubbleServer(lines) as server:
        flows, account, told = read(url(server), replace(PLAIN, interval=3600))  # one batch
    assert flows == h.read_bytes(h.text(lines))[0]
    assert (account.folded, account.lost_events) == (40, 17)
    assert account.sources == {"hubble"} and account.blind
    assert [one.code for one in told] == ["NP002", "NP003"]


def test_only_useful_flows_travel():
    useless = [line(n, event_type={"type": kind}) for n, kind in enumerate((2, 3, 7, 130))]
    useless += [line(5, source=h.HEALTH), line(6, destination=h.HEALTH)]
    with HubbleServer([*useless, line(7)]) as server:
        _, account, _ = read(url(server))
        assert (account.read, account.folded) == (1, 1)
        (request,) = server.requests
    assert not request.follow and not request.number and not request.HasField("since")


def test_a_namespace_times_and_a_number_are_asked_of_the_server():
    other = h.pod("x-0", namespace="other")
    lines = [line(n, source=other, destination=other) if n % 2 else line(n) for n in range(20)]
    with HubbleServer(lines) as server:
        assert read(url(server, "?namespace=shop"))[1].read == 10
        assert read(url(server, "?namespace=shop,other"))[1].read == 20
        start = 1793610000 * 10**9
        between = replace(PLAIN, since=start + 5 * 10**9, until=start + 9 * 10**9)
        assert read(url(server), between)[1].read == 4
        assert read(url(server), replace(PLAIN, last=3))[1].read == 3


def test_the_relay_says_which_nodes_it_does_not_reach():
    status = {"num_unavailable_nodes": 2, "unavailable_nodes": ["node-a", "node-b"]}
    with HubbleServer([line(1)], status=status) as server:
        _, _, told = read(url(server))
    assert [one.message for one in told] == ["2 nodes unavailable: node-a, node-b"]


def test_an_agent_by_its_socket(tmp_path: Path):
    socket = tmp_path / "hubble.sock"
    with HubbleServer([line(1)], address=f"unix:{socket}"):
        for scheme in ("unix", "hubble+unix"):
            assert read(f"{scheme}://{socket}", Wanted())[1].folded == 1


def test_following_goes_on_with_what_happens():
    with HubbleServer([line(1)]) as server:
        told: list[Notice] = []
        reading = LiveReading(where=url(server), tell=told.append)
        batches = HUBBLE_LIVE.stream(reading, FOLLOW)
        assert next(batches).account.read == 0  # what was before is not asked for
        while not server.requests:
            next(batches)
        server.add(line(2), line(3))
        assert total(until(batches, 2)).read == 2
        server.add(line(4))
        reading.stop.set()
        rest = list(batches)
        assert total(rest).read <= 1 and rest[-1].state == "ended"
        assert not told


@pytest.mark.parametrize("seed", range(4))
def test_a_stream_that_breaks_off_loses_and_doubles_nothing(seed):
    dice = random.Random(seed)
    lines = [line(n) for n in range(300)]
    breaks = [dice.randrange(1, 60) for _ in range(12)]
    with HubbleServer(lines, break_after=[*breaks]) as server:
        flows, account, told = read(url(server), replace(PLAIN, interval=0.01))
    whole = h.read_bytes(h.text(lines))[0]
    assert sum(one.records for one in flows) == account.folded == 300
    assert {one.client for one in flows} == {one.client for one in whole}
    assert account.read == 300 + account.other.get("read before", 0)
    assert {one.code for one in told} == {"NP040"}


def test_a_server_that_is_away_is_waited_for():
    lines = [line(n) for n in range(10)]
    with HubbleServer(lines) as server:
        told: list[Notice] = []
        reading = LiveReading(where=url(server), tell=told.append)
        batches = HUBBLE_LIVE.stream(reading, replace(FOLLOW, since=1))
        seen = until(batches, 10)
        server.stop()
        while not (waiting := next(batches)).state.startswith("waiting: UNAVAILABLE"):
            seen.append(waiting)
        server.lines += [line(n) for n in range(10, 15)]
        server.start()
        seen += [waiting, *until(batches, 5)]
        reading.stop.set()
        seen += list(batches)
    assert total(seen).folded == 15
    assert [one.code for one in told] == ["NP040"]


def test_a_server_that_forgot_the_last_record_leaves_a_gap():
    with HubbleServer([line(n) for n in range(10)]) as server:
        told: list[Notice] = []
        reading = LiveReading(where=url(server), tell=told.append)
        batches = HUBBLE_LIVE.stream(reading, replace(FOLLOW, since=1))
        until(batches, 10)
        server.stop()
        server.lines = [line(n) for n in range(20, 25)]
        server.start()
        until(batches, 5)
        reading.stop.set()
        list(batches)
    assert [one.code for one in told] == ["NP040", "NP041"]
    expected = "nothing is known from 2026-11-02T09:00:09Z on, until 2026-11-02T09:00:20Z"
    assert told[1].message == expected


@pytest.mark.parametrize("uuid", [True, False])
def test_another_reading_goes_on_where_one_stopped(uuid):
    lines = [line(n, **({} if uuid else {"uuid": ""})) for n in range(100)]
    position, count = Position(), 0
    with HubbleServer() as server:
        for end in (30, 31, 70, 100):
            server.lines = lines[:end]
            reading = LiveReading(where=url(server), tell=_never, position=position)
            batches = list(HUBBLE_LIVE.stream(reading, PLAIN))
            count += total(batches).folded
            position = batches[-1].position
            assert count == end


def _never(notice: Notice) -> None:
    raise AssertionError(str(notice))


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("theirs"))


def trusting(**how: str) -> Wanted:
    return replace(PLAIN, tls=Tls(**how))


def test_tls_by_a_given_authority(authority):
    with HubbleServer([line(1)], credentials=authority.credentials()) as server:
        assert read(url(server), trusting(ca=authority.pem))[1].folded == 1
        address = url(server).replace("localhost", "127.0.0.1")
        named = trusting(ca=authority.pem, server_name="localhost")
        assert read(address, named)[1].folded == 1


def test_both_sides_show_who_they_are(authority):
    with HubbleServer([line(1)], credentials=authority.credentials(mutual=True)) as server:
        both = trusting(ca=authority.pem, cert=authority.cert, key=authority.key)
        assert read(url(server), both)[1].folded == 1


def refusal(where: str, wanted: Wanted) -> NetpolError:
    with pytest.raises(NetpolError) as error:
        read(where, wanted)
    assert error.value.where == where and error.value.hint
    return error.value


def test_who_cannot_be_trusted_is_refused_at_once(authority, stranger):
    """It is no use to try again, so that is not done."""
    patient = Backoff(first=60, patience=600)
    with HubbleServer([line(1)], credentials=authority.credentials()) as server:
        wrong = replace(trusting(ca=stranger.pem), backoff=patient)
        assert "--tls-ca" in refusal(url(server), wrong).hint
        assert "CERTIFICATE_VERIFY_FAILED" in refusal(url(server), wrong).what
        system = replace(trusting(), backoff=patient)
        assert "--tls-ca" in refusal(url(server), system).hint
        address = url(server).replace("localhost", "127.0.0.1")
        other = replace(trusting(ca=authority.pem), backoff=patient)
        assert "--tls-server-name" in refusal(address, other).hint
        assert not server.requests
    with HubbleServer([line(1)]) as server:
        assert "--plaintext" in refusal(url(server), other).hint


def test_what_a_server_may_mean_that_hangs_up(authority, stranger):
    with HubbleServer([line(1)], credentials=authority.credentials(mutual=True)) as server:
        assert "--tls-cert" in refusal(url(server), trusting(ca=authority.pem)).hint
        unknown = trusting(ca=authority.pem, cert=stranger.cert, key=stranger.key)
        assert "--tls-cert" in refusal(url(server), unknown).hint
        assert "--plaintext" in refusal(url(server), PLAIN).hint


def test_files_that_cannot_be_used():
    one = trusting(cert="cert.pem")
    assert "go together" in _error("hubble://localhost:1", one).what
    gone = trusting(ca="/nowhere.pem")
    assert _error("hubble://localhost:1", gone).where == "/nowhere.pem"


def _error(where: str, wanted: Wanted) -> NetpolError:
    with pytest.raises(NetpolError) as error:
        read(where, wanted)
    return error.value


@pytest.mark.parametrize(
    "where",
    [
        "hubble://",
        "hubble://host:70000",
        "hubble://host/path",
        "hubble://user@host",
        "hubble://host?colour=red",
        "unix://host/path",
        "hubble+unix:///",
    ],
)
def test_addresses_that_are_none(where):
    assert "hubble://host:4245" in _error(where, PLAIN).hint


def test_nobody_there():
    started = time.monotonic()
    error = _error("hubble://localhost:1", PLAIN)
    assert "UNAVAILABLE" in error.what and time.monotonic() - started >= SOON.patience


def test_another_service_on_that_port():
    with HubbleServer([line(1)], status=None) as server:
        assert read(url(server))[1].folded == 1  # an old agent without that method
    other = grpc.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        assert "right port" in refusal(f"hubble://localhost:{port}", PLAIN).hint
    finally:
        other.stop(0).wait()
