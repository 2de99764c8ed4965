"""NP102 and NP105: who cannot resolve names."""

from __future__ import annotations

EGRESS = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: web, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: web}}
      policyTypes: [Egress]
      egress:
      - to: [{podSelector: {matchLabels: {app: api}}}]
        ports: [{port: 8080}]
"""
DNS = """
    ---
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: allow-dns, namespace: shop}
    spec:
      podSelector: {}
      policyTypes: [Egress]
      egress:
      - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
          podSelector: {matchLabels: {k8s-app: kube-dns}}
        ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
"""


def test_egress_without_name_resolution(look) -> None:
    (message,) = look("NP102", EGRESS)
    assert message == (
        "shop/web: shop/Deployment/web may connect to others, but no egress rule lets them resolve"
        " names; allow UDP and TCP 53 to kube-system/Deployment/coredns"
    )


def test_egress_with_name_resolution(look) -> None:
    assert look("NP102", EGRESS + DNS) == []


def test_a_resolver_on_the_node_will_do(look) -> None:
    """NodeLocal DNSCache is an address of the node, and no pod."""
    node = DNS.replace(
        "        - namespaceSelector",
        "        - ipBlock: {cidr: 169.254.20.10/32}\n        - namespaceSelector",
    )
    assert look("NP102", EGRESS + node.replace("kube-system", "elsewhere")) == []
    assert len(look("NP102", EGRESS + DNS.replace("kube-system", "elsewhere"))) == 1


def test_whoever_may_connect_to_nobody_needs_no_names(look) -> None:
    assert look("NP102", EGRESS.split("      egress:")[0]) == []


FQDN = """
    apiVersion: cilium.io/v2
    kind: CiliumNetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      endpointSelector: {matchLabels: {app: api}}
      egress:
      - toFQDNs: [{matchName: api.example.org}]
        toPorts: [{ports: [{port: "443", protocol: TCP}]}]
      - toEndpoints: [{matchLabels: {k8s-app: kube-dns, io.kubernetes.pod.namespace: kube-system}}]
        toPorts:
        - ports: [{port: "53", protocol: ANY}]
          rules: {dns: [{matchPattern: "*.example.org"}]}
"""


def test_a_name_that_is_never_learned(look) -> None:
    (message,) = look("NP105", FQDN.split("          rules:")[0], engine="cilium", cluster=None)
    assert message.startswith("shop/api: egress rule 1: api.example.org never gets an address")
    other = FQDN.replace('"*.example.org"', '"*.example.com"')
    assert len(look("NP105", other, engine="cilium")) == 1


def test_a_name_that_is_learned(look) -> None:
    assert look("NP105", FQDN, engine="cilium", cluster=None) == []
    assert look("NP105", FQDN, engine="cilium") == []
