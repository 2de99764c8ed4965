"""NP103 and NP113: ports that no pod listens on."""

from __future__ import annotations

import pytest

RULE = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: rule, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: %s}}
      policyTypes: [%s]
      %s:
      - %s: [{podSelector: {matchLabels: {app: %s}}}]
        ports: [{port: %s}]
"""


def ingress(port: str) -> str:
    return RULE % ("api", "Ingress", "ingress", "from", "web", port)


def egress(port: str) -> str:
    return RULE % ("web", "Egress", "egress", "to", "api", port)


@pytest.mark.parametrize("rule", [ingress, egress])
def test_the_port_of_a_service(look, rule) -> None:
    (message,) = look("NP103", rule("80"))
    assert message.endswith(
        "rule 1: TCP 80 is the port of Service shop/api; its pods (shop/Deployment/api) listen on"
        " 8080, and that is the port that policies see: allow TCP 8080"
    )


@pytest.mark.parametrize("rule", [ingress, egress])
@pytest.mark.parametrize("port", ["8080", "http", "1, endPort: 9000", "81"])
def test_ports_of_the_pods(look, rule, port: str) -> None:
    assert look("NP103", rule(port)) == []


def test_the_port_of_a_service_of_somebody_else(look) -> None:
    assert look("NP103", egress("80").replace("app: api", "app: db")) == []


@pytest.mark.parametrize(
    "peers",
    [
        "to: [{ipBlock: {cidr: 0.0.0.0/0}}]",
        "to: [{ipBlock: {cidr: 0.0.0.0/0, except: [192.168.0.0/16]}}, {ipBlock: {cidr: '::/0'}}]",
        "to: []",
        "to: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchLabels: {app: db}}}]",
    ],
)
def test_a_port_of_the_outside_that_a_service_has_too(look, peers: str) -> None:
    """Pods are in 0.0.0.0/0 as well, but the rule is not about the Service."""
    text = egress("80").replace("to: [{podSelector: {matchLabels: {app: api}}}]", peers)
    assert peers in text
    assert look("NP103", text) == []


def test_the_port_of_a_service_towards_the_outside(look) -> None:
    """Whoever calls, the pods listen on their own port."""
    text = ingress("80").replace(
        "from: [{podSelector: {matchLabels: {app: web}}}]", "from: [{ipBlock: {cidr: 0.0.0.0/0}}]"
    )
    assert len(look("NP103", text)) == 1


@pytest.mark.parametrize("rule", [ingress, egress])
def test_a_name_that_no_pod_declares(look, rule) -> None:
    (message,) = look("NP113", rule("grpc"))
    assert "no pod of shop/Deployment/api declares a port named grpc for TCP" in message
    (message,) = look("NP113", rule("http, protocol: UDP"))
    assert "(it is declared for TCP)" in message


@pytest.mark.parametrize("rule", [ingress, egress])
def test_a_name_that_a_pod_declares(look, rule) -> None:
    assert look("NP113", rule("http")) == []
