"""One hour of one cluster, told by six kinds of eyes: one graph, up to what an eye cannot see.

Each log is made from what was played, never from another (``samples/shop``). What each of them
tells otherwise than Hubble is in the table of ``tests/shop_formats.py``, by name, with the number
of connections; there is no other difference.
"""

from __future__ import annotations

import fnmatch
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from nameless_hour import accepted, evidence, held
from shop_formats import ACCEPTED, FORMATS, TOGETHER, UNSEEN, Edge
from shop_truth import Row, Truth, row, truth

from capture.inputs import read
from capture.snapshot import read_inventory
from netpol.contradictions import contradictions
from netpol.eras import eras
from netpol.flow import Account
from netpol.graph import Evidence
from netpol.inventory import Inventory
from netpol.learn import Learned, learn
from netpol.sketch import KEPT

SHOP = "samples/shop"
EVERY = ("hubble", *FORMATS)

PAY_API = "api.pay.example.org"
CALLED = [("payments/Deployment/payments", f"192.0.2.{n}/32") for n in (10, 11, 12)]


def told(source: str) -> list[str]:
    if source == "hubble":
        return [f"{SHOP}/hubble.jsonl.gz"]
    return [f"{SHOP}/eyes/{name}" for name in FORMATS[source].files]


@dataclass(frozen=True)
class Told:
    """What was learned from some files."""

    learned: Learned
    account: Account

    @property
    def verdicts(self) -> dict[Row, str]:
        """Each connection: accepted, or why it is held."""
        waiting = {row(c): reason for c, reason in held(self.learned).items()}
        return {row(c): ACCEPTED for c in accepted(self.learned)} | waiting

    @property
    def evidence(self) -> dict[Row, Evidence]:
        return {row(c): found for c, found in evidence(self.learned).items()}


class Hour:
    """Learns from any of the formats, each set of them once."""

    def __init__(self, root: Path) -> None:
        self.truth: Truth = truth(root)
        self._known: Inventory = read_inventory(
            [str(root / SHOP / "watch.jsonl.gz")], lambda notice: pytest.fail(str(notice))
        )
        self._root = root
        self._told: dict[tuple[str, ...], Told] = {}

    def told(self, *sources: str) -> Told:
        if sources not in self._told:
            account = Account()
            paths = [str(self._root / path) for source in sources for path in told(source)]
            era = eras(self._known)
            flows = [
                flow
                for path in paths
                for flow in read(
                    path, source=None, tell=lambda notice: None, account=account, era=era
                )
            ]
            self._told[sources] = Told(learn(flows, self._known, account), account)
        return self._told[sources]


def is_workload(name: str) -> bool:
    return name.count("/") == 2


@pytest.fixture(scope="module")
def hour(root: Path) -> Iterator[Hour]:
    yield Hour(root)


def test_hubble_tells_what_was_played(hour: Hour) -> None:
    """The hour of Hubble is a measure only if it is the truth itself."""
    found = hour.told("hubble").verdicts.keys()
    missing = hour.truth.by_row.keys() - found
    assert not found - hour.truth.by_row.keys()
    nobody = ("10.244.1.199/32", "10.244.2.250/32", "10.244.1.2/32", "10.244.2.2/32")
    assert all(set(one[:2]) & set(nobody) for one in missing)


def edges(hour: Hour, source: str) -> Iterator[Edge]:
    """Every connection that Hubble tells of, or this format."""
    ours, theirs = hour.told("hubble").verdicts, hour.told(source).verdicts
    called: dict[Row, set[Row]] = defaultdict(set)
    for one in ours:
        if name := FORMATS[source].called(one):
            called[name].add(one)
    for _, say in FORMATS[source].twice.values():
        for one in hour.truth.conversations:
            if name := say(one):
                called[name].add(one.row)
    for name in sorted(called.keys() | theirs.keys(), key=str):
        yield Edge(
            row=name,
            hubble=frozenset(ours[one] for one in called[name]),
            here=theirs.get(name, UNSEEN),
            conversations=tuple(c for one in called[name] for c in hour.truth.by_row[one]),
        )


@pytest.mark.parametrize("source", FORMATS)
def test_the_graph_is_that_of_hubble_but_for_what_is_named(hour: Hour, source: str) -> None:
    reasons: Counter[str] = Counter()
    for edge in edges(hour, source):
        if edge.here not in edge.hubble:
            fits = FORMATS[source].differences.items()
            reason = next((name for name, (_, test) in fits if test(edge)), None)
            assert reason is not None, edge
            reasons[reason] += 1
    assert reasons == {name: n for name, (n, _) in FORMATS[source].differences.items()}


@pytest.mark.parametrize("source", FORMATS)
def test_what_is_called_otherwise(hour: Hour, source: str) -> None:
    words = FORMATS[source].words
    changed = {
        name: sum(say(one) != one for one in hour.told("hubble").verdicts)
        for name, (_, say) in words.items()
    }
    changed |= {
        name: len({say(one) for one in hour.truth.conversations} - {None})
        for name, (_, say) in FORMATS[source].twice.items()
    }
    twice = FORMATS[source].twice
    assert changed == {name: n for name, (n, _) in (*words.items(), *twice.items())}


@pytest.mark.parametrize("source", FORMATS)
def test_nobody_is_taken_for_somebody_else(hour: Hour, source: str) -> None:
    """Down to the pods and the Services of every connection."""
    told = hour.told(source).evidence
    for edge in edges(hour, source):
        if found := told.get(edge.row):
            assert edge.conversations, edge
            for side, pods in enumerate((found.client_pods, found.server_pods)):
                known = {one.pods[side] for one in edge.conversations}
                assert all(fnmatch.filter(known, pod) for pod in pods), edge.row
            assert found.services <= {one.service for one in edge.conversations}, edge.row


@pytest.mark.parametrize("source", FORMATS)
def test_every_conversation_counts_once(hour: Hour, source: str) -> None:
    """Whoever reports it, and however often it was seen on its way: never more than there were."""
    told = hour.told(source).evidence
    for edge in edges(hour, source):
        if found := told.get(edge.row):
            there = FORMATS[source].count(edge.conversations)
            # Beyond so many a sketch estimates: four of its standard errors are allowed.
            slack = 4 * there / KEPT**0.5 if found.distinct and there >= KEPT else 0
            assert found.by_source.keys() == {source}
            assert there - slack <= found.count * FORMATS[source].reporters, edge.row
            assert found.count <= there + slack, edge.row


@pytest.mark.parametrize("source", FORMATS)
def test_how_the_outside_was_called(hour: Hour, source: str) -> None:
    """From DNS answers, names in TLS, or as the log says."""
    told = hour.told(source).evidence
    payments = [one for one in told if one[:2] in CALLED and one[2:] == ("TCP", 443)]
    named = {one: set(found.names) for one, found in told.items() if is_workload(one[0])}
    assert {one for one, names in named.items() if names} == (
        set(payments) if FORMATS[source].names else set()
    )
    assert all(named[one] == {PAY_API} for one in payments if FORMATS[source].names)


@pytest.mark.parametrize("source", FORMATS)
def test_every_record_is_accounted_for(hour: Hour, source: str) -> None:
    account = hour.told(source).account
    assert account.sources == {source}
    assert account.balanced()
    assert account.held | account.other == FORMATS[source].reasons


def test_all_together_are_their_union(hour: Hour) -> None:
    """Each source's evidence is beside the others', as it was alone: nothing is counted twice."""
    alone = {source: hour.told(source).evidence for source in EVERY}
    together = hour.told(*EVERY).evidence
    assert together.keys() == set().union(*(found.keys() for found in alone.values()))
    for one, found in together.items():
        counts = {source: known[one].count for source, known in alone.items() if one in known}
        assert found.by_source == counts, one
        assert found.count == max(counts.values())


def test_all_together_teach_what_hubble_does(hour: Hour) -> None:
    """And beside it what a source calls otherwise, for want of addresses or types."""
    ours, theirs = hour.told("hubble").verdicts, hour.told(*EVERY).verdicts
    assert {one: theirs[one] for one in ours if theirs[one] != ours[one]} == TOGETHER
    named = {edge.row for source in FORMATS for edge in edges(hour, source) if edge.conversations}
    assert theirs.keys() - ours.keys() <= named


def test_no_two_eyes_contradict_each_other(hour: Hour) -> None:
    assert not contradictions(evidence(hour.told(*EVERY).learned).items())
