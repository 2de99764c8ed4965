"""The owners of the pods: Deployments and ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chance import number, uid
from describe import HOUR, WORKLOADS, Port, Workload
from pods import PODS, Pod, job_labels, template_hash

Json = dict[str, Any]
BORN = HOUR - 9 * 24 * 3600


def stamp(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%SZ}"


def metadata(
    namespace: str, kind: str, name: str, labels: dict[str, str], created: int = BORN
) -> Json:
    """Give what every object says about itself."""
    space = f"{namespace}/" if namespace else ""
    meta: Json = {
        "creationTimestamp": stamp(created),
        "labels": dict(labels),
        "name": name,
        "resourceVersion": str(number(f"{space}{kind}/{name}/version", 1000, 999999)),
        "uid": uid(f"{space}{kind}/{name}"),
    }
    if namespace:
        meta["namespace"] = namespace
    return meta


def containers(workload: Workload) -> list[Json]:
    """Give the containers: the workload's own, and a sidecar for ports that name one."""
    made = []
    for name in dict.fromkeys(["", *(port.container for port in workload.ports)]):
        container: Json = {
            "image": f"quay.io/prometheuscommunity/{name}:latest" if name else workload.image,
            "imagePullPolicy": "IfNotPresent",
            "name": name or workload.name,
            "resources": {},
        }
        ports = [_container_port(workload, p) for p in workload.ports if p.container == name]
        if ports:
            container["ports"] = ports
        if not name:
            container |= _probes(workload)
        made.append(container)
    return made


def _container_port(workload: Workload, port: Port) -> Json:
    entry: Json = {
        "containerPort": port.number,
        "name": port.name,
        "protocol": port.protocol,
    }
    if workload.host_network:
        entry["hostPort"] = port.number
    return entry


def _probes(workload: Workload) -> Json:
    """Give the probes; without a port the kubelet runs a command, which is no traffic."""
    if workload.kind == "StatefulSet" and not workload.probes:
        return {"readinessProbe": {"exec": {"command": ["/bin/ready"]}, "periodSeconds": 10}}
    kinds = ("livenessProbe", "readinessProbe")
    probes: Json = {}
    for kind, port in zip(kinds, (workload.probes * 2)[:2], strict=False):
        check: Json = {"path": "/healthz", "port": port, "scheme": "HTTP"}
        probes[kind] = {"failureThreshold": 3, "httpGet": check, "periodSeconds": 10}
    return probes


def _template(workload: Workload, labels: dict[str, str], restart: str = "Always") -> Json:
    spec: Json = {
        "containers": containers(workload),
        "dnsPolicy": "Default" if workload.name == "coredns" else "ClusterFirst",
        "restartPolicy": restart,
        "serviceAccountName": workload.account,
    }
    if workload.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    return {"metadata": {"labels": labels}, "spec": spec}


def _object(workload: Workload, spec: Json, status: Json) -> Json:
    return {
        "apiVersion": "batch/v1" if workload.kind == "CronJob" else "apps/v1",
        "kind": workload.kind,
        "metadata": metadata(workload.namespace, workload.kind, workload.name, workload.labels),
        "spec": spec,
        "status": status,
    }


def deployment(workload: Workload, *, old: bool = False) -> Json:
    """Give the Deployment; `old`: as it was before its rollout."""
    count = len(workload.nodes)
    labels = dict(workload.labels)
    if old:
        labels["version"] = workload.old_version
    spec = {
        "replicas": count,
        "revisionHistoryLimit": 10,
        "selector": {"matchLabels": workload.selector_labels},
        "strategy": {"type": "RollingUpdate"},
        "template": _template(workload, labels),
    }
    status = {"availableReplicas": count, "readyReplicas": count, "replicas": count}
    return _object(workload, spec, status)


def replica_set(workload: Workload, *, old: bool = False) -> Json:
    """Give the ReplicaSet of a template; the one from before a rollout has no pods any more."""
    mark = {"pod-template-hash": template_hash(workload, old=old)}
    labels = workload.labels | mark
    if old:
        labels["version"] = workload.old_version
    count = 0 if old else len(workload.nodes)
    name = f"{workload.name}-{mark['pod-template-hash']}"
    created = HOUR + workload.replaced if workload.replaced and not old else BORN
    meta = metadata(workload.namespace, "ReplicaSet", name, labels, created=created)
    meta["ownerReferences"] = [_controller(workload, "apps/v1")]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta,
        "spec": {
            "replicas": count,
            "selector": {"matchLabels": workload.selector_labels | mark},
            "template": _template(workload, labels),
        },
        "status": {"replicas": count, "readyReplicas": count} if count else {"replicas": 0},
    }


def _controller(workload: Workload, version: str) -> Json:
    return {
        "apiVersion": version,
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": workload.kind,
        "name": workload.name,
        "uid": uid(f"{workload.namespace}/{workload.kind}/{workload.name}"),
    }


def stateful_set(workload: Workload) -> Json:
    count = len(workload.nodes)
    spec = {
        "podManagementPolicy": "OrderedReady",
        "replicas": count,
        "selector": {"matchLabels": workload.selector_labels},
        "serviceName": workload.name,
        "template": _template(workload, workload.labels),
    }
    return _object(workload, spec, {"readyReplicas": count, "replicas": count})


def daemon_set(workload: Workload) -> Json:
    count = len(workload.nodes)
    spec = {
        "selector": {"matchLabels": workload.selector_labels},
        "template": _template(workload, workload.labels),
        "updateStrategy": {"type": "RollingUpdate"},
    }
    counters = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady")
    return _object(workload, spec, dict.fromkeys(counters, count) | {"numberMisscheduled": 0})


def cron_job(workload: Workload) -> Json:
    template = {"spec": {"template": _template(workload, workload.labels, "Never")}}
    spec = {
        "concurrencyPolicy": "Forbid",
        "jobTemplate": template,
        "schedule": workload.schedule,
        "successfulJobsHistoryLimit": 6,
        "suspend": False,
    }
    last = stamp(HOUR + workload.runs[-1])
    return _object(workload, spec, {"lastScheduleTime": last, "lastSuccessfulTime": last})


def job(pod: Pod) -> Json:
    """Give the Job of one run, as it is when it is done."""
    workload = pod.workload
    labels = workload.labels | job_labels(workload, pod.owner)
    meta = metadata(workload.namespace, "Job", pod.owner, labels, created=HOUR + pod.run)
    meta["ownerReferences"] = [_controller(workload, "batch/v1")]
    controller = {"batch.kubernetes.io/controller-uid": meta["uid"]}
    status = {
        "completionTime": stamp(pod.end + 1),
        "conditions": [{"type": "Complete", "status": "True"}],
        "startTime": stamp(HOUR + pod.run),
        "succeeded": 1,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 6,
            "completions": 1,
            "parallelism": 1,
            "selector": {"matchLabels": controller},
            "template": _template(workload, labels, "Never"),
        },
        "status": status,
    }


def controllers() -> dict[str, list[Json]]:
    kinds: dict[str, list[Workload]] = {}
    for workload in WORKLOADS:
        kinds.setdefault(workload.kind, []).append(workload)
    replica_sets = [replica_set(workload) for workload in kinds["Deployment"]]
    replica_sets += [replica_set(w, old=True) for w in kinds["Deployment"] if w.replaced]
    return {
        "deployments": [deployment(workload) for workload in kinds["Deployment"]],
        "replicasets": replica_sets,
        "statefulsets": [stateful_set(workload) for workload in kinds["StatefulSet"]],
        "daemonsets": [daemon_set(workload) for workload in kinds["DaemonSet"]],
        "jobs": [job(pod) for pod in PODS if pod.completed],
        "cronjobs": [cron_job(workload) for workload in kinds["CronJob"]],
    }
