"""Rectangles cover the relation and nothing else, and no fewer could."""

from __future__ import annotations

import random
from itertools import combinations, product

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netpol.net import PortSet
from netpol.synthesize.rectangles import cover

PORTS = [
    PortSet.of("TCP", 80),
    PortSet.of("TCP", 81, 90),
    PortSet.of("TCP", 443),
    PortSet.of("UDP", 80),
    PortSet.icmp("ICMP", 8),
]
PORT_SETS = st.builds(PortSet.union, st.lists(st.sampled_from(PORTS), unique=True))
RELATIONS = st.dictionaries(st.sampled_from("abcdefgh"), PORT_SETS)
SMALL = st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)))


def relation(rectangles):
    """peer → PortSet, as the rectangles say."""
    result: dict[object, PortSet] = {}
    for peers, ports in rectangles:
        for peer in peers:
            result[peer] = result.get(peer, PortSet()) | ports
    return result


def as_pairs(cells):
    return {
        row: PortSet.union(PORTS[column] for r, column in cells if r == row)
        for row in {row for row, _ in cells}
    }


@given(RELATIONS)
@settings(deadline=None, max_examples=200)
def test_the_union_is_the_relation(pairs):
    assert relation(cover(pairs, key=str)) == {p: ports for p, ports in pairs.items() if ports}


@given(SMALL)
@settings(deadline=None, max_examples=2_000, derandomize=True)
def test_no_fewer_rectangles_suffice(cells):
    found = cover(as_pairs(cells), key=int)
    lines = [[n for n in range(4) if mask >> n & 1] for mask in range(1, 16)]
    possible = [
        box
        for rows, columns in product(lines, lines)
        if (box := set(product(rows, columns))) <= cells
    ]
    # Only those that cannot grow: a smaller one is never needed for the count.
    largest = [box for box in possible if not any(box < other for other in possible)]
    fewer = combinations(largest, max(len(found) - 1, 0))
    assert bool(cells) == bool(found)
    assert not cells or not any(set().union(*boxes) == cells for boxes in fewer)


@given(RELATIONS)
@settings(deadline=None, max_examples=100)
def test_every_rectangle_has_a_pair_of_its_own(pairs):
    found = cover(pairs, key=str)
    for place in range(len(found)):
        assert relation(found) != relation(found[:place] + found[place + 1 :])


@given(RELATIONS)
@settings(deadline=None, max_examples=100)
def test_nothing_overlaps_needlessly(pairs):
    """No peer and no port range can leave its rectangle without losing a pair."""
    found = cover(pairs, key=str)
    for place, (peers, ports) in enumerate(found):
        others = found[:place] + found[place + 1 :]
        for peer in peers:
            without = tuple(one for one in peers if one != peer)
            assert relation((*others, (without, ports))) != relation(found)
        for one in PORTS:
            if one <= ports:
                assert relation((*others, (peers, ports - one))) != relation(found)


@given(RELATIONS, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_order_does_not_matter(pairs, shuffle: random.Random):
    items = list(pairs.items())
    shuffle.shuffle(items)
    assert cover(dict(items), key=str) == cover(pairs, key=str)


@given(RELATIONS)
@settings(deadline=None, max_examples=50)
def test_the_result_covers_itself(pairs):
    assume(any(pairs.values()))
    found = cover(pairs, key=str)
    assert cover(relation(found), key=str) == found


def test_many_peers_with_one_port_are_one_rule():
    pairs = dict.fromkeys(range(2000), PORTS[0])
    assert cover(pairs, key=int) == ((tuple(range(2000)), PORTS[0]),)


def test_a_peer_with_everything_joins_the_rules_of_others():
    """Two rules, not one per peer."""
    web, tls = PORTS[0], PORTS[2]
    found = cover({"a": web, "b": tls, "c": web | tls}, key=str)
    assert found == ((("a", "c"), web), (("b", "c"), tls))


def test_ranges_are_cut_where_peers_differ():
    wide, narrow = PortSet.of("TCP", 1000, 2000), PortSet.of("TCP", 1500)
    found = cover({"a": wide, "b": narrow}, key=str)
    assert relation(found) == {"a": wide, "b": narrow}
    assert found == ((("a",), wide), (("b",), narrow))


def test_a_table_too_large_for_proof_is_covered_and_told():
    source = random.Random(7)
    ports = [PortSet.of("TCP", 2 * number) for number in range(24)]
    pairs = {
        row: PortSet.union(port for port in ports if source.random() < 0.5) for row in range(40)
    }
    notices = []
    found = cover(pairs, key=int, tell=notices.append, where="shop/cart egress")
    assert relation(found) == pairs
    assert len(found) <= 24
    assert [(one.code, one.where) for one in notices] == [("NP022", "shop/cart egress")]


def test_a_proven_cover_tells_nothing():
    notices = []
    assert cover({"a": PORTS[0], "b": PORTS[1]}, key=str, tell=notices.append)
    assert not notices
