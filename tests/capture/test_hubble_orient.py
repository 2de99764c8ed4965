"""The rules of orientation and of signals, one by one."""

import pytest

from capture.hubble_orient import (
    BY_PORTS,
    FORWARD,
    REPLY,
    Aside,
    Seen,
    judge,
    lower_port_serves,
    meaning,
)


def seen(**fields):
    return Seen(**{"protocol": "TCP", "verdict": "FORWARDED", **fields})


def said(**fields):
    """(way, signals if forward, signals if reply)."""
    judged = judge(seen(**fields))
    return judged.way, set(meaning(judged.forward)[0]), set(meaning(judged.reply)[0])


@pytest.mark.parametrize(
    ("way", "fields"),
    [
        (REPLY, {"reply": True, "syn": True}),
        (FORWARD, {"reply": False, "syn": True, "ack": True}),
        (FORWARD, {"syn": True}),
        (REPLY, {"syn": True, "ack": True}),
        (BY_PORTS, {"ack": True}),
        (BY_PORTS, {"rst": True}),
        (BY_PORTS, {"protocol": "UDP"}),
        (BY_PORTS, {"protocol": "SCTP"}),
        (FORWARD, {"protocol": "UDP", "verdict": "DROPPED"}),
        (FORWARD, {"protocol": "UDP", "event": 5, "verdict": "AUDIT"}),
        (FORWARD, {"layer7": "REQUEST"}),
        (FORWARD, {"layer7": "SAMPLE"}),
        (REPLY, {"layer7": "RESPONSE"}),
        (REPLY, {"layer7": "RESPONSE", "verdict": "DROPPED"}),
        (FORWARD, {"protocol": "ICMP", "icmp": 8}),
        (REPLY, {"protocol": "ICMP", "icmp": 0, "reply": False}),
        (FORWARD, {"protocol": "ICMPv6", "icmp": 128}),
        (REPLY, {"protocol": "ICMPv6", "icmp": 129}),
    ],
)
def test_way(way, fields):
    assert judge(seen(**fields)).way == way


@pytest.mark.parametrize(
    ("signals", "fields"),
    [
        ({"forward", "opened"}, {"syn": True}),
        ({"forward", "opened", "traced"}, {"syn": True, "event": 4}),
        ({"forward", "answered"}, {"ack": True}),
        ({"forward"}, {"rst": True}),
        ({"forward"}, {"rst": True, "ack": True}),
        ({"forward", "opened"}, {"protocol": "UDP"}),
        ({"forward"}, {"protocol": "SCTP"}),
        ({"forward", "opened"}, {"protocol": "ICMP", "icmp": 8}),
        ({"forward", "opened", "allowed"}, {"syn": True, "event": 5}),
        (
            {"forward", "opened", "allowed"},
            {"protocol": "SCTP", "event": 5, "verdict": "REDIRECTED"},
        ),
        ({"forward", "opened", "audited"}, {"syn": True, "event": 5, "verdict": "AUDIT"}),
        ({"forward", "opened", "denied"}, {"syn": True, "verdict": "DROPPED", "drop": 133}),
        ({"forward", "opened", "denied"}, {"syn": True, "verdict": "DROPPED", "drop": 189}),
        ({"forward", "opened", "forbidden"}, {"syn": True, "verdict": "DROPPED", "drop": 181}),
        ({"forward", "opened", "dropped"}, {"syn": True, "verdict": "DROPPED", "drop": 1}),
        ({"forward"}, {"layer7": "REQUEST"}),
        ({"forward"}, {"layer7": "REQUEST", "protocol": "UDP"}),
        ({"forward"}, {"layer7": "REQUEST", "verdict": "DROPPED"}),
    ],
)
def test_signals_of_a_forward_record(signals, fields):
    assert said(**fields)[1] == signals


@pytest.mark.parametrize(
    ("signals", "fields"),
    [
        ({"answered"}, {"syn": True, "ack": True}),
        ({"answered", "traced"}, {"ack": True, "event": 4}),
        ({"refused"}, {"rst": True, "ack": True}),
        ({"answered"}, {"protocol": "UDP"}),
        ({"answered"}, {"protocol": "ICMP", "icmp": 0}),
        ({"answered"}, {"layer7": "RESPONSE"}),
        ({"forward"}, {"layer7": "RESPONSE", "verdict": "DROPPED"}),
    ],
)
def test_signals_of_a_reply(signals, fields):
    assert said(**fields)[2] == signals


def test_an_outcome_tells_protocol_and_certainty():
    assert meaning(judge(seen(protocol="UDP")).reply) == (("answered",), "UDP", False)
    assert meaning(judge(seen(protocol="UDP", reply=True)).reply) == (("answered",), "UDP", True)


def test_without_a_protocol_there_is_no_connection():
    with pytest.raises(ValueError, match="protocol"):
        judge(seen(protocol=""))
    with pytest.raises(Aside):
        judge(seen(protocol="", verdict="DROPPED", drop=2))
    with pytest.raises(ValueError, match="protocol"):  # a denial that names nothing is a bad record
        judge(seen(protocol="", verdict="DROPPED", drop=133))


@pytest.mark.parametrize(
    ("source", "destination", "forward"),
    [
        (43512, 8080, True),
        (8080, 43512, False),
        (5000, 53, True),
        (53, 5000, False),
        (40000, 50000, False),
        (123, 123, True),
        (0, 8080, True),
        (8080, 0, False),
    ],
)
def test_the_lower_port_serves(source, destination, forward):
    assert lower_port_serves(source, destination) is forward
