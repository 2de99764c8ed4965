"""cilium.io/v2 beyond rules: refusals, the undecided, clusterwide policies, groups and Services."""

import pytest

from generators.cilium import CILIUM, CONTEXT
from netpol.manifests import load
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    PodSelector,
    Requirement,
    Rule,
    in_namespace,
)

HEAD = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: p, namespace: a}
"""
WIDE = """
apiVersion: cilium.io/v2
kind: CiliumClusterwideNetworkPolicy
metadata: {name: p}
"""
OWN = in_namespace("a")
PORTS_41 = ", ".join(["{port: '1'}"] * 41)
FIELDS_41 = ", ".join(["{type: 8}"] * 41)


@pytest.fixture
def parse(tmp_path):
    """Text → (policy set, notices): the reader of Cilium alone, given every document."""

    def reader(text):
        told = []
        (tmp_path / "p.yaml").write_text(text)
        found = CILIUM.parse(load([tmp_path / "p.yaml"], told.append), told.append)
        return found, [f"{one.code} {one.message}" for one in told]

    return reader


def egress(rule, head=HEAD):
    return f"{head}spec: {{endpointSelector: {{}}, egress: [{rule}]}}\n"


def ingress(rule, head=HEAD):
    return f"{head}spec: {{endpointSelector: {{}}, ingress: [{rule}]}}\n"


def http(item):
    return f"{{toPorts: [{{{item}, rules: {{http: [{{}}]}}}}]}}"


# Refused


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{endpointSelector: {}, ingress: []}", ".spec: at least one of ingress"),
        ("{endpointSelector: {}, ingress: [], enableDefaultDeny: {ingress: true}}", ".spec: at"),
        ("{ingress: [{}]}", ".spec.endpointSelector: is required"),
        ("{endpointSelector: {}, nodeSelector: {}, ingress: [{}]}", ".spec.nodeSelector: only in"),
        ("{endpointSelector: {}, ingress: [{}], log: {value: " + "x" * 33 + "}}", ".log.value: at"),
        ("{endpointSelector: {matchLabels: {'a b': x}}, ingress: [{}]}", "not a label key"),
        (
            "{endpointSelector: {matchLabels: {" + "a" * 60 + ": x}}, ingress: [{}]}",
            "not a label key",
        ),
    ],
)
def test_specs_that_are_refused(parse, spec, notice):
    found, (told,) = parse(f"{HEAD}spec: {spec}")
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 CiliumNetworkPolicy a/p: ")
    assert notice in told


@pytest.mark.parametrize(
    ("rule", "notice"),
    [
        (
            "{fromEndpoints: [{}], fromEntities: [world]}",
            ".fromEntities: not together with fromEndpoints",
        ),
        ("{fromNodes: [{}], fromCIDR: [10.0.0.0/8]}", "not together with"),
        ("{fromRequires: [{}]}", ".fromRequires: gone since Cilium 1.19"),
        ("{fromEntities: [world-ipv4]}", ".fromEntities[0]: expected one of"),
        ("{fromEntities: [moon]}", ".fromEntities[0]: expected one of"),
        ("{fromCIDR: [10.0.0.0/33]}", "expected a CIDR"),
        ("{fromCIDR: [10.0.0.0/08]}", "expected a CIDR"),
        ("{fromCIDRSet: [{cidr: 10.0.0.1}]}", "expected a CIDR"),
        ("{fromCIDRSet: [{}]}", "exactly one of cidr"),
        ("{fromCIDRSet: [{cidr: 10.0.0.0/8, cidrGroupRef: x}]}", "exactly one of cidr"),
        (
            "{fromCIDRSet: [{cidr: 10.0.0.0/8, except: [11.0.0.0/16]}]}",
            ".except[0]: expected a block inside 10.0.0.0/8",
        ),
        ("{fromCIDRSet: [{cidr: '::/0', except: [10.0.0.0/8]}]}", "expected a block inside"),
        ("{toPorts: [{ports: [{port: 80}]}]}", ".ports[0].port: expected text, found 80"),
        ("{toPorts: [{ports: [{protocol: TCP}]}]}", ".port: expected text, but it is missing"),
        ("{toPorts: [{ports: [{port: ''}]}]}", ".port: expected a port number or a port name"),
        ("{toPorts: [{ports: [{port: '65536'}]}]}", "from 0 to 65535"),
        ("{toPorts: [{ports: [{port: '089'}]}]}", "expected a port number"),
        ("{toPorts: [{ports: [{port: abcdefghijklmnop}]}]}", "expected a port number or"),
        ("{toPorts: [{ports: [{port: a--b}]}]}", "expected a port number or"),
        ("{toPorts: [{ports: [{port: '80', endPort: 65536}]}]}", ".endPort: expected"),
        ("{toPorts: [{ports: [{port: '80', protocol: ICMP}]}]}", ".protocol: expected"),
        ("{toPorts: [{ports: [{port: '80', protocol: tcp}]}]}", ".protocol: expected"),
        ("{toPorts: [{ports: [{port: '5', protocol: VRRP}]}]}", "VRRP has no ports"),
        (f"{{toPorts: [{{ports: [{PORTS_41}]}}]}}", ".ports: at most 40"),
        (f"{{icmps: [{{fields: [{FIELDS_41}]}}]}}", ".fields: at most 40"),
        ("{icmps: [{fields: [{family: IPv5, type: 8}]}]}", ".family: expected one of"),
        ("{icmps: [{fields: [{type: NeighborSolicitation}]}]}", ".type: expected one of"),
        ("{icmps: [{fields: [{type: 256}]}]}", ".type: expected a number"),
        ("{icmps: [{fields: [{family: IPv4}]}]}", ".type: is required"),
        (
            "{icmps: [{fields: [{type: 8}]}], toPorts: [{ports: [{port: '80'}]}]}",
            ".icmps: not together with toPorts",
        ),
        ("{authentication: {mode: maybe}, fromEntities: [all]}", ".mode: expected one of"),
        (http("ports: [{port: '80'}]"), ".protocol: L7 rules are for TCP"),
        (http("ports: [{port: '0', protocol: TCP}]"), ".port: port 0 is not for L7 rules"),
        (http("serverNames: [x], ports: [{port: '1', protocol: TCP}]"), ".serverNames: not with"),
        (
            http(
                "listener: {name: x, envoyConfig: {name: e}}, ports: [{port: '1', protocol: TCP}]"
            ),
            ".listener: not in in",
        ),
        ("{toPorts: [{serverNames: ['']}]}", ".serverNames[0]: expected text"),
        ("{toPorts: [{rules: {http: [{}], kafka: [{}]}}]}", ".rules: exactly one of http, kafka"),
        ("{toPorts: [{rules: {l7: [{}]}}]}", ".rules: exactly one of"),
        (
            "{toPorts: [{ports: [{port: '53'}], rules: {dns: [{matchPattern: '*'}]}}]}",
            ".rules.dns: DNS rules are for egress only",
        ),
    ],
)
def test_rules_that_are_refused(parse, rule, notice):
    """What Cilium's own validation, or its CRD, does not take."""
    found, told = parse(ingress(rule))
    assert (found.policies, found.undecided) == ((), ())
    assert told[-1].startswith("NP063 CiliumNetworkPolicy a/p: .spec.ingress[0]")
    assert notice in told[-1]


@pytest.mark.parametrize(
    ("rule", "notice"),
    [
        ("{toFQDNs: [{matchName: a, matchPattern: b}]}", "exactly one of matchName, matchPattern"),
        ("{toFQDNs: [{}]}", "exactly one of matchName, matchPattern"),
        ("{toFQDNs: [{matchName: 'a*'}]}", ".matchName: expected a DNS name"),
        ("{toFQDNs: [{matchPattern: 'a b'}]}", ".matchPattern: expected a DNS name"),
        ("{toFQDNs: [{matchName: " + "a" * 256 + "}]}", ".matchName: at most 255"),
        ("{toFQDNs: [{matchName: a}], toCIDR: [10.0.0.0/8]}", "not together with"),
        ("{toPorts: [{rules: {dns: [{matchName: a}]}}]}", "a port must be named for DNS rules"),
        (
            "{toPorts: [{ports: [{port: '53', endPort: 54}], rules: {dns: [{matchName: a}]}}]}",
            ".endPort: DNS rules are for single ports",
        ),
    ],
)
def test_egress_rules_that_are_refused(parse, rule, notice):
    found, told = parse(egress(rule))
    assert (found.policies, found.undecided) == ((), ())
    assert told[-1].startswith("NP063 CiliumNetworkPolicy a/p: .spec.egress[0]")
    assert notice in told[-1]


def test_what_is_refused_counts_before_what_is_not_known(parse):
    found, (told,) = parse(egress("{toGroups: [{aws: {}}]}, {toEntities: [moon]}"))
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 ")


def test_a_policy_needs_a_spec(parse):
    _, (told,) = parse(HEAD)
    assert "at least one of spec, specs" in told
    found, told = parse(f"{HEAD}specs: []")
    assert (found.policies, told) == ((), [])


def test_fields_that_the_kind_does_not_have_are_told(parse):
    """The API server keeps the rest: deny rules have no names and no L7 rules."""
    text = f"{HEAD}spec: {{endpointSelector: {{}}, moon: 1, egressDeny: [{{toFQDNs: [{{}}]}}]}}"
    found, told = parse(text)
    assert [one.split(":")[0][:5] for one in told] == ["NP076", "NP076"]
    assert [one.tier for one in found.policies] == ["default", "cilium-deny"]
    assert found.policies[1].egress == ()


# Not known


EVERYWHERE = (CidrSelector("0.0.0.0/0"), CidrSelector("::/0"))
OUTSIDE = (EntitySelector("world"), *EVERYWHERE)
BEHIND = (PodSelector(), *OUTSIDE)
NODES = (EntitySelector("remote-node"),)


@pytest.mark.parametrize(
    ("rule", "path", "peers"),
    [
        ("{toServices: [{k8sService: {serviceName: x}}]}", ".toServices[0].k8sService", BEHIND),
        ("{toServices: [{}]}", ".toServices[0].k8sService", BEHIND),
        ("{toNodes: [{matchLabels: {disk: ssd}}]}", ".toNodes[0]", NODES),
        (
            "{toNodes: [{matchExpressions: [{key: 'node:a', operator: DoesNotExist}]}]}",
            ".toNodes[0]",
            NODES,
        ),
        ("{toGroups: [{aws: {region: x}}]}", ".toGroups[0]", OUTSIDE),
        ("{toCIDRSet: [{cidrGroupRef: x}]}", ".toCIDRSet[0].cidrGroupRef", OUTSIDE),
        (
            "{toCIDRSet: [{cidrGroupSelector: {matchLabels: {a: b}}}]}",
            ".toCIDRSet[0].cidrGroupSelector",
            OUTSIDE,
        ),
        ("{toCIDRSet: [{cidrGroupSelector: {}}]}", ".toCIDRSet[0].cidrGroupSelector", OUTSIDE),
        (
            "{toEndpoints: [{matchLabels: {io.cilium.k8s.policy.cluster: c1}}]}",
            ".toEndpoints[0]",
            (PodSelector(),),
        ),
        (
            "{toEndpoints: [{matchLabels: {'reserved:host': '', 'reserved:kube-apiserver': ''}}]}",
            ".toEndpoints[0]",
            (EntitySelector("host"), EntitySelector("kube-apiserver")),
        ),
        (
            "{toEndpoints: [{matchLabels: {'reserved:world-ipv4': ''}}]}",
            ".toEndpoints[0]",
            (EntitySelector("world"),),
        ),
        (
            "{toEndpoints: [{matchLabels: {'reserved:world': '', 'cidr:10.0.0.0/8': ''}}]}",
            ".toEndpoints[0]",
            (EntitySelector("world"),),
        ),
        (
            "{toEntities: [all], authentication: {mode: test-always-fail}}",
            ".authentication.mode",
            None,
        ),
    ],
)
@pytest.mark.parametrize("deny", [False, True])
def test_what_is_not_known_of_a_rule_is_a_doubt(parse, deny, rule, path, peers):
    section = "egressDeny" if deny else "egress"
    if deny and "authentication" in rule:
        pytest.skip("deny rules ask for no authentication")
    more = f"{section}: [{rule}, {{toEntities: [host]}}]"
    found, told = parse(f"{HEAD}spec: {{endpointSelector: {{}}, {more}}}")
    told = [one for one in told if not one.startswith("NP076")]
    assert [one[:5] for one in told] == ["NP064"]
    where = path.replace(".k8sService", "") if deny else path
    assert told[0].startswith(f"NP064 CiliumNetworkPolicy a/p: .spec.{section}[0]{where}: ")
    assert told[0].endswith("what the rule could change is undecided")
    assert found.undecided == ()
    doubtful, certain = found.policies[-1].egress
    assert doubtful.unsure.startswith(f".spec.{section}[0]{where}: ")
    assert (doubtful.action, doubtful.peers) == ("deny" if deny else "allow", peers)
    assert doubtful.ports == ALL_PORTS
    assert (certain.peers, certain.unsure) == ((EntitySelector("host"),), "")


def test_a_named_port_that_begins_a_range(parse):
    ports = "{toPorts: [{ports: [{port: http, endPort: 9999, protocol: TCP}]}]}"
    found, told = parse(egress(ports))
    assert told == []
    assert found.policies[0].egress == (
        Rule(peers=None, ports=PortSet(), named_ports=(("TCP", "http"),)),
    )
    found, (told,) = parse(f"{HEAD}spec: {{endpointSelector: {{}}, ingress: [{ports}]}}")
    assert ".spec.ingress[0].toPorts[0].ports[0].endPort: " in told
    assert [bool(one.unsure) for one in found.policies[0].ingress] == [True]


def test_what_is_known_of_a_rule_is_certain_beside_a_doubt(parse):
    found, told = parse(
        egress(
            "{toPorts: [{ports: [{port: '80', protocol: TCP}]}],"
            " toCIDRSet: [{cidr: 192.0.2.0/24}, {cidrGroupRef: x}, {cidr: 198.51.100.0/24}]}"
        )
    )
    assert [one[:5] for one in told] == ["NP064"]
    certain, doubtful = found.policies[0].egress
    blocks = (CidrSelector("192.0.2.0/24"), CidrSelector("198.51.100.0/24"))
    assert certain == Rule(peers=blocks, ports=PortSet.of("TCP", 80))
    assert (doubtful.peers, doubtful.ports) == (OUTSIDE, certain.ports)
    assert doubtful.unsure


@pytest.mark.parametrize(
    ("rule", "peers"),
    [
        ("{toNodes: [{}]}", NODES),
        ("{toNodes: []}", ()),
        ("{toEntities: [cluster-mesh]}", (EntitySelector("cluster"),)),
    ],
)
def test_nodes_without_labels_and_the_local_part_of_a_mesh_are_known(parse, rule, peers):
    found, told = parse(egress(f"{rule}, {{toEntities: [host]}}"))
    assert told == []
    rules = found.policies[0].egress[:-1]
    assert rules == ((Rule(peers=peers, ports=ALL_PORTS),) if peers else ())


def test_a_subject_that_is_not_known_leaves_the_policy_out(parse):
    unknown = "endpointSelector: {matchLabels: {io.cilium.k8s.policy.cluster: c1}}"
    found, (told,) = parse(f"{HEAD}spec: {{{unknown}, egress: [{{}}], ingressDeny: [{{}}]}}")
    assert found.policies == ()
    assert told.startswith("NP064 CiliumNetworkPolicy a/p: .spec.endpointSelector: ")
    assert told.endswith("its effect is undecided")
    (doubt,) = found.undecided
    assert (doubt.subject, doubt.tier) == (PodSelector(OWN), "cilium-deny")
    assert doubt.directions == ("ingress", "egress")


# Of the whole cluster


@pytest.mark.parametrize(
    ("selector", "meaning"),
    [
        ("{}", PodSelector()),
        (
            "{matchLabels: {io.kubernetes.pod.namespace: b}}",
            PodSelector(in_namespace("b")),
        ),
        (
            "{matchExpressions: [{key: io.kubernetes.pod.namespace, operator: Exists}]}",
            PodSelector(),
        ),
        (
            "{matchExpressions: [{key: app, operator: DoesNotExist}]}",
            PodSelector((), (Requirement("app", "DoesNotExist"),)),
        ),
        (
            (
                "{matchExpressions: [{key: io.cilium.k8s.namespace.labels.team,"
                " operator: DoesNotExist}]}"
            ),
            PodSelector((Requirement("team", "DoesNotExist"),)),
        ),
    ],
)
def test_clusterwide_selectors(parse, selector, meaning):
    """A peer without a namespace is every pod, and no more than pods."""
    text = f"{WIDE}spec: {{endpointSelector: {selector}, egress: [{{toEndpoints: [{selector}]}}]}}"
    found, told = parse(text)
    (policy,) = found.policies
    assert told == []
    assert (policy.namespace, policy.kind) == ("", "CiliumClusterwideNetworkPolicy")
    assert (policy.subject, policy.egress) == (
        meaning,
        (Rule(peers=(meaning,), ports=ALL_PORTS),),
    )


def test_what_is_for_no_pod_is_told_and_has_no_effect(parse):
    for selector in (
        "nodeSelector: {matchLabels: {'node-role.kubernetes.io/worker': ''}}",
        "nodeSelector: {matchLabels: {'node:zone': a}}",
        "endpointSelector: {matchLabels: {'reserved:ingress': ''}}",
    ):
        rules = "ingress: [{toPorts: [{ports: [{port: '22'}]}]}], egress: [{toNodes: [{}]}]"
        found, (told,) = parse(f"{WIDE}spec: {{{selector}, {rules}}}")
        assert (found.policies, found.undecided) == ((), ())
        assert told.startswith("NP073 CiliumClusterwideNetworkPolicy p: .spec: ")


def test_policies_for_nodes_are_checked_all_the_same(parse):
    rule = http("ports: [{port: '80', protocol: TCP}]")
    found, told = parse(f"{WIDE}spec: {{nodeSelector: {{}}, ingress: [{rule}]}}")
    assert found.policies == ()
    assert "nodes have no L7 rules" in told[-1]


def test_a_subject_that_names_init_does_not_keep_peers_to_pods(parse):
    condition = "{key: 'reserved:init', operator: DoesNotExist}"
    selector = f"endpointSelector: {{matchExpressions: [{condition}]}}"
    found, _ = parse(f"{WIDE}spec: {{{selector}, egress: [{{toEndpoints: [{{}}]}}]}}")
    (policy,) = found.policies
    assert policy.subject == PodSelector()
    pods, others = policy.egress
    assert (pods.peers, pods.unsure) == ((PodSelector(),), "")
    assert (others.peers, others.without, bool(others.unsure)) == (None, (PodSelector(),), True)


# Groups and Services


def group(name, blocks, labels="{}", version="v2"):
    return (
        f"---\napiVersion: cilium.io/{version}\nkind: CiliumCIDRGroup\n"
        f"metadata: {{name: {name}, labels: {labels}}}\nspec: {{externalCIDRs: [{blocks}]}}\n"
    )


def service(name, selector, namespace="b", labels="{}"):
    return (
        f"---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace},"
        f" labels: {labels}}}\nspec: {{selector: {selector}}}\n"
    )


@pytest.mark.parametrize("version", ["v2", "v2alpha1"])
def test_groups_by_name(parse, version):
    rule = "{toCIDRSet: [{cidrGroupRef: g, except: [10.1.0.0/16]}]}"
    found, told = parse(egress(rule) + group("g", "192.0.2.0/24, 10.0.0.0/8", version=version))
    assert told == []
    (policy,) = found.policies
    blocks = CidrSelector("10.0.0.0/8", ("10.1.0.0/16",)), CidrSelector("192.0.2.0/24")
    assert policy.egress == (Rule(peers=blocks, ports=ALL_PORTS),)


@pytest.mark.parametrize(
    ("selector", "blocks"),
    [
        ("{matchLabels: {team: red}}", ("10.0.0.0/8",)),
        ("{matchExpressions: [{key: team, operator: Exists}]}", ("10.0.0.0/8", "192.0.2.0/24")),
        (
            (
                "{matchLabels: {env: prod}, matchExpressions:"
                " [{key: team, operator: NotIn, values: [red]}]}"
            ),
            ("192.0.2.0/24",),
        ),
        ("{matchLabels: {team: green}}", ()),
    ],
)
def test_groups_by_labels(parse, selector, blocks):
    groups = (
        group("r", "10.0.0.0/8", "{team: red, env: prod}")
        + group("b", "192.0.2.0/24", "{team: blue, env: prod}")
        + group("none", "203.0.113.0/24")
    )
    found, told = parse(egress(f"{{toCIDRSet: [{{cidrGroupSelector: {selector}}}]}}") + groups)
    assert told == []
    (policy,) = found.policies
    peers = tuple(CidrSelector(one) for one in blocks)
    assert policy.egress == ((Rule(peers=peers, ports=ALL_PORTS),) if peers else ())


def test_overlapping_groups_have_each_others_labels(parse):
    """10.1.0.0/16 has the labels of both groups, so it meets what neither meets alone."""
    selector = "{matchLabels: {team: red, env: dev}}"
    groups = group("r", "10.0.0.0/8", "{team: red}") + group("d", "10.1.0.0/16", "{env: dev}")
    found, (told,) = parse(egress(f"{{toCIDRSet: [{{cidrGroupSelector: {selector}}}]}}") + groups)
    assert [bool(one.unsure) for one in found.policies[0].egress] == [True]
    assert told.startswith("NP064 ")


def test_a_broken_group_is_said_and_what_refers_to_it_is_undecided(parse):
    found, told = parse(egress("{toCIDRSet: [{cidrGroupRef: g}]}") + group("g", "10.0.0.0/99"))
    assert [bool(one.unsure) for one in found.policies[0].egress] == [True]
    assert [one[:5] for one in told] == ["NP063", "NP064"]
    assert ".spec.externalCIDRs[0]: expected a CIDR" in told[0]


def test_groups_that_are_there_twice(parse):
    found, told = parse(
        egress("{toCIDRSet: [{cidrGroupRef: g}]}")
        + group("g", "10.0.0.0/8")
        + group("g", "192.0.2.0/24")
    )
    assert [one[:5] for one in told] == ["NP067"]
    assert found.policies[0].egress[0].peers == (CidrSelector("192.0.2.0/24"),)


BACKENDS = service("db", "{app: db}", labels="{tier: back}") + service("db", "{app: x}", "c")


@pytest.mark.parametrize(
    ("entry", "pods"),
    [
        ("{k8sService: {serviceName: db, namespace: b}}", [("b", "db")]),
        ("{k8sService: {serviceName: db}}", [("b", "db"), ("c", "x")]),
        ("{k8sServiceSelector: {selector: {matchLabels: {tier: back}}}}", [("b", "db")]),
        ("{k8sServiceSelector: {selector: {}, namespace: c}}", [("c", "x")]),
        (
            (
                "{k8sServiceSelector: {selector: {matchExpressions:"
                " [{key: 'k8s:tier', operator: DoesNotExist}]}}}"
            ),
            [("c", "x")],
        ),
    ],
)
def test_services_mean_the_pods_behind_them(parse, entry, pods):
    """docs/semantics.md#cilium-ports-and-services."""
    ports = "toPorts: [{ports: [{port: '5432', protocol: TCP}]}]"
    found, told = parse(egress(f"{{toServices: [{entry}], {ports}}}") + BACKENDS)
    assert told == []
    (policy,) = found.policies
    peers = tuple(
        PodSelector(in_namespace(space), (Requirement("app", "In", (app,)),)) for space, app in pods
    )
    assert policy.egress == (Rule(peers=peers, ports=PortSet.of("TCP", 5432)),)


TO_X = "{toServices: [{k8sService: {serviceName: x, namespace: b}}]}"


def test_services_that_others_keep_the_endpoints_of_are_in_doubt_without_them(parse):
    found, (told,) = parse(egress(TO_X) + service("x", "{}"))
    assert "the endpoints of Service b/x are not known" in told
    assert [bool(one.unsure) for one in found.policies[0].egress] == [True]


SLICE = """---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: x-{number}, namespace: b, labels: {{kubernetes.io/service-name: x}}}}
addressType: IPv4
endpoints: [{{addresses: [{address}]}}]
ports: [{{port: 5432}}]
"""
WHOLE = """---
apiVersion: v1
kind: Endpoints
metadata: {name: x, namespace: b}
subsets: [{addresses: [{ip: 192.0.2.3}], notReadyAddresses: [{ip: 192.0.2.4}]}]
"""


@pytest.mark.parametrize(
    ("objects", "addresses"),
    [
        (
            SLICE.format(number=1, address="192.0.2.1")
            + SLICE.format(number=2, address="'2001:db8::1'"),
            ("192.0.2.1/32", "2001:db8::1/128"),
        ),
        (WHOLE, ("192.0.2.3/32", "192.0.2.4/32")),
        (SLICE.format(number=1, address="name.example.org"), ()),
        (WHOLE.replace("name: x", "name: y"), None),
        (WHOLE.replace("subsets: [", "subsets: [3, "), None),
        (WHOLE.replace("namespace: b", "namespace: false"), None),
    ],
)
def test_addresses_behind_services_without_a_selector(parse, objects, addresses):
    """With a selector the backends as endpoints, without one the addresses as CIDRs."""
    found, told = parse(egress(TO_X) + service("x", "{}") + objects)
    rules = found.policies[0].egress
    if addresses is None:
        assert [one[:5] for one in told] == ["NP064"]
        assert [bool(one.unsure) for one in rules] == [True]
        return
    assert told == []
    peers = tuple(CidrSelector(one) for one in addresses)
    assert [one.peers for one in rules] == ([peers] if peers else [])


def test_services_in_deny_rules_are_in_doubt(parse):
    rule = "{toServices: [{k8sService: {serviceName: db, namespace: b}}]}"
    text = f"{HEAD}spec: {{endpointSelector: {{}}, egressDeny: [{rule}]}}\n"
    found, (told,) = parse(text + BACKENDS)
    assert [bool(one.unsure) for one in found.policies[-1].egress] == [True]
    assert told.startswith("NP064 ")


def test_broken_services_are_as_if_they_were_not_there(parse):
    rule = "{toServices: [{k8sService: {serviceName: x}}]}"
    _, (told,) = parse(egress(rule) + service("x", "[1]"))
    assert "there is no such Service" in told


def test_the_context_is_read_with_everything_else(read):
    assert not CONTEXT & CILIUM.kinds
    (policy,), told = read(egress("{toCIDRSet: [{cidrGroupRef: g}]}") + group("g", "10.0.0.0/8"))
    assert told == []
    assert policy.egress[0].peers == (CidrSelector("10.0.0.0/8"),)
    assert read(group("g", "10.0.0.0/8")) == ((), [])


def test_entities_and_reserved_labels_say_the_same(parse):
    for name in ("host", "remote-node", "kube-apiserver", "ingress", "health", "init", "unmanaged"):
        by_label, _ = parse(
            egress(f"{{toEndpoints: [{{matchLabels: {{'reserved:{name}': ''}}}}]}}")
        )
        by_name, _ = parse(egress(f"{{toEntities: [{name}]}}"))
        assert by_label.policies[0].egress == by_name.policies[0].egress
        assert by_name.policies[0].egress[0].peers == (EntitySelector(name),)
