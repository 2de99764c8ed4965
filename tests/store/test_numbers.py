"""A number that no store can keep costs its record, never the run: times and counts."""

from __future__ import annotations

import json
import sqlite3

import calico_lines as c
import hubble_lines as h
import pytest
from click.testing import CliRunner
from source_samples import SAMPLES

from netpol.cli import cli

LATE = ["2242-04-12T00:00:00Z", "2262-04-12T00:00:00Z", "9999-12-31T23:59:59.999999999Z"]
SECONDS = [2**33, 2**34, 253_402_300_799]
MANY = [2**40 + 1, 2**63, 2**64 - 1]


def learned(tmp_path, data: bytes) -> tuple[int, int]:
    """(records read, records held) of what is learned; nothing else goes wrong."""
    (tmp_path / "flows").write_bytes(data)
    command = ["learn", str(tmp_path / "flows"), "--store", str(tmp_path / "s.db")]
    result = CliRunner().invoke(cli, [*command, "--format", "json"], catch_exceptions=False)
    assert result.exit_code == 0
    told = [json.loads(line) for line in result.stdout.splitlines()]
    with sqlite3.connect(tmp_path / "s.db") as found:
        assert found.execute("pragma integrity_check").fetchone() == ("ok",)
    return sum(one["records"] for one in told), sum(one["held"] for one in told)


@pytest.mark.parametrize("time", LATE)
def test_a_time_that_no_store_can_keep(tmp_path, time) -> None:
    record = h.text([h.wrapped(h.record(time=time))])
    assert learned(tmp_path, record) == (1, 1)


@pytest.mark.parametrize("time", LATE)
@pytest.mark.parametrize("source", ["aws", "netpol"])
def test_such_a_time_in_other_logs(tmp_path, source, time) -> None:
    old = {"aws": b"2026-11-02T09:14:07.512Z", "netpol": b"2026-11-02T09:14:08Z"}[source]
    assert learned(tmp_path, SAMPLES[source].replace(old, time.encode()))[1] == 1


@pytest.mark.parametrize("second", SECONDS)
def test_such_a_second(tmp_path, second) -> None:
    data = SAMPLES["conntrack"].replace(b"1793700047", str(second).encode())
    assert learned(tmp_path, data)[1] == 2


@pytest.mark.parametrize("many", MANY)
def test_a_count_that_no_store_can_keep(tmp_path, many) -> None:
    late = {"start_time": 1793700015, "end_time": 1793700030}
    records = {
        "hubble": h.text([h.wrapped(h.record(aggregate={"egress_flow_count": many}))] * 2),
        "hubble as text": h.text(
            [h.wrapped(h.record(aggregate={"egress_flow_count": str(many * 10)}))] * 2
        ),
        "goldmane": c.text(
            [{**c.emitted(), **one, "num_connections_started": many} for one in ({}, late)]
        ),
        "calico-enterprise": c.text(
            [c.enterprise(num_flows_started=many), c.enterprise(num_flows=many)]
        ),
    }
    for name, data in records.items():
        place = tmp_path / name.replace(" ", "-")
        place.mkdir()
        assert learned(place, data) == (2, 2), name


def test_a_flow_record_that_stands_for_too_many(tmp_path) -> None:
    line = SAMPLES["netpol"].replace(b'"port":80', b'"port":80,"records":%d' % (2**63 - 1))
    assert learned(tmp_path, line * 2) == (2, 2)
