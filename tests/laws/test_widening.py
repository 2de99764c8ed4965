"""Covers within a bound are the best there are: held against every cover of a small space."""

from __future__ import annotations

import ipaddress

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netpol.net import overlaps
from netpol.synthesize.cidrs import cover_addresses
from netpol.synthesize.widening import Bound, cover_within

BASE = int(ipaddress.ip_address("198.51.100.0"))
SPAN = 16
SPACE = [
    ipaddress.ip_network((BASE + place, length))
    for length in range(28, 33)
    for place in range(0, SPAN, 1 << 32 - length)
]
"""Every block in 198.51.100.0/28."""

ADDRESSES = st.sets(st.integers(0, SPAN - 1), min_size=1, max_size=7)
FORBIDDEN = st.sets(st.sampled_from(SPACE[1:]), max_size=2)


def text(places: set[int]) -> list[str]:
    return [str(ipaddress.ip_address(BASE + place)) for place in sorted(places)]


def every_cover(places: set[int], forbidden: list[str]) -> set[tuple[int, int]]:
    """(blocks, addresses opened) of every set of disjoint blocks that holds the addresses."""
    wanted = {BASE + place for place in places}
    usable = []
    for block in SPACE:
        held = {int(block.network_address) + n for n in range(block.num_addresses)}
        more = held - wanted
        kept = not any(overlaps(str(block), hole) for hole in forbidden)
        if held & wanted and (kept or not more):
            usable.append(frozenset(held))
    found: dict[tuple[int, frozenset[int]], int] = {(0, frozenset()): 0}
    for held in usable:
        for (count, covered), opened in list(found.items()):
            if not held & covered:
                key = count + 1, covered | held
                found[key] = min(found.get(key, SPAN), opened + len(held - wanted))
    return {(n, opened) for (n, covered), opened in found.items() if wanted <= covered}


@settings(deadline=None, max_examples=150, derandomize=True)
@given(ADDRESSES, FORBIDDEN, st.integers(1, 4), st.integers(0, 9))
def test_equal_to_the_best_of_every_cover(
    places: set[int], holes: set[ipaddress.IPv4Network], most: int, price: int
) -> None:
    forbidden = [str(hole) for hole in holes]
    covers = every_cover(places, forbidden)
    fewest = min(count for count, _ in covers)
    by_blocks = cover_within(text(places), Bound(blocks=most), forbidden)
    within = max(most, fewest)
    assert by_blocks.opened == min(opened for count, opened in covers if count <= within)
    assert len(by_blocks.blocks) <= within
    by_price = cover_within(text(places), Bound(addresses=price), forbidden)
    assert len(by_price.blocks) == min(count for count, opened in covers if opened <= price)
    assert by_price.opened <= price


NUMBERS = st.integers(0, 2**12)
MIXED = st.sets(
    st.one_of(
        NUMBERS.map(lambda n: str(ipaddress.IPv4Address(BASE + n))),
        NUMBERS.map(lambda n: str(ipaddress.IPv6Address((0x20010DB8 << 96) + n))),
    ),
    min_size=1,
    max_size=60,
)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(MIXED, st.one_of(st.builds(Bound, st.integers(1, 40)), st.builds(Bound, addresses=NUMBERS)))
def test_the_price_is_what_is_open_for_nothing(addresses: set[str], bound: Bound) -> None:
    forbidden = ("198.51.104.0/24", "2001:db8::200/120")
    cover = cover_within(addresses, bound, forbidden)
    size = sum(ipaddress.ip_network(one).num_addresses for one in cover.blocks)
    assert cover.opened == size - len(addresses)
    assert cover_addresses([*cover.blocks, *addresses]) == cover.blocks
    for one in cover.blocks:
        if any(overlaps(one, hole) for hole in forbidden):
            assert cover_addresses(a for a in addresses if overlaps(a, one)) == (one,)


@given(MIXED)
def test_without_a_bound_nothing_is_opened(addresses: set[str]) -> None:
    cover = cover_within(addresses, Bound(addresses=0), ())
    assert (cover.blocks, cover.opened) == (cover_addresses(addresses), 0)


@settings(deadline=None, max_examples=40, derandomize=True)
@given(MIXED, st.integers(0, 2**12))
def test_a_higher_price_never_buys_more_blocks(addresses: set[str], price: int) -> None:
    less, more = (cover_within(addresses, Bound(addresses=paid), ()) for paid in (price, 2 * price))
    assert len(more.blocks) <= len(less.blocks)
    assume(len(less.blocks) > 1)
    same = cover_within(addresses, Bound(blocks=len(less.blocks)), ())
    assert same.opened <= less.opened
