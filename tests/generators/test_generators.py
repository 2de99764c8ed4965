"""What is shared by the dialects: files, goldens, and reading a folder of everything."""

import pytest

import generators
from generators import DIALECTS
from generators.generator import files
from netpol.errors import NetpolError
from netpol.manifests import Document
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    NAMESPACE,
    CidrSelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    in_namespace,
)

SHOP = in_namespace("shop")
OPS = (Requirement(NAMESPACE, "In", ("ops", "test")),)


def labelled(**labels):
    return tuple(Requirement(key, "In", (value,)) for key, value in sorted(labels.items()))


def shop(dialect):
    """A small shop; outside the cluster it says what its dialect has words for."""
    dns = PodSelector(in_namespace("kube-system"), (Requirement("k8s-app", "In", ("kube-dns",)),))
    outside = {
        "kubernetes": CidrSelector("0.0.0.0/0", ("10.0.0.0/8", "172.16.0.0/12")),
        "calico": CidrSelector("198.51.100.0/24"),
        "cilium": FqdnSelector("payments.example.org"),
    }[dialect]
    cart = Policy(
        name="cart",
        namespace="shop",
        subject=PodSelector(SHOP, labelled(app="cart")),
        ingress=(
            Rule(
                peers=(
                    PodSelector(SHOP, labelled(app="front")),
                    PodSelector(
                        (Requirement(NAMESPACE, "In", ("ops", "test")),), labelled(app="prober")
                    ),
                ),
                ports=PortSet.of("TCP", 8080) | PortSet.of("TCP", 9000, 9010),
                named_ports=(("TCP", "metrics"),),
            ),
        ),
        egress=(
            Rule(
                peers=(dns,),
                ports=PortSet.of("TCP", 53) | PortSet.of("UDP", 53),
                dns=("*",),
            ),
            Rule(peers=(outside,), ports=PortSet.of("TCP", 443)),
        ),
    )
    deny = Policy(
        name="default-deny", namespace="shop", subject=PodSelector(SHOP), ingress=(), egress=()
    )
    everyone = Policy(
        name="edge",
        namespace="ingress",
        subject=PodSelector(in_namespace("ingress"), labelled(tier="1e3")),
        ingress=(Rule(peers=None, ports=ALL_PORTS),),
    )
    probe = Rule(
        peers=(PodSelector((Requirement("team", "NotIn", ("red",)),)),),
        ports=PortSet.icmp("ICMP", 8) if dialect != "kubernetes" else PortSet.of("SCTP"),
    )
    ping = Policy(name="ping", namespace="shop", subject=PodSelector(SHOP), ingress=(probe,))
    return PolicySet(policies=(deny, cart, everyone, ping))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda one: one.name)
def test_a_small_shop_as_a_person_reads_it(dialect, golden):
    texts = files(dialect, shop(dialect.name))
    golden(
        f"dialects/{dialect.name}.txt",
        "\n".join(f"### {path}\n{text}" for path, text in texts.items()),
    )


def test_two_policies_of_one_name_are_an_error():
    policy = Policy(name="p", namespace="a", subject=PodSelector(in_namespace("a")), ingress=())
    for dialect in DIALECTS:
        with pytest.raises(NetpolError, match="same namespace and name"):
            files(dialect, PolicySet(policies=(policy, policy)))


def document(version, kind, name="p", **fields):
    data = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, **fields}
    return Document(file="x.yaml", index=1, data=data)


def test_every_document_goes_to_the_dialect_that_knows_it():
    told = []
    policies, seen = generators.parse(
        [
            document("projectcalico.org/v3", "NetworkPolicy", spec={"order": 1}),
            document("v1", "Service"),
            document("networking.k8s.io/v1", "NetworkPolicy", spec={}),
            document("apps/v1", "Deployment"),
        ],
        told.append,
    )
    assert told == []
    assert [one.order for one in policies.policies] == [1000, 1]
    assert seen == {"kubernetes", "calico"}


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"),
        ("k8s.ovn.org/v1", "EgressFirewall"),
        ("security.istio.io/v1", "AuthorizationPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "ClusterNetworkPolicy"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy"),
        ("extensions/v1beta1", "NetworkPolicy"),
        ("", "NetworkPolicy"),
    ],
)
def test_policy_kinds_that_are_not_read_are_said_and_undecided(version, kind):
    told = []
    policies, seen = generators.parse([document(version, kind, name="x")], told.append)
    assert (policies.policies, seen) == ((), frozenset())
    ((code, message),) = [(one.code, one.message) for one in told]
    assert code == "NP065"
    assert message.startswith(f"{kind} x (")
    assert message.endswith("is not read yet, its effect is undecided")
    (doubt,) = policies.undecided
    assert (doubt.subject, doubt.directions) == (PodSelector(), ("ingress", "egress"))
    assert doubt.origin == f"x.yaml: document 1, {kind} x"


def test_what_is_not_read_is_about_its_own_namespace():
    one = document("security.istio.io/v1", "AuthorizationPolicy")
    one.data["metadata"]["namespace"] = "shop"
    policies, _ = generators.parse([one], lambda _: None)
    assert policies.undecided[0].subject == PodSelector(SHOP)


def test_readers_are_the_dialects_and_more_and_share_no_kind():
    assert generators.READERS[: len(DIALECTS)] == DIALECTS
    kinds = [kind for reader in generators.READERS for kind in reader.kinds]
    assert len(kinds) == len(set(kinds))
    assert len({reader.name for reader in generators.READERS}) == len(generators.READERS)


def test_what_policies_refer_to_is_no_policy():
    told = []
    documents = [
        document("v1", "Service", spec={"selector": {"app": "x"}}),
        document("cilium.io/v2", "CiliumCIDRGroup", spec={"externalCIDRs": ["10.0.0.0/8"]}),
        document("networking.k8s.io/v1", "NetworkPolicy", spec={}),
    ]
    policies, seen = generators.parse(documents, told.append)
    assert [one.kind for one in policies.policies] == ["NetworkPolicy"]
    assert (seen, told, policies.undecided) == ({"kubernetes"}, [], ())


def test_what_cilium_policies_refer_to_reaches_them():
    spec = {"endpointSelector": {}, "egress": [{"toCIDRSet": [{"cidrGroupRef": "g"}]}]}
    documents = [
        document(
            "cilium.io/v2", "CiliumCIDRGroup", name="g", spec={"externalCIDRs": ["10.0.0.0/8"]}
        ),
        document("cilium.io/v2", "CiliumNetworkPolicy", spec=spec),
    ]
    policies, seen = generators.parse(documents, lambda _: None)
    assert seen == {"cilium"}
    assert policies.policies[0].egress[0].peers == (CidrSelector("10.0.0.0/8"),)


def test_tiers_of_all_readers_come_together():
    documents = [
        document("networking.k8s.io/v1", "NetworkPolicy", spec={}),
        document(
            "policy.networking.k8s.io/v1alpha2",
            "ClusterNetworkPolicy",
            spec={"tier": "Baseline", "priority": 1, "subject": {"namespaces": {}}},
        ),
        document("projectcalico.org/v3", "Tier", spec={"order": 5, "defaultAction": "Pass"}),
        document("projectcalico.org/v3", "GlobalNetworkPolicy", spec={"tier": "p"}),
    ]
    policies, seen = generators.parse(documents, lambda _: None)
    assert seen == {"kubernetes", "admin", "calico"}
    ranks = {tier.name: rank for rank, tier in enumerate(policies.tiers)}
    assert ranks["p"] < ranks["kube-admin"] < ranks["default"] < ranks["kube-baseline"]
    assert {one.tier for one in policies.policies} <= ranks.keys()


@pytest.mark.parametrize("kind", ["Tier", "Group", "HostEndpoint"])
def test_words_of_other_groups_are_none_of_our_business(kind):
    told = []
    generators.parse([document("example.org/v1", kind)], told.append)
    assert told == []
