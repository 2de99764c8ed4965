"""Reading the cluster: what kubectl prints, plain manifests, folders of both, and garbage."""

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from capture.snapshot import read_inventory
from netpol.errors import NetpolError
from netpol.inventory import ALWAYS, ContainerPort, Inventory, Node, Pod, Service, ServicePort
from netpol.peers import Workload

SHOP = Path(__file__).parents[2] / "samples" / "shop" / "cluster"
HASH = "545db77b95"


def obj(kind, name, space="shop", owner=None, labels=None, version="v1", **rest):
    metadata = {"name": name, "namespace": space, "labels": labels, "uid": f"uid-{name}"}
    if owner:
        kind_, name_ = owner
        metadata["ownerReferences"] = [
            {"kind": "Audit", "name": "bystander", "apiVersion": "x/v1", "uid": "1"},
            {"kind": kind_, "name": name_, "controller": True, "apiVersion": "x/v1", "uid": "2"},
        ]
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def pod(name, owner=None, labels=None, ip="10.0.0.1", phase="Running", spec=None, space="shop"):
    container = {"name": "main", "image": "x", "ports": [{"containerPort": 8080, "name": "http"}]}
    return obj(
        "Pod",
        name,
        space,
        owner,
        labels,
        spec={"nodeName": "node-1", "containers": [container], **(spec or {})},
        status={"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": "172.18.0.2"},
    )


def workload(kind, name, labels, version="apps/v1", owner=None, spec=None, template=None):
    return obj(
        kind,
        name,
        owner=owner,
        version=version,
        spec={
            "selector": {"matchLabels": {"app": labels["app"]}},
            "template": {"metadata": {"labels": labels}, "spec": template or {"containers": []}},
            **(spec or {}),
        },
    )


def cron_job(name, labels):
    template = {"metadata": {"labels": labels}, "spec": {"containers": []}}
    spec = {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}
    return obj("CronJob", name, version="batch/v1", spec=spec)


def listing(*items):
    return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": list(items)}


def read(tmp_path, *items, notices=None) -> Inventory:
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(listing(*items)))
    told = [] if notices is None else notices
    inventory = read_inventory([str(file)], told.append)
    assert notices is not None or not told
    return inventory


def workloads(inventory):
    return {(one.kind, one.name) for one in inventory.workloads}


def test_a_pod_is_read_with_all_that_matters(tmp_path):
    spec = {
        "serviceAccountName": "api",
        "initContainers": [
            {"name": "setup", "ports": [{"containerPort": 1}]},
            {"name": "proxy", "restartPolicy": "Always", "ports": [{"containerPort": 15020}]},
        ],
    }
    item = pod("api-x", ("DaemonSet", "api"), {"b": "2", "a": "1"}, "10.0.0.9", spec=spec)
    item["status"]["podIPs"].append({"ip": "FD00:0::9"})
    inventory = read(tmp_path, item)
    assert inventory.pods == {
        ("shop", "api-x"): Pod(
            namespace="shop",
            name="api-x",
            workload=Workload("shop", "DaemonSet", "api"),
            labels=(("a", "1"), ("b", "2")),
            addresses=("10.0.0.9", "fd00::9"),
            node="node-1",
            service_account="api",
            ports=(ContainerPort(name="http", port=8080), ContainerPort(port=15020)),
            uid="uid-api-x",
        )
    }


def test_pods_that_finished_or_use_the_nodes_network_have_no_address(tmp_path):
    inventory = read(
        tmp_path,
        pod("done", phase="Succeeded"),
        pod("failed", phase="Failed"),
        pod("host", ip="172.18.0.2", spec={"hostNetwork": True}),
        pod("pending", phase="Pending", ip=""),
    )
    assert {pod.addresses for pod in inventory.pods.values()} == {()}
    finished = {pod.name for pod in inventory.pods.values() if pod.finished}
    assert finished == {"done", "failed"}
    assert [pod.name for pod in inventory.pods.values() if pod.host_network] == ["host"]


@pytest.mark.parametrize(
    ("owners", "found"),
    [
        ([{"kind": "StatefulSet", "name": "db"}], ("StatefulSet", "db")),
        ([{"kind": "ReplicaSet", "name": "web-6d4cf56db6"}], ("Deployment", "web")),
        ([{"kind": "StatefulSet", "name": "db", "controller": False}], ("Pod", "db-0")),
        ([{"kind": "Backup", "name": "db"}], ("Pod", "db-0")),
        ([{"kind": "StatefulSet", "name": "db"}, {"kind": "Job", "name": "x"}], ("Pod", "db-0")),
    ],
)
def test_a_sole_owner_need_not_say_that_it_controls(tmp_path, owners, found):
    """Manifests that were cut down for a bug report or a test leave `controller` out."""
    one = pod("db-0", labels={"app": "db"})
    one["metadata"]["ownerReferences"] = owners
    assert workloads(read(tmp_path, one)) == {found}


def test_a_pod_knows_when_somebody_looked_around_in_it(tmp_path):
    """The status that a kubelet reports of ephemeral containers; netpol's own sends nothing."""
    one = pod("web-1", ("StatefulSet", "web"))
    ended = {"startedAt": "1970-01-01T00:00:07Z", "finishedAt": "1970-01-01T00:00:09Z"}
    one["status"]["ephemeralContainerStatuses"] = [
        {"name": "debugger-x7k2p", "state": {"running": {"startedAt": "1970-01-01T01:00:00Z"}}},
        {"name": "debugger-b", "state": {"terminated": {"exitCode": 0, **ended}}},
        {"name": "debugger-c", "state": {"waiting": {"reason": "ImagePullBackOff"}}},
        {"name": "netpol-capture", "state": {"running": {"startedAt": "1970-01-01T00:00:01Z"}}},
    ]
    found = read(tmp_path, one).pods["shop", "web-1"]
    assert found.debugged == ((7 * 10**9, 9 * 10**9), (3600 * 10**9, ALWAYS))


def test_every_chain_of_owners_ends_at_its_workload(tmp_path):
    inventory = read(
        tmp_path,
        pod(f"api-{HASH}-aaaaa", ("ReplicaSet", f"api-{HASH}")),
        workload("ReplicaSet", f"api-{HASH}", {"app": "api"}, owner=("Deployment", "api")),
        pod(
            "cart-7d8f9c6b5-bbbbb",
            ("ReplicaSet", "cart-7d8f9c6b5"),
            {"pod-template-hash": "7d8f9c6b5"},
        ),
        pod("digest-29381240-ccccc", ("Job", "digest-29381240")),
        pod("digest-29381250-ccccc", ("Job", "digest-29381250"), phase="Succeeded"),
        obj("Job", "digest-29381240", owner=("CronJob", "digest"), version="batch/v1"),
        pod("migrate-ddddd", ("Job", "migrate")),
        obj("Job", "migrate", version="batch/v1"),
        pod("old-2-eeeee", ("ReplicationController", "old-2")),
        obj("ReplicationController", "old-2", owner=("DeploymentConfig", "old")),
        pod("db-0", ("StatefulSet", "db")),
        pod("etcd-node-1", ("Node", "node-1")),
        pod("step-1", ("Workflow", "nightly-1")),
        obj("Workflow", "nightly-1", owner=("CronWorkflow", "nightly"), version="argoproj.io/v1"),
        pod("bare"),
    )
    assert workloads(inventory) == {
        ("Deployment", "api"),
        ("Deployment", "cart"),
        ("CronJob", "digest"),
        ("Job", "migrate"),
        ("DeploymentConfig", "old"),
        ("StatefulSet", "db"),
        ("Pod", "etcd"),
        ("CronWorkflow", "nightly"),
        ("Pod", "bare"),
    }
    assert len(inventory.workloads[Workload("shop", "CronJob", "digest")]) == 2


def test_a_workload_without_pods_is_represented_by_its_template(tmp_path):
    template = {
        "serviceAccountName": "api",
        "containers": [{"name": "api", "ports": [{"containerPort": 53, "protocol": "UDP"}]}],
    }
    inventory = read(
        tmp_path,
        workload(
            "ReplicaSet",
            f"api-{HASH}",
            {"app": "api", "pod-template-hash": HASH},
            owner=("Deployment", "api"),
        ),
        workload("Deployment", "api", {"app": "api", "tier": "web"}, template=template),
        workload("StatefulSet", "db", {"app": "db"}),
        pod("db-0", ("StatefulSet", "db"), {"app": "db"}),
        cron_job("backup", {"app": "backup"}),
        workload("Job", "backup-29381240", {"app": "backup"}, "batch/v1", ("CronJob", "backup")),
    )
    api = Pod(
        namespace="shop",
        name="api",
        workload=Workload("shop", "Deployment", "api"),
        labels=(("app", "api"), ("tier", "web")),
        service_account="api",
        ports=(ContainerPort(protocol="UDP", port=53),),
        template=True,
    )
    assert inventory.pods["shop", "api"] == api
    assert {pod.name for pod in inventory.pods.values() if pod.template} == {"api", "backup"}
    assert inventory.pods["shop", "backup"].workload.kind == "CronJob"
    assert len(inventory.pods) == 3


def test_a_template_takes_no_pods_name_away(tmp_path):
    inventory = read(
        tmp_path,
        pod("api", labels={"run": "api"}),
        workload("Deployment", "api", {"app": "api"}),
        cron_job("api", {"app": "api-cron"}),
    )
    assert workloads(inventory) == {("Pod", "api"), ("Deployment", "api"), ("CronJob", "api")}
    assert inventory.pods["shop", "api"].labels == (("run", "api"),)


def test_selectors_are_those_of_the_workload_itself(tmp_path):
    legacy = obj("ReplicationController", "legacy", spec={"selector": {"app": "legacy"}})
    implied = obj(
        "DeploymentConfig",
        "implied",
        version="apps.openshift.io/v1",
        spec={"template": {"metadata": {"labels": {"app": "implied"}}}},
    )
    both = {"matchLabels": {"app": "api"}, "matchExpressions": [{"key": "x", "operator": "Exists"}]}
    inventory = read(
        tmp_path,
        workload("Deployment", "api", {"app": "api"}, spec={"selector": both}),
        workload("ReplicaSet", f"api-{HASH}", {"app": "other"}, owner=("Deployment", "api")),
        workload("ReplicaSet", "own", {"app": "own"}),
        workload("Job", "once", {"app": "once"}, "batch/v1"),
        legacy,
        implied,
    )
    assert inventory.selectors == {
        Workload("shop", "Deployment", "api"): (("app", "api"),),
        Workload("shop", "ReplicaSet", "own"): (("app", "own"),),
        Workload("shop", "ReplicationController", "legacy"): (("app", "legacy"),),
        Workload("shop", "DeploymentConfig", "implied"): (("app", "implied"),),
    }


def test_a_rollout_that_borrows_a_deployments_template_stands_for_it(tmp_path):
    rollout = obj(
        "Rollout",
        "api",
        version="argoproj.io/v1alpha1",
        spec={"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "api-base"}},
    )
    inventory = read(tmp_path, rollout, workload("Deployment", "api-base", {"app": "api"}))
    assert workloads(inventory) == {("Rollout", "api")}
    assert inventory.selectors == {Workload("shop", "Rollout", "api"): (("app", "api"),)}


def test_services_are_read_with_addresses_and_ports(tmp_path):
    ports = [
        {"port": 80, "targetPort": "http", "nodePort": 30080},
        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353},
        {"name": "same", "port": 443},
    ]
    spec = {
        "type": "LoadBalancer",
        "selector": {"app": "api"},
        "clusterIP": "10.96.0.7",
        "clusterIPs": ["10.96.0.7", "FD00::7"],
        "externalIPs": ["192.0.2.1"],
        "ports": ports,
    }
    status = {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}, {"hostname": "lb.example"}]}}
    inventory = read(
        tmp_path,
        obj("Service", "api", spec=spec, status=status),
        obj("Service", "headless", spec={"clusterIP": "None", "clusterIPs": ["None"]}),
        obj("Service", "knative", version="serving.knative.dev/v1", spec={"template": {}}),
    )
    assert inventory.services["shop", "api"] == Service(
        namespace="shop",
        name="api",
        type="LoadBalancer",
        selector=(("app", "api"),),
        cluster_ips=("10.96.0.7", "fd00::7"),
        external_ips=("192.0.2.1", "198.51.100.1"),
        ports=(
            ServicePort(port=80, target="http", node_port=30080),
            ServicePort(name="dns", protocol="UDP", port=53, target=5353),
            ServicePort(name="same", port=443),
        ),
    )
    assert inventory.services["shop", "headless"] == Service(namespace="shop", name="headless")
    assert set(inventory.services) == {("shop", "api"), ("shop", "headless")}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"type": "LoadBalancer"}, ("198.51.100.0/24", "2001:db8::/32")),
        ({"type": "NodePort"}, ()),
        ({"type": "LoadBalancer", "externalIPs": ["192.0.2.1"]}, ()),
    ],
)
def test_whom_a_load_balancer_lets_in(tmp_path, more, expected):
    given = ["2001:DB8::/32", " 198.51.100.0/24"]  # the API server takes them with spaces, too
    one = obj("Service", "api", spec={"loadBalancerSourceRanges": given, **more})
    assert read(tmp_path, one).services["shop", "api"].source_ranges == expected


def test_nodes_know_the_addresses_that_the_network_plugin_gave_them(tmp_path):
    node = obj(
        "Node",
        "node-1",
        labels={"zone": "a"},
        spec={"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "FD00:10:244:1::/64"]},
        status={
            "addresses": [
                {"type": "InternalIP", "address": "172.18.0.2"},
                {"type": "Hostname", "address": "node-1"},
                {"type": "ExternalIP", "address": "203.0.113.2"},
            ]
        },
    )
    node["metadata"]["annotations"] = {
        "projectcalico.org/IPv4IPIPTunnelAddr": "10.244.1.1",
        "network.cilium.io/ipv4-cilium-host": "10.244.1.2",
        "network.cilium.io/ipv6-cilium-host": "fd00:10:244:1::2",
        "note": "10.9.9.9",
    }
    assert read(tmp_path, node).nodes == {
        "node-1": Node(
            name="node-1",
            addresses=("172.18.0.2", "203.0.113.2", "10.244.1.1", "10.244.1.2", "fd00:10:244:1::2"),
            pod_cidrs=("10.244.1.0/24", "fd00:10:244:1::/64"),
            labels=(("zone", "a"),),
            annotations=(
                ("network.cilium.io/ipv4-cilium-host", "10.244.1.2"),
                ("network.cilium.io/ipv6-cilium-host", "fd00:10:244:1::2"),
                ("projectcalico.org/IPv4IPIPTunnelAddr", "10.244.1.1"),
            ),
        )
    }


def test_of_configuration_only_that_of_network_plugins_is_kept(tmp_path):
    ours = obj("ConfigMap", "cilium-config", "kube-system", data={"enable-policy": "always"})
    other = obj("ConfigMap", "cilium-config", data={"password": "hunter2"})
    malformed = obj("ConfigMap", "settings", data=["hunter2"])
    assert read(tmp_path, pod("good"), ours, other, malformed).settings == {
        ("kube-system", "cilium-config"): {"enable-policy": "always"}
    }


def test_the_api_server_is_what_stands_behind_default_kubernetes(tmp_path):
    slices = "discovery.k8s.io/v1"
    inventory = read(
        tmp_path,
        obj(
            "EndpointSlice",
            "kubernetes",
            "default",
            version=slices,
            endpoints=[{"addresses": ["172.18.0.9"]}],
        ),
        obj(
            "EndpointSlice",
            "kubernetes",
            "shop",
            version=slices,
            endpoints=[{"addresses": ["10.0.0.5"]}],
        ),
        obj(
            "EndpointSlice",
            "x",
            "default",
            version=slices,
            addressType="FQDN",
            endpoints=[{"addresses": ["a.b"]}],
        ),
        obj(
            "Endpoints",
            "kubernetes",
            "default",
            subsets=[{"addresses": [{"ip": "172.18.0.4"}, {"ip": "172.18.0.9"}]}],
        ),
    )
    assert inventory.api_servers == ("172.18.0.4", "172.18.0.9")


def test_namespaces_always_carry_their_name(tmp_path):
    inventory = read(tmp_path, obj("Namespace", "shop", None, labels={"team": "shop"}))
    assert inventory.namespaces["shop"].labels == (
        ("kubernetes.io/metadata.name", "shop"),
        ("team", "shop"),
    )


def test_plain_manifests_are_an_inventory(tmp_path):
    folder = tmp_path / "manifests" / "api"
    folder.mkdir(parents=True)
    (folder / "api.yaml").write_text(
        """
apiVersion: apps/v1
kind: Deployment
metadata:
  name: api
  labels:
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata:
      labels: {app: api, empty: }
      creationTimestamp: 2026-11-02T09:00:00Z
    spec:
      containers:
      - name: api
        ports:
        - containerPort: "8080"
          name: http
---
# nothing here
---
apiVersion: v1
kind: Service
metadata: {name: api}
spec:
  selector: {app: api}
  ports: [{port: 80, targetPort: http}]
"""
    )
    (folder / "job.yml").write_text(
        "{apiVersion: batch/v1, kind: Job, metadata: {generateName: seed-}, spec: {template: {}}}"
    )
    inventory = read_inventory(
        [str(tmp_path / "manifests")], lambda notice: pytest.fail(str(notice))
    )
    assert set(inventory.pods) == {("default", "api"), ("default", "seed")}
    assert inventory.pods["default", "api"].labels == (("app", "api"), ("empty", ""))
    assert inventory.pods["default", "api"].ports == (ContainerPort(name="http", port=8080),)
    assert list(inventory.services) == [("default", "api")]
    assert list(inventory.services_of(inventory.pods["default", "api"]))


def test_yaml_json_lists_documents_and_folders_say_the_same(tmp_path):
    items = [
        pod("bare", labels={"app": "a"}),
        workload("Deployment", "api", {"app": "api"}),
        obj("Service", "api", spec={"ports": [{"port": 80}]}),
    ]
    folder = tmp_path / "folder"
    folder.mkdir()
    for index, item in enumerate(items):
        (folder / f"{index}.json").write_text(json.dumps(item))
    (tmp_path / "list.yaml").write_text(yaml.safe_dump(listing(*items)))
    (tmp_path / "documents.yaml").write_text(yaml.safe_dump_all(items))
    expected = read(tmp_path, *items)
    for name in ("folder", "list.yaml", "documents.yaml"):
        assert read_inventory([str(tmp_path / name)], pytest.fail) == expected, name
    both = [str(folder), str(tmp_path / "list.yaml")]
    assert read_inventory(both, pytest.fail) == expected


def test_paths_are_read_together(tmp_path):
    (tmp_path / "pods.json").write_text(
        json.dumps(listing(pod("api-1-aaaaa", ("ReplicaSet", "api-1"))))
    )
    sets = listing(workload("ReplicaSet", "api-1", {"app": "a"}, owner=("Deployment", "api")))
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    paths = [str(tmp_path / name) for name in ("pods.json", "sets.json")]
    assert workloads(read_inventory(paths, pytest.fail)) == {("Deployment", "api")}


def test_a_bad_object_is_told_with_its_place_and_the_rest_is_read(tmp_path):
    notices = []
    bad = pod("bad")
    bad["spec"]["containers"][0]["ports"][0]["containerPort"] = "x"
    nowhere = pod("nowhere", ip="10.0.0.300")
    nameless = pod("")
    inventory = read(tmp_path, bad, nowhere, nameless, pod("good"), notices=notices)
    assert [name for _, name in inventory.pods] == ["good"]
    assert {notice.code for notice in notices} == {"NP080"}
    assert len(notices) == 3
    assert all("dump.json" in notice.where for notice in notices)
    assert ".spec.containers[0].ports[0].containerPort" in notices[0].message
    assert notices[1].message.startswith("Pod .status.podIPs: '10.0.0.300'")
    assert notices[2].message.startswith("Pod .metadata: ")


def test_a_bad_value_is_quoted_in_short(tmp_path):
    notices = []
    broken = [
        pod("a", ip="x" * 9999),
        obj("Pod", "b", spec="x"),
        {"apiVersion": "v1", "kind": "Pod"},
        pod("good"),
    ]
    read(tmp_path, *broken, notices=notices)
    codes = [notice.code for notice in notices]
    assert codes == ["NP080"] * 3
    assert max(len(notice.message) for notice in notices) < 300
    assert {notice.message.split(":")[0] for notice in notices} == {
        "Pod",
        "Pod .spec",
        "Pod .status.podIPs",
    }


def test_a_secret_is_neither_kept_nor_shown(tmp_path):
    notices = []
    secret = obj("Secret", "s", data={"password": "aHVudGVyMg=="}, type=3)
    inventory = read(tmp_path, pod("good"), secret, secret, notices=notices)
    assert [notice.code for notice in notices] == ["NP081"]
    assert "aHVudGVyMg==" not in f"{inventory}{notices}"


def test_objects_of_no_use_are_passed_over(tmp_path):
    notices = []
    assert read(tmp_path, obj("ConfigMap", "c", data={}), notices=notices) == Inventory()
    assert [notice.code for notice in notices] == ["NP082"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"source": {"ip": "1.2.3.4"}}', "a: b\n---\n- c"]
)
def test_a_path_without_any_object_is_an_error_with_a_hint(tmp_path, text):
    file = tmp_path / "flows.yaml"
    file.write_text(text)
    with pytest.raises(NetpolError) as error:
        read_inventory([str(file)], lambda notice: None)
    assert "kubectl get" in error.value.hint
    assert str(file) in error.value.where


WHOLE = [
    pod(f"api-{HASH}-aaaaa", ("ReplicaSet", f"api-{HASH}"), {"app": "api"}),
    workload("ReplicaSet", f"api-{HASH}", {"app": "api"}, owner=("Deployment", "api")),
    workload("Deployment", "api", {"app": "api"}),
    cron_job("backup", {"app": "backup"}),
    obj("Namespace", "shop"),
    obj("Node", "n", status={"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}]}),
    obj("Service", "api", spec={"clusterIP": "10.96.0.1", "ports": [{"port": 80}]}),
    obj("Endpoints", "kubernetes", "default", subsets=[{"addresses": [{"ip": "172.18.0.4"}]}]),
]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


def places(value, path=()):
    """The path of every value within a value."""
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict | list):
        for key, child in children:
            yield from (
                places(child, (*path, key)) if isinstance(child, dict | list) else [(*path, key)]
            )


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("scratch")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_one_broken_value_costs_one_object_at_most(scratch, data):
    items = copy.deepcopy(WHOLE)
    index = data.draw(st.sampled_from(range(len(items))))
    path = data.draw(st.sampled_from([place for place in places(items[index]) if place]))
    spot = items[index]
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = data.draw(JUNK)
    notices = []
    inventory = read(scratch, *items, notices=notices)
    assert len([notice for notice in notices if notice.code == "NP080"]) <= 1
    kept = [inventory.pods, inventory.services, inventory.namespaces, inventory.nodes]
    assert sum(bool(part) for part in kept) >= 3


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300) | JUNK.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_inventory_or_an_error_to_act_upon(scratch, content):
    file = scratch / "garbage.yaml"
    file.write_bytes(content)
    try:
        assert isinstance(read_inventory([str(file)], lambda notice: None), Inventory)
    except NetpolError as error:
        assert error.where


@settings(deadline=None, max_examples=25)
@given(st.permutations(WHOLE))
def test_the_order_of_objects_does_not_matter(scratch, items):
    assert read(scratch, *items) == read(scratch, *WHOLE)


@pytest.mark.skipif(not SHOP.is_dir(), reason="samples/shop/cluster is not there")
def test_the_sample_cluster_is_read_whole():
    inventory = read_inventory([str(SHOP)], lambda notice: pytest.fail(str(notice)))
    redis = [one for one in inventory.workloads if one.name.startswith("redis")]
    assert [(one.kind, one.namespace) for one in redis] == [("StatefulSet", "data")] * 2
    cron_jobs = {one.name for one in inventory.workloads if one.kind == "CronJob"}
    assert cron_jobs == {"order-digest", "postgres-backup"}
    assert len(inventory.workloads[Workload("shop", "CronJob", "order-digest")]) > 1
    kinds = {one.kind for one in inventory.workloads}
    assert not kinds & {"Job", "ReplicaSet", "ReplicationController"}
    assert inventory.api_servers
    assert len(inventory.nodes) == 3
    assert any(pod.host_network for pod in inventory.pods.values())
