"""Patterns of DNS names: what they allow, and how far they may go."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.errors import NetpolError
from netpol.evaluate.names import name_matches
from netpol.net import NO_PORTS, PortSet
from netpol.registrable import of_one_party
from netpol.synthesize.patterns import Patterns, folded, pattern_of

PORTS = [PortSet.of("TCP", 443), PortSet.of("TCP", 5432), PortSet.of("UDP", 443)]
FIRST = ["a", "b", "shard-1", "shard-2", "shard-10", "eu-db", "us-db", "x_1", "x_2"]
PARENTS = [
    "db.example.org",
    "example.org",
    "org",
    "co.uk",
    "s3.eu-west-1.amazonaws.com",
    "corp.lan",
]
NAMES = st.builds(
    lambda first, parent: f"{first}.{parent}", st.sampled_from(FIRST), st.sampled_from(PARENTS)
)
TOLD = st.sampled_from(["*.example.org", "*.db.example.org"])
CALLS = st.dictionaries(
    NAMES | TOLD, st.frozensets(st.sampled_from(PORTS), min_size=1), min_size=1, max_size=12
)
CHOSEN = st.lists(
    st.sampled_from(
        [
            "*.db.example.org",
            "shard-*.example.org",
            "*.s3.eu-west-1.amazonaws.com",
            "**.example.org",
        ]
    ),
    unique=True,
    max_size=2,
).map(tuple)
WANTED = st.builds(Patterns, st.none() | st.integers(2, 4), CHOSEN)


def allowed(table: dict[str, PortSet], name: str) -> PortSet:
    return PortSet.union(ports for one, ports in table.items() if name_matches(one, name))


def union(ports: frozenset[PortSet]) -> PortSet:
    return PortSet.union(ports)


@given(CALLS, WANTED)
@settings(derandomize=True, max_examples=150)
def test_every_name_stays_allowed_where_it_was_called(calls, wanted) -> None:
    table = folded(calls, wanted).table
    for name, ports in calls.items():
        assert union(ports) <= allowed(table, name)


@given(CALLS, WANTED)
@settings(derandomize=True, max_examples=150)
def test_nothing_is_open_that_neither_a_name_nor_a_listed_pattern_opens(calls, wanted) -> None:
    found = folded(calls, wanted)
    assert all(found.table.values())
    for one, ports in found.table.items():
        if "*" in one:
            told = union(calls.get(one, frozenset()))
            stood = found.patterns[one]
            assert ports == PortSet.union([told, *stood.values()])
            assert all(name_matches(one, name) for name in stood)
            assert all(some <= union(calls[name]) for name, some in stood.items())
        else:
            assert ports <= union(calls[one])


@given(CALLS, st.integers(2, 4))
@settings(derandomize=True, max_examples=150)
def test_no_pattern_of_the_search_crosses_what_one_party_registered(calls, least) -> None:
    found = folded(calls, Patterns(least))
    for pattern, stood in found.patterns.items():
        if pattern in calls:
            continue  # told
        first, _, parent = pattern.partition(".")
        assert "*" in first
        assert of_one_party(parent)
        assert len(stood) >= least
    assert not any(of_one_party(suffix) for suffix in found.refused)


@given(CALLS, WANTED)
@settings(derandomize=True, max_examples=100)
def test_no_name_that_a_pattern_matches_is_written_beside_it(calls, wanted) -> None:
    table = folded(calls, wanted).table
    for name in (one for one in table if "*" not in one):
        given = [one for one in table if "*" in one and (one in calls or one in wanted.chosen)]
        for pattern in (one for one in given if name_matches(one, name)):
            assert not union(frozenset({table[pattern]})) <= NO_PORTS
            told = calls.get(pattern, PORTS) if pattern not in wanted.chosen else PORTS
            assert not any(port <= table[name] for port in told)


@given(CALLS)
@settings(derandomize=True, max_examples=50)
def test_without_a_wish_there_is_no_pattern_but_those_that_were_told(calls) -> None:
    assert {one for one in folded(calls, Patterns()).table if "*" in one} <= calls.keys()


def test_a_star_stands_for_as_little_of_the_label_as_the_names_allow() -> None:
    calls = {f"{one}.db.example.org": frozenset(PORTS[:1]) for one in ("shard-1", "shard-22")}
    assert list(folded(calls, Patterns(2)).table) == ["shard-*.db.example.org"]
    calls = {f"{one}.db.example.org": frozenset(PORTS[:1]) for one in ("sharp", "shard")}
    assert list(folded(calls, Patterns(2)).table) == ["*.db.example.org"]
    calls = {f"{one}.db.example.org": frozenset(PORTS[:1]) for one in ("x-eu-rw", "y-us-rw")}
    assert list(folded(calls, Patterns(2)).table) == ["*-rw.db.example.org"]


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "*.org",
        "*.co.uk",
        "**.com",
        "a.*.org",
        "db.example.org",
        "*.exa mple.org",
        "*.example.*",
        ".*",
        "",
        "*.example.org\n",
    ],
)
def test_the_user_cannot_open_a_registry_or_write_what_is_no_pattern(text) -> None:
    with pytest.raises(NetpolError):
        pattern_of(text)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("*.DB.example.org.", "*.db.example.org"),
        ("*.s3.eu-west-1.amazonaws.com", "*.s3.eu-west-1.amazonaws.com"),
        ("**.example.org", "**.example.org"),
        ("shard-*.db.example.org", "shard-*.db.example.org"),
    ],
)
def test_what_a_pattern_of_the_user_may_be(text, pattern) -> None:
    assert pattern_of(text) == pattern
