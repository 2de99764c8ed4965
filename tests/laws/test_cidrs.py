"""Blocks hold exactly the addresses that were seen, and as few of them as possible are used."""

from __future__ import annotations

import ipaddress
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.net import NOT_INTERNET
from netpol.policy import CidrSelector
from netpol.synthesize.cidrs import cover_addresses, internet

# Close together, so that blocks can be joined, at both ends of the address space and in between.
V4 = st.builds(
    lambda base, offset: str(ipaddress.IPv4Address(base + offset)),
    st.sampled_from([0, 0xC6336400, 0xFFFFFFC0]),
    st.integers(0, 63),
)
V6 = st.builds(
    lambda base, offset: str(ipaddress.IPv6Address(base + offset)),
    st.sampled_from([0, 0x20010DB8 << 96, (1 << 128) - 64]),
    st.integers(0, 63),
)
ADDRESSES = st.lists(V4 | V6, max_size=150)
V4_BLOCKS = st.builds(
    lambda number, length: str(ipaddress.ip_network((number, length), strict=False)),
    st.integers(0, (1 << 32) - 1),
    st.integers(1, 32),
)
V6_BLOCKS = st.builds(
    lambda number, length: str(ipaddress.ip_network((number, length), strict=False)),
    st.integers(0, (1 << 128) - 1),
    st.integers(1, 128),
)
BLOCKS = st.lists(V4_BLOCKS | V6_BLOCKS, max_size=12)


def collapsed(texts):
    """The standard library's answer, IPv4 first."""
    networks = [ipaddress.ip_network(text) for text in texts]
    return tuple(
        str(block)
        for version in (4, 6)
        for block in ipaddress.collapse_addresses(n for n in networks if n.version == version)
    )


@given(ADDRESSES)
@settings(deadline=None, max_examples=200)
def test_exactly_the_addresses(addresses):
    found = cover_addresses(addresses)
    held = [str(address) for block in found for address in ipaddress.ip_network(block)]
    assert sorted(held) == sorted(set(addresses))


@given(ADDRESSES | st.lists(V4_BLOCKS | V6_BLOCKS | V4 | V6, max_size=40))
@settings(deadline=None, max_examples=200)
def test_as_few_as_the_standard_library_finds(texts):
    assert cover_addresses(texts) == collapsed(texts)


@given(ADDRESSES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=50)
def test_order_and_repetition_do_not_matter(addresses, shuffle: random.Random):
    again = [*addresses, *addresses[:10]]
    shuffle.shuffle(again)
    assert cover_addresses(again) == cover_addresses(addresses)
    assert cover_addresses(cover_addresses(addresses)) == cover_addresses(addresses)


@given(BLOCKS)
@settings(deadline=None, max_examples=100)
def test_the_internet_is_everything_but_what_is_excluded(blocks):
    selectors = internet(blocks)
    excluded = [text for one in selectors for text in one.excluded]
    families = {ipaddress.ip_network(one.cidr).version for one in selectors}
    expected = [text for text in collapsed([*NOT_INTERNET, *blocks]) if version(text) in families]
    assert sorted(excluded) == sorted(expected)
    assert all(list(one.excluded) == sorted(one.excluded) for one in selectors)
    assert all(version(text) == version(one.cidr) for one in selectors for text in one.excluded)


def version(text):
    return ipaddress.ip_network(text).version


def test_the_internet_of_a_cluster():
    v4, v6 = internet(["10.244.0.0/16", "203.0.113.7", "2001:db8:1::/48"])
    assert v4 == CidrSelector(
        "0.0.0.0/0",
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "203.0.113.7/32",
        ),
    )
    assert v6 == CidrSelector("::/0", ("2001:db8:1::/48", "::1/128", "fc00::/7", "fe80::/10"))


def test_nothing_is_left_of_an_excluded_family():
    assert [one.cidr for one in internet(["128.0.0.0/1", "0.0.0.0/1"])] == ["::/0"]


def test_halves_join_again_and_again():
    assert cover_addresses(f"192.0.2.{number}" for number in range(1, 18)) == (
        "192.0.2.1/32",
        "192.0.2.2/31",
        "192.0.2.4/30",
        "192.0.2.8/29",
        "192.0.2.16/31",
    )


def test_whole_families_join():
    assert cover_addresses(["0.0.0.0/1", "128.0.0.0/1", "::/0"]) == ("0.0.0.0/0", "::/0")


@pytest.mark.parametrize(
    "text", ["", "10.0.0.300", "host.example", "10.0.0.0/33", "1/2/3", "/32", "::/128/128"]
)
def test_what_is_no_address(text):
    with pytest.raises(ValueError):
        cover_addresses([text])
