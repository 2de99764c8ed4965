"""policy.networking.k8s.io: what the CRDs take and refuse, and what the rules mean."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import inventory, labels, pod

import generators
from generators.admin import ADMIN, ADMIN_TIER, BASELINE_TIER
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Namespace, Node
from netpol.manifests import Document, load
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.policy import (
    NAMESPACE,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Requirement,
    Rule,
)
from netpol.profile import KUBERNETES
from netpol.world import world

HEADS = {
    "ANP": """
        apiVersion: policy.networking.k8s.io/v1alpha1
        kind: AdminNetworkPolicy
        metadata: {name: p}
        """,
    "BANP": """
        apiVersion: policy.networking.k8s.io/v1alpha1
        kind: BaselineAdminNetworkPolicy
        metadata: {name: default}
        """,
    "CNP": """
        apiVersion: policy.networking.k8s.io/v1alpha2
        kind: ClusterNetworkPolicy
        metadata: {name: p}
        """,
}
STARTS = {
    "ANP": "priority: 7, subject: {namespaces: {}}",
    "BANP": "subject: {namespaces: {}}",
    "CNP": "tier: Admin, priority: 7, subject: {namespaces: {}}",
}
ALLOWS = {"ANP": "Allow", "BANP": "Allow", "CNP": "Accept"}
PORTS = {"ANP": "ports", "BANP": "ports", "CNP": "protocols"}
KINDS = tuple(HEADS)
TEAM = (Requirement("team", "In", ("red",)),)
ROLE = (Requirement("role", "In", ("x",)),)
RED = "{matchLabels: {team: red}}"
X = "{matchLabels: {role: x}}"
UDP53 = PortSet.of("UDP", 53)
ALL_NODES = (EntitySelector("host"), EntitySelector("remote-node"))


@pytest.fixture
def parsed(tmp_path):
    """YAML text → (policies, notices as text)."""

    def parse(text):
        told = []
        (tmp_path / "p.yaml").write_text(textwrap.dedent(text))
        found, _ = generators.parse(load([tmp_path / "p.yaml"], told.append), told.append)
        return found, [f"{one.code} {one.message}" for one in told]

    return parse


@pytest.fixture
def spec(parsed):
    """(kind, fields of the spec) → (policies, notices); the fields come after a good beginning."""

    def parse(kind, fields="", start=None):
        start = STARTS[kind] if start is None else start
        both = ", ".join(part for part in (start, fields) if part)
        return parsed(f"{textwrap.dedent(HEADS[kind])}spec: {{{both}}}")

    return parse


@pytest.fixture
def egress(spec):
    """(kind, peers, ports, action) → (the one egress rule, notices)."""

    def parse(kind, peers, ports="", action=None):
        ports = f", {PORTS[kind]}: {ports}" if ports else ""
        rule = f"{{name: r, action: {action or ALLOWS[kind]}, to: {peers}{ports}}}"
        found, told = spec(kind, f"egress: [{rule}]")
        return (found.policies[0].egress[0] if found.policies else None), told

    return parse


@pytest.mark.parametrize(
    ("kind", "start", "tier", "order"),
    [
        ("ANP", None, ADMIN_TIER, 7),
        ("BANP", None, BASELINE_TIER, 1001),
        ("CNP", None, ADMIN_TIER, 7),
        ("CNP", "tier: Baseline, priority: 0, subject: {namespaces: {}}", BASELINE_TIER, 0),
    ],
)
def test_tiers_and_priorities(spec, kind, start, tier, order):
    found, told = spec(kind, start=start)
    (policy,) = found.policies
    assert told == []
    assert (policy.tier, policy.order, policy.isolates) == (tier.name, order, False)
    assert (policy.namespace, policy.ingress, policy.egress) == ("", None, None)
    assert tier in found.tiers
    orders = [one.name for one in sorted(found.tiers)]
    assert orders == ["kube-admin", "cilium-deny", "default", "kube-baseline"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("subject", "meaning"),
    [
        ("{namespaces: {}}", PodSelector()),
        (f"{{namespaces: {RED}}}", PodSelector(TEAM)),
        (f"{{pods: {{namespaceSelector: {{}}, podSelector: {X}}}}}", PodSelector((), ROLE)),
        (f"{{pods: {{namespaceSelector: {RED}, podSelector: {{}}}}}}", PodSelector(TEAM)),
    ],
)
def test_subjects_and_peers_are_pods(spec, egress, kind, subject, meaning):
    start = STARTS[kind].replace("{namespaces: {}}", subject)
    found, told = spec(kind, start=start)
    assert (found.policies[0].subject, told) == (meaning, [])
    rule, told = egress(kind, f"[{subject}]")
    assert (rule, told) == (Rule(peers=(meaning,), ports=ALL_PORTS), [])


def test_only_the_newer_kind_takes_pods_without_namespaces(spec):
    start = STARTS["CNP"].replace("{namespaces: {}}", f"{{pods: {{podSelector: {X}}}}}")
    found, told = spec("CNP", start=start)
    assert (found.policies[0].subject, told) == (PodSelector((), ROLE), [])
    found, (told,) = spec("ANP", start=start.removeprefix("tier: Admin, "))
    assert told.startswith("NP063 AdminNetworkPolicy p: .spec.subject.pods.namespaceSelector: ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("peers", "meaning"),
    [
        (
            "[{networks: [10.0.0.0/8, 'fd00::/8', 10.1.2.3/16]}]",
            tuple(map(CidrSelector, ("10.0.0.0/8", "fd00::/8", "10.1.0.0/16"))),
        ),
        ("[{nodes: {}}]", ALL_NODES),
        (
            f"[{{namespaces: {RED}}}, {{networks: [0.0.0.0/0]}}]",
            (PodSelector(TEAM), CidrSelector("0.0.0.0/0")),
        ),
    ],
)
def test_peers_outside_the_cluster(egress, kind, peers, meaning):
    assert egress(kind, peers) == (Rule(peers=meaning, ports=ALL_PORTS), [])


def test_a_star_stands_for_one_or_more_labels(egress):
    names = "[{domainNames: [Example.org., '*.example.org', a_b.example.org]}]"
    meaning = tuple(map(FqdnSelector, ("example.org", "**.example.org", "a_b.example.org")))
    for kind in ("ANP", "CNP"):
        assert egress(kind, names) == (Rule(peers=meaning, ports=ALL_PORTS), [])


NAMED = (("SCTP", "web"), ("TCP", "web"), ("UDP", "web"))


@pytest.mark.parametrize(
    ("kind", "ports", "numbers", "named"),
    [
        ("ANP", "[{portNumber: {port: 80}}]", PortSet.of("TCP", 80), ()),
        ("ANP", "[{portNumber: {port: 53, protocol: UDP}}]", UDP53, ()),
        ("BANP", "[{portRange: {start: 1, end: 9}}]", PortSet.of("TCP", 1, 9), ()),
        (
            "ANP",
            "[{portRange: {start: 9, end: 9, protocol: SCTP}}, {portNumber: {port: 1}}]",
            PortSet.of("SCTP", 9) | PortSet.of("TCP", 1),
            (),
        ),
        ("ANP", "[{namedPort: web}]", PortSet(), NAMED),
        ("CNP", "[{destinationNamedPort: web}]", PortSet(), NAMED),
        ("CNP", "[{udp: {destinationPort: {number: 53}}}]", UDP53, ()),
        (
            "CNP",
            (
                "[{tcp: {destinationPort: {range: {start: 1, end: 9}}}},"
                " {sctp: {destinationPort: {number: 65535}}}]"
            ),
            PortSet.of("TCP", 1, 9) | PortSet.of("SCTP", 65535),
            (),
        ),
    ],
)
def test_ports(egress, kind, ports, numbers, named):
    meaning = Rule(peers=(PodSelector(),), ports=numbers, named_ports=named)
    assert egress(kind, "[{namespaces: {}}]", ports) == (meaning, [])


@pytest.mark.parametrize(
    ("kind", "actions"), [("ANP", "Deny Pass Allow"), ("CNP", "Deny Pass Accept")]
)
def test_rules_keep_their_order(spec, kind, actions):
    rules = ", ".join(f"{{action: {a}, from: [{{namespaces: {{}}}}]}}" for a in actions.split())
    found, told = spec(kind, f"ingress: [{rules}]")
    assert told == []
    assert [rule.action for rule in found.policies[0].ingress] == ["deny", "pass", "allow"]
    assert found.policies[0].egress is None


# What is refused


def deep(kind, count, field="to"):
    """As many rules, or peers, or ports."""
    peers = "{namespaces: {}}"
    port = "{namedPort: a}" if kind != "CNP" else "{destinationNamedPort: a}"
    allow, ports = ALLOWS[kind], ", ".join([port] * count)
    return {
        "rules": ", ".join([f"{{action: {allow}, to: [{peers}]}}"] * count),
        "to": f"{{action: {allow}, to: [{', '.join([peers] * count)}]}}",
        "ports": f"{{action: {allow}, to: [{peers}], {PORTS[kind]}: [{ports}]}}",
    }[field]


@pytest.mark.parametrize(("kind", "most"), [("ANP", 100), ("BANP", 100), ("CNP", 25)])
@pytest.mark.parametrize("field", ["rules", "to", "ports"])
def test_limits(spec, kind, most, field):
    assert spec(kind, f"egress: [{deep(kind, most, field)}]")[1] == []
    found, (told,) = spec(kind, f"egress: [{deep(kind, most + 1, field)}]")
    assert found.policies == ()
    assert told.startswith("NP063")
    assert str(most) in told


def test_at_most_25_networks_and_names(egress):
    for count, code in ((25, []), (26, ["NP063"])):
        blocks = ", ".join(f"10.{n}.0.0/16" for n in range(count))
        names = ", ".join(f"a{n}.example" for n in range(count))
        assert [t[:5] for t in egress("CNP", f"[{{networks: [{blocks}]}}]")[1]] == code
        assert [t[:5] for t in egress("CNP", f"[{{domainNames: [{names}]}}]")[1]] == code


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("change", "path"),
    [
        (("{namespaces: {}}", "{}"), ".spec.subject"),
        (("{namespaces: {}}", "null"), ".spec.subject"),
        (("{namespaces: {}}", "{namespace: {}}"), ".spec.subject"),
        (
            (
                "{namespaces: {}}",
                "{namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}",
            ),
            ".spec.subject",
        ),
        (("{namespaces: {}}", "{pods: {namespaceSelector: {}}}"), ".spec.subject.pods.podSelector"),
        (("{namespaces: {}}", "{namespaces: []}"), ".spec.subject.namespaces"),
        (
            ("{namespaces: {}}", "{namespaces: {matchLabels: {a: 1}}}"),
            ".spec.subject.namespaces.matchLabels.a",
        ),
        (
            ("{namespaces: {}}", "{namespaces: {matchExpressions: [{key: a}]}}"),
            ".spec.subject.namespaces.matchExpressions[0].operator",
        ),
    ],
)
def test_subjects_that_are_refused(spec, kind, change, path):
    found, told = spec(kind, start=STARTS[kind].replace(*change))
    assert found == type(found)(tiers=found.tiers)
    assert told[-1].startswith("NP063 ")
    assert f": {path}: " in told[-1]


@pytest.mark.parametrize(
    ("kind", "change", "path"),
    [
        ("ANP", ("priority: 7, ", ""), ".spec.priority"),
        ("CNP", ("priority: 7", "priority: 1001"), ".spec.priority"),
        ("ANP", ("priority: 7", "priority: -1"), ".spec.priority"),
        ("ANP", ("priority: 7", "priority: '7'"), ".spec.priority"),
        ("CNP", ("tier: Admin, ", ""), ".spec.tier"),
        ("CNP", ("tier: Admin", "tier: admin"), ".spec.tier"),
    ],
)
def test_places_that_are_refused(spec, kind, change, path):
    found, (told,) = spec(kind, start=STARTS[kind].replace(*change))
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 ")
    assert f": {path}: " in told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "fields",
    [
        "egress: [null]",
        "egress: {}",
        "egress: [{to: [{namespaces: {}}]}]",
        "egress: [{action: allow, to: [{namespaces: {}}]}]",
        "egress: [{action: ALLOW}]",
        "egress: [{action: ALLOW, to: null}]",
        "egress: [{action: ALLOW, to: []}]",
        "egress: [{action: ALLOW, to: [{}]}]",
        "egress: [{action: ALLOW, to: [null]}]",
        "egress: [{action: ALLOW, to: [{namespaces: {}, networks: [10.0.0.0/8]}]}]",
        "egress: [{action: ALLOW, to: [{namespaces: {}}], PORTS: []}]",
        "egress: [{action: ALLOW, to: [{namespaces: {}}], PORTS: [{}]}]",
        "egress: [{action: ALLOW, to: [{namespaces: {}}], PORTS: [{port: 80}]}]",
        "egress: [{action: ALLOW, to: [{networks: []}]}]",
        "egress: [{action: ALLOW, to: [{networks: [10.0.0.0]}]}]",
        "egress: [{action: ALLOW, to: [{networks: [10.0.0.0/08]}]}]",
        "egress: [{action: ALLOW, to: [{networks: [010.0.0.0/8]}]}]",
        "egress: [{action: ALLOW, to: [{networks: ['::ffff:10.0.0.0/104']}]}]",
        "egress: [{action: ALLOW, to: [{networks: [10.0.0.0/8, 10.0.0.0/8]}]}]",
        "egress: [{action: ALLOW, to: [{networks: [10.0.0.0/8]}], PORTS: [{NAMED: web}]}]",
        "egress: [{action: ALLOW, to: [{nodes: {}}], PORTS: [{NAMED: web}]}]",
        f"egress: [{{name: {'a' * 101}, action: ALLOW, to: [{{namespaces: {{}}}}]}}]",
        "ingress: [{action: ALLOW, to: [{namespaces: {}}]}]",
        "ingress: [{action: ALLOW, from: [{networks: [10.0.0.0/8]}]}]",
        "ingress: [{action: ALLOW, from: [{nodes: {}}]}]",
    ],
)
def test_rules_that_are_refused(spec, kind, fields):
    named = "destinationNamedPort" if kind == "CNP" else "namedPort"
    for word, meant in (("ALLOW", ALLOWS[kind]), ("PORTS", PORTS[kind]), ("NAMED", named)):
        fields = fields.replace(word, meant)
    found, told = spec(kind, fields)
    assert (found.policies, found.undecided) == ((), ())
    assert told[-1].startswith("NP063 ")


@pytest.mark.parametrize(
    ("kind", "port"),
    [
        ("ANP", "{portNumber: {port: 0}}"),
        ("ANP", "{portNumber: {port: 80, protocol: 6}}"),
        ("ANP", "{portNumber: {protocol: TCP}}"),
        ("ANP", "{portRange: {start: 80}}"),
        ("ANP", "{portRange: {start: 80, end: 65536}}"),
        ("ANP", "{portNumber: {port: 80}, namedPort: a}"),
        ("ANP", "{namedPort: 80}"),
        ("CNP", "{tcp: {}}"),
        ("CNP", "{tcp: {destinationPort: {}}}"),
        ("CNP", "{tcp: {destinationPort: {number: 80, range: {start: 1, end: 2}}}}"),
        ("CNP", "{tcp: {destinationPort: {range: {start: 2, end: 2}}}}"),
        ("CNP", "{tcp: {destinationPort: {range: {start: 3, end: 2}}}}"),
        ("CNP", "{tcp: {destinationPort: {range: {start: 3}}}}"),
        ("CNP", "{tcp: {destinationPort: {number: 0}}}"),
        ("CNP", "{icmp: {}}"),
        ("CNP", "{portNumber: {port: 80}}"),
    ],
)
def test_ports_that_are_refused(egress, kind, port):
    rule, told = egress(kind, "[{namespaces: {}}]", f"[{port}]")
    assert rule is None
    assert told[-1].startswith("NP063 ")


@pytest.mark.parametrize("name", ["localhost", "'*'", "a.*.org", "-a.org", "a..org", "''"])
def test_names_that_are_refused(egress, name):
    rule, (told,) = egress("CNP", f"[{{domainNames: [{name}]}}]")
    assert rule is None
    assert ".spec.egress[0].to[0].domainNames[0]: expected a domain name" in told


def test_the_baseline_of_the_older_version_is_one_that_never_passes(parsed, egress):
    head = textwrap.dedent(HEADS["BANP"]).replace("default", "mine")
    found, (told,) = parsed(f"{head}spec: {{{STARTS['BANP']}}}")
    assert found.policies == ()
    assert told.startswith("NP063 BaselineAdminNetworkPolicy mine: .metadata.name: ")
    rule, (told,) = egress("BANP", "[{namespaces: {}}]", action="Pass")
    assert rule is None
    assert ".action: expected one of Allow, Deny, found 'Pass'" in told
    assert egress("BANP", "[{domainNames: [a.example]}]")[0] is None


# What is left open


@pytest.mark.parametrize(
    ("kind", "peers", "ports", "action"),
    [
        ("ANP", f"[{{nodes: {X}}}]", "", None),
        ("CNP", f"[{{nodes: {X}}}]", "", "Deny"),
        ("CNP", "[{domainNames: [a.example]}]", "", "Deny"),
        ("ANP", "[{domainNames: [a.example]}]", "", "Pass"),
        ("ANP", "[{namespaces: {}}]", "[{portNumber: {port: 1, protocol: ICMP}}]", None),
        ("ANP", "[{namespaces: {}}]", "[{portRange: {start: 2, end: 1}}]", None),
        ("CNP", "[{namespaces: {matchLabels: {a: 'x y'}}}]", "", None),
        ("CNP", "[{namespaces: {matchExpressions: [{key: a, operator: in}]}}]", "", None),
    ],
)
def test_what_the_api_leaves_open_is_undecided(spec, kind, peers, ports, action):
    ports = f", {PORTS[kind]}: {ports}" if ports else ""
    start = STARTS[kind].replace("{namespaces: {}}", f"{{namespaces: {RED}}}")
    rule = f"{{action: {action or ALLOWS[kind]}, to: {peers}{ports}}}"
    found, (told,) = spec(kind, f"egress: [{rule}]", start=start)
    assert found.policies == ()
    assert told.startswith("NP064 ")
    (doubt,) = found.undecided
    assert (doubt.subject, doubt.directions) == (PodSelector(TEAM), ("egress",))
    assert doubt.tier == ADMIN_TIER.name
    assert doubt.reason.startswith(".spec.egress[0].")
    assert doubt.origin.endswith(" p")


def test_a_subject_that_no_engine_understands_could_be_anybody(spec):
    start = STARTS["ANP"].replace("{namespaces: {}}", "{namespaces: {matchLabels: {a: 'x y'}}}")
    found, (told,) = spec("ANP", "egress: [{action: Deny, to: [{namespaces: {}}]}]", start=start)
    assert told.startswith("NP064 AdminNetworkPolicy p: .spec.subject.namespaces")
    assert found.undecided[0].subject == PodSelector()


@pytest.mark.parametrize(
    ("action", "meaning"),
    [
        ("Accept", Rule(peers=(), ports=ALL_PORTS)),
        ("Deny", Rule(action="deny", peers=None, ports=ALL_PORTS)),
        ("Pass", Rule(action="deny", peers=None, ports=ALL_PORTS)),
    ],
)
def test_peers_from_the_future_fail_closed(parsed, action, meaning):
    """The server of the cluster that this is from knows more than we do."""
    head = HEADS["CNP"].replace("{name: p}", "{name: p, uid: 0-1}")
    rule = f"{{action: {action}, to: [{{namespaces: {{}}}}, {{services: {{}}}}]}}"
    start = STARTS["CNP"]
    found, told = parsed(f"{textwrap.dedent(head)}spec: {{{start}, egress: [{rule}]}}")
    assert found.policies[0].egress == (meaning,)
    assert [one[:5] for one in told] == ["NP076", "NP077"]
    assert ".spec.egress[0].to: a peer is of no type" in told[1]


@pytest.mark.parametrize("peer", ["{services: {}}", "{}", "{domainNames: null}"])
def test_peers_of_no_type_are_refused(egress, peer):
    """Whatever else of the policy is undecided."""
    nodes = "{nodes: {matchLabels: {a: b}}}"
    _, told = egress("CNP", f"[{nodes}, {peer}]")
    assert told[-1].startswith("NP063 ClusterNetworkPolicy p: .spec.egress[0].to[1]: exactly one")


def test_what_is_refused_is_so_whatever_else_is_undecided(spec):
    rules = "[{action: Deny, to: [{domainNames: [a.example]}]}, {action: None, to: [{nodes: {}}]}]"
    found, told = spec("CNP", f"egress: {rules}")
    assert (found.policies, found.undecided) == ((), ())
    assert told[-1].startswith("NP063 ClusterNetworkPolicy p: .spec.egress[1].action: expected one")


@pytest.mark.parametrize("kind", KINDS)
def test_fields_that_the_kind_does_not_have_are_dropped_and_said(spec, kind):
    rule = f"{{action: {ALLOWS[kind]}, from: [{{namespaces: {{app: x}}, services: {{}}}}], to: []}}"
    found, told = spec(kind, f"ingress: [{rule}], order: 5")
    assert found.policies[0].ingress == (Rule(peers=(PodSelector(),), ports=ALL_PORTS),)
    assert sorted(one.split(": ")[1] for one in told) == [
        ".spec.ingress[0].from[0].namespaces.app",
        ".spec.ingress[0].from[0].services",
        ".spec.ingress[0].to",
        ".spec.order",
    ]
    assert {one[:5] for one in told} == {"NP076"}


def test_policies_of_one_priority_are_told_of(parsed):
    rule = "egress: [{action: Deny, to: [{namespaces: {}}]}]"
    texts = [
        textwrap.dedent(HEADS["ANP"]).replace("name: p", f"name: {name}")
        + f"spec: {{priority: {priority}, subject: {{namespaces: {{}}}}, {rule}}}"
        for name, priority in (("b", 3), ("a", 3), ("c", 4))
    ]
    found, (told,) = parsed("\n---\n".join(texts))
    assert len(found.policies) == 3
    assert told == (
        "NP078 AdminNetworkPolicy b has the egress priority 3 of a: which of them is asked first"
        " is not defined; netpol asks a first"
    )


# What it means

N1 = """
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: cluster}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {}}
  egress:
  - action: Accept
    to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    protocols: [{udp: {destinationPort: {number: 53}}}]
  - {action: Pass, to: [{networks: [10.20.0.0/16]}]}
  - {action: Deny, to: [{networks: [10.0.0.0/8]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: none, namespace: a}
spec: {podSelector: {}, policyTypes: [Egress]}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: base}
spec:
  tier: Baseline
  priority: 0
  subject: {namespaces: {}}
  egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]
"""


def judge(policies):
    known = inventory(
        pod("x", "a", addresses=("10.244.1.1",)),
        pod("x", "b", addresses=("10.244.1.2",)),
        pod("y", "b", addresses=("10.244.1.9",), ports=(ContainerPort(name="web", port=8080),)),
        pod("dns", "kube-system", addresses=("10.244.2.1",)),
        pod("agent", "kube-system", host_network=True, addresses=("192.0.2.1",)),
        namespaces={name: Namespace(name=name, labels=labels(team=name)) for name in ("a", "b")},
        nodes={"n1": Node(name="n1", addresses=("192.0.2.1",))},
    )
    return Judge(policies=policies, world=world(known), profile=KUBERNETES)


def at(text):
    """``ns/name``, ``entity:…``, a DNS name or an address."""
    if text.startswith("entity:"):
        return Entity(text.removeprefix("entity:"))
    if text[0].isdigit():
        return Cidr(f"{text}/32")
    namespace, slash, name = text.partition("/")
    return Workload(namespace, "Deployment", name) if slash else Fqdn(text)


def verdicts(policies, rows):
    """Each row with what the judge says in place of its last column."""
    one = judge(policies)
    return [
        (client, server, protocol, port, decision.allowed)
        for client, server, protocol, port, _ in rows
        for decision in [one.decide(Connection(at(client), at(server), protocol, port))]
    ]


def test_example_n1(parsed):
    """docs/semantics.md#admin-baseline-and-clusternetworkpolicy, and what lies beside it."""
    rows = [
        ("a/x", "kube-system/dns", "UDP", 53, True),
        ("a/x", "10.20.1.1", "TCP", 443, False),
        ("b/x", "10.20.1.1", "TCP", 443, False),
        ("b/x", "10.30.1.1", "TCP", 443, False),
        ("b/x", "b/y", "TCP", 8080, False),
        ("a/x", "198.51.100.4", "TCP", 443, False),
        ("b/x", "kube-system/dns", "UDP", 53, True),
        ("b/x", "kube-system/dns", "TCP", 53, False),
        ("b/x", "198.51.100.4", "TCP", 443, False),
        ("198.51.100.4", "b/x", "TCP", 443, True),
    ]
    found, told = parsed(N1)
    assert told == []
    assert verdicts(found, rows) == rows
    decision = judge(found).decide(Connection(at("b/x"), at("10.20.1.1"), "TCP", 443))
    assert (decision.egress.tier, decision.egress.rule) == (BASELINE_TIER.name, 0)


def test_a_network_policy_keeps_the_baseline_away(parsed):
    allow = N1.replace("policyTypes: [Egress]", "egress: [{}], policyTypes: [Egress]")
    rows = [
        ("a/x", "10.20.1.1", "TCP", 443, True),
        ("a/x", "198.51.100.4", "TCP", 443, True),
        ("a/x", "10.30.1.1", "TCP", 443, False),
        ("b/x", "198.51.100.4", "TCP", 443, False),
    ]
    assert verdicts(parsed(allow)[0], rows) == rows


def test_lower_numbers_are_asked_first_and_pass_skips_the_tier(spec, parsed):
    rules = {
        "pass": (1, f"{{action: Pass, to: [{{namespaces: {{matchLabels: {{{NAMESPACE}: b}}}}}}]}}"),
        "deny": (2, "{action: Deny, to: [{namespaces: {}}]}"),
        "late": (3, "{action: Allow, to: [{namespaces: {}}]}"),
    }
    texts = [
        textwrap.dedent(HEADS["ANP"]).replace("name: p", f"name: {name}")
        + f"spec: {{priority: {priority}, subject: {{namespaces: {{}}}}, egress: [{rule}]}}"
        for name, (priority, rule) in rules.items()
    ]
    rows = [
        ("a/x", "b/y", "TCP", 1, True),
        ("a/x", "kube-system/dns", "TCP", 1, False),
        ("a/x", "198.51.100.4", "TCP", 1, True),
    ]
    found, told = parsed("\n---\n".join(reversed(texts)))
    assert told == []
    assert verdicts(found, rows) == rows


def test_names_ports_and_nodes_in_force(parsed):
    text = textwrap.dedent(HEADS["ANP"]) + textwrap.dedent(
        """
        spec:
          priority: 0
          subject: {namespaces: {}}
          egress:
          - {action: Allow, to: [{domainNames: ['*.example.org']}]}
          - {action: Allow, to: [{namespaces: {}}], ports: [{namedPort: web}]}
          - {action: Allow, to: [{nodes: {}}], ports: [{portNumber: {port: 10250}}]}
          - {action: Deny, to: [{networks: [0.0.0.0/0]}, {nodes: {}}, {namespaces: {}}]}
        """
    )
    rows = [
        ("b/x", "a.b.example.org", "TCP", 443, True),
        ("b/x", "b/y", "TCP", 8080, True),
        ("b/x", "b/y", "TCP", 8081, False),
        ("b/x", "a/x", "TCP", 8080, False),
        ("b/x", "entity:host", "TCP", 10250, True),
        ("b/x", "kube-system/agent", "TCP", 10250, True),
        ("b/x", "entity:remote-node", "TCP", 10251, False),
        ("b/x", "198.51.100.4", "TCP", 10250, False),
    ]
    found, told = parsed(text)
    assert told == []
    assert verdicts(found, rows) == rows


# Anything at all

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["TCP", "Allow", "Accept", "Deny", "10.0.0.0/8", "*.a.example", "Admin", "In"]),
)
KNOWN = """
subject namespaces pods podSelector namespaceSelector ingress egress action from to ports protocols
networks nodes domainNames tcp destinationPort number range start end portNumber port protocol
namedPort priority tier matchLabels matchExpressions key operator values
"""
FIELDS = st.sampled_from(KNOWN.split())
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(FIELDS, st.text(max_size=5)), inner)
    ),
    max_leaves=12,
)
GOOD = {
    "tier": "Admin",
    "priority": 1,
    "subject": {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "x"}}}},
    "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}],
    "egress": [
        {
            "action": "Pass",
            "to": [{"networks": ["10.0.0.0/8"]}, {"nodes": {}}],
            "ports": [{"portRange": {"start": 1, "end": 2}}],
            "protocols": [{"tcp": {"destinationPort": {"number": 1}}}],
        }
    ],
}


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(ADMIN.kinds)), st.sampled_from(sorted(places(GOOD), key=repr)), JSON)
def test_a_good_policy_with_one_broken_place(kind, path, broken):
    """Notices, never a traceback; half a policy is none."""
    told = []
    data = {"apiVersion": kind[0], "kind": kind[1], "metadata": {"name": "default"}}
    data["spec"] = replaced(GOOD, path, broken)
    found = ADMIN.parse([Document(file="x.yaml", index=1, data=data)], told.append)
    codes = {one.code for one in told}
    assert len(found.policies) == (0 if codes & {"NP063", "NP064"} else 1)
    assert len(found.undecided) == ("NP064" in codes)
