"""The AWS network policy agent: every form of its lines, on the node and in CloudWatch."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import SAMPLES

from capture.aws import AWS
from capture.source import Reading
from netpol.flow import Account

AT = 1_793_610_847_512_000_000
TS = "2026-11-02T09:14:07.512Z"
ENDS = "Src IP: 10.0.12.7 Src Port: 43512 Dest IP: 172.20.33.9 Dest Port: 80"
INFO = f"Flow Info: {ENDS} Proto TCP Verdict ACCEPT Direction egress, Tier NETWORK_POLICY"
CLOUD = (
    "Node: ip-10-0-1-5;SIP: 10.0.12.7;SPORT: 43512;DIP: 172.20.33.9;DPORT: 80;PROTOCOL: TCP;"
    "PolicyVerdict: ACCEPT;Tier: NETWORK_POLICY"
)
MEMBERS = {
    "Src IP": "10.0.12.7",
    "Src Port": 43512,
    "Dest IP": "172.20.33.9",
    "Dest Port": 80,
    "Proto": "TCP",
    "Verdict": "ACCEPT",
}


def zap(msg, **more):
    return json.dumps({"level": "debug", "ts": TS, "caller": "e.go:273", "msg": msg, **more})


def read(*texts, at=None):
    account, told = Account(), []
    reading = Reading(where="aws", tell=told.append, account=account, at=at)
    data = b"\n".join(t if isinstance(t, bytes) else t.encode() for t in texts)
    flows = list(AWS.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    return flows, account, [str(notice) for notice in told]


def one(*texts, **more):
    (flow,), account, told = read(*texts, **more)
    assert not told and not account.held
    return flow


EVENT = {"logStreamName": "audit-1", "timestamp": AT // 10**6, "message": CLOUD, "eventId": "1"}
ROW = [{"field": "@timestamp", "value": "2026-11-02 09:14:07.512"}, {"field": "@ptr", "value": "x"}]
ROW.append({"field": "@message", "value": CLOUD})
FORMS = {
    "zap": zap(INFO),
    "zap, older": zap(INFO.partition(" Direction")[0]),
    "zap, colons": zap(INFO.replace("Proto", "Proto:").replace("Verdict", "Verdict:")),
    "zap, all colons": zap(INFO.replace("Direction", "Direction:").replace("Tier", "Tier:")),
    "zap, members": zap("Flow Info: ", **MEMBERS),
    "zap, first agents": json.dumps({"timestamp": TS, "msg": "Flow Info:  ", **MEMBERS}),
    "zap, seconds": json.dumps({"ts": AT / 1e9, "msg": INFO}),
    "plain": f"{TS}\tdebug\tevents/events.go:273\t{INFO}",
    "exported to S3": f"{TS} {CLOUD}",
    "aws logs tail": f"2026-11-02T10:14:07.512000+01:00 audit-1 {CLOUD}",
    "filter-log-events": json.dumps({"events": [EVENT], "searchedLogStreams": []}, indent=4),
    "subscription": json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [EVENT]}),
    "event": json.dumps(EVENT),
    "wrapped": json.dumps({"timestamp": 5, "message": json.dumps({"log": zap(INFO)})}),
    "insights": json.dumps({"status": "Complete", "results": [ROW]}, indent=2),
    "insights, console": json.dumps([{"@timestamp": ROW[0]["value"], "@message": CLOUD}]),
    "insights, csv": f'2026-11-02 09:14:07.512,"{CLOUD}"',
}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_form_tells_the_same(form):
    flow = one(FORMS[form])
    assert (flow.client.ip, flow.server.ip, flow.protocol, flow.port) == (
        "10.0.12.7",
        "172.20.33.9",
        "TCP",
        80,
    )
    assert abs(flow.first - AT) < 1000
    assert flow.signals == {"forward": 1, "opened": 1, "allowed": 1}
    assert flow.certain
    assert AWS.detect(FORMS[form].encode()) > 0.9


@pytest.mark.parametrize(
    ("tier", "signal"),
    [
        ("", "denied"),
        (", Tier NETWORK_POLICY", "denied"),
        (", Tier DEFAULT", "denied"),
        (", Tier ADMIN", "forbidden"),
        (" Tier: BASELINE", "forbidden"),
        (", Tier ERROR", "dropped"),
    ],
)
def test_a_denial_is_by_a_rule_or_for_want_of_one(tier, signal):
    text = INFO.partition(", Tier")[0].replace("ACCEPT", "DENY") + tier
    assert set(one(zap(text)).signals) == {"forward", "opened", signal}


def test_protocols():
    text = INFO.replace("10.0.12.7", "2001:db8::7").replace("172.20.33.9", "2001:DB8::9")
    assert one(zap(text)).server.ip == "2001:db8::9"
    assert one(CLOUD.replace("10.0.12.7", "fd00::7"), at=1).client.ip == "fd00::7"
    assert one(zap(INFO.replace("TCP", "SCTP"))).protocol == "SCTP"
    for word in ("ANY PROTOCOL", "RESERVED", "UNKNOWN"):
        flow = one(zap(INFO.replace("Proto TCP", f"Proto {word}")))
        assert (flow.protocol, flow.port) == ("OTHER", None)
    _, account, _ = read(zap(INFO.replace("TCP", "ICMP")))
    assert account.held == {"the port is not known": 1}


def test_both_nodes_tell_of_one_connection():
    ingress = INFO.replace("egress", "ingress")
    flow = one(zap(INFO), zap(ingress), zap(ingress.replace("43512", "43513")))
    assert (flow.records, flow.count) == (3, 2)
    there = CLOUD.replace("ip-10-0-1-5", "ip-10-0-2-6")
    assert one(CLOUD, there, at=1).count == 1


def test_a_packet_that_answers_opens_nothing():
    back = INFO.replace("Src Port: 43512", "Src Port: 443").replace("Port: 80", "Port: 50000")
    _, account, _ = read(zap(back.replace("ACCEPT", "DENY")))
    assert account.other == {"reply of an unknown connection": 1}
    flow = one(zap(back))
    assert (flow.server.ip, flow.port, flow.certain) == ("10.0.12.7", 443, False)


def test_other_lines_are_no_connections():
    _, account, told = read(
        zap("Received a new reconcile request"),
        zap("Updating Map with ", **{"IP Key:": "172.20.121.22/32"}),
        zap(INFO.replace("ACCEPT", "EXPIRED")),
        zap(INFO.replace("ACCEPT", "DELETED")),
        "@timestamp,@message",
        "2026-11-02 09:14:07 starting",
    )
    assert account.other == {"other line of the log": 4, "end of a connection": 2}
    assert not told


@pytest.mark.parametrize(
    ("line", "reason", "message"),
    [
        (zap(INFO)[:-9], "unreadable", "not valid JSON"),
        (zap(INFO[:60]), "unreadable", "cut or garbled"),
        (zap(INFO.replace("Dest Port: 80", "Dest Port: 80000")), "unreadable", "a port"),
        (zap(INFO.replace("172.20.33.9", "172.20.33")), "unreadable", "172.20.33"),
        (zap(INFO.replace("ACCEPT", "PERHAPS")), "unknown verdict", ""),
        (json.dumps({"ts": "soon", "msg": INFO}), "unreadable", "RFC 3339"),
        (json.dumps({"msg": 5}), "unreadable", ".msg: expected text"),
        (CLOUD, "no time", "NP011"),
        (b"\xff\xfe Flow Info: ", "unreadable", "cut or garbled"),
    ],
)
def test_what_cannot_be_read_is_held(line, reason, message):
    flows, account, told = read(line)
    assert (flows, account.held) == ([], {reason: 1})
    assert message in "".join(told)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_mutation_of_a_line_is_lost(data):
    line = data.draw(st.sampled_from([zap(INFO), zap("Flow Info: ", **MEMBERS), CLOUD]))
    words = line.split(" ")
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        words[at] = data.draw(st.sampled_from([*words, "", "-1", '"', "Verdict", "{"]))
    _, account, _ = read("  x\n" + " ".join(words))
    assert account.read == 2


@settings(deadline=None, max_examples=100)
@given(st.integers(0, len(SAMPLES["aws"])), st.binary(max_size=8), st.integers(0, 20))
def test_broken_bytes_make_no_traceback(at, junk, gone):
    data = SAMPLES["aws"]
    read(data[:at] + junk + data[at + gone :])
