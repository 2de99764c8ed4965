"""Answers add up by union, and lose nothing that who asks for a name at a time can tell."""

from __future__ import annotations

from itertools import pairwise

import pcap_files as p
from hypothesis import given
from hypothesis import strategies as st
from scenes import app, flow, world

from capture.inputs import read
from capture.records_write import write
from netpol.answers import GRACE, Answer, union
from netpol.flow import Account

UNIT = GRACE // 4
ANSWERS = st.lists(
    st.builds(
        lambda name, address, first, length: Answer(
            name, address, first * UNIT, (first + length) * UNIT
        ),
        st.sampled_from("ab"),
        st.sampled_from(["203.0.113.7", "2001:db8::7"]),
        st.integers(0, 60),
        st.integers(0, 6),
    ),
    max_size=12,
)


@given(ANSWERS, st.randoms(use_true_random=False), st.integers(0, 12))
def test_neither_order_nor_splitting_shows(some, chance, at):
    mixed = chance.sample(some, len(some))
    assert union(mixed) == union(some) == union(union(mixed[:at]), union(mixed[at:]))


def test_what_is_left_out_is_counted_and_told(monkeypatch, tmp_path):
    """By packets and records, whose folds are not Hubble's."""
    monkeypatch.setattr("netpol.answers.KEPT", 5)
    monkeypatch.setattr("capture.packet_fold.KEPT", 5)
    told_of = [Answer(f"n{n}.org", "203.0.113.7", 0, UNIT) for n in range(9)]
    one = flow(app("a"), world("203.0.113.53"), 53, answers=frozenset(told_of))
    log = tmp_path / "records.jsonl"
    log.write_bytes(b"".join(write([one])))
    packets = [
        p.ip(p.API, p.WEB, 17, p.udp(53, 40000, p.answered(f"n{n}.org", ["203.0.113.7"])))
        for n in range(9)
    ]
    hosts = [b"GET / HTTP/1.1\r\nHost: n%d.org\r\n\r\n" % n for n in range(9)]
    calls = [one for host in hosts for one in p.dialogue(payload=host)]
    answers, names = tmp_path / "answers.pcap", tmp_path / "names.pcap"
    answers.write_bytes(p.pcap([p.ethernet(one) for one in packets]))
    names.write_bytes(p.pcap([p.ethernet(one) for one in calls]))
    for file in (log, answers, names):
        told = []
        list(read(str(file), source=None, tell=told.append, account=Account()))
        assert {one.code for one in told} == {"NP006"}
        assert all(one.message.endswith("(4 were left out)") for one in told)


@given(ANSWERS, st.integers(-4, 80), st.integers(0, 3))
def test_every_time_has_the_names_that_it_had(some, first, length):
    times = first * UNIT, (first + length) * UNIT

    def names(answers):
        return {one[:2] for one in answers if one.names(*times, 0)}

    assert names(union(some)) == names(some)


@given(ANSWERS)
def test_what_is_kept_is_apart(some):
    kept = sorted(union(some))
    for one, other in pairwise(kept):
        assert one[:2] != other[:2] or other.first > one.last + GRACE
