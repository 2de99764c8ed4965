"""projectcalico.org/v3: defaults, the scope of peer selectors, and what is not read yet."""

import math

import pytest

from generators.calico import render
from netpol.errors import NetpolError
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    NAMESPACE,
    CidrSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    in_namespace,
)

HEAD = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: ns}
"""
OWN = in_namespace("ns")
APP = (Requirement("app", "In", ("x",)),)
EVERYTHING = (Rule(peers=None, ports=ALL_PORTS),)


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("{}", (), None),
        ("{ingress: [{action: Allow}]}", EVERYTHING, None),
        ("{egress: [{action: Allow}]}", None, EVERYTHING),
        ("{ingress: [{action: Allow}], egress: [{action: Allow}]}", EVERYTHING, EVERYTHING),
        ("{types: [Ingress, Egress]}", (), ()),
        ("{types: [Ingress], egress: [{action: Allow}]}", (), None),
    ],
)
def test_types(read, spec, ingress, egress):
    """The table of §3.2: unlike Kubernetes, egress rules alone leave ingress out."""
    (policy,), told = read(f"{HEAD}spec: {spec}")
    assert told == []
    assert (policy.ingress, policy.egress) == (ingress, egress)
    assert (policy.tier, policy.order, policy.subject) == ("default", math.inf, PodSelector(OWN))


@pytest.mark.parametrize(
    ("source", "meaning"),
    [
        ("{}", None),
        ("{selector: app == 'x'}", (PodSelector(OWN, APP),)),
        ("{selector: all()}", (PodSelector(OWN),)),
        ("{selector: app == 'x', namespaceSelector: all()}", (PodSelector((), APP),)),
        (
            "{namespaceSelector: projectcalico.org/name == 'b'}",
            (PodSelector(in_namespace("b")),),
        ),
        (
            "{namespaceSelector: has(projectcalico.org/name) && team != 'red'}",
            (PodSelector((Requirement("team", "NotIn", ("red",)),)),),
        ),
        (
            "{namespaceSelector: all(), selector: \"projectcalico.org/namespace in {'b', 'c'}\"}",
            (PodSelector((Requirement(NAMESPACE, "In", ("b", "c")),)),),
        ),
        (
            "{selector: app == 'x' && projectcalico.org/orchestrator == 'k8s'}",
            (PodSelector(OWN, APP),),
        ),
        (
            "{selector: app == 'x' || !has(y)}",
            (
                PodSelector(OWN, APP),
                PodSelector(OWN, (Requirement("y", "DoesNotExist"),)),
            ),
        ),
        (
            "{nets: [10.1.0.0/8, '2001:DB8::/32']}",
            tuple(map(CidrSelector, ("10.0.0.0/8", "2001:db8::/32"))),
        ),
        (
            "{nets: [10.0.0.0/8, 192.0.2.0/24], notNets: [10.9.0.0/16]}",
            (CidrSelector("10.0.0.0/8", ("10.9.0.0/16",)), CidrSelector("192.0.2.0/24")),
        ),
        ("{notNets: [10.0.0.0/8]}", (CidrSelector("0.0.0.0/0", ("10.0.0.0/8",)),)),
    ],
)
def test_peers(read, source, meaning):
    """The table of §3.6."""
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{action: Allow, source: {source}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(peers=meaning, ports=ALL_PORTS),)


@pytest.mark.parametrize(
    ("rule", "ports", "named"),
    [
        ("protocol: TCP", PortSet.of("TCP"), ()),
        ("protocol: 17", PortSet.of("UDP"), ()),
        ("protocol: 47", PortSet.of("OTHER", 47), ()),
        ("protocol: ICMPv6", PortSet.of("ICMPv6"), ()),
        ("protocol: ICMP, icmp: {type: 8}", PortSet.icmp("ICMP", 8), ()),
        ("protocol: ICMP, ipVersion: 4, icmp: {type: 3, code: 1}", PortSet.icmp("ICMP", 3, 1), ()),
        (
            "protocol: TCP, destination: {ports: [80, '8000:8010', 20:30, http]}",
            PortSet.union(PortSet.of("TCP", *one) for one in ((80,), (8000, 8010), (20, 30))),
            (("TCP", "http"),),
        ),
        (
            "protocol: UDP, destination: {notPorts: [53]}",
            PortSet.of("UDP") - PortSet.of("UDP", 53),
            (),
        ),
    ],
)
def test_traffic(read, rule, ports, named):
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{action: Allow, {rule}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(peers=None, ports=ports, named_ports=named),)


def test_the_ip_version_narrows_the_peers(read):
    (policy,), told = read(
        HEAD
        + """
spec:
  egress:
  - {action: Deny, ipVersion: 4}
  - {action: Allow, ipVersion: 6, destination: {nets: [10.0.0.0/8, '2001:db8::/32']}}
"""
    )
    assert told == []
    assert [rule.peers for rule in policy.egress] == [
        (CidrSelector("0.0.0.0/0"),),
        (CidrSelector("2001:db8::/32"),),
    ]


def test_actions_keep_their_order_and_logging_decides_nothing(read):
    actions = ("Deny", "Log", "Pass", "Allow")
    rules = ", ".join(f"{{action: {one}}}" for one in actions)
    (policy,), told = read(f"{HEAD}spec: {{order: 5, ingress: [{rules}]}}")
    assert told == []
    assert [rule.action for rule in policy.ingress] == ["deny", "pass", "allow"]
    assert policy.order == 5


def test_alternatives_of_the_subject_are_policies_of_their_own(read):
    policies, told = read(f"{HEAD}spec: {{selector: app == 'x' || has(y)}}")
    assert told == []
    assert [(one.name, one.subject.pods) for one in policies] == [
        ("p", APP),
        ("p#2", (Requirement("y", "Exists"),)),
    ]
    assert read(f"{HEAD}spec: {{selector: app in {{}}}}".replace("app in {}", "'app in {}'")) == (
        (),
        [],
    )


def test_the_storage_group_is_read_under_its_plain_name(read):
    (policy,), told = read(
        HEAD.replace("projectcalico.org/v3", "crd.projectcalico.org/v1").replace(
            "name: p", "name: default.p"
        )
        + "spec: {}"
    )
    assert (policy.name, told) == ("p", [])


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{tier: platform}", ".spec.tier"),
        ("{selector: a contains 'b'}", ".spec.selector"),
        ("{selector: projectcalico.org/serviceaccount == 'x'}", ".spec.selector"),
        ("{serviceAccountSelector: a == 'b'}", ".spec.serviceAccountSelector"),
        ("{ingress: [{action: Allow, http: {methods: [GET]}}]}", ".spec.ingress[0].http"),
        ("{ingress: [{action: Allow, notProtocol: TCP}]}", ".spec.ingress[0].notProtocol"),
        (
            "{ingress: [{action: Allow, source: {notSelector: a == 'b'}}]}",
            ".spec.ingress[0].source.notSelector",
        ),
        (
            "{ingress: [{action: Allow, protocol: TCP, source: {ports: [80]}}]}",
            ".spec.ingress[0].source.ports",
        ),
        (
            "{ingress: [{action: Allow, destination: {selector: a == 'b'}}]}",
            ".spec.ingress[0].destination.selector",
        ),
        (
            "{egress: [{action: Allow, destination: {services: {name: a, namespace: b}}}]}",
            ".spec.egress[0].destination.services",
        ),
        (
            "{egress: [{action: Allow, destination: {serviceAccounts: {names: [a]}}}]}",
            ".spec.egress[0].destination.serviceAccounts",
        ),
        (
            "{egress: [{action: Allow, destination: {namespaceSelector: global()}}]}",
            ".spec.egress[0].destination.namespaceSelector",
        ),
        (
            "{egress: [{action: Allow, destination: {namespaceSelector: team != 'x'}}]}",
            ".spec.egress[0].destination.namespaceSelector",
        ),
        (
            "{egress: [{action: Allow, destination: {selector: all(), nets: [10.0.0.0/8]}}]}",
            ".spec.egress[0].destination.nets",
        ),
        (
            "{egress: [{action: Allow, ipVersion: 4, destination: {selector: all()}}]}",
            ".spec.egress[0].ipVersion",
        ),
    ],
)
def test_what_is_not_modelled_leaves_the_policy_out(read, spec, path):
    policies, (told,) = read(f"{HEAD}spec: {spec}")
    assert policies == ()
    assert told.startswith(f"NP064 NetworkPolicy ns/p: {path}: ")
    assert told.endswith("its effect is undecided")


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{selector: a = 'b'}", ".spec.selector: selector: cannot read character 3"),
        ("{types: [ingress]}", ".spec.types[0]: expected one of Ingress, Egress"),
        ("{ingress: [{}]}", ".spec.ingress[0].action: expected one of Allow, Deny, Pass, Log"),
        ("{ingress: [null]}", ".spec.ingress[0]: is required"),
        ("{ingress: [{action: Allow, destination: {ports: [80]}}]}", "ports need the protocol"),
        ("{ingress: [{action: Allow, protocol: TCP, icmp: {type: 8}}]}", "needs the protocol ICMP"),
        ("{ingress: [{action: Allow, protocol: ICMP, icmp: {code: 8}}]}", "needs a type"),
        ("{ingress: [{action: Allow, protocol: FOO}]}", "expected a protocol, found 'FOO'"),
        ("{order: .inf}", ".spec.order: expected a finite number"),
        ("{ingress: [{action: Allow, source: {nets: [x]}}]}", ".nets[0]: expected a CIDR"),
        (
            "{ingress: [{action: Allow, protocol: TCP, destination: {ports: ['9:8']}}]}",
            ".ports[0]: expected a number from 9 to 65535, found 8",
        ),
    ],
)
def test_what_calico_refuses_is_left_out_and_said(read, spec, notice):
    policies, (told,) = read(f"{HEAD}spec: {spec}")
    assert policies == ()
    assert told.startswith("NP063 NetworkPolicy ns/p: ")
    assert notice in told


def spec_of(rule, **changed):
    whole = {"name": "p", "namespace": "ns", "subject": PodSelector(OWN), "ingress": (rule,)}
    (manifest,) = render(PolicySet(policies=(Policy(**{**whole, **changed}),)))
    return manifest.documents[0]["spec"]


def test_one_rule_per_peer_and_protocol_and_one_family_per_rule():
    peers = (
        PodSelector(OWN, APP),
        CidrSelector("10.0.0.0/8"),
        CidrSelector("2001:db8::/32"),
        CidrSelector("192.0.2.0/24"),
        CidrSelector("172.16.0.0/12", ("172.16.1.0/24",)),
    )
    spec = spec_of(Rule(peers=peers, ports=PortSet.of("TCP", 80) | PortSet.of("UDP", 53, 54)))
    assert [(rule["protocol"], rule["source"]) for rule in spec["ingress"]] == [
        (protocol, source)
        for source in (
            {"selector": "app == 'x'"},
            {"nets": ["172.16.0.0/12"], "notNets": ["172.16.1.0/24"]},
            {"nets": ["10.0.0.0/8", "192.0.2.0/24"]},
            {"nets": ["2001:db8::/32"]},
        )
        for protocol in ("TCP", "UDP")
    ]
    assert spec["ingress"][1]["destination"] == {"ports": ["53:54"]}


def test_namespaces_that_are_only_denied_are_guarded():
    """Calico matches negative conditions also where there is no namespace."""
    other = PodSelector((Requirement("team", "NotIn", ("red",)),))
    spec = spec_of(Rule(peers=(other,), ports=ALL_PORTS))
    assert spec["ingress"][0]["source"] == {
        "namespaceSelector": "has(projectcalico.org/name) && team != 'red'"
    }


@pytest.mark.parametrize(
    "ports", [PortSet.of("OTHER", 6), PortSet.icmp("ICMP", 255), ALL_PORTS - PortSet.of("TCP", 1)]
)
def test_what_it_cannot_say_is_an_error(ports):
    with pytest.raises(NetpolError, match="calico cannot say"):
        spec_of(Rule(peers=None, ports=ports))


def test_selectors_and_rule_lists_stay_within_the_schema():
    many = PodSelector(OWN, (Requirement("a", "In", tuple(f"value-{i:04}" for i in range(100))),))
    with pytest.raises(NetpolError, match="more than 1024 characters"):
        spec_of(Rule(peers=(many,), ports=ALL_PORTS))
    lots = tuple(PodSelector(OWN, (Requirement(f"k{i}", "Exists"),)) for i in range(1025))
    with pytest.raises(NetpolError, match="more than 1024 rules"):
        spec_of(Rule(peers=lots, ports=ALL_PORTS))
    blocks = tuple(CidrSelector(f"10.{i // 256}.{i % 256}.0/24") for i in range(300))
    spec = spec_of(Rule(peers=blocks, ports=ALL_PORTS))
    assert [len(rule["source"]["nets"]) for rule in spec["ingress"]] == [256, 44]


def test_port_zero_never_widens_what_is_written():
    without_80 = PortSet.of("TCP") - PortSet.of("TCP", 80)
    (rule,) = spec_of(Rule(peers=None, ports=without_80))["ingress"]
    assert rule["destination"] == {"ports": ["1:79", "81:65535"]}
    assert "ingress" not in spec_of(Rule(peers=None, ports=PortSet.of("TCP", 0)))
