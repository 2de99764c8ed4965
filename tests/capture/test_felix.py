"""Kernel lines of Calico's Log action and eBPF traces: who tried what, never what was allowed."""

from __future__ import annotations

import datetime

import pytest
from calico_lines import read_with
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import SAMPLES

from capture.felix import FELIX
from capture.felix_line import date

PREFIX = "2026-11-02T09:14:07Z node-b kernel: calico-packet: "
V4 = "IN=cali7a1c2b3d4e5 OUT=eth0 MAC=ee:ee:0a:58 SRC=10.244.1.7 DST=10.244.2.9 LEN=60 TOS=0x00 "
V6 = (
    "IN=eth0 OUT=cali1 SRC=fd00:0000:0000:0000:0000:0000:0000:0001"
    " DST=fd00:0000:0000:0000:0000:0000:0000:0002 LEN=80 TC=0 HOPLIMIT=63 FLOWLBL=0 "
)
ALLOWED = "policy ALLOWED proto 6 src 10.244.1.7:43512 dest 10.244.2.9:443"
TIME = 1_793_610_847_000_000_000


def flows(*lines: str):
    """What is read of some lines, without more trouble than asked for."""
    return read_with(FELIX, "\n".join(lines).encode())


def seen(line: str):
    """The one flow of a line."""
    (flow,), account, told = flows(line)
    assert not told and account.folded == 1
    sides = flow.client.ip, flow.server.ip
    return *sides, flow.protocol, flow.port, flow.certain, *flow.signals


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (
            V4 + "PROTO=TCP SPT=43512 DPT=443 WINDOW=64240 RES=0x00 SYN URGP=0",
            ("10.244.1.7", "10.244.2.9", "TCP", 443, True, "opened"),
        ),
        (
            V4 + "PROTO=TCP SPT=443 DPT=43512 WINDOW=64240 RES=0x00 ACK SYN URGP=0",
            ("10.244.2.9", "10.244.1.7", "TCP", 443, True, "answered"),
        ),
        (
            V4 + "PROTO=TCP SPT=43512 DPT=443 WINDOW=64240 RES=0x00 ACK PSH URGP=0",
            ("10.244.1.7", "10.244.2.9", "TCP", 443, False, "forward"),
        ),
        (
            V4 + "PROTO=TCP SPT=443 DPT=43512 WINDOW=0 RES=0x00 ACK RST URGP=0",
            ("10.244.2.9", "10.244.1.7", "TCP", 443, False, "refused"),
        ),
        (
            V6 + "PROTO=TCP SPT=43512 DPT=8080 WINDOW=64240 RES=0x00 SYN URGP=0",
            ("fd00::1", "fd00::2", "TCP", 8080, True, "opened"),
        ),
        (
            V4 + "PROTO=UDP SPT=43512 DPT=53 LEN=40",
            ("10.244.1.7", "10.244.2.9", "UDP", 53, False, "opened"),
        ),
        (
            V4 + "PROTO=ICMP TYPE=8 CODE=0 ID=7 SEQ=1",
            ("10.244.1.7", "10.244.2.9", "ICMP", 2048, True, "opened"),
        ),
        (
            V6 + "PROTO=ICMPv6 TYPE=129 CODE=0 ID=7 SEQ=1",
            ("fd00::2", "fd00::1", "ICMPv6", 128 * 256, True, "answered"),
        ),
        (V4 + "PROTO=132", ("10.244.1.7", "10.244.2.9", "SCTP", None, True, "opened")),
        (V4 + "PROTO=47", ("10.244.1.7", "10.244.2.9", "OTHER", None, True, "opened")),
    ],
)
def test_a_packet_says_who_tried(packet, expected):
    assert seen(PREFIX + packet) == expected


@pytest.mark.parametrize(
    "line",
    [
        f"2026-11-02T09:14:07Z node-b kernel: {V4}PROTO=TCP SPT=43512 DPT=443 SYN",
        f"2026-11-02T10:14:07+0100 n kernel: [12.5] shop/web {V4}PROTO=TCP SPT=4 DPT=443 SYN",
        f"2026-11-02 09:14:07.000 node-b kernel: {V4}PROTO=TCP SPT=43512 DPT=443 SYN",
        f"[Mon Nov  2 09:14:07 2026] calico-packet: {V4}PROTO=TCP SPT=43512 DPT=443 SYN",
        '{"MESSAGE":"calico-packet: ' + V4 + 'PROTO=TCP SPT=43512 DPT=443 SYN",'
        '"__REALTIME_TIMESTAMP":"1793610847000000","_HOSTNAME":"node-b"}',
        "2026-11-02T09:14:07Z <...>-12 [001] d.s.. 5.6: bpf_trace_printk: cali7a1-I: " + ALLOWED,
    ],
)
def test_whatever_stands_before_it(line):
    (flow,), _, told = flows(line)
    assert not told
    assert (flow.first, flow.client.ip, flow.port) == (TIME, "10.244.1.7", 443)
    assert flow.signals == {"opened": 1}


def test_a_trace_of_a_denied_packet_says_so():
    line = (
        "2026-11-02T09:14:07Z cali7a1-E: policy DENIED proto 17 src [fd00::1]:9 dest [fd00::2]:53"
    )
    assert seen(line) == ("fd00::1", "fd00::2", "UDP", 53, True, "denied", "opened")


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        ("PROTO=ICMP TYPE=3 CODE=1 [SRC=10.244.2.9 DST=10.244.1.7 PROTO=UDP SPT=1 DPT=2 ]",
         "ICMP error"),
        ("PROTO=ICMP TYPE=11 CODE=0 [SRC=10.244.2.9 DST=10.24", "ICMP error"),
        ("FRAG:185 PROTO=UDP", "fragment"),
    ],
)  # fmt: skip
def test_what_is_about_no_connection_is_counted(rest, reason):
    _, account, told = flows(PREFIX + V4 + rest)
    assert (account.other, told) == ({reason: 1}, [])


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (f"{PREFIX}{V4}PROTO=TCP SPT=43512", "DPT= is missing"),
        (f"{PREFIX}{V4}", "PROTO= is missing"),
        (f"{PREFIX}{V4}PROTO=TCP SPT=x DPT=1", "expected a number of up to 65535, found 'x'"),
        (f"{PREFIX}{V4.replace('10.244.1.7', '10.244.1')}PROTO=TCP", "'10.244.1' does not appear"),
        (f"2026-13-02T09:14:07Z {V4}PROTO=ICMP TYPE=8 CODE=0", "expected a time that exists"),
    ],
)
def test_what_cannot_be_read_is_told(line, what):
    _, account, (notice,) = flows(line)
    assert (account.held, notice.code, notice.where) == ({"unreadable": 1}, "NP001", "x:1")
    assert notice.message.startswith(what)


def test_lines_without_a_date_are_held_and_said_once():
    line = f"[12345.678901] calico-packet: {V4}PROTO=TCP SPT=1 DPT=2 SYN"
    _, account, (notice,) = flows(line, line)
    assert (account.held, notice.code) == ({"no time": 2}, "NP011")


def test_both_nodes_of_a_connection_log_it():
    packet = f"kernel: calico-packet: {V4}PROTO=TCP SPT=43512 DPT=443 SYN"
    (flow,), *_ = flows(*(f"2026-11-02T09:14:07Z node-{n} {packet}" for n in "abb"))
    assert (flow.records, flow.count) == (3, 2)


@settings(deadline=None, max_examples=200)
@given(
    st.datetimes(datetime.datetime(1999, 1, 1), datetime.datetime(2030, 1, 1)), st.integers(0, 360)
)
def test_a_date_without_a_year_is_the_last_that_fits(when, days):
    when = when.replace(microsecond=0, tzinfo=datetime.UTC)
    now = int(when.timestamp()) + days * 86_400
    text = f"{when:%b} {when.day:2} {when:%H:%M:%S} node-b kernel: x"
    found = date(text, now)
    if (when.month, when.day) == (2, 29):
        assert found is None or found <= (now + 86_400) * 10**9
    else:
        assert found == int(when.timestamp()) * 10**9


@settings(deadline=None, max_examples=200)
@given(st.integers(0, len(SAMPLES["felix"])), st.binary(max_size=8), st.integers(0, 20))
def test_broken_lines_break_nothing(at, more, gone):
    sample = SAMPLES["felix"]
    read_with(FELIX, sample[:at] + more + sample[at + gone :])
