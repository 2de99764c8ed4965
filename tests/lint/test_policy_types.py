"""NP101: the truth table of policyTypes (docs/semantics.md#kubernetes-defaults) as surprises."""

from __future__ import annotations

import pytest

POLICY = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {{name: web, namespace: shop}}
    spec:
      podSelector: {{matchLabels: {{app: web}}}}
      {rest}
"""
RULE = "[{ports: [{port: 80}]}]"


@pytest.mark.parametrize(
    ("rest", "surprise"),
    [
        (f"egress: {RULE}", "isolates ingress too"),
        ("egress: []", "egress stays open"),
        ("{ingress: [], egress: []}", "egress stays open"),
        (f"{{policyTypes: [Egress], ingress: {RULE}}}", "policyTypes leaves Ingress out"),
        (f"{{policyTypes: [Ingress], egress: {RULE}}}", "policyTypes leaves Egress out"),
        (f"{{policyTypes: [], egress: {RULE}}}", "isolates ingress too"),
    ],
)
def test_what_surprises(look, rest: str, surprise: str) -> None:
    text = POLICY.format(
        rest=rest.strip("{}").replace("], ", "]\n      ").replace("}], ", "}]\n      ")
    )
    (message,) = look("NP101", text, cluster=None)
    assert message.startswith("shop/web: ")
    assert surprise in message


@pytest.mark.parametrize(
    "rest",
    [
        "policyTypes: [Egress]",
        f"policyTypes: [Egress]\n      egress: {RULE}",
        "policyTypes: [Ingress, Egress]\n      egress: []",
        f"ingress: {RULE}",
        f"ingress: {RULE}\n      egress: {RULE}",
        "ingress: []",
    ],
)
def test_what_does_not(look, rest: str) -> None:
    assert look("NP101", POLICY.format(rest=rest), cluster=None) == []


def test_calico_has_other_defaults(look) -> None:
    text = """
        apiVersion: projectcalico.org/v3
        kind: NetworkPolicy
        metadata: {name: web, namespace: shop}
        spec:
          selector: app == 'web'
          egress: [{action: Allow}]
    """
    assert look("NP101", text, engine="calico") == []
    inert = text.replace("egress:", "types: [Ingress]\n          egress:")
    assert len(look("NP101", inert, engine="calico")) == 1
