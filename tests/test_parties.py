"""The addresses and names behind peers that are no pods."""

from __future__ import annotations

import pytest
from hypothesis import given
from scenes import ANSWERED, app, entity, flow, inventory, learned, pod, proof, world
from strategies import blocks

from netpol.inventory import Inventory, Node
from netpol.net import is_public, overlaps
from netpol.parties import entity_blocks, outside
from netpol.peers import Cidr
from netpol.world import Outside

DUAL = {"n": Node(name="n", addresses=("10.0.0.1", "fd00::1"))}


def blocks_of(*flows, known: Inventory | None = None) -> dict[str, tuple[str, ...]]:
    what = learned(flows, known)
    return entity_blocks(what.accepted, what.inventory)


def parties(*flows, known: Inventory | None = None) -> dict[object, Outside]:
    what = learned(flows, known)
    return {one.peer: one for one in outside(what.accepted, what.inventory)}


@pytest.mark.parametrize(
    ("cidr", "public"),
    [
        ("198.51.100.7/32", True),
        ("2001:db8::7/128", True),
        ("10.1.2.3/32", False),
        ("169.254.169.254/32", False),
        ("fd00::1/128", False),
        ("8.0.0.0/6", False),
    ],
)
def test_public_is_what_lies_wholly_outside_private_blocks(cidr: str, public: bool) -> None:
    assert is_public(cidr) is public


@given(blocks())
def test_a_block_around_a_private_one_is_not_public(cidr: str) -> None:
    assert not (is_public(cidr) and any(overlaps(cidr, p) for p in ("10.0.0.0/8", "fc00::/7")))


def test_nodes_are_all_nodes_in_both_families() -> None:
    one = flow(app("web"), entity("remote-node", ip="10.0.0.1"))
    assert blocks_of(one, known=inventory(nodes=DUAL)) == {
        "remote-node": ("10.0.0.1/32", "fd00::1/128")
    }


def test_an_address_that_was_seen_counts_beside_those_of_the_inventory() -> None:
    """Nodes have addresses that no Node object has: of bridges, tunnels, further interfaces."""
    one = flow(app("web"), entity("host", ip="192.168.7.1"), 9100)
    assert "192.168.7.1/32" in blocks_of(one, known=inventory(nodes=DUAL))["host"]


def test_a_resolver_on_the_node_may_be_taken_for_the_host_or_for_the_world() -> None:
    """Whatever the source took it for: it depends on which was there first."""
    flows = [
        flow(app("web"), entity(name, ip="169.254.20.10"), 53, protocol=protocol)
        for name, protocol in (("host", "UDP"), ("world", "TCP"))
    ]
    (party,) = parties(*flows, known=inventory(nodes=DUAL)).values()
    assert party.peer == Cidr("169.254.20.10/32")
    assert (party.entities, party.instead) == ({"host"}, {"world"})


def test_without_an_inventory_the_addresses_are_those_that_were_seen() -> None:
    flows = [
        flow(app("web"), entity("kube-apiserver", ip=ip), 6443) for ip in ("10.0.0.2", "fd00::2")
    ]
    assert blocks_of(*flows) == {"kube-apiserver": ("10.0.0.2/32", "fd00::2/128")}


def test_the_address_of_a_client_is_not_the_servers() -> None:
    node, api = entity("host", ip="10.0.0.7"), entity("kube-apiserver", ip="10.0.0.1")
    assert blocks_of(flow(node, api, 6443)) == {
        "host": ("10.0.0.7/32",),
        "kube-apiserver": ("10.0.0.1/32",),
    }


def test_the_address_of_a_proxy_is_not_the_servers() -> None:
    api = entity("kube-apiserver", ip="10.0.0.1")
    opened = {"opened": 1, "forward": 1}
    flows = [
        flow(app("web", ip="10.0.0.9"), api, 6443, signals=opened),
        flow(entity("host", ip="10.0.0.9"), api, 6443, signals={"answered": 1}),
        flow(app("web"), api, 1),
    ]
    assert blocks_of(*flows)["kube-apiserver"] == ("10.0.0.1/32",)


def test_a_party_is_the_entity_that_was_seen_and_no_other() -> None:
    one = flow(app("web"), entity("kube-apiserver", "remote-node", ip="10.0.0.1"), 6443)
    known = inventory(nodes=DUAL, api_servers=("10.0.0.1",))
    (party,) = parties(one, known=known).values()
    assert party.entities == {"kube-apiserver"}
    assert party.addresses == ("10.0.0.1/32",)


def test_a_party_is_listed_once_with_all_its_names() -> None:
    flows = [
        flow(app(name), world("198.51.100.7", names=frozenset({f"{name}.example.org"})), 443)
        for name in ("a", "b")
    ]
    (party,) = parties(*flows).values()
    assert party.peer == Cidr("198.51.100.7/32")
    assert party.names == {"a.example.org", "b.example.org"}


def test_the_world_is_no_private_address() -> None:
    (party,) = parties(flow(entity("world"), app("web"))).values()
    assert all(is_public(block) for block in party.addresses)


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_an_inventory_of_pods_alone_gives_policies_that_suffice(target: str) -> None:
    """``kubectl get pods -A -o json``: the nodes are known from their hostNetwork pods alone."""
    hosted = [
        pod(f"kp-{n}", "kube-system", owner="kp", host_network=True, addresses=(f"10.0.0.{n}",))
        for n in (1, 2)
    ]
    one = flow(app("web"), entity("remote-node", ip="10.0.0.2"), 9100, signals=ANSWERED)
    assert not proof(learned([one], inventory(*hosted)), target).certificate.denied


def test_a_public_address_of_a_node_is_not_the_world() -> None:
    node = Node(name="n", addresses=("203.0.113.2",))
    what = learned([flow(entity("world"), app("web"))], inventory(nodes={"n": node}))
    (party,) = outside(what.accepted, what.inventory)
    assert not any(overlaps(one, "203.0.113.2/32") for one in party.addresses)
    assert any(overlaps(one, "203.0.113.3/32") for one in party.addresses)
    assert proof(what).certificate.denied == ()
