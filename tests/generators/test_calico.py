"""projectcalico.org/v3: defaults, the scope of peer selectors, rules, and what is written."""

import math

import pytest

from generators.calico import render
from netpol.errors import NetpolError
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    NAMESPACE,
    SERVICE_ACCOUNT,
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
GLOBAL = """
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: g}
"""
OWN = in_namespace("ns")
RED = (Requirement("team", "In", ("red",)),)
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
    """docs/semantics.md#calico-defaults: egress rules alone leave ingress out."""
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
            "{namespaceSelector: team == 'red', selector: app == 'x'}",
            (PodSelector(RED, APP),),
        ),
        ("{namespaceSelector: all()}", (PodSelector(),)),
        ("{namespaceSelector: global()}", ()),
        (
            "{namespaceSelector: team != 'red'}",
            (PodSelector((Requirement("team", "NotIn", ("red",)),)),),
        ),
        (
            "{selector: a contains 'b'}",
            (PodSelector(OWN, (Requirement("a", "Contains", ("b",)),)),),
        ),
        (
            "{selector: a starts with 'b' && c endswith 'd'}",
            (
                PodSelector(
                    OWN,
                    (
                        Requirement("a", "StartsWith", ("b",)),
                        Requirement("c", "EndsWith", ("d",)),
                    ),
                ),
            ),
        ),
        (
            "{serviceAccounts: {names: [b, a]}}",
            (PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("a", "b")),)),),
        ),
        (
            "{serviceAccounts: {selector: role == 'r'}, namespaceSelector: all()}",
            (PodSelector((), (Requirement(f"{SERVICE_ACCOUNT}.role", "In", ("r",)),)),),
        ),
        (
            "{serviceAccounts: {selector: projectcalico.org/name == 'r'}}",
            (PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("r",)),)),),
        ),
        (
            "{selector: projectcalico.org/serviceaccount == 'r'}",
            (PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("r",)),)),),
        ),
        ("{nets: ['2001:DB8::/32']}", (CidrSelector("2001:db8::/32"),)),
        (
            "{nets: [10.0.0.0/8, 192.0.2.0/24], notNets: [10.9.0.0/16]}",
            (CidrSelector("10.0.0.0/8", ("10.9.0.0/16",)), CidrSelector("192.0.2.0/24")),
        ),
        ("{notNets: [10.0.0.0/8]}", (CidrSelector("0.0.0.0/0", ("10.0.0.0/8",)),)),
    ],
)
def test_peers(read, source, meaning):
    """docs/semantics.md#calico-peers."""
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{action: Allow, source: {source}}}]}}")
    assert told == []
    rules = () if meaning == () else (Rule(peers=meaning, ports=ALL_PORTS),)
    assert policy.ingress == rules


@pytest.mark.parametrize(
    ("source", "peers"),
    [
        ("{}", None),
        ("{selector: app == 'x'}", (PodSelector((), APP),)),
        ("{selector: all()}", (PodSelector(),)),
        ("{namespaceSelector: all()}", (PodSelector(),)),
        (
            "{serviceAccounts: {names: [a]}}",
            (PodSelector((), (Requirement(SERVICE_ACCOUNT, "In", ("a",)),)),),
        ),
    ],
)
def test_peers_of_a_global_policy(read, source, peers):
    """The same without a namespace of its own."""
    (policy,), told = read(f"{GLOBAL}spec: {{ingress: [{{action: Allow, source: {source}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(peers=peers, ports=ALL_PORTS),)


@pytest.mark.parametrize(
    ("head", "source", "peers", "without"),
    [
        (HEAD, "{notSelector: app == 'x'}", (PodSelector(OWN),), (PodSelector((), APP),)),
        (GLOBAL, "{notSelector: app == 'x'}", None, (PodSelector((), APP),)),
        (
            HEAD,
            "{selector: has(y), notSelector: app == 'x'}",
            (PodSelector(OWN, (Requirement("y", "Exists"),)),),
            (PodSelector((), APP),),
        ),
        (
            GLOBAL,
            "{selector: app == 'x', notNets: [10.0.0.0/8]}",
            (PodSelector((), APP),),
            (CidrSelector("10.0.0.0/8"), CidrSelector("::/0")),
        ),
        (
            GLOBAL,
            "{selector: app == 'x', nets: [128.0.0.0/1]}",
            (PodSelector((), APP),),
            (CidrSelector("0.0.0.0/1"), CidrSelector("::/0")),
        ),
        (
            GLOBAL,
            "{notSelector: app == 'x', nets: [10.0.0.0/8]}",
            (CidrSelector("10.0.0.0/8"),),
            (PodSelector((), APP),),
        ),
    ],
)
def test_exceptions_among_the_peers(read, head, source, peers, without):
    """In a namespace notSelector is "in my namespace and not"; else anybody who is not."""
    (policy,), told = read(f"{head}spec: {{ingress: [{{action: Deny, source: {source}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(action="deny", peers=peers, ports=ALL_PORTS, without=without),)


@pytest.mark.parametrize(
    ("rule", "subjects"),
    [
        ("destination: {selector: all()}", [None]),
        ("destination: {nets: [0.0.0.0/0]}, ipVersion: 4", [None]),
        ("destination: {selector: app == 'x'}", [PodSelector(OWN, APP)]),
        (
            "destination: {selector: app == 'x' || has(y)}",
            [PodSelector(OWN, APP), PodSelector(OWN, (Requirement("y", "Exists"),))],
        ),
        (
            "destination: {notSelector: app == 'x'}",
            [PodSelector(OWN, (Requirement("app", "NotIn", ("x",)),))],
        ),
        ("destination: {namespaceSelector: global()}", []),
        (
            "destination: {serviceAccounts: {names: [a]}}",
            [PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("a",)),))],
        ),
        ("source: {ports: ['1:65535']}, protocol: TCP", [None]),
    ],
)
def test_conditions_on_the_policed_side(read, rule, subjects):
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{action: Pass, {rule}}}]}}")
    assert told == []
    assert [one.subject for one in policy.ingress] == subjects
    assert {one.action for one in policy.ingress} <= {"pass"}


@pytest.mark.parametrize(
    ("spec", "subject"),
    [
        ("{}", PodSelector()),
        ("{selector: app == 'x'}", PodSelector((), APP)),
        ("{namespaceSelector: all()}", PodSelector()),
        ("{namespaceSelector: projectcalico.org/name == 'b'}", PodSelector(in_namespace("b"))),
        ("{namespaceSelector: kubernetes.io/metadata.name == 'b'}", PodSelector(in_namespace("b"))),
        (
            "{namespaceSelector: projectcalico.org/name not in {'b'}, selector: all()}".replace(
                "projectcalico.org/name not in {'b'}", "\"projectcalico.org/name not in {'b'}\""
            ),
            PodSelector((Requirement(NAMESPACE, "NotIn", ("b",)),)),
        ),
        (
            "{selector: app == 'x', serviceAccountSelector: has(r), namespaceSelector: has(t)}",
            PodSelector(
                (Requirement("t", "Exists"),),
                (APP[0], Requirement(f"{SERVICE_ACCOUNT}.r", "Exists")),
            ),
        ),
    ],
)
def test_the_subject_of_a_global_policy(read, spec, subject):
    (policy,), told = read(f"{GLOBAL}spec: {spec}")
    assert told == []
    assert (policy.subject, policy.namespace, policy.kind) == (subject, "", "GlobalNetworkPolicy")


def test_service_accounts_of_the_subject(read):
    (policy,), told = read(f"{HEAD}spec: {{serviceAccountSelector: projectcalico.org/name == 'a'}}")
    assert told == []
    assert policy.subject == PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("a",)),))


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
        ("notProtocol: TCP", ALL_PORTS - PortSet.of("TCP"), ()),
        ("notProtocol: 47", ALL_PORTS - PortSet.of("OTHER", 47), ()),
        ("protocol: UDPLite", PortSet.of("OTHER", 136), ()),
        (
            "protocol: ICMP, notICMP: {type: 8}",
            PortSet.of("ICMP") - PortSet.icmp("ICMP", 8),
            (),
        ),
        (
            "protocol: ICMPv6, icmp: {type: 1}, notICMP: {type: 1, code: 3}",
            PortSet.icmp("ICMPv6", 1) - PortSet.icmp("ICMPv6", 1, 3),
            (),
        ),
        (
            "protocol: TCP, destination: {ports: ['1:100'], notPorts: ['50:60']}",
            PortSet.of("TCP", 1, 49) | PortSet.of("TCP", 61, 100),
            (),
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
  - {action: Allow, ipVersion: 6, destination: {nets: ['2001:db8::/32']}}
  - {action: Allow, ipVersion: 6, destination: {selector: app == 'x'}}
  - {action: Allow, ipVersion: 4, protocol: ICMP}
"""
    )
    assert told == []
    assert [(rule.peers, rule.without) for rule in policy.egress] == [
        (None, (CidrSelector("::/0"),)),
        ((CidrSelector("2001:db8::/32"),), ()),
        ((PodSelector(OWN, APP),), (CidrSelector("0.0.0.0/0"),)),
        (None, ()),
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


@pytest.mark.parametrize(
    "more", [{"without": (PodSelector(OWN, APP),)}, {"subject": PodSelector(OWN, APP)}]
)
def test_exceptions_and_conditions_are_not_written(more):
    with pytest.raises(NetpolError, match="calico cannot say exceptions or conditions"):
        spec_of(Rule(peers=None, ports=ALL_PORTS, **more))


@pytest.mark.parametrize("wanted", [{"tier": "platform"}, {"isolates": False}])
def test_other_tiers_are_not_written(wanted):
    with pytest.raises(NetpolError, match="calico cannot say a tier"):
        spec_of(Rule(peers=None, ports=ALL_PORTS), **wanted)


def test_service_accounts_are_written_by_calicos_label():
    account = PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("a",)),))
    (rule,) = spec_of(Rule(peers=(account,), ports=ALL_PORTS))["ingress"]
    assert rule["source"] == {"selector": "projectcalico.org/serviceaccount == 'a'"}
    labelled = PodSelector(OWN, (Requirement(f"{SERVICE_ACCOUNT}.x", "Exists"),))
    with pytest.raises(NetpolError, match="labels of service accounts"):
        spec_of(Rule(peers=(labelled,), ports=ALL_PORTS))


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
