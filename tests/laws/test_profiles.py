"""What holds for every network plugin: enough is allowed, and nothing opens without being said."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from special_cases import of

from generators import DIALECTS
from netpol.certificate import certify
from netpol.cli.proof import Proof, dialect_named, prove
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Namespace, Node, Pod, Service, ServicePort
from netpol.learn import Learned
from netpol.peers import Cidr, Entity, Peer, Workload
from netpol.profile import CNIS, Profile
from netpol.report.certificates import denied_rows
from netpol.synthesize import Options

SPOKEN = [
    pytest.param(one.speaking(dialect.profile.words), id=f"{one.name}-{dialect.name}")
    for one in CNIS.values()
    for dialect in DIALECTS
    if dialect.name in one.reads
]
NAMESPACES = ("a", "kube-system")
PUBLIC = "203.0.113.2"


@st.composite
def inventories(draw) -> Inventory:
    """Workloads with shared labels, Services that select some, more or other than one of them."""
    pods: dict[tuple[str, str], Pod] = {}
    services: dict[tuple[str, str], Service] = {}
    for namespace in NAMESPACES:
        for number in range(draw(st.integers(1, 3))):
            name = f"w{number}"
            labels = {"app": name, "tier": draw(st.sampled_from("xy"))}
            pods[namespace, name] = Pod(
                namespace=namespace,
                name=name,
                workload=Workload(namespace, "Deployment", name),
                labels=tuple(sorted(labels.items())),
                addresses=(f"10.244.0.{len(pods) + 1}",),
            )
            wanted = draw(st.sampled_from((("app",), ("tier",), ("app", "tier"))))
            if draw(st.booleans()):
                services[namespace, name] = Service(
                    namespace=namespace,
                    name=name,
                    type=draw(st.sampled_from(("ClusterIP", "LoadBalancer"))),
                    selector=tuple((key, labels[key]) for key in wanted),
                    cluster_ips=(f"10.96.0.{len(services) + 1}",),
                    ports=(
                        ServicePort(port=draw(st.sampled_from((80, 8080))), target=8080),
                        ServicePort(protocol="UDP", port=53),
                    ),
                )
    return Inventory(
        pods=pods,
        services=services,
        namespaces={name: Namespace(name=name) for name in NAMESPACES},
        nodes={"n": Node(name="n", addresses=("172.18.0.9", PUBLIC), pod_cidrs=("10.244.0.0/24",))},
        api_servers=("172.18.0.9",),
    )


OUTSIDERS: tuple[Peer, ...] = (
    Cidr("198.51.100.7/32"),
    Cidr("203.0.113.3/32"),
    Cidr("2001:db8::5/128"),
    Entity("world"),
    Entity("host"),
    Entity("remote-node"),
    Entity("kube-apiserver"),
)
PORTS = (
    ("TCP", 8080),
    ("UDP", 53),
    ("TCP", 9000),
    ("TCP", 9001),
    ("TCP", 9002),
    ("SCTP", 36412),
    ("ICMP", 2048),
)


@st.composite
def learned(draw) -> Learned:
    inventory = draw(inventories())
    workloads = list(inventory.workloads)
    inside = st.tuples(st.sampled_from(workloads), st.sampled_from(workloads))
    outward = st.tuples(st.sampled_from(workloads), st.sampled_from(OUTSIDERS))
    inward = st.tuples(st.sampled_from(OUTSIDERS), st.sampled_from(workloads))
    pairs = st.tuples(st.one_of(inside, outward, inward), st.sampled_from(PORTS))
    found = [(c, s, *port) for (c, s), port in draw(st.lists(pairs, max_size=20))]
    if draw(st.booleans()):
        many = draw(st.sets(st.integers(10_000, 10_200), min_size=20, max_size=60))
        found += [(workloads[0], workloads[-1], "TCP", port) for port in many]
    called = draw(st.sampled_from((frozenset(), frozenset({"a/w0"}))))
    return of(
        ((Connection(*one), Evidence(records=1, services=called)) for one in found), inventory
    )


def proof(what: Learned, profile: Profile) -> Proof:
    dialect = dialect_named(profile.words.name, DIALECTS)
    return prove(what, dialect, Options(), lambda _: None, profile)


@pytest.mark.parametrize("profile", SPOKEN)
@settings(deadline=None, max_examples=25)
@given(what=learned())
def test_sufficient_minimal_and_nothing_opens_in_silence(what: Learned, profile: Profile) -> None:
    made = proof(what, profile)
    certificate = made.certificate
    assert [str(one) for one in denied_rows(certificate)] == []
    if profile.words.name == "cilium":
        # An API server on a node is a node too, and the host to pods beside it, so that an egress
        # rule for it is needed: but no pod here is known to be beside it.
        assert not [one for one in certificate.without_witness if " ingress " in one]
    else:
        assert certificate.without_witness == ()
    reasons = {f"{one.field}: {one.what}" for one in certificate.choices if one.opens}
    for one in certificate.opened:
        assert one.reason in {"declared need: name resolution", *reasons}
    gone = {c for c, _ in what.accepted} - {c for c, _ in made.synthesis.learned.accepted}
    assert gone <= {one.connection for one in made.synthesis.learned.held}


@pytest.mark.parametrize("profile", SPOKEN)
@settings(deadline=None, max_examples=15)
@given(what=learned())
def test_what_was_written_allows_what_was_meant(what: Learned, profile: Profile) -> None:
    """Written, read back and judged: the tuples of the policies before they were written."""
    made = proof(what, profile)
    meant = certify(
        made.synthesis.policies,
        made.synthesis.learned,
        profile,
        declared=made.synthesis.declared,
        policed=made.synthesis.policed,
        choices=made.synthesis.choices,
    )
    assert made.certificate.allowed == meant.allowed
    assert made.certificate.opened == meant.opened
    assert made.certificate.denied == meant.denied == ()


@settings(deadline=None, max_examples=60)
@given(learned())
def test_amazon_opens_every_service_that_was_called_and_keeps_to_its_limits(what: Learned) -> None:
    """Read from the YAML, the way its controller does, without the code that wrote it."""
    made = proof(what, CNIS["aws-vpc-cni"])
    policies = [yaml.safe_load(text) for name, text in made.files.items() if "/" in name]
    inventory = what.inventory
    for connection, evidence in made.synthesis.learned.accepted:
        client, server = connection.client, connection.server
        if not (isinstance(client, Workload) and isinstance(server, Workload)):
            continue
        rules = list(egress(policies, inventory.workloads[client][0], inventory))
        assert entries(rules, server, inventory) <= 24
        ways = list(leading(connection, inventory))
        named = [one for one in ways if f"{one[0].namespace}/{one[0].name}" in evidence.services]
        for service, port in named or ways:
            assert any(opens(rule, service, port, connection, inventory) for rule in rules)


def egress(policies: list[Any], pod: Pod, inventory: Inventory) -> Iterator[tuple[str, Any]]:
    """(namespace, rule) of every policy that selects a pod and isolates its egress."""
    for policy in policies:
        namespace, spec = policy["metadata"]["namespace"], policy["spec"]
        if namespace == pod.namespace and matches(spec["podSelector"], dict(pod.labels)):
            yield from ((namespace, rule) for rule in spec.get("egress", ()))


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    plain = all(labels.get(key) == value for key, value in wanted.items())
    return plain and all(holds(one, labels) for one in selector.get("matchExpressions", ()))


def holds(one: dict[str, Any], labels: dict[str, str]) -> bool:
    value, values = labels.get(one["key"]), one.get("values", ())
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[one["operator"]]


def leading(connection: Connection, inventory: Inventory) -> Iterator[tuple[Service, ServicePort]]:
    """The Services that lead to the port of the connection."""
    labels = set(inventory.workloads[connection.server][0].labels)
    for service in inventory.services.values():
        if service.namespace == connection.server.namespace and set(service.selector) <= labels:
            for port in service.ports:
                if (port.protocol, port.target or port.port) == (
                    connection.protocol,
                    connection.port,
                ):
                    yield service, port


def opens(
    found: tuple[str, Any],
    service: Service,
    port: ServicePort,
    connection: Connection,
    inventory: Inventory,
) -> bool:
    """Whether a rule opens the Service's address: by selector with the pod's port, or by block."""
    namespace, rule = found
    for peer in rule["to"]:
        if block := peer.get("ipBlock"):
            inside = ipaddress.ip_address(service.cluster_ips[0]) in ipaddress.ip_network(
                block["cidr"]
            )
            if inside and not block.get("except") and has(rule, port.protocol, port.port):
                return True
        elif has(rule, connection.protocol, connection.port) and selects(
            peer, namespace, service.namespace, dict(service.selector)
        ):
            return True
    return False


def selects(peer: dict[str, Any], own: str, namespace: str, labels: dict[str, str]) -> bool:
    spaces = peer.get("namespaceSelector")
    around = {"kubernetes.io/metadata.name": namespace}
    there = own == namespace if spaces is None else matches(spaces, around)
    return there and matches(peer.get("podSelector", {}), labels)


def has(rule: dict[str, Any], protocol: str, port: int | None) -> bool:
    return any(
        one["protocol"] == protocol and one["port"] <= port <= one.get("endPort", one["port"])
        for one in rule["ports"]
    )


def entries(rules: list[tuple[str, Any]], server: Workload, inventory: Inventory) -> int:
    """The distinct ports and ranges that rules give to the pods of a server."""
    labels = dict(inventory.workloads[server][0].labels)
    return len(
        {
            (one["protocol"], one["port"], one.get("endPort"))
            for namespace, rule in rules
            for peer in rule["to"]
            if "ipBlock" not in peer and selects(peer, namespace, server.namespace, labels)
            for one in rule["ports"]
        }
    )
