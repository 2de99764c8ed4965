"""NP111: rules that change nothing."""

from __future__ import annotations

import pytest

POLICY = """
    ---
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: %s, namespace: shop}
    spec:
      podSelector: %s
      policyTypes: [Ingress]
      ingress:
"""
FIRST = (
    "shop/api: ingress rule 1: removing it changes nothing: ingress rule 2 of shop/api decides the"
    " same; remove it, or mend what it was meant to add"
)
API = "{matchLabels: {app: api}}"
WEB = "from: [{podSelector: {matchLabels: {app: web}}}]"


def policy(name: str, *rules: str, subject: str = API) -> str:
    return POLICY % (name, subject) + "".join(f"      - {{{rule}}}\n" for rule in rules)


def ports(*numbers: str) -> str:
    return "ports: [" + ", ".join(f"{{port: {number}}}" for number in numbers) + "]"


def test_the_narrower_rule_is_shadowed(look) -> None:
    wide, narrow = f"{WEB}, {ports('8000, endPort: 8999')}", f"{WEB}, {ports('8080')}"
    assert look("NP111", policy("api", narrow, wide)) == [FIRST]


def test_across_policies_and_by_several_rules(look) -> None:
    low, high = f"{WEB}, {ports('1, endPort: 100')}", f"{WEB}, {ports('101, endPort: 200')}"
    text = policy("a", low) + policy("b", high) + policy("c", f"{WEB}, {ports('50, endPort: 150')}")
    (message,) = look("NP111", text)
    assert message.startswith("shop/c: ingress rule 1: removing it changes nothing")
    assert "rule 1 of shop/a, ingress rule 1 of shop/b decides" in message


def test_of_two_equal_rules_one_stays(look) -> None:
    (message,) = look("NP111", policy("api", f"{WEB}, {ports('80')}", f"{WEB}, {ports('80')}"))
    assert message.startswith("shop/api: ingress rule 2")


@pytest.mark.parametrize(
    "other",
    [
        f"{WEB}, {ports('8080')}",
        f"from: [{{podSelector: {{matchLabels: {{app: db}}}}}}], {ports('80')}",
        f"from: [{{podSelector: {{}}}}], {ports('80')}",
        f"from: [{{ipBlock: {{cidr: 198.51.100.0/24}}}}], {ports('80')}",
        f"{WEB}, ports: [{{port: 80, protocol: UDP}}]",
        f"{WEB}, {ports('80', '81')}",
    ],
)
def test_rules_that_each_add_something(look, other: str) -> None:
    """The wider ones shadow the first, and are not shadowed themselves."""
    found = look("NP111", policy("api", f"{WEB}, {ports('80')}", other))
    assert [one for one in found if "ingress rule 2:" in one] == []


def test_blocks_that_overlap(look) -> None:
    def block(cidr: str) -> str:
        return f"from: [{{ipBlock: {{cidr: {cidr}}}}}]"

    assert len(look("NP111", policy("api", block("198.51.100.0/24"), block("198.51.0.0/16")))) == 1
    assert look("NP111", policy("api", block("198.51.100.0/24"), block("198.51.101.0/24"))) == []
    hole = block("198.51.0.0/16, except: [198.51.100.0/25]")
    assert look("NP111", policy("api", block("198.51.100.0/24"), hole)) == []


def test_all_pods_of_today_are_not_all_pods(look) -> None:
    """A rule for everyone in the namespace adds pods that are not there yet."""
    each = ", ".join(
        f"{{podSelector: {{matchLabels: {{app: {a}}}}}}}" for a in ("web", "api", "db")
    )
    assert look("NP111", policy("api", f"from: [{each}]", "from: [{podSelector: {}}]")) == [FIRST]
    (message,) = look("NP111", policy("all", WEB, subject="{}") + policy("api", WEB))
    assert message.startswith("shop/api: ")


CALICO = """
    apiVersion: projectcalico.org/v3
    kind: NetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      selector: app == 'api'
      types: [Ingress]
      ingress:
      - {action: %s, source: {selector: app == 'web'}}
      - {action: %s, source: {selector: app == 'web'}}
      - {action: Allow, source: {selector: app == 'db'}}
"""


def test_a_rule_after_one_that_decided(look) -> None:
    (message,) = look("NP111", CALICO % ("Deny", "Allow"), engine="calico")
    assert "ingress rule 2: removing it changes nothing" in message
    assert "ingress rule 1 of shop/api decides the same" in message


def test_an_allow_after_another_deny_is_needed(look) -> None:
    text = (CALICO % ("Deny", "Allow")).replace("app == 'web'}}\n", "app == 'db'}}\n", 1)
    found = look("NP111", text, engine="calico")
    assert ["rule 3:" in one for one in found] == [True]


def test_a_deny_that_default_deny_makes_needless(look) -> None:
    found = look("NP111", CALICO % ("Allow", "Deny"), engine="calico")
    assert len(found) == 1
    assert "ingress rule 2" in found[0]
