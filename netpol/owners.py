"""Which workload a pod belongs to: by its chain of owners, or by the pattern of its name.

The names come from Kubernetes' controllers: a ReplicaSet is ``<deployment>-<pod-template-hash>``,
a CronJob's Job ``<cronjob>-<minutes since 1970>``, a ReplicationController
``<deploymentconfig>-<n>``, and a generated pod name ends in five letters of :data:`HASH_ALPHABET`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from netpol.peers import Labels

__all__ = [
    "AGGREGATED",
    "HASH_ALPHABET",
    "Owner",
    "Owners",
    "chain",
    "from_pod_name",
    "generated",
    "made_by",
]

Owner: TypeAlias = tuple[str, str]
"""(kind, name)."""

Owners: TypeAlias = Mapping[tuple[str, str, str], Owner | None]
"""(namespace, kind, name) of each object that is known → its controller, None when it has none."""

AGGREGATED: Final = "*"
"""Ends a name that stands for all pods with one ``generateName`` (Calico): ``api-5c8d7bb9f6-*``."""

HASH_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no digits like them, so that no words come out (apimachinery, ``util/rand``)."""

_LASTING: Final = frozenset(
    {"CloneSet", "CronJob", "DaemonSet", "Deployment", "DeploymentConfig", "Rollout"}
    | {"StatefulSet", "StrimziPodSet"}
)
"""Kinds that a person would name, even when an operator's object owns them.

One such object may own several workloads with different jobs: brokers and keepers, masters and data
nodes. Merged, they would be allowed what only one of them needs.
"""

_HASH: Final = f"[{HASH_ALPHABET}]{{6,10}}"
_RANDOM: Final = f"[{HASH_ALPHABET}]{{5}}"
_REPLICA_SET: Final = re.compile(f"(.+)-{_HASH}")
_SCHEDULED: Final = r"(.+)-(?=[4-9]*[0-3])\d{8,}"
"""``<cronjob>-<minutes>``; a template's hash of digits alone holds none of 0 to 3."""
_SCHEDULED_JOB: Final = re.compile(_SCHEDULED)
_NUMBERED: Final = re.compile(r"(.+)-\d+")
_POD_NAMES: Final = (
    ("CronJob", re.compile(f"{_SCHEDULED}-{_RANDOM}")),
    ("Deployment", re.compile(f"(.+)-{_HASH}-{_RANDOM}")),
    ("DaemonSet", re.compile(f"(.+)-{_RANDOM}")),
    ("StatefulSet", _NUMBERED),
)
_NAME_LIMIT: Final = 63
"""Longer generated names are cut before the random part, separator and all."""


def chain(kind: str, name: str, namespace: str, owners: Owners, labels: Labels = ()) -> Owner:
    """The workload that an object belongs to; itself when nothing controls it.

    ``labels`` are those of the pod at the start of the chain. Owners that ``owners`` does not know
    are guessed past by their names: see :func:`_absent`. A pod that its Node owns is a static pod,
    whose name without the node's is the same on every node.
    """
    here, seen = (kind, name), {(kind, name)}
    while here[0] not in _LASTING:
        if (namespace, *here) not in owners:
            return _absent(here, dict(labels))
        owner = owners[(namespace, *here)]
        if owner is None or owner in seen:
            return here
        if owner[0] == "Node":
            return here[0], here[1].removesuffix(f"-{owner[1]}")
        seen.add(owner)
        here = owner
    return here


def _absent(owner: Owner, labels: Mapping[str, str]) -> Owner:
    """What owns an object that is not at hand, by its name and the labels of its pods."""
    kind, name = owner
    if kind == "ReplicaSet":
        return _of_replica_set(name, labels)
    if kind == "Job" and (job := _SCHEDULED_JOB.fullmatch(name)):
        return "CronJob", job[1]
    if kind == "ReplicationController" and (rc := _NUMBERED.fullmatch(name)):
        return ("DeploymentConfig", rc[1]) if labels.get("deploymentconfig") == rc[1] else owner
    return owner


def _of_replica_set(name: str, labels: Mapping[str, str]) -> Owner:
    """A ReplicaSet's owner; a hash in the labels that is not the name's means that it has none."""
    stem, _, suffix = name.rpartition("-")
    for key, kind in (
        ("rollouts-pod-template-hash", "Rollout"),
        ("pod-template-hash", "Deployment"),
    ):
        if key in labels:
            return (kind, stem) if stem and labels[key] == suffix else ("ReplicaSet", name)
    hashed = _REPLICA_SET.fullmatch(name)
    return ("Deployment", hashed[1]) if hashed else ("ReplicaSet", name)


@lru_cache(maxsize=8192)
def from_pod_name(name: str, hash: str = "") -> Owner:  # noqa: A002 - the label's own word
    """(kind, name) of a pod's owner, guessed from the pod's name alone; ``Pod`` when none fits.

    ``hash`` is the pod's label ``pod-template-hash``, which makes the guess a certainty.

    The patterns overlap, so this is for pods of which nothing else is known: a Job's pod looks like
    a DaemonSet's, and a static pod ``etcd-node-1`` or a bare pod ``test-2`` like a StatefulSet's.
    """
    if hash and (stem := _before_hash(name, hash)):
        return "Deployment", stem
    if prefix := generated(name):
        return made_by(prefix, {"pod-template-hash": hash} if hash else {})
    for kind, pattern in _POD_NAMES:
        if found := pattern.fullmatch(name):
            return kind, found[1]
    return "Pod", name


def generated(name: str) -> str:
    """How the pods begin for which an aggregated name stands; empty for the name of one pod."""
    end = f"-{AGGREGATED}"
    return name.removesuffix(AGGREGATED) if name.endswith(end) and name != end else ""


def made_by(prefix: str, labels: Mapping[str, str]) -> Owner:
    """(kind, name) of the owner of all pods with one ``generateName`` and these common labels.

    The labels that controllers write decide, then the pattern of the name. Without either it could
    be a StatefulSet, a DaemonSet or a Job, and the answer is the first of them: a guess.
    """
    stem = prefix.removesuffix("-")
    if stem in (labels.get("job-name"), labels.get("batch.kubernetes.io/job-name")):
        return _absent(("Job", stem), labels)
    if revision := labels.get("controller-revision-hash"):
        return ("StatefulSet" if revision.startswith(prefix) else "DaemonSet"), stem
    if "pod-template-hash" in labels:
        return _of_replica_set(stem, labels)
    for kind, pattern in (("CronJob", _SCHEDULED_JOB), ("Deployment", _REPLICA_SET)):
        if found := pattern.fullmatch(stem):
            return kind, found[1]
    return "StatefulSet", stem


def _before_hash(name: str, digest: str) -> str:
    """The Deployment's name in a pod's name, given the template's hash; empty when it is not in it.

    In a name of full length the hash may have lost its end, and the separator after it.
    """
    if found := re.fullmatch(f"(.+)-{re.escape(digest)}-{_RANDOM}", name):
        return found[1]
    stem, _, rest = name[:-5].rpartition("-")
    cut = len(name) == _NAME_LIMIT and rest and digest.startswith(rest)
    return stem if cut else ""
