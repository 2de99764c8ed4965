"""Pods become classes; parties outside are completed from the inventory."""

from __future__ import annotations

from dataclasses import replace

from netpol.inventory import ContainerPort, Inventory, Namespace, Node, Pod
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.world import Members, Outside, PodClass, world

WEB = Workload("shop", "Deployment", "web")
AGENT = Workload("shop", "DaemonSet", "agent")


def pod(name: str, workload: Workload = WEB, **more) -> Pod:
    return Pod(namespace=workload.namespace, name=name, workload=workload, **more)


def inventory(*pods: Pod, **more) -> Inventory:
    return Inventory(pods={(one.namespace, one.name): one for one in pods}, **more)


def test_equal_pods_are_one_class_and_a_workload_lists_all_its_classes() -> None:
    labels = (("app", "web"),)
    ports = (ContainerPort(name="http", port=8080), ContainerPort(port=9000))
    seen = world(
        inventory(
            pod("a", labels=labels, ports=ports, addresses=("10.0.0.1",)),
            pod("b", labels=labels, ports=ports, addresses=("10.0.0.2",), finished=True),
            pod("c", labels=(*labels, ("track", "canary")), template=True),
        )
    )
    assert seen.classes[0] == PodClass(
        namespace="shop",
        namespace_labels=(("kubernetes.io/metadata.name", "shop"),),
        labels=labels,
        named_ports=(("TCP", "http", 8080),),
        members=(Members(workload=WEB, pods=2, addresses=(("10.0.0.1/32",),)),),
    )
    assert seen.workloads == {WEB: (0, 1)}


def test_a_namespace_keeps_its_labels_and_always_has_its_name() -> None:
    known = {"shop": Namespace(name="shop", labels=(("team", "red"),))}
    labels = world(inventory(pod("a"), namespaces=known)).classes[0].namespace_labels
    assert labels == (("kubernetes.io/metadata.name", "shop"), ("team", "red"))


def test_host_network_pods_are_the_node() -> None:
    seen = world(
        inventory(
            pod("a", AGENT, host_network=True, addresses=("10.2.0.7",)),
            nodes={"n": Node(name="n", addresses=("10.2.0.1",))},
        ),
        [Outside(peer=Entity("remote-node"))],
    )
    assert (seen.classes, seen.workloads, seen.on_host) == ((), {}, {AGENT})
    assert seen.outside[0].addresses == ("10.2.0.1/32", "10.2.0.7/32")


def test_parties_are_completed_and_those_of_one_peer_add_up() -> None:
    given = [
        Outside(peer=Entity("kube-apiserver"), addresses=("192.0.2.9",)),
        Outside(peer=Entity("kube-apiserver"), names=frozenset({"API.example.org."})),
        Outside(peer=Cidr("192.0.2.0/28")),
        Outside(peer=Fqdn("example.org"), addresses=("192.0.2.1", "no address")),
    ]
    assert world(inventory(api_servers=("10.2.0.1",)), given).outside == (
        Outside(
            peer=Cidr("192.0.2.0/28"), addresses=("192.0.2.0/28",), entities=frozenset({"world"})
        ),
        Outside(
            peer=Entity("kube-apiserver"),
            addresses=("10.2.0.1/32", "192.0.2.9/32"),
            names=frozenset({"api.example.org"}),
            entities=frozenset({"kube-apiserver"}),
        ),
        Outside(
            peer=Fqdn("example.org"),
            addresses=("192.0.2.1/32",),
            names=frozenset({"example.org"}),
            entities=frozenset({"world"}),
        ),
    )


def test_knowing_adds_only_the_unknown_parties() -> None:
    bare = world(inventory(pod("a")), [Outside(peer=Fqdn("example.org"))])
    assert bare.knowing([WEB, Fqdn("example.org")]) is bare
    wider = bare.knowing([Cidr("192.0.2.1/32"), Fqdn("example.org")])
    assert [one.peer for one in wider.outside] == [Cidr("192.0.2.1/32"), Fqdn("example.org")]
    assert replace(wider, outside=bare.outside) == bare
