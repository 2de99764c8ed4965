"""NP112: what an engine does not enforce."""

from __future__ import annotations

import pytest

CILIUM = """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      endpointSelector: {matchLabels: {app: api}}
      egress:
      - %s
"""
FEATURES = {
    "toFQDNs: [{matchName: api.example.org}]": "no rules about DNS names; api.example.org",
    "toEntities: [kube-apiserver]": "no word for kube-apiserver",
    "icmps: [{fields: [{type: 8, family: IPv4}]}]": "no rules about ICMP",
}


@pytest.mark.parametrize("rule", FEATURES)
def test_features_that_another_engine_lacks(look, rule: str) -> None:
    first, second = look("NP112", CILIUM % rule, engine="kubernetes", cluster=None)
    assert first == (
        "shop/api: kubernetes does not enforce CiliumNetworkPolicy of cilium.io; write it in what"
        " kubernetes reads"
    )
    assert second.startswith("shop/api: egress rule 1: kubernetes has ")
    assert FEATURES[rule] in second


@pytest.mark.parametrize("rule", FEATURES)
def test_its_own_engine_enforces_them(look, rule: str) -> None:
    assert look("NP112", CILIUM % rule, engine="cilium") == []


def test_a_staged_policy(look) -> None:
    text = """
        apiVersion: projectcalico.org/v3
        kind: NetworkPolicy
        metadata: {name: real, namespace: shop}
        spec: {selector: app == 'api'}
        ---
        apiVersion: projectcalico.org/v3
        kind: StagedNetworkPolicy
        metadata: {name: staged, namespace: shop}
        spec: {selector: app == 'api'}
    """
    (message,) = look("NP112", text, engine="calico")
    assert message.startswith("shop/staged: StagedNetworkPolicy is shown in flow logs")


def test_labels_that_are_no_part_of_an_identity(look) -> None:
    rule = "toEndpoints: [{matchLabels: {pod-template-hash: abc}}]"
    (message,) = look("NP112", CILIUM % rule, engine="cilium")
    assert "the label pod-template-hash is not among those that make a Cilium identity" in message


NODES = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: api}}
      policyTypes: [Ingress]
      ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/24}}]}]
"""


def test_nodes_by_address(look) -> None:
    (message,) = look("NP112", NODES, engine="cilium")
    assert "10.0.0.0/24 holds nodes (n1), which blocks never match under cilium" in message
    assert look("NP112", NODES) == []
