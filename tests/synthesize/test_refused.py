"""What no rule can be written about is held, with the reason."""

from __future__ import annotations

import pytest
from scenes import app, entity, flow, inventory, learned, pod, proof

from netpol.inventory import Node


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_a_node_without_a_known_address_has_no_rule(target):
    """Calico's flows name nodes, and tell no address."""
    flows = [flow(entity("remote-node"), app("web")), flow(app("api"), app("web"))]
    made = proof(learned(flows), target)
    (held,) = made.synthesis.learned.held
    assert held.reason == (
        f"no address of remote-node is known, and {target} policies have no word for it"
    )
    known = inventory(pod("web"), pod("api"), nodes={"a": Node(name="a", addresses=("192.0.2.1",))})
    assert not proof(learned(flows, known), target).synthesis.learned.held
    addressed = [flow(entity("remote-node", ip="192.0.2.1"), app("web"))]
    assert not proof(learned(addressed), target).synthesis.learned.held


def test_where_there_is_a_word_no_address_is_needed():
    flows = [flow(entity("remote-node"), app("web"))]
    assert not proof(learned(flows), "cilium").synthesis.learned.held
