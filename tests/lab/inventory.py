"""What kubectl would print of the lab: its description as Kubernetes objects."""

from __future__ import annotations

from typing import Any

from lab import describe as d

__all__ = ["listed"]

_VERSIONS = {"EndpointSlice": "discovery.k8s.io/v1"} | dict.fromkeys(
    ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), "apps/v1"
)


def listed(started: str) -> dict[str, Any]:
    """Everything, as one List; ``started``: since when all of it is there (RFC 3339)."""
    items = [*map(_namespace, d.NAMESPACES), *map(_node, d.NODES), *_workloads()]
    items += [_pod(one, started) for one in (*d.PODS, *d.HOSTED)]
    for service in (d.KUBERNETES, *d.SERVICES):
        items += [_service(service), *_slices(service)]
    for one in items:
        one["metadata"]["creationTimestamp"] = started
    return {"apiVersion": "v1", "kind": "List", "items": items}


def _object(kind: str, name: str, space: str = "", **rest: Any) -> dict[str, Any]:
    meta: dict[str, Any] = {"name": name, "uid": f"{kind}-{space}-{name}"}
    if space:
        meta["namespace"] = space
    meta |= rest.pop("meta", {})
    return {"apiVersion": _VERSIONS.get(kind, "v1"), "kind": kind, "metadata": meta, **rest}


def _namespace(name: str) -> dict[str, Any]:
    team = {"team": d.TEAMS[name]} if name in d.TEAMS else {}
    labels = {"kubernetes.io/metadata.name": name, **team}
    return _object("Namespace", name, meta={"labels": labels})


def _node(node: d.Node) -> dict[str, Any]:
    return _object(
        "Node",
        node.name,
        spec={"podCIDR": node.pod_cidrs[0], "podCIDRs": list(node.pod_cidrs)},
        status={"addresses": [{"type": "InternalIP", "address": a} for a in node.addresses]},
    )


def _owner(kind: str, name: str) -> dict[str, Any]:
    return {"ownerReferences": [{"kind": kind, "name": name, "controller": True}]}


def _workloads() -> list[dict[str, Any]]:
    found = {}
    for pod in (*d.PODS, *d.HOSTED):
        body = {
            "selector": {"matchLabels": pod.labels},
            "template": {"metadata": {"labels": pod.labels}, "spec": _spec(pod)},
        }
        found[pod.kind, pod.owner] = _object(pod.kind, pod.owner, pod.namespace, spec=body)
        if pod.kind == "Deployment":
            owner = _owner("Deployment", pod.owner)
            found["ReplicaSet", pod.owner] = _object(
                "ReplicaSet", _replica_set(pod), pod.namespace, meta=owner, spec=body
            )
    return list(found.values())


def _replica_set(pod: d.Pod) -> str:
    return pod.name.rpartition("-")[0]


def _spec(pod: d.Pod) -> dict[str, Any]:
    ports = [
        {"containerPort": p.number, "protocol": p.protocol, **({"name": p.name} if p.name else {})}
        for p in pod.ports
    ]
    host = {"hostNetwork": True} if pod.host else {}
    return {"containers": [{"name": "main", "ports": ports}], **host}


def _pod(pod: d.Pod, started: str) -> dict[str, Any]:
    replicas = pod.kind == "Deployment"
    owner = _owner(*(("ReplicaSet", _replica_set(pod)) if replicas else (pod.kind, pod.owner)))
    status = {
        "phase": "Running",
        "startTime": started,
        "hostIP": pod.node.addresses[0],
        "podIP": pod.addresses[0],
        "podIPs": [{"ip": one} for one in pod.addresses],
        "containerStatuses": [{"name": "main", "state": {"running": {"startedAt": started}}}],
    }
    spec = {"nodeName": pod.node.name, **_spec(pod)}
    meta = {"labels": pod.labels, **owner}
    return _object("Pod", pod.name, pod.namespace, meta=meta, spec=spec, status=status)


def _service(service: d.Service) -> dict[str, Any]:
    ports = [
        {
            "name": f"{protocol.lower()}-{port}",
            "protocol": protocol,
            "port": port,
            "targetPort": target,
            **({"nodePort": node_port} if node_port else {}),
        }
        for protocol, port, target, node_port in service.ports
    ]
    addresses = list(service.addresses) or ["None"]
    spec: dict[str, Any] = {
        "type": "NodePort" if any(one[3] for one in service.ports) else "ClusterIP",
        "clusterIP": addresses[0],
        "clusterIPs": addresses,
        "ports": ports,
    }
    if service.selector:
        spec["selector"] = service.selector
    return _object("Service", service.name, service.namespace, spec=spec)


def _slices(service: d.Service) -> list[dict[str, Any]]:
    """One slice for the IP version of the Service."""
    six = bool(service.addresses) and ":" in service.addresses[0]
    backends = [
        {
            "addresses": [pod.addresses[six]],
            "targetRef": {"kind": "Pod", "name": pod.name, "namespace": pod.namespace},
        }
        for pod in d.backends(service)
    ] or [{"addresses": [d.API_SERVER[0]]}]
    first = next(iter(d.backends(service)), None)
    ports = [
        {
            "name": f"{protocol.lower()}-{port}",
            "protocol": protocol,
            "port": d.target(first, protocol, target) if first else target,
        }
        for protocol, port, target, _ in service.ports
    ]
    return [
        _object(
            "EndpointSlice",
            f"{service.name}-1",
            service.namespace,
            meta={"labels": {"kubernetes.io/service-name": service.name}},
            addressType="IPv6" if six else "IPv4",
            endpoints=backends,
            ports=ports,
        )
    ]
