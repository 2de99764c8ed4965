"""cilium.io/v2: empties, namespaces, deny sections, and what is not read yet."""

import pytest

from generators.cilium import render
from netpol.errors import NetpolError
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    NAMESPACE,
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
    """The tables of §4.2 and §4.6."""
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
        ("{matchLabels: {'reserved:host': ''}}", EntitySelector("host")),
    ],
)
def test_endpoints(read, selector, meaning):
    """§4.3: a selector without a namespace of its own means the policy's."""
    (policy,), told = read(
        f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{{toEndpoints: [{selector}]}}]}}"
    )
    assert told == []
    assert policy.egress == (Rule(peers=(meaning,), ports=ALL_PORTS),)


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
    labels = "{io.kubernetes.pod.namespace: b, app: web}"
    (policy,), _ = read(
        f"{HEAD}spec: {{endpointSelector: {{matchLabels: {labels}}}, ingress: [{{}}]}}"
    )
    assert policy.subject == PodSelector(OWN, WEB)


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


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("{toServices: [{k8sService: {serviceName: x}}]}", ".toServices"),
        ("{toNodes: [{}]}", ".toNodes"),
        ("{toGroups: [{aws: {region: x}}]}", ".toGroups"),
        ("{toRequires: [{}]}", ".toRequires"),
        ("{toEndpoints: [{}], authentication: {mode: required}}", ".authentication"),
        ("{toCIDRSet: [{cidrGroupRef: x}]}", ".toCIDRSet[0].cidrGroupRef"),
        ("{toEntities: [unmanaged]}", ".toEntities[0]"),
        ("{toEntities: []}", ".toEntities"),
        ("{toPorts: [{ports: [{port: '80'}], listener: {name: x}}]}", ".toPorts[0].listener"),
        ("{toEndpoints: [{matchLabels: {'cidr:10.0.0.0/8': ''}}]}", ".toEndpoints[0].matchLabels"),
        (
            "{toEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: x}}]}",
            ".toEndpoints[0]",
        ),
        (
            (
                "{toEndpoints: [{matchExpressions: [{key: io.kubernetes.pod.namespace,"
                " operator: NotIn, values: [b]}]}]}"
            ),
            ".toEndpoints[0]",
        ),
    ],
)
def test_what_is_not_modelled_leaves_the_policy_out(read, rule, path):
    policies, (told,) = read(f"{HEAD}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert policies == ()
    assert told.startswith(f"NP064 CiliumNetworkPolicy a/p: .spec.egress[0]{path}: ")
    assert told.endswith("its effect is undecided")


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{endpointSelector: {}, ingress: []}", ".spec: at least one of ingress"),
        ("{ingress: [{}]}", ".spec.endpointSelector: is required"),
        ("{endpointSelector: {}, nodeSelector: {}, ingress: [{}]}", ".spec.nodeSelector: only in"),
        (
            "{endpointSelector: {}, ingress: [{fromEndpoints: [{}], fromEntities: [world]}]}",
            ".fromEntities: not together with fromEndpoints",
        ),
        (
            "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: 80}]}]}]}",
            ".ports[0].port: expected text, found 80",
        ),
        (
            (
                "{endpointSelector: {}, ingress: [{icmps: [{fields: [{type: 8}]}],"
                " toPorts: [{ports: [{port: '80'}]}]}]}"
            ),
            ".icmps: not together with toPorts",
        ),
        (
            (
                "{endpointSelector: {}, ingress: [{toPorts: [{ports: [{port: '53'}],"
                " rules: {dns: [{matchPattern: '*'}]}}]}]}"
            ),
            ".rules.dns: DNS rules are for egress only",
        ),
        (
            "{endpointSelector: {}, egressDeny: [{toFQDNs: [{matchName: a}]}]}",
            ".toFQDNs: only in an egress rule that allows",
        ),
        (
            (
                "{endpointSelector: {}, ingress: [{fromCIDRSet: [{cidr: 10.0.0.0/8,"
                " except: [11.0.0.0/16]}]}]}"
            ),
            ".except[0]: expected a block inside 10.0.0.0/8",
        ),
    ],
)
def test_what_cilium_refuses_is_left_out_and_said(read, spec, notice):
    policies, (told,) = read(f"{HEAD}spec: {spec}")
    assert policies == ()
    assert told.startswith("NP063 CiliumNetworkPolicy a/p: ")
    assert notice in told


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
