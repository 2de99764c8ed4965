"""What was read in one log is not read again in another: nothing comes out otherwise for that."""

from __future__ import annotations

import json
from io import BytesIO

import calico_lines as c
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.calico_enterprise import CALICO_ENTERPRISE
from capture.calico_enterprise_fold import Fold
from capture.source import Reading
from netpol.flow import Account

OUTSIDE = {"dest_type": "net", "dest_name_aggr": "pub", "dest_namespace": "-"}
KINDS = [
    {},
    {"dest_port": 80, "action": "deny"},
    OUTSIDE,
    {"dest_type": "ns", "dest_name_aggr": "partners", "dest_domains": ["a.example.org"]},
]
OTHERS = [
    {**OUTSIDE, "dest_ip": "198.51.100.7"},
    {"source_type": "hep", "source_name": "node-a", "source_namespace": "-"},
    {"source_port": 40312},
    {"policies": None},
]
"""Logs of which the middle does not say everything, or that have none of their own."""

Numbers = st.fixed_dictionaries(
    {
        "start_time": st.sampled_from([c.START, c.START + 300, c.START + 7200]),
        "end_time": st.just(c.START + 7500),
        "num_flows": st.sampled_from([None, 1, 7]),
        "num_flows_started": st.sampled_from([None, 0, 4]),
        "packets_in": st.integers(0, 9),
        "packets_out": st.integers(0, 9),
        "host": st.sampled_from(["node-a", "node-b"]),
    }
)
Logs = st.lists(
    st.builds(lambda kind, more: c.enterprise(**kind, **more), st.sampled_from(KINDS), Numbers)
    | st.builds(lambda kind, more: c.enterprise(**kind, **more), st.sampled_from(OTHERS), Numbers),
    max_size=12,
)


def middles(*logs):
    fold = Fold(Reading(where="x", tell=pytest.fail, account=Account()))
    fold.read(BytesIO(c.text(logs)))
    return len(fold.middles.cells)


def test_middles_are_kept_of_logs_that_come_again():
    assert middles(*(c.enterprise(**kind) for kind in KINDS)) == 0
    twice = [c.enterprise(**kind, packets_in=n) for kind in KINDS for n in range(2)]
    assert middles(*twice) == len(KINDS)
    assert middles(*(c.enterprise(**kind) for kind in OTHERS for _ in range(3))) == 0


@settings(deadline=None, max_examples=150)
@given(Logs)
def test_fields_in_another_order_say_the_same(logs):
    turned = [dict(reversed(log.items())) for log in logs]
    assert c.read_with(CALICO_ENTERPRISE, c.text(logs)) == c.read_with(
        CALICO_ENTERPRISE, c.text(turned)
    )


TEXT = json.dumps(c.enterprise())
START, END = TEXT.index('"source_ip"'), TEXT.index("},", TEXT.index('"policies"')) + 2
HEAD, MIDDLE, TAIL = TEXT[:START], TEXT[START:END], TEXT[END:]
TAMPERED = {
    "another server after it": f'{HEAD}{MIDDLE}"dest_port": 22, {TAIL}',
    "another server before it": f'{HEAD}"dest_port": 22, {MIDDLE}{TAIL}',
    "no action after it": f'{HEAD}{MIDDLE}"action": null, {TAIL}',
    "in an object": f'{HEAD}"x": {{{MIDDLE}"y": 1}}, {TAIL}',
    "in an object that goes on": f'{HEAD}"x": {{{MIDDLE}{TAIL[:-1]}}}, "num_flows": 1}}',
    "in a list": f'{HEAD}"x": [{MIDDLE}1], {TAIL}',
    "in a text": f'{HEAD}"x": "{MIDDLE}", {TAIL}',
    "a text that ends there": f'{HEAD}"x": ", {MIDDLE}", {TAIL}',
    "a value": f'{HEAD}"x": {MIDDLE}{TAIL}',
    "twice": f"{HEAD}{MIDDLE}{MIDDLE}{TAIL}",
    "twice, another first": f"{HEAD}{MIDDLE.replace('8080', '22')}{MIDDLE}{TAIL}",
    "twice, another last": f"{HEAD}{MIDDLE}{MIDDLE.replace('8080', '22')}{TAIL}",
    "no time": f"{{{MIDDLE}{TAIL}",
    "an impossible time": f"{HEAD.replace(str(c.START), '7')}{MIDDLE}{TAIL}",
    "no number": f"{HEAD}{MIDDLE}{TAIL.replace('80', 'true')}",
    "cut": f"{HEAD}{MIDDLE}{TAIL[:-5]}",
    "nothing after it": f"{HEAD}{MIDDLE[:-2]}}}",
    "two commas": f"{HEAD}{MIDDLE},{TAIL}",
    "more after the end": f"{TEXT} 7",
    "nothing before it": f"{MIDDLE}{TAIL}",
    "a hit": f'{{"_source": {TEXT}}}',
    "fluentd": f"2026-11-03T10:05:00+00:00\tflows\t{TEXT}",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_around_a_known_middle_everything_counts(what):
    """The log alone comes out as it does after three that have its middle."""
    known, line = f"{TEXT}\n" * 3, f"{TAMPERED[what]}\n"
    # One of another form in front: a text that is cut open is no document of many lines.
    front = c.text([c.enterprise(dest_port=1)])
    flows, alone, told = c.read_with(CALICO_ENTERPRISE, front + line.encode())
    after, account, again = c.read_with(CALICO_ENTERPRISE, front + (known + line).encode())
    assert (account.read - 3, account.folded - 3) == (alone.read, alone.folded)
    assert (account.held, account.other) == (alone.held, alone.other)
    assert [one.message for one in again] == [one.message for one in told]
    ports = {one.port: one.records for one in flows}
    assert {one.port: one.records for one in after} == ports | {8080: ports.get(8080, 0) + 3}
