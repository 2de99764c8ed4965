"""A PortSet behaves as the Python set of its (protocol, number) pairs; blocks are canonical."""

from __future__ import annotations

import ipaddress
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.net import (
    ALL_PORTS,
    NO_PORTS,
    PROTOCOLS,
    PortSet,
    canonical_cidr,
    host_cidr,
    network,
)

Pairs = frozenset[tuple[str, int]]
LAST = {protocol: ALL_PORTS.ranges(protocol)[0][1] for protocol in PROTOCOLS}


@st.composite
def ranges(draw) -> PortSet:
    """A short range, at the lower or the upper end of its protocol, where ranges meet and merge."""
    protocol = draw(st.sampled_from(PROTOCOLS))
    low = draw(st.integers(0, 12))
    high = draw(st.integers(low, 14))
    shift = draw(st.sampled_from((0, LAST[protocol] - 14)))
    return PortSet.of(protocol, low + shift, high + shift)


port_sets = st.lists(ranges(), max_size=6).map(PortSet.union)


def pairs(ports: PortSet) -> Pairs:
    return frozenset((name, n) for name, low, high in ports for n in range(low, high + 1))


@settings(deadline=None)
@given(port_sets, port_sets)
def test_operators_are_those_of_sets(left: PortSet, right: PortSet) -> None:
    assert pairs(left | right) == pairs(left) | pairs(right)
    assert pairs(left & right) == pairs(left) & pairs(right)
    assert pairs(left - right) == pairs(left) - pairs(right)
    assert (left <= right) == (pairs(left) <= pairs(right))
    assert bool(left) == bool(pairs(left))


@settings(deadline=None)
@given(port_sets, port_sets)
def test_equal_sets_are_equal_values(left: PortSet, right: PortSet) -> None:
    assert (left == right) == (pairs(left) == pairs(right))
    assert (left | right, hash(left | right)) == (right | left, hash(right | left))
    assert (left - right) | (left & right) == left
    assert left | left == left == left & left


@settings(deadline=None)
@given(port_sets, st.sampled_from(PROTOCOLS), st.integers(0, 16))
def test_membership_is_that_of_the_pairs(ports: PortSet, protocol: str, number: int) -> None:
    assert ((protocol, number) in ports) == ((protocol, number) in pairs(ports))


@settings(deadline=None)
@given(port_sets)
def test_the_ends_of_the_order(ports: PortSet) -> None:
    assert NO_PORTS <= ports <= ALL_PORTS
    assert ALL_PORTS - (ALL_PORTS - ports) == ports
    assert not ports - ALL_PORTS
    assert ports & NO_PORTS == NO_PORTS


@settings(deadline=None)
@given(port_sets)
def test_ranges_are_sorted_disjoint_and_apart(ports: PortSet) -> None:
    for protocol in PROTOCOLS:
        found = ports.ranges(protocol)
        assert all(low <= high for low, high in found)
        assert all(a[1] + 1 < b[0] for a, b in pairwise(found))
    assert PortSet.union(ports.split()) == ports


@given(st.integers(0, 255), st.none() | st.integers(0, 255))
def test_an_icmp_type_is_all_its_codes(type_: int, code: int | None) -> None:
    codes = range(256) if code is None else (code,)
    assert pairs(PortSet.icmp("ICMP", type_, code)) == {("ICMP", type_ * 256 + c) for c in codes}


@given(st.ip_addresses(), st.integers(0, 128))
def test_blocks_are_canonical(address, length: int) -> None:
    length = min(length, address.max_prefixlen)
    text = canonical_cidr(f"{address}/{length}")
    assert canonical_cidr(text) == text == str(network(text))
    assert address in ipaddress.ip_network(text)
    assert ipaddress.ip_network(host_cidr(str(address))).num_addresses == 1
