"""Written for any plugin in any dialect, read back and judged: the same tuples, or it is said.

Worlds in which little is regular: pods of one workload with different labels, workloads that no
labels tell apart, pods without labels, Services that select some of them, all levels and bounds.
The judge is asked here, not the certificate; the certificate must account for every difference
between what was observed and what is allowed.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from special_cases import of

from generators import DIALECTS, parse
from netpol.certificate import judge_of
from netpol.cli.output import write
from netpol.cli.proof import dialect_named, prove
from netpol.compare import differences
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Namespace, Node, Pod, Service, ServicePort
from netpol.manifests import load
from netpol.net import NO_PORTS
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.profile import CNIS
from netpol.synthesize import LEVELS, Bound, Options

SPOKEN = [
    one.speaking(dialect.profile.words)
    for one in CNIS.values()
    for dialect in DIALECTS
    if dialect.name in one.reads
]
PART_OF = "app.kubernetes.io/part-of"
LABELS = st.fixed_dictionaries(
    {"app": st.sampled_from(("a", "b", "c", "v1.2"))},
    optional={
        "role": st.sampled_from("xyz"),
        PART_OF: st.sampled_from(("p", "q")),
        "topology.kubernetes.io/zone": st.sampled_from("mn"),
    },
)
OUTSIDE = (
    Cidr("198.51.100.7/32"),
    Cidr("198.51.100.6/32"),
    Cidr("2001:db8::5/128"),
    Cidr("10.200.0.5/32"),
    Fqdn("api.example.org"),
    Entity("world"),
    Entity("host"),
    Entity("remote-node"),
    Entity("kube-apiserver"),
)
PORTS = (("TCP", 8080), ("TCP", 8082), ("UDP", 53), ("SCTP", 9), ("ICMP", 2048))


@st.composite
def inventories(draw):
    pods, services = {}, {}
    for namespace in ("a", "b", "kube-system"):
        for number in range(draw(st.integers(1, 3))):
            owner = Workload(namespace, "Deployment", f"w{number}")
            for place, labels in enumerate(draw(st.lists(LABELS, min_size=1, max_size=3))):
                if number == 0 and namespace == "kube-system":
                    labels = {**labels, "k8s-app": "kube-dns"}
                elif draw(st.integers(0, 15)) == 7:
                    labels = {}
                name = f"w{number}-{place}"
                pods[namespace, name] = Pod(
                    namespace=namespace,
                    name=name,
                    workload=owner,
                    labels=tuple(sorted(labels.items())),
                    addresses=(f"10.244.0.{len(pods) + 1}",),
                )
                if labels and draw(st.integers(0, 3)) == 0:
                    key = draw(st.sampled_from(sorted(labels)))
                    services[namespace, name] = Service(
                        namespace=namespace,
                        name=name,
                        type=draw(st.sampled_from(("ClusterIP", "LoadBalancer"))),
                        selector=((key, labels[key]),),
                        cluster_ips=(f"10.96.0.{len(services) + 1}",),
                        ports=(ServicePort(port=80, target=8080),),
                    )
    return Inventory(
        pods=pods,
        services=services,
        namespaces={
            name: Namespace(name=name, labels=(("team", draw(st.sampled_from("st"))),))
            for name in dict.fromkeys(name for name, _ in pods)
        },
        nodes={"n": Node(name="n", addresses=("172.18.0.9",), pod_cidrs=("10.244.0.0/24",))},
        api_servers=("172.18.0.9",),
    )


@st.composite
def worlds(draw):
    inventory = draw(inventories())
    inside, outside = st.sampled_from(list(inventory.workloads)), st.sampled_from(OUTSIDE)
    clients = st.sampled_from([one for one in OUTSIDE if not isinstance(one, Fqdn)])
    sides = st.one_of(
        st.tuples(inside, inside), st.tuples(inside, outside), st.tuples(clients, inside)
    )
    found = draw(st.lists(st.tuples(sides, st.sampled_from(PORTS)), min_size=3, max_size=12))
    if draw(st.booleans()):
        client, resolver = (Workload(n, "Deployment", "w0") for n in ("a", "kube-system"))
        found.append(((client, resolver), ("UDP", 53)))
    return of(((Connection(*pair, *port), Evidence(records=1)) for pair, port in found), inventory)


OPTIONS = st.builds(
    Options,
    dns=st.booleans(),
    level=st.sampled_from((*LEVELS, "workload")),
    port_gap=st.sampled_from((0, 0, 5)),
    bound=st.sampled_from((Bound(), Bound(addresses=3))),
    allow_world=st.booleans(),
    namespace_labels=st.sampled_from(((), ("team",))),
)


def read_back(files, where):
    write(files, where)
    return parse(load([str(where)], lambda _: None), lambda _: None)[0]


def by_pair(rows):
    found = {}
    for client, server, ports in rows:
        found[client, server] = found.get((client, server), NO_PORTS) | ports
    return found


def everything(judge):
    """All tuples: of pods, of those outside who were seen, and of any address there is."""
    return (
        by_pair(judge.connections()),
        by_pair(judge.outside_connections()),
        set(judge.address_connections()),
    )


def test_the_same_tuples_or_the_certificate_lists_them(tmp_path):
    met: Counter[str] = Counter()
    for number, profile in enumerate(SPOKEN):
        # Not shrunk: each example is a whole run, and what fails says where.
        some = settings(deadline=None, max_examples=25, database=None, phases=[Phase.generate])
        seed(number)(some(given(worlds(), OPTIONS)(law(profile, met, tmp_path))))()
    assert met.keys() >= {*CNIS, "kubernetes", "calico", "cilium"}
    assert met.keys() >= {"held", "siblings", "level", "names", "several", "team"}


def law(profile, met, where):
    dialect = dialect_named(profile.words.name, DIALECTS)

    def holds(what, options):
        made = prove(what, dialect, options, lambda _: None, profile)
        read = read_back(made.files, where / str(met.total()))
        met.update([profile.name, dialect.name, *accounted(what, made, read)])

    return holds


def accounted(what, made, read):
    """Hold one proof to the law; what was remarkable about it."""
    certificate, synthesis = made.certificate, made.synthesis
    edges = [(one, Evidence()) for one in synthesis.declared]
    meant, judge = (
        judge_of(some, synthesis.learned, certificate.profile, edges)
        for some in (synthesis.policies, read)
    )
    assert everything(judge) == everything(meant)

    held = {one.connection for one in synthesis.learned.held}
    assert not certificate.denied
    for connection, _ in what.accepted:
        assert connection in held | {*certificate.undecided} or judge.decide(connection).allowed
    seen = by_pair((c.client, c.server, c.ports) for c, _ in what.accepted)
    said = by_pair((one.client, one.server, one.ports) for one in certificate.opened)
    for pair, ports in by_pair(judge.connections()).items():
        if any(peer.namespace in synthesis.policed for peer in pair):
            assert ports - seen.get(pair, NO_PORTS) <= said.get(pair, NO_PORTS)
    # Each with a reason of its own: nothing is wider than it had to be.
    reasons = {one.reason for one in certificate.opened}
    assert "a selector or rule is wider than what was observed" not in reasons
    yield from ["held"] if held else []
    yield from ["siblings"] if any("no labels tell" in one for one in reasons) else []
    yield from ["level"] if any("level" in one for one in reasons) else []
    yield from ["names"] if any("name resolution" in one for one in reasons) else []
    yield from (
        ["team"] if any(one.field == "namespace_label" for one in certificate.choices) else []
    )
    yield from ["several"] if any("#" in one.name for one in synthesis.policies.policies) else []


@settings(deadline=None, max_examples=60, derandomize=True)
@given(worlds(), OPTIONS)
def test_where_dialects_differ_it_is_listed_with_the_reason(what, options):
    proofs = {one.name: prove(what, one, options, lambda _: None) for one in DIALECTS}
    found = differences((one.certificate for one in proofs.values()), what)
    listed = by_pair(((one.dialect, one.client), one.server, one.ports) for one in found)
    tables = {name: one.certificate.allowed for name, one in proofs.items()}
    for name, mine in tables.items():
        for theirs in tables.values():
            for (client, server), ports in theirs.items():
                missing = ports - mine.get((client, server), NO_PORTS)
                assert missing <= listed.get(((name, client), server), NO_PORTS)
    assert "allowed in another dialect, not in this one" not in {one.reason for one in found}
