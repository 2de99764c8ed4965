"""Laws that every flow source keeps, told from one small sample of each."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import SAMPLES

from capture import SOURCES
from capture.records import NETPOL
from capture.records_write import write
from capture.source import Reading
from netpol.catalogue import CATALOGUE
from netpol.flow import SIGNALS, Account
from netpol.net import PROTOCOLS

EVERY = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)


def told(source, data):
    """What a source makes of bytes; it balances and keeps to the words."""
    account, notices = Account(), []
    reading = Reading(where="sample", tell=notices.append, account=account)
    flows = list(source.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert account.folded == sum(flow.records for flow in flows)
    assert {notice.code for notice in notices} <= CATALOGUE.keys()
    for flow in flows:
        assert flow.protocol in PROTOCOLS
        assert flow.signals.keys() <= SIGNALS.keys()
        assert 0 <= flow.first <= flow.last
        assert flow.source == source.name or source is NETPOL
    return flows, account


def test_every_source_has_a_sample():
    assert SAMPLES.keys() == {source.name for source in SOURCES}


@EVERY
def test_a_sample_holds_a_connection_and_nothing_broken(source):
    flows, account = told(source, SAMPLES[source.name])
    assert flows and not account.held


@EVERY
def test_the_surest_of_a_sample_is_its_own_source(source):
    sure = {one.name: one.detect(SAMPLES[source.name]) for one in SOURCES}
    assert all(0 <= value <= 1 for value in sure.values())
    own = sure.pop(source.name)
    assert own > max(sure.values())


@EVERY
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_damaged_sample_is_accounted_for(source, data):
    sample = SAMPLES[source.name]
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(sample)))
        junk = data.draw(st.binary(max_size=4) | st.sampled_from([b"\n", b'"', b"{", b"null"]))
        sample = sample[:at] + junk + sample[at + data.draw(st.integers(0, 12)) :]
    told(source, sample)
    assert all(0 <= one.detect(sample) <= 1 for one in SOURCES)


@EVERY
def test_what_it_tells_can_be_exchanged(source):
    """As netpol's own records: written and read back, the flows are the same."""
    flows, account = told(source, SAMPLES[source.name])
    again, exchanged = told(NETPOL, b"".join(write(flows)))
    key = b"".join
    assert sorted(again, key=lambda flow: key(write([flow]))) == sorted(
        flows, key=lambda flow: key(write([flow]))
    )
    assert exchanged.folded == account.folded


@EVERY
def test_it_says_what_it_can_tell(source):
    sight = source.sight
    assert all((source.summary, sight.who, sight.direction, sight.port, sight.verdict))
    assert not any(text.endswith(".") or "|" in text for text in (source.summary, *sight.blind))
