"""Address blocks shown together."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import blocks

from netpol.net import network, without
from netpol.peers import Cidr, Entity, Workload
from netpol.report.blocks import addresses_words, together

WEB, DB = Workload("shop", "Deployment", "web"), Workload("shop", "Deployment", "db")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (["0.0.0.0/0", "::/0"], "every address"),
        (["0.0.0.0/0"], "all IPv4"),
        (["::/0", "10.0.0.0/8"], "10.0.0.0/8, all IPv6"),
        (without("0.0.0.0/0", ["10.0.0.0/8"]), "all IPv4 but 10.0.0.0/8"),
        (without("::/0", ["fc00::/7", "fe80::/10"]), "all IPv6 but fc00::/7, fe80::/10"),
        (without("10.0.0.0/8", ["10.9.0.0/16"]), "10.0.0.0/8 but 10.9.0.0/16"),
        (
            [*without("10.0.0.0/8", ["10.9.0.0/16"]), "192.0.2.0/24", "::/0"],
            "10.0.0.0/8 but 10.9.0.0/16; 192.0.2.0/24; all IPv6",
        ),
        (["192.0.2.0/24", "10.0.0.0/8"], "10.0.0.0/8, 192.0.2.0/24"),
        (
            [f"10.{n}.0.0/24" for n in range(20)],
            "10.0.0.0/24, 10.1.0.0/24, 10.2.0.0/24, 10.3.0.0/24 and 16 more blocks",
        ),
    ],
)
def test_blocks_in_words(found, words: str) -> None:
    assert addresses_words(found) == words


def test_what_is_treated_alike_shares_a_line() -> None:
    one, other, third = Cidr("10.0.0.0/24"), Cidr("10.0.2.0/24"), Cidr("10.0.4.0/24")
    world = Entity("world")
    found = [(one, WEB, 1), (other, WEB, 1), (third, WEB, 2), (WEB, one, 1), (WEB, other, 1)]
    both = Cidr("10.0.0.0/24, 10.0.2.0/24")
    assert together([*found, (WEB, DB, 1), (world, WEB, 1)]) == [
        (both, WEB, 1),
        (third, WEB, 2),
        (world, WEB, 1),
        (WEB, both, 1),
        (WEB, DB, 1),
    ]


def read_back(words: str) -> set[str]:
    """The addresses (in few bits, so that they can be listed) that the words mean."""
    found: set[str] = set()
    for part in words.split("; " if " but " in words else ", "):
        block, _, holes = part.partition(" but ")
        for one in block.split(", "):
            inside = {str(address) for address in network(one)}
            for hole in filter(None, holes.split(", ")):
                inside -= {str(address) for address in network(hole)}
            found |= inside
    return found


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 15), max_size=5, unique=True))
def test_holes_say_the_same_in_no_more_words(holes) -> None:
    left = without("10.0.0.0/28", [f"10.0.0.{number}/32" for number in holes])
    words = addresses_words(left)
    if "more blocks" in words:
        return
    assert read_back(words) == {str(a) for block in left for a in network(block)}
    assert words.count("/") <= len(left)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from((WEB, DB)), blocks(), st.integers(0, 2)), unique=True))
def test_no_row_is_lost(found) -> None:
    shown = together((Cidr(block), server, what) for server, block, what in found)
    assert {(server, what) for _, server, what in shown} == {(s, what) for s, _, what in found}
    assert len(shown) == len({(server, what) for server, _, what in found})
