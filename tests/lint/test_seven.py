"""NP104: rules about requests that a plainer rule makes void."""

from __future__ import annotations

import pytest

SEVEN = """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      endpointSelector: {matchLabels: {app: api}}
      ingress:
      - fromEndpoints: [{matchLabels: {app: web}}]
        toPorts:
        - ports: [{port: "8080", protocol: TCP}]
          rules: {http: [{method: GET, path: /v1/.*}]}
"""
PLAIN = """
    ---
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: plain, namespace: shop}
    spec:
      endpointSelector: {matchLabels: {app: api}}
      ingress:
      - fromEndpoints: [{matchLabels: {app: web}}]
        toPorts: [{ports: [{port: "8080", protocol: TCP}]}]
"""
KUBERNETES = """
    ---
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: plain, namespace: shop}
    spec:
      podSelector: {}
      policyTypes: [Ingress]
      ingress:
      - from: [{podSelector: {}}]
"""
WORDS = (
    "shop/api: ingress rule 1 looks at requests, but ingress rule 1 of shop/plain allows the same"
    " peer and port without: every request passes; narrow or remove that rule"
)


def test_a_rule_about_requests_beside_a_plain_one(look) -> None:
    assert look("NP104", SEVEN + PLAIN, engine="cilium") == [WORDS]
    assert look("NP104", SEVEN + PLAIN, engine="cilium", cluster=None) == [WORDS]


def test_a_wider_rule_with_other_words(look) -> None:
    """Only the inventory shows that web is among all pods of the namespace."""
    assert look("NP104", SEVEN + KUBERNETES, engine="cilium") == [WORDS]


@pytest.mark.parametrize(
    ("old", "new"), [("8080", "9090"), ("app: web", "app: db"), ("app: api", "app: db")]
)
def test_a_plain_rule_about_something_else(look, old: str, new: str) -> None:
    assert look("NP104", SEVEN + PLAIN.replace(old, new), engine="cilium") == []


def test_alone_it_stands(look) -> None:
    assert look("NP104", SEVEN, engine="cilium") == []


def test_two_rules_about_requests_add_up(look) -> None:
    """As several rules of one port do: none of them is void."""
    assert (
        look("NP104", SEVEN + "    ---" + SEVEN.replace("name: api", "name: b"), engine="cilium")
        == []
    )
