"""The cluster's objects as `kubectl get KIND -A -o json` prints them at the end of the hour."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chance import digest, letters, number, uid
from controllers import containers, controllers, metadata, stamp
from describe import API_PORT, CONTROL, NAMESPACES, NODES, Node
from pods import PODS, Pod
from services import (
    KUBERNETES,
    KUBERNETES_PORT,
    LOAD_BALANCER,
    LOAD_BALANCER6,
    SERVICES,
    Service,
    ServicePort,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]


def namespace(name: str) -> Json:
    labels = {"kubernetes.io/metadata.name": name} | NAMESPACES[name]
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": metadata("", "Namespace", name, labels),
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _node_info(known: Node) -> Json:
    return {
        "architecture": "amd64",
        "bootID": uid(f"boot/{known.name}"),
        "containerRuntimeVersion": "containerd://1.7.22",
        "kernelVersion": "6.8.0-45-generic",
        "kubeProxyVersion": "v1.31.1",
        "kubeletVersion": "v1.31.1",
        "machineID": uid(f"machine/{known.name}").replace("-", ""),
        "operatingSystem": "linux",
        "osImage": "Ubuntu 24.04.1 LTS",
        "systemUUID": uid(f"system/{known.name}"),
    }


def node(known: Node) -> Json:
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": known.name,
        "kubernetes.io/os": "linux",
    }
    spec: Json = {
        "podCIDR": f"10.244.{known.index}.0/24",
        "podCIDRs": [f"10.244.{known.index}.0/24", f"fd00:10:244:{known.index}::/64"],
    }
    if known == CONTROL:
        labels["node-role.kubernetes.io/control-plane"] = ""
        spec["taints"] = [{"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"}]
    annotations = {
        "network.cilium.io/ipv4-cilium-host": known.router,
        "network.cilium.io/ipv4-health-ip": known.health,
        "network.cilium.io/ipv6-cilium-host": known.pod_ip6(1),
        "network.cilium.io/ipv6-health-ip": known.pod_ip6(2),
    }
    addresses = [("InternalIP", known.ip4), ("InternalIP", known.ip6), ("Hostname", known.name)]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": metadata("", "Node", known.name, labels) | {"annotations": annotations},
        "spec": spec,
        "status": {
            "addresses": [{"type": kind, "address": address} for kind, address in addresses],
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "nodeInfo": _node_info(known),
        },
    }


_OWNER_KINDS = {"Deployment": "ReplicaSet", "CronJob": "Job", "Static": "Node"}


def _owner(pod: Pod) -> list[Json]:
    kind = _OWNER_KINDS.get(pod.workload.kind, pod.workload.kind)
    if kind == "Pod":
        return []
    name = pod.node.name if kind == "Node" else pod.owner
    space = "" if kind == "Node" else f"{pod.workload.namespace}/"
    version = {"Job": "batch/v1", "Node": "v1"}.get(kind, "apps/v1")
    reference: Json = {
        "apiVersion": version,
        "controller": True,
        "kind": kind,
        "name": name,
        "uid": uid(f"{space}{kind}/{name}"),
    }
    if kind != "Node":
        reference["blockOwnerDeletion"] = True
    return [reference]


def _conditions(pod: Pod) -> list[Json]:
    done = {"reason": "PodCompleted"} if pod.completed else {}
    ready = "False" if pod.completed else "True"
    return [
        {"type": "Initialized", "status": "True", "lastTransitionTime": stamp(pod.start), **done},
        {"type": "Ready", "status": ready, "lastTransitionTime": stamp(pod.start + 3), **done},
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(pod.start)},
    ]


def _container_statuses(pod: Pod) -> list[Json]:
    started = stamp(pod.start + 2)
    state: Json = {"running": {"startedAt": started}}
    if pod.completed:
        ended = {"exitCode": 0, "reason": "Completed", "startedAt": started}
        state = {"terminated": ended | {"finishedAt": stamp(pod.end)}}
    return [
        {
            "image": container["image"],
            "imageID": f"{container['image'].split(':')[0]}@sha256:{digest(container['image'])}",
            "name": container["name"],
            "ready": not pod.completed,
            "restartCount": 0,
            "started": not pod.completed,
            "state": state,
        }
        for container in containers(pod.workload)
    ]


def pod_object(pod: Pod) -> Json:
    workload = pod.workload
    meta = metadata(workload.namespace, "Pod", pod.name, pod.labels, created=pod.start)
    owners = _owner(pod)
    if owners:
        meta["ownerReferences"] = owners
    if workload.kind in ("Deployment", "DaemonSet", "StatefulSet", "CronJob"):
        meta["generateName"] = f"{pod.owner}-"
    if workload.kind == "Static":
        meta["annotations"] = {"kubernetes.io/config.mirror": uid(f"mirror/{pod.key}")[:32]}
    spec: Json = {
        "containers": containers(workload),
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "nodeName": pod.node.name,
        "restartPolicy": "Never" if pod.completed else "Always",
        "serviceAccountName": workload.account,
        "terminationGracePeriodSeconds": 30,
    }
    if workload.name == "coredns":
        spec["dnsPolicy"] = "Default"
    if workload.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": spec,
        "status": {
            "conditions": _conditions(pod),
            "containerStatuses": _container_statuses(pod),
            "hostIP": pod.node.ip4,
            "hostIPs": [{"ip": pod.node.ip4}, {"ip": pod.node.ip6}],
            "phase": "Succeeded" if pod.completed else "Running",
            "podIP": pod.ip4,
            "podIPs": [{"ip": pod.ip4}, {"ip": pod.ip6}],
            "qosClass": "BestEffort",
            "startTime": stamp(pod.start),
        },
    }


def _service_port(service: Service, port: ServicePort) -> Json:
    entry: Json = {"port": port.port, "protocol": port.protocol, "targetPort": port.target}
    if port.name:
        entry["name"] = port.name
    if service.balancer:
        entry["nodePort"] = 30000 + number(f"{service.dns}/{port.port}", 0, 2767)
    return entry


def _addresses(service: Service) -> Json:
    families = ["IPv4", "IPv6"] if service.dual else ["IPv4"]
    ips = [service.cluster_ip, service.cluster_ip6][: len(families)] if service.ip else ["None"]
    return {
        "clusterIP": ips[0],
        "clusterIPs": ips,
        "ipFamilies": families,
        "ipFamilyPolicy": "PreferDualStack" if service.dual else "SingleStack",
    }


def _selector(service: Service) -> dict[str, str]:
    labels = next(p.workload for p in PODS if p.workload.key == service.workload).selector_labels
    return labels | {"role": service.role} if service.role else labels


def service_object(service: Service) -> Json:
    spec = _addresses(service) | {
        "internalTrafficPolicy": "Cluster",
        "ports": [_service_port(service, port) for port in service.ports],
        "selector": _selector(service),
        "sessionAffinity": "None",
        "type": "ClusterIP",
    }
    status: Json = {"loadBalancer": {}}
    if service.balancer:
        spec |= {
            "allocateLoadBalancerNodePorts": True,
            "externalTrafficPolicy": "Local",
            "healthCheckNodePort": 31888,
            "type": "LoadBalancer",
        }
        ingress = [{"ip": ip, "ipMode": "VIP"} for ip in (LOAD_BALANCER, LOAD_BALANCER6)]
        status = {"loadBalancer": {"ingress": ingress}}
    meta = metadata(service.namespace, "Service", service.name, _selector(service))
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec, "status": status}


def kubernetes_service() -> Json:
    """Give the Service that every cluster has, for its own API; it selects nothing."""
    labels = {"component": "apiserver", "provider": "kubernetes"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata("default", "Service", "kubernetes", labels),
        "spec": {
            "clusterIP": KUBERNETES,
            "clusterIPs": [KUBERNETES],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [
                {
                    "name": "https",
                    "port": KUBERNETES_PORT,
                    "protocol": "TCP",
                    "targetPort": API_PORT,
                }
            ],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def _target_port(service: Service, port: ServicePort) -> int:
    if isinstance(port.target, int):
        return port.target
    workload = next(p.workload for p in PODS if p.workload.key == service.workload)
    return next(known.number for known in workload.ports if known.name == port.target)


def backends(service: Service, pods: Iterable[Pod]) -> list[Pod]:
    """Choose the pods behind a Service."""
    return [
        pod
        for pod in pods
        if pod.workload.key == service.workload and service.role in ("", pod.labels.get("role"))
    ]


def endpoint_slice(service: Service, family: str, pods: Iterable[Pod]) -> Json:
    """Give the slice of one address family; `pods` are those that are ready."""
    ports = [
        {"name": port.name, "port": _target_port(service, port), "protocol": port.protocol}
        for port in service.ports
    ]
    endpoints = [
        {
            "addresses": [pod.ip6 if family == "IPv6" else pod.ip4],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": pod.node.name,
            "targetRef": {
                "kind": "Pod",
                "name": pod.name,
                "namespace": service.namespace,
                "uid": uid(f"{service.namespace}/Pod/{pod.name}"),
            },
        }
        for pod in backends(service, pods)
    ]
    labels = {
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        "kubernetes.io/service-name": service.name,
    }
    if not service.ip:
        labels["service.kubernetes.io/headless"] = ""
    name = f"{service.name}-{letters(f'{service.dns}/{family}', 5)}"
    meta = metadata(service.namespace, "EndpointSlice", name, labels)
    meta["generateName"] = f"{service.name}-"
    meta["ownerReferences"] = [
        {
            "apiVersion": "v1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "Service",
            "name": service.name,
            "uid": uid(f"{service.namespace}/Service/{service.name}"),
        }
    ]
    return {
        "addressType": family,
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": endpoints,
        "kind": "EndpointSlice",
        "metadata": meta,
        "ports": ports,
    }


def families_of(service: Service) -> tuple[str, ...]:
    return ("IPv4", "IPv6") if service.dual else ("IPv4",)


def kubernetes_slice() -> Json:
    labels = {"kubernetes.io/service-name": "kubernetes"}
    return {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": [{"addresses": [CONTROL.ip4], "conditions": {"ready": True}}],
        "kind": "EndpointSlice",
        "metadata": metadata("default", "EndpointSlice", "kubernetes", labels),
        "ports": [{"name": "https", "port": API_PORT, "protocol": "TCP"}],
    }


def _slices() -> list[Json]:
    slices = [kubernetes_slice()]
    listed = [pod for pod in PODS if pod.listed]
    for service in SERVICES:
        slices += [endpoint_slice(service, family, listed) for family in families_of(service)]
    return slices


def _by_name(item: Json) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _printed(items: list[Json]) -> str:
    """Print a list as kubectl does: four spaces, keys in order."""
    ordered = sorted(items, key=_by_name)
    body = {
        "apiVersion": "v1",
        "items": ordered,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }
    return json.dumps(body, indent=4, sort_keys=True) + "\n"


def cluster() -> dict[str, str]:
    """Give one file for each kind."""
    groups = {
        "namespaces": [namespace(name) for name in NAMESPACES],
        "nodes": [node(known) for known in NODES],
        "pods": [pod_object(pod) for pod in PODS if pod.listed],
        "services": [kubernetes_service(), *(service_object(service) for service in SERVICES)],
        "endpointslices": _slices(),
    }
    return {name: _printed(items) for name, items in (groups | controllers()).items()}
