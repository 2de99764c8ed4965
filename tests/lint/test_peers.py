"""NP100 and NP110: peers that are not what they seem."""

from __future__ import annotations

from scenes import inventory

SPLIT = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: api}}
      policyTypes: [Ingress]
      ingress:
      - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
        - podSelector: {matchLabels: {app: prometheus}}
"""


def joined(text: str) -> str:
    return text.replace("    - podSelector", "      podSelector")


def test_two_peers_where_one_was_meant(look) -> None:
    (message,) = look("NP100", SPLIT)
    assert message.startswith("shop/api: ingress rule 1: all pods of namespace ops is one peer")
    assert "pods with app=prometheus in namespace shop another" in message
    assert look("NP100", SPLIT, cluster=None) == [message]


def test_one_peer_with_both_selectors_is_fine(look) -> None:
    assert look("NP100", joined(SPLIT)) == []


def test_two_peers_that_make_sense_apart_are_fine(look) -> None:
    """Such pods are in the own namespace, and in the other one there are none."""
    assert look("NP100", SPLIT.replace("prometheus", "web")) == []


def test_two_peers_that_both_exist_are_suspicious(look) -> None:
    assert len(look("NP100", SPLIT.replace("ops", "shop").replace("prometheus", "web"))) == 0
    assert len(look("NP100", SPLIT.replace("kubernetes.io/metadata.name: ops", "team: red"))) == 1


def test_a_peer_that_matches_nobody(look) -> None:
    alone = SPLIT.replace(
        "    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}\n", ""
    )
    (message,) = look("NP110", alone)
    assert message == (
        "shop/api: ingress rule 1: pods with app=prometheus in namespace shop are no pods of the"
        " inventory (ops/Deployment/prometheus, elsewhere, has such labels); mend or remove the"
        " peer"
    )


def test_a_peer_that_matches_somebody(look) -> None:
    assert look("NP110", joined(SPLIT)) == []


def test_a_peer_on_the_host_network_is_said_to_be_one(look) -> None:
    (message,) = look("NP110", SPLIT.replace("prometheus", "agent"))
    assert "only pods on the host's network (shop/Deployment/agent)" in message


def test_peers_need_an_inventory(found) -> None:
    result = found(SPLIT, cluster=None)
    assert "NP110" in result.skipped
    assert {one.code for one in result.findings} == {"NP100"}


def test_an_inventory_without_pods_is_none(found) -> None:
    assert "NP110" in found(SPLIT, cluster=inventory(namespaces={})).skipped
