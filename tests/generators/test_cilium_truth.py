"""What Cilium policies do to connections; docs/semantics.md#cilium-policies has the short form."""

import pytest
from scenes import inventory, labels, pod

from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Namespace
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.policy import NAMESPACE, PolicySet
from netpol.profile import CILIUM
from netpol.world import Outside, world

CNP = (
    "---\napiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: a}\n"
)
CCNP = "---\napiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: p}\n"
HTTP = ContainerPort(name="http", protocol="TCP", port=8080)


def app(name, namespace="a", **more):
    found = {"labels": labels(app=name), "kind": "Pod", **more}
    return pod(name, namespace, **found)


PODS = (
    app("api", ports=(HTTP,)),
    app("web", labels=labels(app="web", env="prod"), service_account="robot"),
    app("dev", labels=labels(app="web", env="dev")),
    app("cron", labels=labels(app="cron", env="prod")),
    app("hosted", labels=labels(app="web"), host_network=True),
    app("web", "b", ports=(ContainerPort(name="http", protocol="TCP", port=80),)),
    app("dns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"})),
)
NAMESPACES = {
    name: Namespace(name=name, labels=tuple(sorted({NAMESPACE: name, "team": team}.items())))
    for name, team in (("a", "red"), ("b", "blue"), ("kube-system", "none"))
}
OUTSIDE = (
    Outside(peer=Cidr("192.0.2.1/32")),
    Outside(peer=Cidr("10.1.2.3/32")),
    Outside(peer=Fqdn("api.example.org"), addresses=("198.51.100.7/32",)),
    Outside(
        peer=Cidr("198.51.100.7/32"), names=frozenset({"api.example.org", "other.example.net"})
    ),
    *(Outside(peer=Entity(name)) for name in ("host", "remote-node", "kube-apiserver")),
    *(Outside(peer=Entity(name)) for name in ("health", "init", "ingress")),
)


@pytest.fixture
def judge(read):
    def reader(text):
        policies, _ = read(text)
        known = world(inventory(*PODS, namespaces=NAMESPACES), OUTSIDE)
        return Judge(policies=PolicySet(policies=policies), world=known, profile=CILIUM)

    return reader


def who(name):
    if name in ("host", "remote-node", "kube-apiserver", "health", "init", "ingress"):
        return Entity(name)
    if name[0].isdigit():
        return Cidr(f"{name}/32")
    if "." in name:
        return Fqdn(name)
    namespace, _, one = name.rpartition("/")
    return Workload(namespace or "a", "Pod", one)


def allowed(judge, client, server, protocol="TCP", port=8080):
    return judge.decide(Connection(who(client), who(server), protocol, port)).allowed


# S1


@pytest.mark.parametrize(
    ("source", "verdict"),
    [("web", True), ("b/web", False), ("host", True), ("remote-node", False), ("hosted", False)],
)
def test_s1_peers_are_of_the_policys_namespace(judge, source, verdict):
    """A hostNetwork pod is the node that it runs on, whatever its labels; for its own node's pods
    that is the entity ``host``.
    """
    rules = judge(
        CNP
        + "spec: {endpointSelector: {matchLabels: {app: api}},"
        + " ingress: [{fromEndpoints: [{matchLabels: {app: web}}]}]}"
    )
    assert allowed(rules, source, "api") is verdict


# S2

S2 = (
    """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: k, namespace: a}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{protocol: TCP, port: 8080}]
"""
    + CNP
    + """
spec:
  endpointSelector: {matchLabels: {app: api}}
  ingressDeny: [{fromEndpoints: [{matchLabels: {env: dev}}]}]
"""
)


@pytest.mark.parametrize(
    ("source", "protocol", "port", "verdict"),
    [
        ("web", "TCP", 8080, True),
        ("dev", "TCP", 8080, False),
        ("cron", "TCP", 8080, False),
        ("host", "TCP", 8081, True),
        ("remote-node", "TCP", 8080, False),
        ("web", "ICMP", 8 * 256, False),
    ],
)
def test_s2_deny_wins_over_what_another_dialect_allows(judge, source, protocol, port, verdict):
    assert allowed(judge(S2), source, "api", protocol, port) is verdict


# S3

NAMES = (
    "{toFQDNs: [{matchName: api.example.org}], toPorts: [{ports: [{port: '443', protocol: TCP}]}]}"
)
KUBE_DNS = "{matchLabels: {k8s-app: kube-dns, io.kubernetes.pod.namespace: kube-system}}"
ASKED = "{ports: [{port: '53', protocol: UDP}], rules: {dns: [{matchPattern: '*'}]}}"
RESOLVER = f"{{toEndpoints: [{KUBE_DNS}], toPorts: [{ASKED}]}}"


def test_s3_names(judge):
    """What the proxy learns is not part of what is allowed at L4: the rules keep their patterns."""
    alone = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{NAMES}]}}")
    assert not allowed(alone, "web", "kube-system/dns", "UDP", 53)
    assert [rule.dns for rule in alone.policies.policies[0].egress] == [()]
    with_dns = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{NAMES}, {RESOLVER}]}}")
    assert [rule.dns for rule in with_dns.policies.policies[0].egress] == [(), ("*",)]
    assert allowed(with_dns, "web", "kube-system/dns", "UDP", 53)
    assert allowed(with_dns, "web", "api.example.org", "TCP", 443)
    assert not allowed(with_dns, "web", "api.example.org", "TCP", 80)
    assert allowed(with_dns, "web", "198.51.100.7", "TCP", 443), "the same address, another name"
    assert not allowed(with_dns, "web", "192.0.2.1", "TCP", 443)


@pytest.mark.parametrize(
    ("pattern", "verdict"),
    [
        ("'*'", True),
        ("'**'", True),
        ("'*.example.org'", True),
        ("'**.org'", True),
        ("'*.org'", False),
        ("'A*.Example.org.'", True),
        ("'b*.example.org'", False),
    ],
)
def test_patterns_of_names(judge, pattern, verdict):
    """docs/semantics.md#dns-names."""
    rule = f"{{toFQDNs: [{{matchPattern: {pattern}}}]}}"
    rules = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert allowed(rules, "web", "api.example.org") is verdict


# Tables

EVERYONE = (
    *("web", "b/web", "kube-system/dns", "192.0.2.1", "10.1.2.3", "api.example.org"),
    *("host", "remote-node", "kube-apiserver", "health", "init", "ingress"),
)
THE_PODS = {"web", "b/web", "kube-system/dns"}
THE_WORLD = {"192.0.2.1", "10.1.2.3", "api.example.org"}
THE_REST = {*EVERYONE} - THE_WORLD - THE_PODS


@pytest.mark.parametrize(
    ("rule", "peers"),
    [
        ("{}", set()),
        ("{toEndpoints: []}", set()),
        ("{toEndpoints: [], toPorts: [{ports: [{port: '0'}]}]}", set()),
        ("{toEndpoints: [{}]}", {"web"}),
        (
            (
                "{toEndpoints: [{matchExpressions:"
                " [{key: io.kubernetes.pod.namespace, operator: Exists}]}]}"
            ),
            THE_PODS,
        ),
        (
            (
                "{toEndpoints: [{matchExpressions:"
                " [{key: io.kubernetes.pod.namespace, operator: NotIn, values: [b]}]}]}"
            ),
            THE_PODS - {"b/web"},
        ),
        ("{toEndpoints: [{matchLabels: {io.cilium.k8s.namespace.labels.team: blue}}]}", {"b/web"}),
        ("{toEndpoints: [{matchLabels: {io.cilium.k8s.policy.serviceaccount: robot}}]}", {"web"}),
        ("{toPorts: [{ports: [{port: '8080'}]}]}", {*EVERYONE}),
        ("{toPorts: [{ports: [{port: '0', protocol: TCP}]}]}", {*EVERYONE}),
        ("{toPorts: [{ports: [{port: '8080', protocol: UDP}]}]}", set()),
        ("{toPorts: [{ports: [{port: '8000', endPort: 9000}]}]}", {*EVERYONE}),
        ("{toEntities: [all]}", {*EVERYONE}),
        ("{toEntities: [none]}", set()),
        ("{toEntities: [world]}", THE_WORLD),
        ("{toEntities: [cluster]}", THE_PODS | THE_REST),
        ("{toEntities: [host]}", {"host"}),
        ("{toEntities: [remote-node, ingress]}", {"remote-node", "ingress"}),
        ("{toEntities: [kube-apiserver]}", {"kube-apiserver"}),
        ("{toEntities: [health, init, unmanaged]}", {"health", "init"}),
        ("{toCIDR: [0.0.0.0/0]}", THE_WORLD),
        ("{toCIDR: [10.1.2.3]}", {"10.1.2.3"}),
        ("{toCIDR: ['::/0']}", set()),
        (
            "{toCIDRSet: [{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}]}",
            THE_WORLD - {"10.1.2.3"},
        ),
        ("{toCIDRSet: [{cidr: 10.0.0.0/8, except: [10.0.0.0/8]}]}", set()),
    ],
)
def test_peers(judge, rule, peers):
    """Whom a rule lets a pod reach at TCP 8080."""
    rules = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert {one for one in EVERYONE if allowed(rules, "api", one)} == peers


def test_clusterwide_peers_are_pods_and_no_more(judge):
    rules = judge(f"{CCNP}spec: {{endpointSelector: {{}}, egress: [{{toEndpoints: [{{}}]}}]}}")
    assert {one for one in EVERYONE if allowed(rules, "api", one)} == THE_PODS


def test_named_ports_are_those_of_the_server(judge):
    """docs/semantics.md#cilium-ports-and-services."""
    rule = "{toEntities: [cluster], toPorts: [{ports: [{port: HTTP, protocol: TCP}]}]}"
    rules = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
    assert allowed(rules, "web", "api", port=8080)
    assert not allowed(rules, "web", "api", port=80)
    assert allowed(rules, "web", "b/web", port=80)
    assert not allowed(rules, "web", "cron", port=8080)


def test_ping_needs_icmp_or_a_rule_without_ports(judge):
    """docs/semantics.md#cilium-ports-and-services."""
    for rule, verdict in (
        ("{toEntities: [all], toPorts: [{ports: [{port: '0'}]}]}", False),
        ("{icmps: [{fields: [{type: EchoRequest}]}]}", True),
        ("{icmps: [{fields: [{type: 13}]}]}", False),
        ("{toEntities: [all]}", True),
    ):
        rules = judge(f"{CNP}spec: {{endpointSelector: {{}}, egress: [{rule}]}}")
        assert allowed(rules, "api", "192.0.2.1", "ICMP", 8 * 256) is verdict


@pytest.mark.parametrize(
    ("sections", "isolated"),
    [
        ("ingress: [{}], enableDefaultDeny: {ingress: false}", (False, False)),
        ("ingress: [{}]", (True, False)),
        ("egressDeny: [{toCIDR: [203.0.113.0/24]}]", (False, True)),
        ("egressDeny: [{}], enableDefaultDeny: {egress: false}", (False, False)),
        ("ingress: [{}], egress: []", (True, False)),
        ("ingress: [{}], enableDefaultDeny: {egress: true}", (True, False)),
        ("ingress: [{}], egress: [{}], enableDefaultDeny: {egress: false}", (True, False)),
    ],
)
def test_isolation(judge, sections, isolated):
    """docs/semantics.md#cilium-isolation."""
    rules = judge(f"{CNP}spec: {{endpointSelector: {{matchLabels: {{app: api}}}}, {sections}}}")
    found = not allowed(rules, "web", "api"), not allowed(rules, "api", "web")
    assert found == isolated


def test_deny_beats_every_allow_of_any_policy(judge):
    """docs/semantics.md#cilium-deny-and-union."""
    rules = judge(
        CNP
        + "spec: {endpointSelector: {}, egress: [{toEntities: [all]}]}"
        + f"\n{CCNP}spec: {{endpointSelector: {{}}, egressDeny: [{{toEntities: [world],"
        + " toPorts: [{ports: [{port: '8080'}]}]}], enableDefaultDeny: {egress: false}}"
    )
    assert not allowed(rules, "api", "192.0.2.1")
    assert allowed(rules, "api", "192.0.2.1", port=443)
    assert allowed(rules, "b/web", "192.0.2.1", port=443)
