"""cilium.io/v2: empties, namespaces, deny sections, and what is not read yet."""

import pytest

from generators.cilium import render
from netpol.errors import NetpolError
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    in_namespace,
)

HEAD = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: a}
"""
OWN = in_namespace("a")
WEB = (Requirement("app", "In", ("web",)),)
L4 = PortSet.union(PortSet.of(name, 80) for name in ("TCP", "UDP", "SCTP"))


@pytest.mark.parametrize(
    ("rule", "meaning"),
    [
        ("{}", ()),
        ("{toPorts: []}", ()),
        ("{toPorts: [{}]}", ()),
        ("{fromEndpoints: [{}], toPorts: [{ports: []}]}", ()),
        ("{fromEndpoints: [{}], toPorts: []}", (Rule(peers=(PodSelector(OWN),), ports=ALL_PORTS),)),
        ("{icmps: [{}]}", ()),
        ("{fromEntities: []}", ()),
        ("{fromCIDR: [], toPorts: [{ports: [{port: '80'}]}]}", ()),
        ("{fromEndpoints: [], fromEntities: [world]}", ()),
        ("{authentication: {mode: disabled}}", ()),
        ("{fromRequires: [], fromEntities: [all]}", (Rule(peers=None, ports=ALL_PORTS),)),
        (
            "{fromEntities: [unmanaged, none]}",
            (Rule(peers=(EntitySelector("unmanaged"),), ports=ALL_PORTS),),
        ),
        (
            "{toPorts: [{ports: [{port: '0', endPort: 90, protocol: TCP}, {port: '010'}]}]}",
            (
                Rule(
                    peers=None,
                    ports=PortSet.of("TCP") | PortSet.of("UDP", 8) | PortSet.of("SCTP", 8),
                ),
            ),
        ),
        (
            "{toPorts: [{ports: [{port: '0', protocol: VRRP}, {protocol: IGMP}]}]}",
            (Rule(peers=None, ports=PortSet.of("OTHER", 112) | PortSet.of("OTHER", 2)),),
        ),
        (
            "{toPorts: [{ports: [{port: HTTP}]}]}",
            (
                Rule(
                    peers=None,
                    ports=PortSet(),
                    named_ports=(("SCTP", "http"), ("TCP", "http"), ("UDP", "http")),
                ),
            ),
        ),
        ("{toPorts: [{ports: [{port: '80'}]}]}", (Rule(peers=None, ports=L4),)),
        ("{fromEndpoints: []}", ()),
        ("{fromEndpoints: [], toPorts: [{ports: [{port: '80'}]}]}", ()),
        ("{fromEndpoints: [{}]}", (Rule(peers=(PodSelector(OWN),), ports=ALL_PORTS),)),
        ("{fromEntities: [all]}", (Rule(peers=None, ports=ALL_PORTS),)),
        ("{fromEntities: [none]}", ()),
        (
            "{fromEntities: [world, host]}",
            (Rule(peers=(EntitySelector("host"), EntitySelector("world")), ports=ALL_PORTS),),
        ),
        (
            "{fromCIDR: [192.0.2.1, 10.1.0.0/8]}",
            (
                Rule(
                    peers=(CidrSelector("192.0.2.1/32"), CidrSelector("10.0.0.0/8")),
                    ports=ALL_PORTS,
                ),
            ),
        ),
        (
            "{icmps: [{fields: [{type: 8}, {family: IPv6, type: EchoRequest}]}]}",
            (Rule(peers=None, ports=PortSet.icmp("ICMP", 8) | PortSet.icmp("ICMPv6", 128)),),
        ),
        (
            "{fromEndpoints: [{}], toPorts: [{ports: [{port: '0', protocol: TCP}]}]}",
            (Rule(peers=(PodSelector(OWN),), ports=PortSet.of("TCP")),),
        ),
        (
            (
                "{toPorts: [{ports: [{port: '80', endPort: 82, protocol: UDP}, {port: http,"
                " protocol: TCP}]}]}"
            ),
            (Rule(peers=None, ports=PortSet.of("UDP", 80, 82), named_ports=(("TCP", "http"),)),),
        ),
    ],
)
def test_rules(read, rule, meaning):
    """docs/semantics.md#cilium-isolation and docs/semantics.md#cilium-ports-and-services."""
    (policy,), told = read(f"{HEAD}spec: {{endpointSelector: {{}}, ingress: [{rule}]}}")
    assert told == []
    assert (policy.ingress, policy.egress) == (meaning, None)
    assert (policy.tier, policy.isolates, policy.subject) == ("default", True, PodSelector(OWN))


@pytest.mark.parametrize(
    ("selector", "meaning"),
    [
        ("{matchLabels: {app: web}}", PodSelector(OWN, WEB)),
        ("{matchLabels: {'k8s:app': web}}", PodSelector(OWN, WEB)),
        ("{matchLabels: {'any:app': web}}", PodSelector(OWN, WEB)),
        (
            "{matchLabels: {app: web, io.kubernetes.pod.namespace: b}}",
            PodSelector(in_namespace("b"), WEB),
        ),
        (
            "{matchLabels: {'k8s:io.cilium.k8s.namespace.labels.team': red}}",
            PodSelector((Requirement("team", "In", ("red",)),)),
        ),
        (
            "{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: Exists}]}",
            PodSelector(),
        ),
        (
            (
                "{matchExpressions: [{key: io.kubernetes.pod.namespace, operator: In,"
                " values: [c, b]}]}"
            ),
            PodSelector((Requirement(NAMESPACE, "In", ("b", "c")),)),
        ),
        (
            "{matchLabels: {io.cilium.k8s.policy.serviceaccount: robot}}",
            PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("robot",)),)),
        ),
        (
            "{matchLabels: {'k8s:io.cilium.k8s.policy.cluster': default}}",
            PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "Exists"),)),
        ),
        (
            "{matchExpressions: [{key: io.cilium.k8s.policy.cluster, operator: DoesNotExist}]}",
            PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "DoesNotExist"),)),
        ),
        (
            "{matchExpressions: [{key: 'container:app', operator: DoesNotExist}]}",
            PodSelector(OWN),
        ),
        (
            (
                "{matchLabels: {app: web}, matchExpressions:"
                " [{key: 'reserved:host', operator: NotIn, values: ['']}]}"
            ),
            PodSelector((), WEB),
        ),
        ("{matchLabels: {'reserved:host': ''}}", EntitySelector("host")),
        ("{matchLabels: {reserved.host: ''}}", EntitySelector("host")),
        ("{matchExpressions: [{key: $ingress, operator: Exists}]}", EntitySelector("ingress")),
        (
            (
                "{matchExpressions: [{key: 'reserved:world', operator: In, values: ['', x]},"
                " {key: app, operator: NotIn, values: [web]}]}"
            ),
            EntitySelector("world"),
        ),
    ],
)
def test_endpoints(read, selector, meaning):
    """A selector without a namespace of its own means the policy's."""
    (policy,), told = read(
        f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{{toEndpoints: [{selector}]}}]}}"
    )
    assert told == []
    assert policy.egress == (Rule(peers=(meaning,), ports=ALL_PORTS),)


@pytest.mark.parametrize(
    "selector",
    [
        "{matchLabels: {'reserved:host': x}}",
        "{matchLabels: {'reserved:none': ''}}",
        "{matchLabels: {'reserved:host': '', app: web}}",
        "{matchLabels: {'cidr:10.0.0.0/8': ''}}",
        "{matchLabels: {'container:app': web}}",
        "{matchExpressions: [{key: 'reserved:host', operator: In, values: [x]}]}",
        (
            "{matchLabels: {'reserved:host': ''},"
            " matchExpressions: [{key: 'reserved:host', operator: DoesNotExist}]}"
        ),
    ],
)
def test_selectors_that_mean_nobody(read, selector):
    (policy,), told = read(
        f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{{toEndpoints: [{selector}]}}]}}"
    )
    assert told == []
    assert policy.egress == ()


@pytest.mark.parametrize(
    ("condition", "without"),
    [
        ("{key: 'reserved:world', operator: DoesNotExist}", (EntitySelector("world"),)),
        (
            "{key: 'reserved:host', operator: DoesNotExist}, {key: app, operator: DoesNotExist}",
            (PodSelector((), (Requirement("app", "Exists"),)), EntitySelector("host")),
        ),
    ],
)
def test_nothing_but_what_is_not_reserved_is_everyone_else(read, condition, without):
    """A selector with a reserved label is taken as it is, so nodes and the world meet it."""
    rule = f"{{toEndpoints: [{{matchExpressions: [{condition}]}}, {{}}]}}"
    (policy,), (told,) = read(f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert told.startswith("NP074 CiliumNetworkPolicy a/p: .spec.egress[0]: ")
    assert policy.egress == (
        Rule(peers=(PodSelector(OWN),), ports=ALL_PORTS),
        Rule(peers=None, without=without, ports=ALL_PORTS),
    )


def test_names_and_dns_rules(read):
    (policy,), told = read(
        HEAD
        + """
spec:
  endpointSelector: {matchLabels: {app: web}}
  egress:
  - toFQDNs: [{matchName: API.example.org.}, {matchPattern: "*.example.org"}]
    toPorts: [{ports: [{port: "443", protocol: TCP}]}]
  - toEndpoints: [{}]
    toPorts:
    - ports: [{port: "53", protocol: UDP}]
      rules: {dns: [{matchPattern: "*"}, {matchName: a.example}]}
    - ports: [{port: "80", protocol: TCP}]
"""
    )
    assert told == []
    assert policy.egress == (
        Rule(
            peers=(FqdnSelector("api.example.org"), FqdnSelector("*.example.org")),
            ports=PortSet.of("TCP", 443),
        ),
        Rule(peers=(PodSelector(OWN),), ports=PortSet.of("UDP", 53), dns=("*", "a.example")),
        Rule(peers=(PodSelector(OWN),), ports=PortSet.of("TCP", 80)),
    )


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ("ingress: [{}]", [("default", True, (), None)]),
        ("ingress: [{}], egress: []", [("default", True, (), None)]),
        (
            "ingressDeny: [{}]",
            [("default", True, (), None), ("cilium-deny", False, (), None)],
        ),
        (
            "ingressDeny: [{}], enableDefaultDeny: {ingress: false}",
            [("cilium-deny", False, (), None)],
        ),
        (
            "ingress: [{}], egress: [{}], enableDefaultDeny: {egress: false}",
            [("default", True, (), None), ("default", False, None, ())],
        ),
        (
            "ingress: [{}], egressDeny: [{}]",
            [("default", True, (), ()), ("cilium-deny", False, None, ())],
        ),
    ],
)
def test_sections_and_isolation(read, sections, expected):
    policies, told = read(f"{HEAD}spec: {{endpointSelector: {{}}, {sections}}}")
    assert told == []
    found = [(one.tier, one.isolates, one.ingress, one.egress) for one in policies]
    assert found == expected


def test_deny_rules_deny(read):
    policies, _ = read(
        f"{HEAD}spec: {{endpointSelector: {{}}, egressDeny: [{{toEntities: [all]}}]}}"
    )
    assert policies[1].egress == (Rule(action="deny", peers=None, ports=ALL_PORTS),)


def test_specs_are_policies_of_their_own(read):
    spec = "{endpointSelector: {}, ingress: [{}]}"
    policies, told = read(f"{HEAD}spec: {spec}\nspecs: [{spec}, {spec}]")
    assert told == []
    assert [one.name for one in policies] == ["p", "p#2", "p#3"]


def test_the_subject_stays_in_the_policys_namespace(read):
    labels = "{'k8s:io.kubernetes.pod.namespace': b, app: web}"
    (policy,), _ = read(
        f"{HEAD}spec: {{endpointSelector: {{matchLabels: {labels}}}, ingress: [{{}}]}}"
    )
    assert policy.subject == PodSelector(OWN, WEB)


@pytest.mark.parametrize(
    "selector",
    [
        "{matchLabels: {io.kubernetes.pod.namespace: b}}",
        (
            "{matchExpressions: [{key: 'k8s:io.kubernetes.pod.namespace', operator: In,"
            " values: [b]}]}"
        ),
    ],
)
def test_a_subject_that_asks_for_another_namespace_as_well_has_no_pods(read, selector):
    (policy,), _ = read(f"{HEAD}spec: {{endpointSelector: {selector}, ingress: [{{}}]}}")
    assert set(policy.subject.namespaces) == {*OWN, *in_namespace("b")}


def test_l7_rules_are_read_at_l4_and_said(read):
    (policy,), told = read(
        HEAD
        + """
spec:
  endpointSelector: {}
  ingress:
  - toPorts: [{ports: [{port: "80", protocol: TCP}], rules: {http: [{method: GET}]}}]
"""
    )
    assert policy.ingress == (Rule(peers=None, ports=PortSet.of("TCP", 80)),)
    assert told == [
        (
            "NP066 CiliumNetworkPolicy a/p: .spec.ingress[0].toPorts[0].rules.http: "
            "L7 rules are read as if every request matched"
        )
    ]


def test_a_range_that_ends_before_it_begins_is_one_port(read):
    ports = "{port: '443', endPort: 80, protocol: TCP}"
    (policy,), (told,) = read(
        f"{HEAD}spec: {{endpointSelector: {{}}, ingress: [{{toPorts: [{{ports: [{ports}]}}]}}]}}"
    )
    assert policy.ingress == (Rule(peers=None, ports=PortSet.of("TCP", 443)),)
    assert told.startswith("NP075 ")
    assert told.endswith("port 443 alone is meant")


def test_what_it_takes_more_than_ports_to_check_is_said(read):
    (policy,), told = read(
        HEAD
        + """
spec:
  endpointSelector: {}
  egress:
  - toEntities: [world]
    authentication: {mode: required}
    toPorts:
    - ports: [{port: "443", protocol: TCP}]
      serverNames: [a.example]
      listener: {name: x, envoyConfig: {name: e}}
"""
    )
    world = (EntitySelector("world"),)
    assert policy.egress == (Rule(peers=world, ports=PortSet.of("TCP", 443)),)
    assert [one.split()[0] for one in told] == ["NP066"] * 3


def spec_of(direction, *rules, **changed):
    whole = {"name": "p", "namespace": "a", "subject": PodSelector(OWN), direction: rules}
    (manifest,) = render(PolicySet(policies=(Policy(**{**whole, **changed}),)))
    return manifest.documents[0]["spec"]


def test_default_deny_is_the_empty_rule_and_allow_all_the_entity():
    assert spec_of("ingress", egress=()) == {
        "endpointSelector": {},
        "ingress": [{}],
        "egress": [{}],
    }
    nobody = Rule(peers=(), ports=ALL_PORTS)
    assert spec_of("ingress", nobody)["ingress"] == [{}]
    anyone = Rule(peers=None, ports=ALL_PORTS)
    assert spec_of("ingress", anyone)["ingress"] == [{"fromEntities": ["all"]}]


def test_one_kind_of_peer_per_rule_and_forty_ports_per_item():
    peers = (
        PodSelector(OWN),
        CidrSelector("10.0.0.0/8"),
        CidrSelector("172.16.0.0/12", ("172.16.1.0/24",)),
    )
    ports = PortSet.union(PortSet.of("TCP", 2 * i) for i in range(1, 51)) | PortSet.icmp("ICMP", 8)
    rules = spec_of("egress", Rule(peers=peers, ports=ports))["egress"]
    assert [sorted(rule) for rule in rules] == [
        ["toEndpoints", "toPorts"],
        ["icmps", "toEndpoints"],
        ["toCIDRSet", "toPorts"],
        ["icmps", "toCIDRSet"],
    ]
    assert [len(item["ports"]) for item in rules[0]["toPorts"]] == [40, 10]


def test_namespaces_that_are_only_denied_are_guarded():
    """A negative condition alone also matches nodes and the world."""
    other = PodSelector((Requirement(NAMESPACE, "NotIn", ("b",)),))
    (rule,) = spec_of("ingress", Rule(peers=(other,), ports=ALL_PORTS))["ingress"]
    assert rule["fromEndpoints"][0]["matchExpressions"] == [
        {"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"},
        {"key": "k8s:io.kubernetes.pod.namespace", "operator": "NotIn", "values": ["b"]},
    ]


@pytest.mark.parametrize(
    ("direction", "rule"),
    [
        ("ingress", Rule(peers=(FqdnSelector("a.example"),), ports=ALL_PORTS)),
        ("egress", Rule(peers=(FqdnSelector("a b"),), ports=ALL_PORTS)),
        ("egress", Rule(peers=(EntitySelector("moon"),), ports=ALL_PORTS)),
        ("egress", Rule(peers=None, ports=PortSet.icmp("ICMP", 3, 1))),
        ("egress", Rule(peers=None, ports=PortSet.of("OTHER", 47))),
        ("ingress", Rule(peers=None, ports=PortSet.of("UDP", 53), dns=("*",))),
        ("egress", Rule(peers=None, ports=PortSet.of("UDP", 53, 54), dns=("*",))),
        ("egress", Rule(peers=None, ports=ALL_PORTS, dns=("*",))),
        (
            "egress",
            Rule(peers=None, without=(EntitySelector("host"),), ports=PortSet.of("TCP")),
        ),
        ("egress", Rule(peers=None, subject=PodSelector(), ports=PortSet.of("TCP"))),
        (
            "egress",
            Rule(
                peers=(PodSelector(OWN, (Requirement("app", "Contains", ("w",)),)),),
                ports=ALL_PORTS,
            ),
        ),
        (
            "egress",
            Rule(
                peers=(PodSelector(OWN, (Requirement(f"{SERVICE_ACCOUNT}.x", "Exists"),)),),
                ports=ALL_PORTS,
            ),
        ),
        ("egress", Rule(action="deny", peers=None, ports=ALL_PORTS)),
        ("egress", Rule(action="pass", peers=None, ports=ALL_PORTS)),
    ],
)
def test_what_it_cannot_say_is_an_error(direction, rule):
    with pytest.raises(NetpolError, match="cilium cannot say") as caught:
        spec_of(direction, rule)
    assert caught.value.where


def test_port_zero_never_widens_what_is_written():
    """Written out, port 0 means every port."""
    without_80 = PortSet.of("TCP") - PortSet.of("TCP", 80)
    (rule,) = spec_of("ingress", Rule(peers=None, ports=without_80))["ingress"]
    assert [one["port"] for one in rule["toPorts"][0]["ports"]] == ["1", "81"]
    assert spec_of("ingress", Rule(peers=None, ports=PortSet.of("TCP", 0)))["ingress"] == [{}]


def test_service_accounts_have_their_own_label():
    account = PodSelector(OWN, (Requirement(SERVICE_ACCOUNT, "In", ("robot",)),))
    (rule,) = spec_of("ingress", Rule(peers=(account,), ports=ALL_PORTS))["ingress"]
    labels = {"k8s:io.cilium.k8s.policy.serviceaccount": "robot"}
    assert rule == {"fromEndpoints": [{"matchLabels": labels}]}


@pytest.mark.parametrize(
    ("condition", "pods"),
    [
        (
            "{key: io.kubernetes.pod.namespace, operator: NotIn, values: [b]}",
            PodSelector((Requirement(NAMESPACE, "NotIn", ("b",)),)),
        ),
        ("{key: io.kubernetes.pod.namespace, operator: DoesNotExist}", None),
        (
            "{key: io.cilium.k8s.namespace.labels.team, operator: NotIn, values: [red]}",
            PodSelector((Requirement("team", "NotIn", ("red",)),)),
        ),
    ],
)
def test_nothing_but_negative_conditions_are_pods_and_maybe_nodes_and_the_world(
    read, condition, pods
):
    """It depends on the version, and on policy-default-local-cluster."""
    rule = f"{{toEndpoints: [{{matchExpressions: [{condition}]}}, {{}}]}}"
    (policy,), (told,) = read(f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert told.startswith("NP064 CiliumNetworkPolicy a/p: .spec.egress[0].toEndpoints[0]: ")
    certain, doubtful = policy.egress
    assert certain.peers == (*([pods] if pods else []), PodSelector(OWN))
    assert (doubtful.peers, doubtful.without) == (None, (PodSelector(),))
    assert "policy-default-local-cluster" in doubtful.unsure
