"""NP106: address blocks where pods live, engine by engine."""

from __future__ import annotations

import pytest

BLOCK = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: web, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: web}}
      policyTypes: [Egress]
      egress: [{to: [{ipBlock: {%s}}]}]
"""


@pytest.mark.parametrize("block", ["cidr: 10.244.1.11/32", "cidr: 10.0.0.0/8", "cidr: 0.0.0.0/0"])
@pytest.mark.parametrize("engine", ["kubernetes", "calico"])
def test_blocks_that_open_pods(look, block: str, engine: str) -> None:
    (message,) = look("NP106", BLOCK % block, engine=engine)
    assert "also matches pods (" in message
    assert "10.244.1.0/24" in message


@pytest.mark.parametrize("block", ["cidr: 10.244.1.11/32", "cidr: 10.0.0.0/8"])
def test_blocks_that_never_match_pods(look, block: str) -> None:
    (message,) = look("NP106", BLOCK % block, engine="cilium")
    assert "which blocks never match under cilium" in message


def test_under_cilium_everything_means_the_internet(look) -> None:
    assert look("NP106", BLOCK % "cidr: 0.0.0.0/0", engine="cilium") == []


@pytest.mark.parametrize(
    "block",
    [
        "cidr: 198.51.100.0/24",
        "cidr: 0.0.0.0/0, except: [10.0.0.0/8]",
        "cidr: 10.0.0.0/8, except: [10.244.0.0/16]",
        "cidr: 10.0.0.7/32",
        "cidr: 2001:db8::/32",
    ],
)
def test_blocks_outside(look, block: str) -> None:
    """10.0.0.7 is a node and the pod on its network."""
    assert look("NP106", BLOCK % block) == []
