"""Bad lines: one notice each, with line, path and plain words; the neighbours are read."""

import json

import hubble_lines as h
import pytest
from hubble_lines import held, read_bytes, record, text, wrapped

from capture import hubble_lines, lines

TCP = '"destination_port":8080'


def broken(old, new):
    """A line with one piece of its text replaced."""
    line = json.dumps(wrapped(record()), separators=(",", ":"))
    assert old in line
    return line.replace(old, new).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            broken(TCP, '"destination_port":"x"'),
            ".flow.l4.TCP.destination_port: expected a whole number, found 'x'",
        ),
        (
            broken(TCP, '"destination_port":70000'),
            ".flow.l4.TCP.destination_port: expected a whole number <= 65535, found 70000",
        ),
        (broken('"FORWARDED"', '"SHRUGGED"'), ".flow.verdict: invalid enum value"),
        (broken('"is_reply":false', '"is_reply":"no"'), "expected true or false, found 'no'"),
        (broken('"labels":[', '"labels":[7,'), ".flow.source.labels[0]: expected text, found 7"),
        (broken('"pod_name":"web', '"pod_name":{},"x":"web'), "expected text, found an object"),
        (broken("14:07.5Z", "14:67.5Z"), ".flow.time: expected an RFC 3339 time"),
        (broken("14:07.5Z", "14:07.5"), ".flow.time: expected an RFC 3339 time"),
        (broken("14:07.5Z", "14:07.5?Z"), ".flow.time: expected an RFC 3339 time"),
        (broken("14:07.5Z", "14:07x5Z"), ".flow.time: expected an RFC 3339 time"),
        (broken("14:07.5Z", "14:07.\\u0663Z"), ".flow.time: expected an RFC 3339 time"),
        (broken("2026", "0026"), ".flow.time: expected an RFC 3339 time"),
        (broken("prod", "prod")[:-40], "not valid JSON"),
        (b"not JSON", "not valid JSON"),
        (b'{"flow":"\xff"}', "not valid UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "expected an object, found a list"),
        (b'{"lost_events":{"num_events_lost":"many"}}', ".lost_events.num_events_lost: "),
    ],
)
def test_unreadable(line, said):
    flows, account, told = read_bytes(text([wrapped(record()), line, wrapped(record())]))
    assert flows[0].records == 2
    assert account.held == {"unreadable": 1}
    (notice,) = map(str, told)
    assert notice.startswith("NP001 flows.jsonl:2: ")
    assert said in notice


def test_a_bad_address_of_a_pod_is_not_even_looked_at():
    addresses = {"source": "10.244.1.7", "destination": "somewhere"}
    assert h.one(record(IP=addresses)).server.ip == ""
    kinds, (notice,) = held(wrapped(record(IP=addresses, destination={})))
    assert kinds == {"unreadable": 1}
    assert notice.endswith(": .flow.IP: expected an address, found 'somewhere'")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (".flow.verdict", wrapped(record(verdict=None))),
        (".flow.source", wrapped(record(source=None))),
        (".flow.destination", wrapped(record(destination=None))),
        (".flow.l4", wrapped(record(l4=None))),
        (".flow.l4", wrapped(record(l4={}))),
        (".flow.l4", wrapped(record(l4={"GRE": {}}))),
        (".flow.time", wrapped(record(time=None)) | {"time": None}),
        (".flow.l4.TCP.destination_port", wrapped(record(l4={"TCP": {}}))),
        (".flow.l4.UDP.source_port", wrapped(record(l4={"UDP": {}}, is_reply=True))),
        (".flow", {}),
        (".flow", {"start_time": 1, "action": "allow"}),
        (".verdict", record(verdict=None)),
    ],
)
def test_incomplete(path, line):
    if line.get("time", "") is None:
        del line["time"]
    kinds, told = held(line)
    assert (kinds, told) == ({"incomplete": 1}, [f"NP001 flows.jsonl:1: {path}: missing"])


def test_addresses_must_be_text():
    line = wrapped(record(IP={"source": 10}, source=h.WORLD))
    assert held(line)[1] == ["NP001 flows.jsonl:1: .flow.IP.source: expected text, found 10"]


def test_a_null_endpoint_is_missing():
    kinds, (notice,) = held(broken('"source":{"identity"', '"source":null,"x":{"identity"'))
    assert kinds == {"incomplete": 1}
    assert notice.endswith(": .flow.source: missing")


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_without_end_is_skipped_unread(monkeypatch, end):
    monkeypatch.setattr(lines, "LINE_LIMIT", 4096)
    monkeypatch.setattr(hubble_lines, "LINE_LIMIT", 4096)
    long = b'{"flow":{"x":"' + b"y" * 20_000 + b'"}}'
    good = json.dumps(wrapped(record())).encode()
    flows, account, told = read_bytes(b"\n".join([good, long, good, long]) + end)
    assert flows[0].records == 2
    assert account.held == {"unreadable": 2}
    assert [notice.where for notice in told] == ["flows.jsonl:2", "flows.jsonl:4"]
