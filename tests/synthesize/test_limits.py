"""Rules cut to what a plugin takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from special_cases import API, WEB, of

from generators import DIALECTS
from netpol.cli.proof import dialect_named, prove
from netpol.graph import Connection, Evidence
from netpol.net import PortSet
from netpol.policy import CidrSelector, Rule
from netpol.profile import CNIS
from netpol.synthesize import Options
from netpol.synthesize.limits import apart, coalesced, entries, single_ports

ports = st.lists(
    st.builds(
        lambda protocol, low, span: PortSet.of(protocol, low, low + span),
        st.sampled_from(("TCP", "UDP", "SCTP")),
        st.integers(1, 400),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=40,
).map(PortSet.union)


@given(ports, st.integers(3, 24))
def test_coalesced_ports_hold_all_of_them_in_as_many_entries(some: PortSet, limit: int) -> None:
    found = coalesced(some, limit)
    assert some <= found
    assert entries(found) == min(entries(some), limit)
    if entries(some) <= limit:
        assert found == some


@given(ports)
def test_single_ports_are_the_same_ports_without_a_range(some: PortSet) -> None:
    rules = single_ports(Rule(peers=(), ports=some))
    assert PortSet.union(one.ports for one in rules) == some
    assert len(rules) <= 2
    assert all(low == high for one in rules for _, low, high in one.ports)


def test_a_whole_protocol_is_no_range() -> None:
    rule = Rule(peers=(), ports=PortSet.of("TCP"))
    assert single_ports(rule) == (rule,)


def test_blocks_are_cut_at_the_exceptions_of_others_and_hold_the_same_addresses() -> None:
    world = CidrSelector("0.0.0.0/0", ("10.0.0.0/8", "203.0.113.2/32"))
    pair = CidrSelector("203.0.113.2/31")
    http, ssh = PortSet.of("TCP", 80), PortSet.of("TCP", 22)
    assert apart({world: http, pair: ssh}) == {
        world: http,
        CidrSelector("203.0.113.2/32"): ssh,
        CidrSelector("203.0.113.3/32"): ssh,
    }
    inner = {world: http, CidrSelector("10.1.0.0/16"): ssh}
    assert apart(inner) == inner


def test_long_lists_of_ports_are_several_in_cilium() -> None:
    """docs/semantics.md#cilium-ports-and-services: at most 40 ports in one toPorts entry."""
    seen = (Connection(WEB, API, "TCP", port) for port in range(1000, 1090, 2))
    made = prove(
        of((one, Evidence(records=1)) for one in seen),
        dialect_named("cilium", DIALECTS),
        Options(),
        lambda _: None,
        CNIS["cilium"],
    )
    (choice,) = [one for one in made.certificate.choices if one.field == "words"]
    assert choice.what == "45 ports are written in lists of at most 40"
    assert made.certificate.denied == ()
