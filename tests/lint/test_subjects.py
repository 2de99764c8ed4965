"""NP107 and NP109: pods that no policy isolates, and policies for nobody."""

from __future__ import annotations

DENY = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: deny, namespace: %s}
    spec: {podSelector: %s, policyTypes: [Ingress, Egress]}
"""
WEB = (DENY % ("shop", "{matchLabels: {app: web}}")).replace("deny", "web")
ALL = "    ---".join(DENY % (namespace, "{}") for namespace in ("shop", "ops", "kube-system"))


def test_namespaces_with_default_deny(look) -> None:
    assert look("NP107", ALL) == []


def test_a_namespace_without(look) -> None:
    some = "    ---".join(DENY % (namespace, "{}") for namespace in ("shop", "kube-system"))
    ingress, egress = look("NP107", some)
    assert ingress == (
        "ops: ingress of ops/Deployment/prometheus is open to everyone; add a policy that selects"
        " all pods of ops and has no ingress rules"
    )
    assert egress == ingress.replace("ingress", "egress")


def test_one_direction_of_one_pod(look) -> None:
    half = ALL.replace("name: deny, namespace: shop", "name: half, namespace: shop").replace(
        "policyTypes: [Ingress, Egress]}", "policyTypes: [Ingress]}", 1
    )
    half += "    ---" + DENY % ("shop", "{matchLabels: {app: web}}")
    (message,) = look("NP107", half)
    assert message.startswith("shop: egress of shop/Deployment/api, shop/Deployment/db is open")


def test_a_subject_that_nobody_meets(look) -> None:
    (message,) = look("NP109", DENY % ("shop", "{matchLabels: {app: wbe}}"))
    assert message == (
        "shop/deny: it selects pods with app=wbe in namespace shop, and the inventory has none;"
        " mend the labels or remove it"
    )
    assert len(look("NP109", DENY % ("shpo", "{}"))) == 1


def test_a_subject_on_the_host_network(look) -> None:
    (message,) = look("NP109", DENY % ("shop", "{matchLabels: {app: agent}}"))
    assert "only pods on the host's network (shop/Deployment/agent)" in message


def test_subjects_that_somebody_meets(look) -> None:
    assert look("NP109", ALL + "    ---" + WEB) == []
