"""NetworkPolicies as people write them, and what happens then: tables written by hand.

The numbered ones retell the behaviours of the recipe collection ahmetb/kubernetes-network-policy-
recipes in policies of our own; the others are what docs/semantics.md says of Kubernetes.
"""

import textwrap

import pytest
from scenes import inventory, labels, pod

import generators
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Namespace, Node
from netpol.manifests import load
from netpol.peers import Cidr, Entity, Workload
from netpol.profile import PROFILES
from netpol.world import world

HTTP = ContainerPort(name="http", port=5000)
POLICY = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
WEB = "{matchLabels: {app: web}}"
VERDICTS = {"allow": True, "deny": False}


def cluster():
    """Namespaces shop (team=red), ops (team=blue) and kube-system; every pod has one address."""
    return inventory(
        pod("web", labels=labels(app="web", tier="front"), addresses=("10.244.0.1",)),
        pod("api", labels=labels(app="api", tier="back"), addresses=("10.244.0.2",), ports=(HTTP,)),
        pod("db", labels=labels(app="db", tier=""), addresses=("10.244.0.3",)),
        pod("cron", labels=labels(app="cron"), addresses=("10.244.0.4",)),
        pod("prober", "ops", labels=labels(app="prober"), addresses=("10.244.1.1",)),
        pod("web", "ops", labels=labels(app="web"), addresses=("10.244.1.2",)),
        pod(
            "dns",
            "kube-system",
            labels=labels(**{"k8s-app": "kube-dns"}),
            addresses=("10.244.2.1",),
        ),
        namespaces={
            "shop": Namespace(name="shop", labels=labels(team="red")),
            "ops": Namespace(name="ops", labels=labels(team="blue")),
            "kube-system": Namespace(name="kube-system"),
        },
        nodes={"n1": Node(name="n1", addresses=("192.0.2.1",))},
    )


def party(text):
    """``shop/web``, ``node`` (the pod's own), ``other-node`` or an address."""
    if text[0].isdigit():
        return Cidr(f"{text}/32")
    if text in ("node", "other-node"):
        return Entity({"node": "host", "other-node": "remote-node"}[text])
    namespace, _, name = text.rpartition("/")
    return Workload(namespace or "shop", "Deployment", name)


@pytest.fixture
def holds(tmp_path):
    """Asserts that under some policies every row of a table is what happens.

    A row is ``client server port verdict``; the port is TCP, or ``udp:53``.
    """

    def check(policies, table, profile="kubernetes", known=None):
        told = []
        (tmp_path / "p.yaml").write_text(textwrap.dedent(policies))
        found, _ = generators.parse(load([tmp_path / "p.yaml"], told.append), told.append)
        assert told == []
        judge = Judge(policies=found, world=world(known or cluster()), profile=PROFILES[profile])
        rows = [row.split() for row in table.strip().splitlines()]
        for client, server, port, verdict in rows:
            protocol, _, number = port.rpartition(":")
            connection = Connection(
                party(client), party(server), (protocol or "tcp").upper(), int(number)
            )
            assert judge.decide(connection).allowed is VERDICTS[verdict], (client, server, port)

    return check


def policy(spec, namespace="shop", name="p"):
    """One NetworkPolicy; its spec is YAML in one line."""
    return f"{POLICY}metadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"


def test_00_without_policies_everybody_talks(holds):
    holds(
        "",
        """
        web          api         5000  allow
        ops/prober   db          5432  allow
        198.51.100.7 api         5000  allow
        api          198.51.100.7 443  allow
        """,
    )


DENY_API = policy("{podSelector: {matchLabels: {app: api}}, ingress: []}", name="deny")


def test_01_nobody_reaches_one_app(holds):
    holds(
        DENY_API,
        """
        web          api  5000  deny
        ops/prober   api  5000  deny
        198.51.100.7 api  5000  deny
        other-node   api  5000  deny
        node         api  5000  allow
        api          web  80    allow
        web          db   5432  allow
        """,
    )


def test_02_only_labelled_clients_of_the_namespace(holds):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: api}},"
            " ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}"
        ),
        """
        web          api  5000  allow
        web          api  1     allow
        cron         api  5000  deny
        ops/web      api  5000  deny
        198.51.100.7 api  5000  deny
        """,
    )


def test_02a_opening_an_app_overrides_what_isolates_it(holds):
    opened = policy("{podSelector: {matchLabels: {app: api}}, ingress: [{}]}", name="open")
    holds(
        DENY_API + opened,
        """
        web          api  5000  allow
        ops/prober   api  9     allow
        198.51.100.7 api  5000  allow
        """,
    )


def test_03_default_deny_of_a_namespace(holds):
    holds(
        policy("{podSelector: {}, ingress: []}"),
        """
        web          api         5000  deny
        ops/prober   db          5432  deny
        198.51.100.7 web         80    deny
        web          ops/prober  80    allow
        web          198.51.100.7 443  allow
        ops/web      ops/prober  80    allow
        """,
    )


def test_04_only_from_the_own_namespace(holds):
    holds(
        policy("{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"),
        """
        web          api  5000  allow
        ops/web      api  5000  deny
        198.51.100.7 api  5000  deny
        """,
    )


def test_05_from_every_namespace_is_still_not_from_outside(holds):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{namespaceSelector: {}}]}]}"
        ),
        """
        web             api  5000  allow
        ops/prober      api  5000  allow
        kube-system/dns api  5000  allow
        198.51.100.7    api  5000  deny
        other-node      api  5000  deny
        """,
    )


def test_06_from_one_namespace(holds):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: api}},"
            " ingress: [{from: [{namespaceSelector: {matchLabels: {team: blue}}}]}]}"
        ),
        """
        ops/prober      api  5000  allow
        ops/web         api  5000  allow
        web             api  5000  deny
        kube-system/dns api  5000  deny
        """,
    )


def test_07_some_pods_of_another_namespace(holds):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{"
            "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}},"
            " podSelector: {matchLabels: {app: prober}}}]}]}"
        ),
        """
        ops/prober  api  5000  allow
        ops/web     api  5000  deny
        web         api  5000  deny
        """,
    )


def test_08_external_clients(holds):
    holds(
        policy("{podSelector: {matchLabels: {app: api}}, ingress: [{ports: [{port: 5000}]}]}"),
        """
        198.51.100.7 api  5000  allow
        web          api  5000  allow
        198.51.100.7 api  5001  deny
        """,
    )


@pytest.mark.parametrize("port", ["5000", "http"])
def test_09_one_port_which_is_the_pods_and_not_the_services(holds, port):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: api}}, ingress: ["
            f"{{ports: [{{port: {port}}}], from: [{{podSelector: {WEB}}}]}}]}}"
        ),
        """
        web   api      5000  allow
        web   api      5001  deny
        web   api  udp:5000  deny
        cron  api      5000  deny
        """,
    )


def test_10_several_selectors(holds):
    holds(
        policy(
            "{podSelector: {matchLabels: {app: db}}, ingress: [{from: ["
            "{podSelector: {matchLabels: {app: web}}}, {podSelector: {matchLabels: {app: cron}}}"
            "]}]}"
        ),
        """
        web   db  5432  allow
        cron  db  5432  allow
        api   db  5432  deny
        """,
    )


def test_11_no_egress_of_an_app_but_names(holds):
    silent = policy(
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: []}", name="deny"
    )
    dns = policy(
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{"
        "to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}],"
        " ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]}",
        name="dns",
    )
    holds(
        silent,
        """
        web   kube-system/dns  udp:53  deny
        web   api              5000    deny
        web   198.51.100.7     443     deny
        cron  web              80      allow
        """,
    )
    holds(
        silent + dns,
        """
        web   kube-system/dns  udp:53    allow
        web   kube-system/dns  53        allow
        web   kube-system/dns  udp:9153  deny
        web   api              5000      deny
        cron  198.51.100.7     443       allow
        """,
    )


def test_12_no_egress_of_a_namespace(holds):
    holds(
        policy("{podSelector: {}, policyTypes: [Egress], egress: []}"),
        """
        web         api           5000  deny
        cron        198.51.100.7  443   deny
        ops/prober  api           5000  allow
        ops/prober  198.51.100.7  443   allow
        """,
    )


def test_14_no_egress_to_outside_the_cluster(holds):
    """As its title has it: pods of the cluster stay reachable, the rest does not."""
    holds(
        policy(
            "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {}}]}]}"
        ),
        """
        web  api              5000    allow
        web  kube-system/dns  udp:53  allow
        web  198.51.100.7     443     deny
        web  other-node       443     deny
        """,
    )


K1 = [
    ("{}", "deny", "allow"),
    ("{ingress: [], egress: []}", "deny", "allow"),
    ("{egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}", "deny", "deny"),
    ("{policyTypes: [Egress]}", "allow", "deny"),
    ("{policyTypes: [Egress], ingress: [{}], egress: [{}]}", "allow", "allow"),
    ("{policyTypes: [Ingress, Egress]}", "deny", "deny"),
    (
        "{policyTypes: [Ingress], ingress: [{}], egress: [{to: [{podSelector: {}}]}]}",
        *["allow"] * 2,
    ),
    ("{policyTypes: []}", "deny", "allow"),
]


@pytest.mark.parametrize(("spec", "ingress", "egress"), K1)
def test_k1_policy_types(holds, spec, ingress, egress):
    subject = "{podSelector: {matchLabels: {app: api}}, "
    holds(
        policy(spec.replace("{", subject, 1).replace(", }", "}")),
        f"""
        web  api           5000  {ingress}
        api  198.51.100.7  443   {egress}
        """,
    )


def test_k2_union_and_two_sides(holds):
    def clients(app, port):
        return (
            "{podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector:"
            f" {{matchLabels: {{app: {app}}}}}}}], ports: [{{port: {port}}}]}}]}}"
        )

    out = (
        "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{"
        "to: [{podSelector: {matchLabels: {app: api}}}], ports: [{port: 9000}]}]}"
    )
    both = policy(clients("web", 8080), name="p1") + policy(clients("cron", 9000), name="p2")
    holds(
        both + policy(out, name="p3"),
        """
        web   api  8080  deny
        web   api  9000  deny
        cron  api  9000  allow
        api   web  8080  allow
        """,
    )


@pytest.mark.parametrize(
    ("peers", "own", "labelled", "internet"),
    [
        ("[]", "allow", "allow", "allow"),
        ("[{podSelector: {}}]", "allow", "deny", "deny"),
        ("[{namespaceSelector: {}}]", "allow", "allow", "deny"),
        ("[{podSelector: {matchLabels: {app: prober}}}]", "deny", "deny", "deny"),
        (
            "[{namespaceSelector: {}, podSelector: {matchLabels: {app: prober}}}]",
            "deny",
            "allow",
            "deny",
        ),
        ("[{ipBlock: {cidr: 0.0.0.0/0}}]", "allow", "allow", "allow"),
    ],
)
def test_k3_who_is_meant(holds, peers, own, labelled, internet):
    text = policy(f"{{podSelector: {{matchLabels: {{app: api}}}}, ingress: [{{from: {peers}}}]}}")
    table = f"""
        web          api  5000  {own}
        ops/prober   api  5000  {labelled}
        198.51.100.7 api  5000  {internet}
        """
    holds(text, table)
    if "ipBlock" not in peers:
        holds(text, table, profile="cilium")


def test_k3_whether_a_block_is_about_pods_is_up_to_the_engine(holds):
    holds(
        policy("{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}"),
        """
        web          api  5000  deny
        ops/prober   api  5000  deny
        198.51.100.7 api  5000  allow
        """,
        profile="cilium",
    )


@pytest.mark.parametrize(
    ("peers", "verdicts"),
    [
        (
            f"[{{namespaceSelector: {{matchLabels: {{team: blue}}}}, podSelector: {WEB}}}]",
            "allow deny deny deny",
        ),
        (
            f"[{{namespaceSelector: {{matchLabels: {{team: blue}}}}}}, {{podSelector: {WEB}}}]",
            "allow allow allow deny",
        ),
    ],
    ids=["and", "or"],
)
def test_one_dash_more(holds, peers, verdicts):
    """One peer with two selectors, or two peers."""
    rows = zip(("ops/web", "ops/prober", "web", "cron"), verdicts.split(), strict=True)
    holds(
        policy(f"{{podSelector: {{matchLabels: {{app: api}}}}, ingress: [{{from: {peers}}}]}}"),
        "\n".join(f"{client} api 5000 {verdict}" for client, verdict in rows),
    )


def test_k4_ports(holds):
    known = inventory(
        pod("client"),
        pod("pod1", ports=(ContainerPort(name="http", port=8080),)),
        pod("pod2", ports=(ContainerPort(name="http", port=80),)),
        pod("pod3"),
    )
    ports = "[{port: http}, {port: 9000, endPort: 9010}, {protocol: UDP, port: 53}]"
    holds(
        policy(f"{{podSelector: {{}}, ingress: [{{ports: {ports}}}]}}"),
        """
        client  pod1  8080      allow
        client  pod2  8080      deny
        client  pod3  8080      deny
        client  pod1  80        deny
        client  pod2  80        allow
        client  pod3  80        deny
        client  pod1  9005      allow
        client  pod2  9010      allow
        client  pod3  9011      deny
        client  pod1  udp:9005  deny
        client  pod3  udp:53    allow
        client  pod3  53        deny
        """,
        known=known,
    )


def test_k4_egress_to_a_named_port_is_the_servers(holds):
    holds(
        policy("{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: http}]}]}"),
        """
        web  api           5000  allow
        web  db            5000  deny
        web  198.51.100.7  5000  deny
        """,
    )


BLOCK = "{ipBlock: {cidr: 10.0.0.0/8, except: [10.9.0.0/16]}}"


@pytest.mark.parametrize(
    ("profile", "verdict"), [("kubernetes", "allow"), ("calico", "allow"), ("cilium", "deny")]
)
def test_k5_exceptions_of_a_block(holds, profile, verdict):
    api = "{podSelector: {matchLabels: {app: api}}, ingress: [{from: [PEERS]}]}"
    holds(
        policy(api.replace("PEERS", BLOCK)),
        f"""
        10.1.2.3  api  5000  allow
        10.9.8.7  api  5000  deny
        web       api  5000  {verdict}
        """,
        profile=profile,
    )
    holds(
        policy(api.replace("PEERS", BLOCK + ", {ipBlock: {cidr: 10.9.8.0/24}}")),
        """
        10.9.8.7  api  5000  allow
        10.9.7.7  api  5000  deny
        """,
        profile=profile,
    )


def test_l1_what_lacks_the_label_is_not_in_its_set(holds):
    selector = "{matchExpressions: [{key: tier, operator: NotIn, values: [back]}]}"
    holds(
        policy(f"{{podSelector: {selector}}}"),
        """
        ops/web  web   80    deny
        ops/web  api   5000  allow
        ops/web  cron  80    deny
        ops/web  db    5432  deny
        """,
    )


def test_l1_contradictions_select_nothing(holds):
    selector = (
        "{matchLabels: {app: web}, matchExpressions: [{key: app, operator: NotIn, values: [web]}]}"
    )
    holds(policy(f"{{podSelector: {selector}}}"), "ops/web web 80 allow")


def test_the_minimal_document_of_1_14(holds):
    holds(
        policy(
            """
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Ingress, Egress]
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ops}}
      podSelector: {matchLabels: {app: prober}}
    ports:
    - {protocol: TCP, port: 8080}
  egress:
  - to:
    - podSelector: {matchLabels: {app: db}}
    ports:
    - {protocol: TCP, port: 5432}
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}"""
        ),
        """
        web         api              8080    allow
        ops/web     api              8080    deny
        ops/prober  api              8080    allow
        ops/prober  api              9090    deny
        api         db               5432    allow
        api         kube-system/dns  udp:53  allow
        api         198.51.100.7     443     deny
        node        api              8081    allow
        """,
    )


def test_the_baseline_of_a_namespace(holds):
    """docs/semantics.md#needs-that-no-flow-shows: default deny and DNS."""
    deny = policy("{podSelector: {}, policyTypes: [Ingress, Egress]}", name="default-deny")
    dns = policy(
        "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{"
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}},"
        " podSelector: {matchLabels: {k8s-app: kube-dns}}}],"
        " ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]}]}",
        name="allow-dns",
    )
    holds(
        deny + dns,
        """
        web         kube-system/dns  udp:53  allow
        web         kube-system/dns  53      allow
        web         api              5000    deny
        web         198.51.100.7     443     deny
        ops/prober  api              5000    deny
        """,
    )
