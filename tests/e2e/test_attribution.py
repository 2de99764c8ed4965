"""Histories in which an address could be given to the wrong one: dumps and recordings go in, a flow
between two addresses is asked for. It is the true one's, or it is held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scenes import flow, rows

from capture.snapshot import read_inventory
from capture.times import rfc3339
from netpol.attribute import Attributed, attribute
from netpol.inventory import Inventory
from netpol.peers import Endpoint

SECOND, BEGIN = 1_000_000_000, 1_800_000_000
CART, API, VIP = "10.244.1.50", "10.244.1.7", "10.96.0.10"
OLD = -9_000
MAY_BE = "the pod that is known to have had its address may not have had it then"
UNKNOWN, SHARED = "unknown identity", "a Service address that leads to no one workload"


def stamp(time: int) -> str:
    return rfc3339((BEGIN + time) * SECOND)


def running(since: int, before: tuple[int, int] | None = None) -> dict[str, Any]:
    """A container, and when it ran before."""
    told: dict[str, Any] = {"name": "c", "state": {"running": {"startedAt": stamp(since)}}}
    if before:
        last = {"startedAt": stamp(before[0]), "finishedAt": stamp(before[1])}
        told["lastState"] = {"terminated": last}
    return told


def obj(kind: str, name: str, start: int = OLD, space: str = "shop", **rest: Any) -> dict[str, Any]:
    version = {"EndpointSlice": "discovery.k8s.io/v1", "IPPool": "crd.projectcalico.org/v1"}
    meta = {"name": name, "namespace": space, "creationTimestamp": stamp(start), "uid": f"u-{name}"}
    meta |= rest.pop("metadata", {})
    return {"apiVersion": version.get(kind, "v1"), "kind": kind, "metadata": meta, **rest}


def pod(
    name: str,
    address: str,
    start: int = OLD,
    owner: tuple[str, str] | None = None,
    uid: str = "",
    space: str = "shop",
    ports: tuple[dict[str, Any], ...] = (),
    **status: Any,
) -> dict[str, Any]:
    """A running pod of the StatefulSet of its name."""
    app = name.rpartition("-")[0]
    kind, owned = owner or ("StatefulSet", app)
    meta = {
        "uid": uid or f"u-{name}",
        "labels": {"app": app},
        "ownerReferences": [{"kind": kind, "name": owned, "controller": True}],
    }
    given = {"phase": "Running", "podIP": address, "startTime": stamp(start)}
    given["containerStatuses"] = [running(start + 1)]
    spec = {"nodeName": "worker", "containers": [{"name": "c", "ports": list(ports)}]}
    return obj("Pod", name, start, space, metadata=meta, spec=spec, status=given | status)


def node(name: str = "worker", address: str = "172.18.0.2", cidr: str = "10.244.1.0/24", **told):
    spec = {"podCIDR": cidr} if cidr else {}
    status = {"addresses": [{"type": "InternalIP", "address": address}]}
    return obj("Node", name, metadata={"annotations": told}, spec=spec, status=status)


def service(name: str, start: int = OLD, address: str = VIP, **spec: Any) -> dict[str, Any]:
    given = {"clusterIP": address, "selector": {"app": name}}
    given["ports"] = [{"port": 80, "targetPort": 8080, "nodePort": 30080}]
    return obj("Service", name, start, spec=given | spec)


def endpoints(service: str, address: str, **target: Any) -> dict[str, Any]:
    one = {"addresses": [address], **({"targetRef": {"kind": "Pod", **target}} if target else {})}
    meta = {"labels": {"kubernetes.io/service-name": service}}
    ports = [{"name": "", "port": 8080, "protocol": "TCP"}]
    return obj("EndpointSlice", f"{service}-1", metadata=meta, endpoints=[one], ports=ports)


def dump(*items: dict[str, Any]) -> str:
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": items})


def watch(*events: tuple[Any, ...]) -> str:
    """(time, type, object) or (time, type, object, since): the lines of a recording."""
    lines = []
    for time, kind, what, *since in events:
        told = {"since": stamp(since[0])} if since else {}
        lines.append(json.dumps({"type": kind, "time": stamp(time), **told, "object": what}))
    return "\n".join(lines) + "\n"


@pytest.fixture
def known(tmp_path: Path):
    def read(*texts: str) -> Inventory:
        paths = [tmp_path / f"{number}.json" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return read_inventory(map(str, paths), pytest.fail)

    return read


def ask(
    inventory: Inventory,
    server: str | Endpoint,
    time: int = 0,
    port: int = 8080,
    client: str = CART,
) -> str:
    """Who it was, or why that is not known."""
    side = Endpoint(ip=server) if isinstance(server, str) else server
    at = (BEGIN + time) * SECOND
    found: Attributed = attribute(
        [flow(Endpoint(ip=client), side, port, first=at, last=at, hours=frozenset())], inventory
    )
    told = rows(connection for connection, _ in found.graph) or {one.reason for one in found.held}
    return min(told).removeprefix("shop/StatefulSet/cart -> ")


FIRM = (node(), pod("cart-0", CART))


def test_addresses_that_a_reboot_shuffled_are_not_known_before_it(known) -> None:
    again = {"containerStatuses": [running(1_000, before=(OLD, 990))]}
    then = known(dump(*FIRM, pod("api-0", API, **again)))
    assert ask(then, API, 0) == MAY_BE
    assert ask(then, API, 1_010) == "shop/StatefulSet/api TCP 8080"


def test_a_container_that_started_again_in_its_sandbox_kept_the_address(known) -> None:
    """Kubernetes says since when the sandbox has a network, from 1.29 on."""
    again = [running(1_000, before=(OLD, 990))]

    def then(status: str, since: int) -> object:
        kind = "PodReadyToStartContainers"
        ready = {"type": kind, "status": status, "lastTransitionTime": stamp(since)}
        return known(dump(*FIRM, pod("api-0", API, containerStatuses=again, conditions=[ready])))

    assert ask(then("True", OLD + 5), API, 0) == "shop/StatefulSet/api TCP 8080"
    assert ask(then("True", 995), API, 0) == MAY_BE
    assert ask(then("False", OLD + 5), API, 0) == MAY_BE


def test_a_pod_that_got_the_address_of_one_that_was_younger_has_it(known) -> None:
    done = {"terminated": {"startedAt": stamp(101), "finishedAt": stamp(200)}}
    job = pod(
        "job-0", API, 100, phase="Succeeded", containerStatuses=[{"name": "c", "state": done}]
    )
    again = {"containerStatuses": [running(1_000, before=(OLD, 990))]}
    then = known(dump(*FIRM, job, pod("api-0", API, **again)))
    told = [ask(then, API, time) for time in (50, 150, 1_050)]
    assert told[0] == MAY_BE
    assert told[1] == "its address changed hands about that time"
    assert told[2] == "shop/StatefulSet/api TCP 8080"


def test_a_container_that_waits_to_be_started_again_had_its_address_when_it_ended(known) -> None:
    last = {"terminated": {"startedAt": stamp(OLD), "finishedAt": stamp(500)}}
    waits = {"name": "c", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": last}
    then = known(dump(*FIRM, pod("api-0", API, containerStatuses=[waits])))
    assert ask(then, API, 0) == MAY_BE
    assert ask(then, API, 600) == "shop/StatefulSet/api TCP 8080"


def test_a_pod_that_prepares_itself_has_its_address_already(known) -> None:
    first = {"name": "i", "state": {"terminated": {"startedAt": stamp(100)}}}
    status = {"initContainerStatuses": [first], "containerStatuses": [running(900)]}
    then = known(dump(*FIRM, pod("api-0", API, start=0, **status)))
    assert ask(then, API, 300) == "shop/StatefulSet/api TCP 8080"


def test_a_pod_without_containers_got_its_address_some_time_before(known) -> None:
    fresh = pod("api-0", API, start=0, phase="Pending", containerStatuses=[])
    then = known(dump(*FIRM, fresh, pod("other-0", "10.244.1.60", start=500)))
    assert ask(then, API, 50) == MAY_BE
    assert ask(then, API, 600) == "shop/StatefulSet/api TCP 8080"


def test_an_evicted_pod_still_shows_an_address_that_others_may_have_had(known) -> None:
    gone = pod("api-0", API, phase="Failed", containerStatuses=[])
    then = known(dump(*FIRM, gone, pod("other-0", "10.244.1.60", start=5_000)))
    assert ask(then, API, 1_000) == MAY_BE


def test_a_name_that_is_used_again_by_another_owner_is_another_pod(known) -> None:
    first = pod("db-0", API, uid="a")
    second = pod("db-0", "10.244.1.8", 150, owner=("StrimziPodSet", "kafka"), uid="b")
    events = [(0, "ADDED", one) for one in (*FIRM, service("db"), first)]
    events.append((0, "ADDED", endpoints("db", API, name="db-0", uid="a")))
    then = known(watch(*events, (100, "DELETED", first), (150, "ADDED", second)))
    named = Endpoint(namespace="shop", pods=("db-0",))
    for server, port in ((API, 8080), (named, 8080), (VIP, 80)):
        assert ask(then, server, 50, port) == "shop/StatefulSet/db TCP 8080"
    assert ask(then, named, 300) == "shop/StrimziPodSet/kafka TCP 8080"


def test_pods_and_nodes_that_a_later_list_of_everything_does_not_have_are_gone(known) -> None:
    other = node("other", "10.0.1.5", cidr="")
    then = known(
        dump(*FIRM, other, pod("old-0", API, space="old")),
        dump(*FIRM, pod("new-0", "10.244.1.60", 500, space="new")),
    )
    assert ask(then, API, 600) == MAY_BE
    assert ask(then, "10.0.1.5", 600) == MAY_BE


def test_nodes_that_nobody_may_list_are_known_by_the_pods_on_them(known) -> None:
    pool = obj("IPPool", "pool", spec={"cidr": "10.244.0.0/16"})
    for address in ("172.18.0.2", "203.0.113.9"):
        then = known(dump(pod("cart-0", CART, hostIP=address), service("cart"), pool))
        assert ask(then, address, port=10250) == "entity:host TCP 10250"


def test_a_node_that_no_list_has_is_not_outside(known) -> None:
    lost = pod("old-0", "10.244.7.7", phase="Failed", containerStatuses=[], hostIP="172.18.0.9")
    lost["spec"]["nodeName"] = "gone"
    then = known(dump(*FIRM, lost, service("api")))
    assert ask(then, "172.18.0.9") == MAY_BE
    assert ask(then, "172.18.0.2") == "entity:host TCP 8080"


def test_what_was_gone_when_a_recording_began_is_gone(known) -> None:
    other = node("other", "10.0.1.5", cidr="")
    before = dump(*FIRM, other, pod("old-0", API, space="old"), service("api"))
    mark = {"apiVersion": "v1", "metadata": {"resourceVersion": "7"}}
    there = [(1_000, "ADDED", one, -BEGIN) for one in (*FIRM, pod("x-0", "10.244.1.8", space="x"))]
    marks = [(1_000, "BOOKMARK", mark | {"kind": kind}) for kind in ("Node", "Pod")]
    then = known(before, watch(*there, *marks))
    assert ask(then, API, 2_000) == MAY_BE
    assert ask(then, "10.0.1.5", 2_000) == MAY_BE
    assert ask(then, "10.244.1.8", 2_000) == "x/StatefulSet/x TCP 8080"


def test_the_pod_range_of_a_node_that_is_gone_is_not_outside(known) -> None:
    lost = node("lost", "172.18.0.3", "10.244.2.0/24")
    events = [(0, "ADDED", one) for one in (*FIRM, lost, service("api"))]
    then = known(watch(*events, (100, "DELETED", lost)))
    assert ask(then, "10.244.2.9", 50) == "an unknown address in the pod range"


def test_an_address_that_was_a_services_is_not_outside(known) -> None:
    def shown(address: str) -> dict[str, Any]:
        return service("api") | {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}

    events = [(0, "ADDED", one) for one in (*FIRM, pod("api-0", API), shown("203.0.113.5"))]
    then = known(watch(*events, (100, "MODIFIED", shown("203.0.113.6"))))
    assert ask(then, "203.0.113.5", 50, 80) == "shop/StatefulSet/api TCP 8080"
    assert ask(then, "203.0.113.5", 50, 9_999) == SHARED


def test_a_public_address_is_not_outside_where_pods_have_such(known) -> None:
    then = known(dump(*FIRM, service("api"), pod("api-0", "2600:1f14:aa::7")))
    assert ask(then, "2600:1f14:aa::9") == UNKNOWN
    assert ask(then, "198.51.100.7") == "198.51.100.7/32 TCP 8080"


def test_ranges_of_one_ip_version_say_nothing_of_the_other(known) -> None:
    then = known(dump(*FIRM, service("api"), pod("api-0", "fd12:aa::7")))
    assert ask(then, "fd12:aa::9") == UNKNOWN
    assert ask(then, "10.9.9.9") == "10.9.9.9/32 TCP 8080"


def test_the_first_address_of_a_nodes_range_may_be_a_pods_with_calico(known) -> None:
    told = {"projectcalico.org/IPv4VXLANTunnelAddr": "10.244.77.64"}
    then = known(dump(node(**told), pod("cart-0", CART), service("cart")))
    assert ask(then, "10.244.1.1") == "an unknown address in the pod range"


def test_a_service_leads_nowhere_before_it_was_made(known) -> None:
    then = known(dump(*FIRM, pod("api-0", API), service("api", start=1_000)))
    assert ask(then, VIP, 0, 80) == SHARED
    assert ask(then, VIP, 1_010, 80) == "shop/StatefulSet/api TCP 8080"


def test_a_service_address_that_is_used_again_leads_elsewhere(known) -> None:
    web = pod("web-0", "10.244.1.8")
    events = [(0, "ADDED", one) for one in (*FIRM, pod("api-0", API), web, service("api"))]
    late = (100, "DELETED", service("api")), (200, "ADDED", service("web", start=200))
    then = known(watch(*events, *late))
    told = [ask(then, VIP, time, 80) for time in (50, 150, 300)]
    assert told == ["shop/StatefulSet/api TCP 8080", SHARED, "shop/StatefulSet/web TCP 8080"]


def test_a_service_that_changed_in_a_gap_leads_to_either(known) -> None:
    web, turned = pod("web-0", "10.244.1.8"), service("api", selector={"app": "web"})
    events = [(0, "ADDED", one) for one in (*FIRM, pod("api-0", API), web, service("api"))]
    then = known(watch(*events, (500, "MODIFIED", turned, 100)))
    told = [ask(then, VIP, time, 80) for time in (50, 300, 600)]
    assert told == ["shop/StatefulSet/api TCP 8080", SHARED, "shop/StatefulSet/web TCP 8080"]


@pytest.mark.parametrize("name", ["world", "ingress"])
def test_only_nodes_have_node_ports(known, name: str) -> None:
    then = known(dump(*FIRM, pod("api-0", API), service("api", type="NodePort")))
    side = Endpoint(entities=frozenset({name}))
    assert ask(then, side, port=30080) == f"entity:{name} TCP 30080"


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("172.18.0.2", "entity:remote-node TCP 8080"),
        (API, "shop/StatefulSet/api TCP 8080"),
        ("10.244.1.99", "an unknown address in the pod range"),
        ("198.51.100.7", "198.51.100.7/32 TCP 8080"),
    ],
)
def test_who_stands_at_an_address_that_was_written_down(known, address: str, told: str) -> None:
    written = service("written", selector=None)
    then = known(dump(*FIRM, pod("api-0", API), written, endpoints("written", address)))
    assert ask(then, VIP, port=80) == told


def test_an_address_that_checks_the_network_now_may_have_been_a_pods(known) -> None:
    checks = node(**{"network.cilium.io/ipv4-health-ip": API})
    api = pod("api-0", API)
    events = [(0, "ADDED", one) for one in (*FIRM, api)]
    then = known(watch(*events, (100, "DELETED", api), (200, "MODIFIED", checks)))
    assert ask(then, API, 50) == "shop/StatefulSet/api TCP 8080"
    assert ask(then, API, 300) == "health check"
