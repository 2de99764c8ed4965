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
        ("policy.networking.k8s.io/v1alpha2", "ClusterNetworkPolicy"),
        ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
        ("projectcalico.org/v3", "GlobalNetworkPolicy"),
        ("projectcalico.org/v3", "StagedNetworkPolicy"),
        ("crd.projectcalico.org/v1", "Tier"),
        ("cilium.io/v2", "CiliumClusterwideNetworkPolicy"),
        ("cilium.io/v2alpha1", "CiliumCIDRGroup"),
        ("networking.k8s.io/v1beta1", "NetworkPolicy"),
        ("extensions/v1beta1", "NetworkPolicy"),
        ("", "NetworkPolicy"),
    ],
)
def test_policy_kinds_that_are_not_read_are_said(version, kind):
    told = []
    policies, seen = generators.parse([document(version, kind, name="x")], told.append)
    assert (policies.policies, seen) == ((), frozenset())
    ((code, message),) = [(one.code, one.message) for one in told]
    assert code == "NP065"
    assert message.startswith(f"{kind} x (")
    assert message.endswith("is not read yet, its effect is undecided")


@pytest.mark.parametrize("kind", ["Tier", "Group", "HostEndpoint"])
def test_words_of_other_groups_are_none_of_our_business(kind):
    told = []
    generators.parse([document("example.org/v1", kind)], told.append)
    assert told == []
