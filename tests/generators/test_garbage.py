"""Anything in place of a policy: notices, never a traceback, and never half a policy."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import generators
from generators.calico_grammar import tree
from netpol.errors import NetpolError
from netpol.manifests import Document
from netpol.notices import Notice

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["TCP", "Allow", "10.0.0.0/8", "::/0", "80", "8000:8010", "In", "all()", "0"]),
)
KNOWN = """
podSelector namespaceSelector ipBlock cidr except from to ports port endPort protocol spec ingress
egress policyTypes types selector action source destination nets notNets icmp type fromEndpoints
toEndpoints toPorts icmps fields toFQDNs matchName matchLabels matchExpressions key operator values
rules dns http toEntities toCIDRSet enableDefaultDeny endpointSelector ingressDeny egressDeny specs
order tier code family ipVersion app metadata name
"""
FIELDS = st.sampled_from(KNOWN.split())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(FIELDS, st.text(max_size=5)), inner)
    ),
    max_leaves=12,
)
KINDS = sorted(kind for dialect in generators.DIALECTS for kind in dialect.kinds)

WHOLE = {
    "networking.k8s.io/v1": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ],
                "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}, {"port": "http"}],
            }
        ],
    },
    "projectcalico.org/v3": {
        "order": 5,
        "selector": "app == 'web' || has(x)",
        "types": ["Egress"],
        "egress": [
            {
                "action": "Allow",
                "protocol": "TCP",
                "destination": {"nets": ["10.0.0.0/8"], "notNets": ["10.1.0.0/16"], "ports": [80]},
            },
            {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}},
            {
                "action": "Pass",
                "protocol": "UDP",
                "destination": {"selector": "a in {'b'}", "ports": ["1:2"]},
            },
        ],
    },
    "crd.projectcalico.org/v1": {"selector": "all()", "ingress": [{"action": "Log"}]},
    "cilium.io/v2": {
        "endpointSelector": {"matchLabels": {"k8s:app": "web"}},
        "enableDefaultDeny": {"ingress": True},
        "egress": [
            {
                "toEndpoints": [{"matchLabels": {"io.kubernetes.pod.namespace": "x"}}],
                "toPorts": [
                    {
                        "ports": [{"port": "53", "protocol": "ANY"}],
                        "rules": {"dns": [{"matchPattern": "*"}]},
                    }
                ],
            },
            {"toFQDNs": [{"matchName": "a.example"}]},
            {"toCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]},
            {"toEntities": ["world"], "icmps": [{"fields": [{"family": "IPv4", "type": 8}]}]},
        ],
        "egressDeny": [{"toCIDR": ["192.0.2.1"]}],
    },
}


def parsed(kind, body):
    """(policies, notices) of one object."""
    version, name = kind
    told = []
    document = Document(
        file="x.yaml",
        index=1,
        data={"metadata": {"name": "p"}, **body, "apiVersion": version, "kind": name},
    )
    policies, _ = generators.parse([document], told.append)
    assert all(isinstance(one, Notice) and one.where == "x.yaml: document 1" for one in told)
    return policies.policies, told


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(spec, path, value):
    if not path:
        return value
    spec = copy.deepcopy(spec)
    holder = spec
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return spec


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(KINDS), JSON, JSON)
def test_any_spec_and_metadata(kind, spec, metadata):
    policies, told = parsed(kind, {"spec": spec})
    assert policies or told or spec
    parsed(kind, {"spec": spec, "metadata": metadata, "specs": spec})


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_good_policy_with_one_broken_place(data):
    kind = data.draw(st.sampled_from(KINDS))
    spec = WHOLE[kind[0]]
    path = data.draw(st.sampled_from(sorted(places(spec), key=repr)))
    policies, told = parsed(kind, {"spec": replaced(spec, path, data.draw(JSON))})
    left_out = any("the policy is left out" in one.message for one in told)
    assert not (left_out and policies)
    doubts = any(one.code == "NP064" for one in told) and not left_out
    rules = [r for one in policies for r in (*(one.ingress or ()), *(one.egress or ()))]
    assert not doubts or any(rule.unsure for rule in rules) or not rules


@pytest.mark.parametrize("kind", KINDS)
def test_the_good_policies_are_good(kind):
    policies, told = parsed(kind, {"spec": WHOLE[kind[0]]})
    assert policies
    assert told == []


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(
        st.text(max_size=30),
        st.lists(
            st.sampled_from(
                ["a", "==", "'x'", "&&", "||", "!", "(", ")", "has(", "all()", "in", "{", "}", ","]
            ),
            max_size=12,
        ).map(" ".join),
    )
)
def test_any_text_as_a_selector(text):
    try:
        tree(text)
    except NetpolError as error:
        assert error.what


def test_deep_selectors_are_refused():
    with pytest.raises(NetpolError, match="nested deeper"):
        tree("(" * 100_000 + "all()" + ")" * 100_000)
    assert tree("!" * 100_000 + "has(a)") == tree("has(a)")


def test_selectors_with_too_many_alternatives_are_undecided():
    selector = " && ".join(f"(has(a{i}) || has(b{i}))" for i in range(40))
    policies, (told,) = parsed(
        ("projectcalico.org/v3", "NetworkPolicy"), {"spec": {"selector": selector}}
    )
    assert not policies
    assert (told.code, "more than 256 alternatives" in told.message) == ("NP064", True)
