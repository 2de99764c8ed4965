"""Records that are about no connection, each counted under its reason."""

import hubble_lines as h
import pytest
from hubble_lines import API, WEB, aside, pod, record

MULTICAST = {"source": "10.244.1.7", "destination": "224.0.0.251"}
BACK = {"source": API, "destination": WEB}


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("agent or debug event", {"event_type": {"type": 2}}),
        ("agent or debug event", {"event_type": {"type": 3}}),
        ("socket translation", {"verdict": "TRACED", "event_type": {"type": 7}}),
        ("socket translation", {"verdict": "TRANSLATED", "Type": "SOCK", "l4": None}),
        ("socket translation", {"verdict": 7, "source": None}),
        ("no verdict", {"verdict": "VERDICT_UNKNOWN"}),
        ("no verdict", {"verdict": "ERROR"}),
        ("health check", {"source": h.HEALTH}),
        ("health check", {"destination": pod("health-x") | {"labels": ["reserved:health"]}}),
        ("between nodes", {"source": h.HOST, "destination": {"identity": 6}}),
        ("between nodes", {"source": h.HOST, "destination": {"identity": 7}}),
        ("outside to outside", {"source": h.WORLD, "destination": h.HOST}),
        ("outside to outside", {"source": h.WORLD, "destination": h.WORLD}),
        ("VRRP or IGMP", {"l4": {"VRRP": {"type": 1}}}),
        ("VRRP or IGMP", {"l4": {"IGMP": {"type": 22, "group_address": "224.0.0.1"}}}),
        ("ICMP error", {"l4": {"ICMPv4": {"type": 3, "code": 1}}}),
        ("ICMP error", {"l4": {"ICMPv4": {"type": 11}}}),
        ("ICMP error", {"l4": {"ICMPv6": {"type": 1}}}),
        ("neighbour discovery", {"l4": {"ICMPv6": {"type": 135}}}),
        ("neighbour discovery", {"l4": {"ICMPv4": {"type": 10}}}),
        ("broadcast or multicast", {"l4": {"ICMPv6": {"type": 143}}}),
        ("broadcast or multicast", {"destination": {}, "IP": MULTICAST}),
        (
            "broadcast or multicast",
            {"source": {}, "IP": {"source": "0.0.0.0", "destination": "255.255.255.255"}},
        ),
        ("loopback", {"destination": h.HOST, "IP": {"source": "::1", "destination": "127.0.0.1"}}),
        ("link-local address", {"source": {}, "IP": {"source": "fe80::1", "destination": "::2"}}),
        ("dropped packet without ports", {"verdict": "DROPPED", "l4": None, "drop_reason": 137}),
    ],
)
def test_set_aside(reason, changes):
    assert aside(record(**changes)) == {reason: 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"l4": h.tcp(8080, 43512, **h.SYN_ACK)},
        {"l4": h.tcp(8080, 43512, **h.ACK)},
        {"l4": h.tcp(8080, 43512, **h.RST)},
        {"l4": h.tcp(8080, 43512), "is_reply": True},
        {"l4": h.udp(53, 43512)},
        {"l4": {"ICMPv4": {}}},
    ],
)
def test_a_dropped_answer_is_no_denied_connection(changes):
    dropped = {"verdict": "DROPPED", "drop_reason_desc": "POLICY_DENIED", "is_reply": None}
    assert aside(record(**BACK, **dropped | changes)) == {"reply of an unknown connection": 1}


def test_the_same_fields_decide_whatever_came_before():
    """What is remembered per combination must hold all that decides."""
    denied = record(verdict="DROPPED", l4=h.udp(), is_reply=None, drop_reason=133)
    stray = record(**BACK, verdict="DROPPED", l4=h.udp(53, 43512), is_reply=None, drop_reason=133)
    routed = record(verdict="DROPPED", l4=h.udp(), is_reply=None, drop_reason=169)
    for order in ([denied, stray, routed], [routed, stray, denied], [stray, denied, routed]):
        flows, account, _ = h.read_bytes(h.text(map(h.wrapped, order)))
        assert account.other == {"reply of an unknown connection": 1}
        assert flows[0].signals == {
            "denied": 1,
            "dropped": 1,
            "forward": 2,
            "opened": 2,
            "traced": 2,
        }
