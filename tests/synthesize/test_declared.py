"""What objects say is called is allowed beside what was seen, and never hides among it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof, world

from capture.snapshot import read_inventory
from generators import DIALECTS
from netpol.callers import Caller, Scrape
from netpol.cli.engine import engine
from netpol.cli.proof import dialect_named, prove
from netpol.graph import Connection
from netpol.inventory import Inventory, Service, ServicePort
from netpol.notices import Notice
from netpol.peers import Entity, Workload
from netpol.synthesize import LEVELS, Options

WEBHOOK = Caller(
    kind="admission webhook", name="check", namespace="shop", service="web", port="443"
)


def known(*callers: Caller, servers: tuple[str, ...] = ("172.18.0.2",)) -> Inventory:
    def service(name: str, kind: str = "ClusterIP") -> Service:
        ports = (ServicePort(port=443, target=8443),)
        return Service(
            namespace="shop", name=name, type=kind, selector=labels(app=name), ports=ports
        )

    found = [service("web"), service("api"), service("edge", "LoadBalancer")]
    return inventory(
        pod("web"),
        pod("api"),
        pod("edge"),
        services={(one.namespace, one.name): one for one in found},
        callers=tuple(sorted(callers)),
        api_servers=servers,
    )


def route(service: str) -> Caller:
    return Caller(kind="route", name="site", namespace="shop", service=service, port="443")


SEEN = [
    flow(app("edge"), app("api"), 8443),
    flow(app("api"), app("web"), 9000),
    flow(world("198.51.100.7"), app("edge"), 8443),
]
API = Entity("kube-apiserver")


def workload(name: str) -> Workload:
    return Workload("shop", "Deployment", name)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_webhook_is_called_though_nobody_saw_it(target: str, level: str) -> None:
    made = proof(learned(SEEN, known(WEBHOOK)), target, level=level)
    call = Connection(API, workload("web"), "TCP", 8443)
    assert call in made.synthesis.declared
    of_api = (one for one in made.certificate.opened if one.client == API)
    (said,) = [one for one in of_api if one.reason.startswith("declared")]
    assert (said.server, str(said.ports)) == (workload("web"), "TCP 8443")
    assert said.reason == "declared need: admission webhook check"
    assert not made.certificate.without_witness
    assert not made.certificate.denied


@pytest.mark.parametrize("target", TARGETS)
def test_a_route_is_asked_by_those_who_ask_the_others(target: str) -> None:
    made = proof(learned(SEEN, known(route("api"), route("web"))), target)
    (said,) = [one for one in made.certificate.opened if one.reason.startswith("declared")]
    assert (said.client, said.server) == (workload("edge"), workload("web"))
    assert said.reason == "declared need: route site"
    mine = {name for name in made.files if name.endswith("-declared.yaml")}
    assert mine == {"shop/edge-declared.yaml", "shop/web-declared.yaml"}


@pytest.mark.parametrize("target", TARGETS)
def test_observed_rules_are_the_same_with_and_without(target: str) -> None:
    what = learned(SEEN, known(WEBHOOK, route("api"), route("web")))
    plain = proof(what, target, declared=False).files
    more = proof(what, target).files
    for name in ("shop/web.yaml", "shop/edge.yaml", "shop/api.yaml", "shop/default-deny.yaml"):
        assert more[name] == plain[name]
    assert not any("declared" in name for name in plain)


def test_what_was_observed_is_not_declared_again() -> None:
    what = learned([*SEEN, flow(app("edge"), app("web"), 8443)], known(route("api"), route("web")))
    assert not any("declared" in name for name in proof(what).files)


def test_a_declared_policy_restricts_no_other_direction() -> None:
    made = proof(learned(SEEN, known(WEBHOOK)))
    spec = yaml.safe_load(made.files["shop/web-declared.yaml"])["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    assert spec["ingress"] == [
        {
            "from": [{"ipBlock": {"cidr": "172.18.0.2/32"}}],
            "ports": [{"protocol": "TCP", "port": 8443}],
        }
    ]


def test_a_caller_without_address_is_told_and_left_out() -> None:
    told: list[Notice] = []
    what = learned(SEEN, known(WEBHOOK, servers=()))
    made = prove(what, dialect_named("kubernetes", DIALECTS), Options(), told.append)
    assert [one.code for one in told] == ["NP052"]
    assert not any("declared" in name for name in made.files)


OBJECTS = [
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "check"},
        "webhooks": [
            {"name": "a", "clientConfig": {"service": {"namespace": "shop", "name": "web"}}},
            {"name": "b", "clientConfig": {"url": "https://example.org/"}},
        ],
    },
    {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "patch"},
        "webhooks": [
            {
                "name": "a",
                "clientConfig": {"service": {"namespace": "x", "name": "w", "port": 8080}},
            }
        ],
    },
    {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.metrics"},
        "spec": {"service": {"namespace": "kube-system", "name": "metrics"}},
    },
    {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1."},
        "spec": {"service": None},
    },
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "site", "namespace": "shop"},
        "spec": {
            "defaultBackend": {"service": {"name": "other", "port": {"name": "http"}}},
            "rules": [
                {
                    "http": {
                        "paths": [{"backend": {"service": {"name": "web", "port": {"number": 80}}}}]
                    }
                },
                {"host": "example.org"},
            ],
        },
    },
]


def test_the_objects_are_read(tmp_path: Path) -> None:
    told: list[Notice] = []
    file = tmp_path / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": OBJECTS}))
    found = read_inventory([str(file)], told.append).callers
    assert not told
    assert {(one.kind, one.name, one.namespace, one.service, one.port) for one in found} == {
        ("admission webhook", "check", "shop", "web", "443"),
        ("admission webhook", "patch", "x", "w", "8080"),
        ("aggregated API", "v1.metrics", "kube-system", "metrics", "443"),
        ("route", "site", "shop", "other", "http"),
        ("route", "site", "shop", "web", "80"),
    }


# --- metrics


def monitoring(kind: str, name: str, namespace: str, spec: dict, **labels: str) -> dict:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": spec,
    }


def deployment(name: str, namespace: str, *, notes: dict | None = None, **labels: str) -> dict:
    labels = {"app": name, **labels}
    ports = [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9102}]
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet" if name.startswith("prometheus-") else "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": notes or {}},
                "spec": {"containers": [{"name": "c", "ports": ports}]},
            },
        },
    }


def cluster_service(name: str, *ports: dict, notes: dict | None = None) -> dict:
    meta = {"name": name, "namespace": "shop", "labels": {"app": name}, "annotations": notes or {}}
    spec = {"selector": {"app": name}, "ports": list(ports)}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}


SPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "shop", "labels": {"t": "a"}},
}
WEB = deployment("web", "shop")
PROMETHEUS = deployment("prometheus-main", "mon", **{"operator.prometheus.io/name": "main"})
TAKES_ALL = {"serviceMonitorSelector": {}, "serviceMonitorNamespaceSelector": {}}
BY_PORT = {"selector": {"matchLabels": {"app": "web"}}, "endpoints": [{"port": "m"}]}
CHOSEN = {
    "serviceMonitorSelector": {"matchLabels": {"release": "main"}},
    "serviceMonitorNamespaceSelector": {
        "matchExpressions": [{"key": "t", "operator": "In", "values": ["a"]}]
    },
}


def scraped(tmp_path: Path, *objects: dict) -> set[tuple[str, str, int]]:
    """(who fetches, whose metrics, port); - where nothing says who."""
    told: list[Notice] = []
    file = tmp_path / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
    found = read_inventory([str(file)], told.append).scrapes
    assert not told
    return {
        (client, server.name, port)
        for one in found
        for server, port in one.places
        for client in ([c.name for c in one.clients] or ["-"])
    }


@pytest.mark.parametrize(
    ("server", "monitor", "port"),
    [
        (TAKES_ALL, BY_PORT, 9102),
        (CHOSEN, BY_PORT, 9102),
        ({**CHOSEN, "serviceMonitorSelector": {"matchLabels": {"release": "x"}}}, BY_PORT, 0),
        ({**TAKES_ALL, "serviceMonitorNamespaceSelector": None}, BY_PORT, 0),
        ({**TAKES_ALL, "serviceMonitorSelector": None}, BY_PORT, 0),
        (TAKES_ALL, {**BY_PORT, "endpoints": [{"targetPort": 9}]}, 9),
        (TAKES_ALL, {**BY_PORT, "endpoints": [{"targetPort": "http"}]}, 8080),
        (TAKES_ALL, {**BY_PORT, "selector": {"matchLabels": {"app": "other"}}}, 0),
        (TAKES_ALL, {**BY_PORT, "namespaceSelector": {"matchNames": ["other"]}}, 0),
        (TAKES_ALL, {**BY_PORT, "namespaceSelector": {"any": True}}, 9102),
    ],
)
def test_a_service_monitor_is_for_the_server_that_takes_it(
    tmp_path: Path, server: dict, monitor: dict, port: int
) -> None:
    service = cluster_service("web", {"name": "m", "port": 1, "targetPort": "metrics"})
    mine = monitoring("Prometheus", "main", "mon", server)
    wanted = monitoring("ServiceMonitor", "web", "shop", monitor, release="main")
    found = scraped(tmp_path, SPACE, WEB, PROMETHEUS, service, mine, wanted)
    assert found == ({("prometheus-main", "web", port)} if port else set())


def test_a_pod_monitor_needs_no_service_and_without_a_prometheus_nothing_says_who(
    tmp_path: Path,
) -> None:
    spec = {"selector": {}, "podMetricsEndpoints": [{"port": "metrics"}, {"portNumber": 7}]}
    wanted = monitoring("PodMonitor", "all", "shop", spec)
    assert scraped(tmp_path, WEB, wanted) == {("-", "web", 9102), ("-", "web", 7)}


@pytest.mark.parametrize(
    ("notes", "ports"),
    [
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "9102"}, {9102}),
        ({"prometheus.io/scrape": "true"}, {8080, 9102}),
        ({"prometheus.io/scrape": "false", "prometheus.io/port": "9102"}, set()),
        ({"prometheus.io/scrape": "true", "prometheus.io/port": "no"}, {8080, 9102}),
        ({"prometheus.io/port": "9102"}, set()),
    ],
)
def test_annotations_of_pods_ask_for_it(tmp_path: Path, notes: dict, ports: set[int]) -> None:
    found = scraped(tmp_path, deployment("web", "shop", notes=notes))
    assert found == {("-", "web", port) for port in ports}


def test_annotations_of_a_service_ask_for_the_pods_behind_it(tmp_path: Path) -> None:
    asked = {"prometheus.io/scrape": "true"}
    ports = {"name": "h", "port": 80, "targetPort": "http"}
    here = cluster_service("web", ports, notes=asked)
    assert scraped(tmp_path, WEB, here) == {("-", "web", 8080)}
    here = cluster_service("web", ports, notes={**asked, "prometheus.io/port": "9102"})
    assert scraped(tmp_path, WEB, here) == {("-", "web", 9102)}


@pytest.mark.parametrize("target", TARGETS)
def test_metrics_are_fetched_by_the_pods_that_are_called_so(target: str) -> None:
    scrape = Scrape(name="ServiceMonitor shop/web", places=((workload("web"), 9102),))
    server = pod("prom", namespace="mon", labels=labels(app="prometheus"))
    base = replace(known(), scrapes=(scrape,))
    with_server = replace(base, pods={**base.pods, ("mon", "prom"): server})
    made = proof(learned(SEEN, with_server), target)
    (said,) = [one for one in made.certificate.opened if one.reason.startswith("declared")]
    assert (said.client, said.server, str(said.ports)) == (
        Workload("mon", "Deployment", "prom"),
        workload("web"),
        "TCP 9102",
    )
    assert said.reason == "declared need: metrics: ServiceMonitor shop/web"


def test_where_nobody_is_known_to_fetch_metrics_that_is_told() -> None:
    told: list[Notice] = []
    scrape = Scrape(name="ServiceMonitor shop/web", places=((workload("web"), 9102),))
    what = learned(SEEN, replace(known(), scrapes=(scrape,)))
    made = prove(what, dialect_named("kubernetes", DIALECTS), Options(), told.append)
    assert [(one.code, one.where) for one in told] == [("NP053", "ServiceMonitor shop/web")]
    assert not any("declared" in name for name in made.files)


# --- the API server, and probes


def binding(kind: str, *subjects: dict, namespace: str = "shop") -> dict:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "b", **({"namespace": namespace} if kind == "RoleBinding" else {})},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "r"},
        "subjects": list(subjects),
    }


def account(name: str, **more: str) -> dict:
    return {"kind": "ServiceAccount", "name": name, **more}


def group(name: str) -> dict:
    return {"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


@pytest.mark.parametrize(
    ("bindings", "users"),
    [
        ([binding("RoleBinding", account("web"))], {("shop", "web")}),
        ([binding("RoleBinding", account("web", namespace="mon"))], {("mon", "web")}),
        ([binding("ClusterRoleBinding", account("web", namespace="mon"))], {("mon", "web")}),
        ([binding("ClusterRoleBinding", group("system:serviceaccounts:mon"))], set()),
        ([binding("ClusterRoleBinding", group("system:serviceaccounts"))], set()),
        ([binding("ClusterRoleBinding", group("system:authenticated"))], set()),
        ([binding("ClusterRoleBinding", {"kind": "User", "name": "ana"})], set()),
        ([binding("ClusterRoleBinding")], set()),
    ],
)
def test_who_has_rights_in_the_api(
    tmp_path: Path, bindings: list[dict], users: set[tuple[str, str]]
) -> None:
    told: list[Notice] = []
    file = tmp_path / "objects.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [SPACE, *bindings]}))
    assert set(read_inventory([str(file)], told.append).api_users) == users
    assert not told


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("token", [True, False])
def test_who_has_rights_in_the_api_may_call_it(target: str, token: bool) -> None:
    base = known()
    api = Service(
        namespace="default",
        name="kubernetes",
        ports=(ServicePort(port=443, target=6443),),
        cluster_ips=("10.96.0.1",),
    )
    robot = pod("robot", service_account="robot", has_token=token)
    pods = {("shop", "robot"): robot, ("shop", "edge"): base.pods["shop", "edge"]}
    services = {**base.services, ("default", "kubernetes"): api}
    found = replace(base, pods=pods, services=services, api_users=(("shop", "robot"),))
    made = proof(learned(SEEN, found), target)
    calls = {call for call in made.synthesis.declared if call.server == API}
    assert calls == ({Connection(workload("robot"), API, "TCP", 6443)} if token else set())
    assert not made.certificate.denied
    assert not made.certificate.without_witness


def test_probes_are_declared_where_the_plugin_does_not_let_the_node_through() -> None:
    base = known()
    web = replace(base.pods["shop", "web"], probed=(8081,))
    found = replace(base, pods={**base.pods, ("shop", "web"): web})
    strict = replace(
        found, settings={("kube-system", "cilium-config"): {"allow-localhost": "policy"}}
    )
    probe = Connection(Entity("host"), workload("web"), "TCP", 8081)
    dialect = dialect_named("cilium", DIALECTS)
    for inventory_, declared in ((found, False), (strict, True)):
        plugin = engine("cilium", inventory_, lambda _: None, frozenset({"cilium"}))
        made = prove(
            learned(SEEN, inventory_),
            dialect,
            Options(),
            lambda _: None,
            plugin.for_dialect(dialect),
        )
        assert (probe in made.synthesis.declared) == declared


def test_probes_are_read_by_number_and_name_and_never_of_another_host(tmp_path: Path) -> None:
    told: list[Notice] = []
    one = deployment("web", "shop")
    (container,) = one["spec"]["template"]["spec"]["containers"]
    container["livenessProbe"] = {"httpGet": {"path": "/", "port": "http"}}
    container["readinessProbe"] = {"tcpSocket": {"port": 5432}}
    container["startupProbe"] = {"grpc": {"port": 9000}}
    other = {"readinessProbe": {"httpGet": {"host": "example.org", "port": 81}}, "name": "o"}
    none = {"livenessProbe": {"exec": {"command": ["true"]}}, "name": "n"}
    one["spec"]["template"]["spec"]["containers"] += [other, none]
    file = tmp_path / "objects.json"
    file.write_text(json.dumps(one))
    (found,) = read_inventory([str(file)], told.append).pods.values()
    assert found.probed == (5432, 8080, 9000)
    assert not told


# --- Gateway API


def http_route(namespace: str, *refs: dict, kind: str = "HTTPRoute", **more: object) -> dict:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "site", "namespace": namespace},
        "spec": {
            "parentRefs": [
                {"name": "edge", "namespace": "infra"},
                {"name": "m", "kind": "Service"},
            ],
            "rules": [{"backendRefs": list(refs), **more}],
        },
    }


def gateway(**allowed: object) -> dict:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "edge", "namespace": "infra"},
        "spec": {
            "listeners": [
                {"name": "private"},
                {"name": "web", "allowedRoutes": {"namespaces": allowed}},
            ]
        },
    }


def grant(namespace: str, *, kind: str = "HTTPRoute", name: str | None = None) -> dict:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "in", "namespace": namespace},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": "shop"}],
            "to": [{"group": "", "kind": "Service", **({"name": name} if name else {})}],
        },
    }


def read(tmp_path: Path, *objects: dict) -> list[tuple[str, str, str]]:
    """(namespace, Service, port) of what is called; nothing else may be told of."""
    told: list[Notice] = []
    file = tmp_path / "objects.json"
    items = [SPACE, gateway(**{"from": "All"}), *objects]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    found = read_inventory([str(file)], told.append).callers
    assert not told
    assert {one.gateways for one in found} <= {(("infra", "edge"),)}
    return [(one.namespace, one.service, one.port) for one in found]


def test_a_route_calls_its_backends_and_what_it_mirrors_to(tmp_path: Path) -> None:
    mirror = {"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "copy", "port": 1}}}
    other = {"name": "bucket", "group": "storage.example.org", "kind": "Bucket"}
    route = http_route("shop", {"name": "web", "port": 80}, other, filters=[mirror])
    assert read(tmp_path, route) == [("shop", "copy", "1"), ("shop", "web", "80")]


@pytest.mark.parametrize(
    ("grants", "called"),
    [
        ([], False),
        ([grant("data")], True),
        ([grant("data", name="db")], True),
        ([grant("data", name="other")], False),
        ([grant("data", kind="GRPCRoute")], False),
        ([grant("elsewhere")], False),
    ],
)
def test_another_namespace_is_called_only_where_it_grants_that(
    tmp_path: Path, grants: list[dict], called: bool
) -> None:
    route = http_route("shop", {"name": "db", "namespace": "data", "port": 5432})
    assert read(tmp_path, route, *grants) == ([("data", "db", "5432")] if called else [])


@pytest.mark.parametrize(
    ("allowed", "listener", "called"),
    [
        ({"from": "All"}, None, True),
        ({"from": "All"}, "web", True),
        ({"from": "All"}, "private", False),
        ({"from": "All"}, "gone", False),
        ({"from": "Same"}, None, False),
        ({}, None, False),
        ({"from": "Selector", "selector": {"matchLabels": {"t": "a"}}}, None, True),
        ({"from": "Selector", "selector": {"matchLabels": {"t": "b"}}}, None, False),
    ],
)
def test_a_route_that_its_gateway_does_not_take_calls_nobody(
    tmp_path: Path, allowed: dict, listener: str | None, called: bool
) -> None:
    route = http_route("shop", {"name": "web", "port": 80})
    route["spec"]["parentRefs"][0]["sectionName"] = listener
    assert bool(read(tmp_path, gateway(**allowed), route)) == called


def test_of_a_gateway_that_is_not_known_only_the_namespace_tells(tmp_path: Path) -> None:
    for home, called in (("infra", True), ("shop", False)):
        told: list[Notice] = []
        file = tmp_path / "objects.json"
        file.write_text(json.dumps(http_route(home, {"name": "web", "port": 80})))
        assert bool(read_inventory([str(file)], told.append).callers) == called
        assert not told


@pytest.mark.parametrize("target", TARGETS)
def test_the_pods_of_a_gateway_call_though_nobody_saw_them(target: str) -> None:
    """Without a Service that shows them to the outside, too: their label says whose they are."""
    mine = {"gateway.networking.k8s.io/gateway-name": "edge"}
    proxy = pod("proxy", labels=tuple(sorted({"app": "proxy", **mine}.items())))
    base = known(replace(route("web"), gateways=(("shop", "edge"),)))
    made = proof(learned(SEEN, replace(base, pods={**base.pods, ("shop", "proxy"): proxy})), target)
    (said,) = [one for one in made.certificate.opened if one.reason.startswith("declared")]
    assert (said.client, said.server, said.reason) == (
        workload("proxy"),
        workload("web"),
        "declared need: route site",
    )
