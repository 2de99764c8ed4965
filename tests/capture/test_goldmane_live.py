"""A real gRPC server on loopback speaks Goldmane's Flows service, and the real client reads it."""

from __future__ import annotations

import random
from dataclasses import replace

import calico_lines as c
import pytest
from authority import Authority
from goldmane_server import GoldmaneServer, result

from capture.goldmane import GOLDMANE
from capture.goldmane_live import GOLDMANE_LIVE
from capture.grpc_door import Tls
from capture.inputs import live
from capture.live import Backoff, LiveReading, Position, Wanted
from capture.live_seen import Seen
from capture.source import Reading
from capture.wire_goldmane import WireFold
from netpol.errors import NetpolError
from netpol.flow import Account
from netpol.notices import Notice

SOON = Backoff(first=0.01, most=0.05, patience=0.3)
PLAIN = Wanted(tls=Tls(plaintext=True), backoff=SOON, interval=0.05)
FOLLOW = replace(PLAIN, follow=True)
SECOND = 10**9


def flow(number: int, **changes):
    times = {"start_time": c.START + 15 * number, "end_time": c.START + 15 * number + 15}
    return c.emitted(more=times, **changes)


def read_messages(messages):
    account, told = Account(), list[Notice]()
    fold = WireFold(Reading(where="g", tell=told.append, account=account), Seen())
    fold.feed(messages)
    flows = list(fold.flows())
    assert account.balanced()
    return flows, account, told


def read(server: GoldmaneServer, wanted: Wanted = PLAIN):
    where, account, told = f"goldmane://localhost:{server.port}", Account(), list[Notice]()
    assert live(where) is GOLDMANE_LIVE
    flows = list(GOLDMANE_LIVE.read(where, wanted, tell=told.append, account=account))
    assert account.balanced()
    return flows, account, told


CASES = [
    {},
    {"reporter": c.SRC, "action": c.DENY, "policies": c.trace([c.END_OF_TIER])},
    {"policies": c.trace([c.hit()], [c.hit(c.PASS, 3), c.END_OF_TIER])},
    {"dest_type": c.NET, "dest_name": "pub", "dest_namespace": "-", "dest_port": 443},
    {"source_type": c.HEP, "source_name": "node-a", "source_namespace": "-"},
    {"dest_service_name": "orders", "dest_service_namespace": "shop", "dest_service_port": 80},
    {"proto": "icmp", "dest_port": None},
    {"policies": None, "action": None},
    {"source_name": "-", "dest_name": ""},
]


def test_a_flow_means_the_same_in_both_forms():
    dice = random.Random(7)
    for _ in range(200):
        flows = [flow(dice.randrange(9), **dice.choice(CASES)) for _ in range(dice.randrange(1, 9))]
        theirs, account, _ = c.read_with(GOLDMANE, c.text(flows))
        ours, our_account, _ = read_messages([result(one, n) for n, one in enumerate(flows)])
        assert (ours, our_account) == (theirs, account)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dest_port": 70000}, ".flow.Key.dest_port: expected a port, found 70000"),
        ({"action": 9}, ".flow.Key.action: expected Allow, Deny or Pass, found '9'"),
        ({"more": {"start_time": 0}}, ".flow.start_time: missing"),
        ({"more": {"packets_in": -1}}, ".flow.packets_in: expected a number >= 0, found -1"),
    ],
)
def test_what_is_wrong_with_a_message_is_said(changes, message):
    flows, account, told = read_messages([result(c.emitted(**changes))])
    assert not flows and sum(account.held.values()) == 1
    assert [str(one) for one in told] == [f"NP001 g:1: {message}"]


def test_any_bytes_are_flows_or_held():
    dice, whole = random.Random(5), result(flow(1))
    for _ in range(300):
        at = dice.randrange(len(whole))
        torn = whole[:at] + dice.randbytes(dice.randrange(9)) + whole[at + dice.randrange(9) :]
        _, account, _ = read_messages([torn, whole])
        assert account.read == 2 and account.folded >= 1


def test_a_list_is_read_page_by_page():
    flows = [flow(n, dest_port=1 + n % 1000) for n in range(2500)]
    with GoldmaneServer(flows) as server:
        found, account, told = read(server, replace(PLAIN, interval=600))
        assert [one.page for one in server.requests] == [0, 1, 2]
    assert found == c.read_with(GOLDMANE, c.text(flows))[0]
    assert (account.read, account.sources, told) == (2500, {"goldmane"}, [])
    assert account.blind


def test_times_are_asked_of_the_server():
    with GoldmaneServer([flow(n) for n in range(10)]) as server:
        bounds = replace(PLAIN, since=(c.START + 30) * SECOND, until=(c.START + 60) * SECOND + 5)
        assert read(server, bounds)[1].read == 3


def test_what_it_cannot_be_asked_for():
    with pytest.raises(NetpolError, match="times alone"):
        read(GoldmaneServer(), replace(PLAIN, last=3))


def test_following_loses_and_doubles_nothing():
    with GoldmaneServer([flow(n) for n in range(20)], break_after=[3, 7, 1, 9]) as server:
        told: list[Notice] = []
        reading = LiveReading(where=f"goldmane://localhost:{server.port}", tell=told.append)
        account = Account()
        batches = GOLDMANE_LIVE.stream(reading, replace(FOLLOW, since=SECOND))
        while account.folded < 20:
            account.add(next(batches).account)
        server.add(flow(20), flow(21))
        while account.folded < 22:
            account.add(next(batches).account)
        reading.stop.set()
        for batch in batches:
            account.add(batch.account)
    assert account.folded == 22 and account.balanced()
    assert account.other["read before"] >= 4
    assert [one.code for one in told] == ["NP040"] * 4


def test_another_reading_goes_on_where_one_stopped():
    position, count = Position(), 0
    with GoldmaneServer() as server:
        for end in (5, 6, 40):
            server.flows = [flow(n // 2, dest_port=80 + n % 2) for n in range(end)]
            reading = LiveReading(
                where=f"goldmane://localhost:{server.port}", tell=_never, position=position
            )
            for batch in GOLDMANE_LIVE.stream(reading, PLAIN):
                count += batch.account.folded
                position = batch.position
            assert count == end


def _never(notice: Notice) -> None:
    raise AssertionError(str(notice))


def test_both_sides_show_who_they_are(tmp_path):
    ours = Authority(tmp_path)
    with GoldmaneServer([flow(1)], credentials=ours.credentials(mutual=True)) as server:
        both = Tls(ca=ours.pem, cert=ours.cert, key=ours.key)
        assert read(server, replace(PLAIN, tls=both))[1].folded == 1
        with pytest.raises(NetpolError) as error:
            read(server, replace(PLAIN, tls=Tls(ca=ours.pem)))
        assert "--tls-cert" in error.value.hint


def test_a_wrong_authority_is_refused_at_once(tmp_path_factory):
    ours, theirs = (Authority(tmp_path_factory.mktemp("ca")) for _ in range(2))
    patient = Wanted(tls=Tls(ca=theirs.pem), backoff=Backoff(first=60, patience=600))
    server = GoldmaneServer([flow(1)], credentials=ours.credentials())
    with server, pytest.raises(NetpolError) as error:
        read(server, patient)
    assert "--tls-ca" in error.value.hint
