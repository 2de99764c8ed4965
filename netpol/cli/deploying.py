"""Manifests that run ``netpol capture`` in a cluster, with no more rights than it needs."""

from __future__ import annotations

from typing import Final

__all__ = ["MANIFESTS"]

_DAEMONSET: Final = """\
# netpol capture on every node: flow records of all pods, on standard output.
#   kubectl apply -f capture.yaml
#   kubectl -n netpol logs -f --tail=-1 --max-log-requests=100 \\
#     -l app.kubernetes.io/name=netpol-capture | grep '^{{"netpol"' > flows.jsonl
# (of all nodes; what is no record is said to people, and in the same log.)
# Why so much: to be in a pod's network namespace needs SYS_ADMIN, to find it SYS_PTRACE and
# hostPID, to capture in it NET_RAW. Only a process that reads no packets keeps them. NET_ADMIN is
# given up at the start: it opens the node's connection tracking, which knows the pod that answers
# for a Service; without it packets alone are seen.
apiVersion: v1
kind: Namespace
metadata:
  name: netpol
  labels:
    pod-security.kubernetes.io/enforce: privileged
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: netpol-capture
  namespace: netpol
automountServiceAccountToken: false
---
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: netpol-capture
  namespace: netpol
  labels:
    app.kubernetes.io/name: netpol-capture
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: netpol-capture
  template:
    metadata:
      labels:
        app.kubernetes.io/name: netpol-capture
    spec:
      serviceAccountName: netpol-capture
      automountServiceAccountToken: false
      enableServiceLinks: false
      hostPID: true
      terminationGracePeriodSeconds: 15
      nodeSelector:
        kubernetes.io/os: linux
      tolerations:
        - operator: Exists
      securityContext:
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: capture
          image: {image}
          command: [netpol, capture, --pods]
          env:
            - name: PYTHONDONTWRITEBYTECODE
              value: "1"
          securityContext:
            runAsUser: 0
            privileged: false
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
              add: [NET_RAW, NET_ADMIN, SYS_ADMIN, SYS_PTRACE]
          resources:
            requests:
              cpu: 50m
              memory: 192Mi
            limits:
              cpu: "1"
              memory: 512Mi
"""

_EPHEMERAL: Final = """\
# netpol capture beside one pod that is running, in its network namespace:
#   kubectl debug POD -n NAMESPACE --image={image} --container=netpol-capture \\
#     --profile=general --custom=capture.yaml -- netpol capture --duration 1h
#   kubectl logs -f POD -n NAMESPACE -c netpol-capture | grep '^{{"netpol"' > flows.jsonl
# It sees no files of the pod, and no token of its ServiceAccount is mounted.
image: {image}
env:
  - name: PYTHONDONTWRITEBYTECODE
    value: "1"
securityContext:
  runAsUser: 0
  runAsNonRoot: false
  privileged: false
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
    add: [NET_RAW]
  seccompProfile:
    type: RuntimeDefault
"""

MANIFESTS: Final = {"daemonset": _DAEMONSET, "ephemeral": _EPHEMERAL}
"""By name; ``{image}`` stands for the image of the containers."""
