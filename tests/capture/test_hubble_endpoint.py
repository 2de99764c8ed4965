"""Who the two sides are, and which records share an edge."""

import hubble_lines as h
import pytest
from hubble_lines import API, WEB, one, pod, read, read_bytes, record, text, wrapped

from capture import hubble_endpoint
from capture.hubble_address import ADDRESSES_KEPT
from capture.hubble_endpoint import POD_BITS
from netpol.peers import Endpoint

LOCAL = {"ID": 713, "cluster_name": "prod", "workloads": [{"name": "api", "kind": "Deployment"}]}


def outside(address):
    return record(source=h.WORLD, IP={"source": address, "destination": "10.244.2.9"})


def test_pods_of_one_workload_are_one_endpoint():
    other = pod("api-5c8d7bb9f6-zz9zz")
    flow = one(record(), record(destination=other), record(destination=API))
    assert flow.server.pods == ("api-5c8d7bb9f6-qw4zt", "api-5c8d7bb9f6-zz9zz")


def test_what_only_the_own_node_says_is_no_part_of_who_it_is():
    far, near = record(), record(destination=API | LOCAL | {"identity": 7777})
    flow = one(far, near)
    assert flow.server.workload == ("Deployment", "api")
    assert one(near, far) == flow


def test_stateful_sets_with_equal_labels_stay_apart():
    a, b = (pod(name) | {"labels": ["k8s:app=redis"]} for name in ("one-redis-0", "two-redis-0"))
    assert [flow.server.pods for flow in read(record(destination=a), record(destination=b))] == [
        ("one-redis-0",),
        ("two-redis-0",),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"namespace": "other"},
        {"labels": [*API["labels"], "k8s:tier=back"]},
        {"labels": [*API["labels"], f"{h.PREFIX}.namespace.labels.stage=test"]},
        {"labels": [*API["labels"][:3], f"{h.PREFIX}.policy.serviceaccount=x"]},
    ],
)
def test_whatever_a_policy_can_select_by_tells_endpoints_apart(change):
    assert len(read(record(), record(destination=API | change))) == 2


def test_pods_are_those_of_the_edge():
    other = pod("web-6d9c7f8b45-22222")
    flows = read(record(), record(source=other, l4=h.tcp(destination=9090, SYN=True)))
    assert [flow.client.pods for flow in flows] == [(WEB["pod_name"],), (other["pod_name"],)]


def test_a_side_may_have_more_pods_than_fit_one_number():
    letters = "bcdfghjklm"
    numbers = (f"{n:05}" for n in range(3 * POD_BITS + 7))
    names = ["web-6d9c7f8b45-" + "".join(letters[int(d)] for d in n) for n in numbers]
    flow = one(*(record(source=pod(name)) for name in names))
    assert flow.client.pods == tuple(sorted(names))
    assert flow.records == len(names)


def test_forgetting_texts_changes_nothing(monkeypatch):
    records = [record(source=pod(f"web-{n % 7}")) for n in range(40)]
    whole = read(*records)
    monkeypatch.setattr(hubble_endpoint, "CACHE_BYTES", 1500)
    monkeypatch.setattr(hubble_endpoint, "LABELS_REMEMBERED", 1)
    assert read(*records) == whole


@pytest.mark.parametrize(
    ("endpoint", "entities"),
    [
        ({"identity": 1}, {"host"}),
        ({"identity": 6}, {"remote-node"}),
        ({"identity": 7}, {"kube-apiserver"}),
        ({"identity": 9}, {"world"}),
        ({"identity": 16777217, "labels": ["cidr:198.51.100.0/24"]}, {"world"}),
        ({"labels": ["cidr:198.51.100.7/32", "reserved:world-ipv4"]}, {"world"}),
        (
            {"labels": ["reserved:kube-apiserver", "reserved:remote-node"]},
            {"kube-apiserver", "remote-node"},
        ),
        ({"labels": ["reserved:unmanaged"]}, set()),
        ({"identity": 3}, set()),
        ({"identity": 16777300}, set()),
        ({}, set()),
    ],
)
def test_identities_without_pods(endpoint, entities):
    addresses = {"source": "10.244.1.7", "destination": "198.51.100.7"}
    flow = one(record(destination=endpoint, IP=addresses))
    assert flow.server == Endpoint(entities=frozenset(entities), ip="198.51.100.7")


def test_names_of_outside_identities():
    labels = ["fqdn:API.example.org", "fqdn:*.example.com", "reserved:world"]
    flow = one(record(destination={"identity": 16777218, "labels": labels}))
    assert flow.server.names == {"api.example.org"}
    assert flow.server.entities == {"world"}


def test_a_pod_without_a_name_keeps_its_labels_and_address():
    nameless = {key: value for key, value in WEB.items() if key not in ("pod_name", "namespace")}
    flow = one(record(source=nameless), record(source=nameless | {"identity": 5}))
    assert flow.client == Endpoint(
        namespace="shop",
        labels=(("app", "web"),),
        namespace_labels=(("team", "red"),),
        service_account="web-sa",
        ip="10.244.1.7",
    )


def test_the_address_is_asked_for_where_nothing_else_is_known():
    kinds, told = h.held(wrapped(record(source={}, IP=None)))
    assert (kinds, told) == ({"incomplete": 1}, ["NP001 flows.jsonl:1: .flow.IP: missing"])
    assert one(record(source=h.HOST, IP=None)).client == Endpoint(entities=frozenset({"host"}))


def test_labels_may_hold_any_sign():
    labels = ["k8s:a=b=c:d", "k8s:bare", "container:x=y", "k8s:io.cilium.k8s.policy.cluster=prod"]
    flow = one(record(source=pod("web-0") | {"labels": labels}))
    assert flow.client.labels == (("a", "b=c:d"), ("bare", ""))


def test_millions_of_outside_addresses_fold_into_one_side():
    crowd = [outside(f"198.51.{n // 250}.{n % 250 + 1}") for n in range(ADDRESSES_KEPT + 300)]
    elsewhere = outside("203.0.113.9") | {"l4": h.tcp(destination=9090, SYN=True)}
    flows, account, told = read_bytes(text(map(wrapped, [*crowd, *crowd, elsewhere])))
    kept = [flow for flow in flows if flow.client.ip]
    (rest,) = (flow for flow in flows if not flow.client.ip)
    assert len(kept) == ADDRESSES_KEPT + 1
    assert rest.client == Endpoint(entities=frozenset({"world"}))
    assert rest.records == 600
    assert account.folded == 2 * len(crowd) + 1
    assert [str(notice) for notice in told] == [
        "NP005 flows.jsonl: too many addresses to keep apart: world → shop/api TCP 8080"
    ]


def test_made_up_names_do_not_grow_without_end(monkeypatch):
    monkeypatch.setattr("capture.hubble_edge.NAMES_KEPT", 5)
    records = [record(destination=h.WORLD, destination_names=[f"n{n}.org"]) for n in range(9)]
    (flow,), _, told = read_bytes(text(map(wrapped, records)))
    assert len(flow.server.names) == 5
    (notice,) = told
    assert (notice.code, notice.message.rpartition(" (")[2]) == ("NP006", "4 were left out)")


def test_pods_of_another_cluster_are_not_taken_for_those_that_are_here():
    """One record each way between two clusters, and one inside: that alone makes an edge."""
    there = dict(h.API, labels=[one.replace("=prod", "=west") for one in h.API["labels"]])
    back = {"source": there, "destination": h.WEB, "l4": h.tcp(8080, 43512), "is_reply": True}
    lines = [h.record(), h.record(destination=there), h.record(**back)]
    flows, account, told = h.read_bytes(h.text(lines))
    assert [one.records for one in flows] == [1]
    assert account.held == {"a pod of another cluster": 2}
    assert [one.code for one in told] == ["NP013", "NP013"]
    assert "of prod → shop/api of west" in told[0].message
