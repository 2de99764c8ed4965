"""Random histories of a small cluster: who truly had which address when, and what a watch saw.

Addresses are few, so they are used again all the time. Times are seconds here, and nanoseconds in
what is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from capture.times import rfc3339

SECOND = 1_000_000_000
BEGIN = 1_800_000_000
LENGTH = 600
ADDRESSES = tuple(f"10.244.0.{n}" for n in range(2, 8))
VIP = "10.96.0.10"


def stamp(time: float) -> str:
    """A time of the history as Kubernetes writes it."""
    return rfc3339(round((BEGIN + time) * 1000) * 1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One pod: scheduled, given an address, gone."""

    name: str
    owner: tuple[str, str]
    uid: str
    address: str
    created: float
    begin: float
    """From when on it has the address."""
    end: float

    def document(self, *, addressed: bool = True) -> dict[str, Any]:
        """The pod as the API server shows it."""
        kind, name = self.owner
        status: dict[str, Any] = {"phase": "Pending"}
        if addressed:
            state = {"running": {"startedAt": stamp(self.begin + 0.5)}}
            status = {"phase": "Running", "podIP": self.address, "startTime": stamp(self.created)}
            status["containerStatuses"] = [{"name": "main", "state": state}]
        reference = {"apiVersion": "apps/v1", "kind": kind, "name": name, "controller": True}
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": self.name,
                "namespace": "shop",
                "uid": self.uid,
                "labels": {"app": name},
                "creationTimestamp": stamp(self.created),
                "ownerReferences": [reference],
            },
            "spec": {"nodeName": "worker", "containers": [{"name": "main"}]},
            "status": status,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The truth."""

    lives: tuple[Life, ...]
    backends: tuple[tuple[float, str], ...]
    """From when on the Service selects which workload."""

    def holder(self, address: str, time: float) -> Life | None:
        """Who had an address."""
        found = [one for one in self.lives if one.address == address]
        return next((one for one in found if one.begin <= time < one.end), None)

    def behind(self, time: float) -> str:
        """The workload behind the Service."""
        return [name for begin, name in self.backends if begin <= time][-1]


def history(random: Random) -> History:
    """A random one; every address is passed on from pod to pod, sometimes at once."""
    lives: list[Life] = []
    taken: dict[str, float] = {}
    """Until when a name of a StatefulSet's pod is taken."""
    for address in ADDRESSES:
        time = random.uniform(0, 60)
        while time < LENGTH:
            end = time + random.choice((2, 10, 40, 150, 400)) * random.uniform(0.5, 1.5)
            lives.append(_life(random, address, time, end, len(lives), taken))
            time = end + random.choice((0, 0.5, 3, 20, 100))
    changes = sorted(random.uniform(0, LENGTH) for _ in range(random.randint(0, 2)))
    owners = [random.choice("ab") for _ in range(len(changes) + 1)]
    return History(lives=tuple(lives), backends=tuple(zip((-1e9, *changes), owners, strict=True)))


def _life(
    random: Random, address: str, begin: float, end: float, number: int, taken: dict[str, float]
) -> Life:
    created = begin - random.uniform(0, 2)
    owner = random.choice((("StatefulSet", "db"), ("DaemonSet", "a"), ("DaemonSet", "b")))
    name = f"{owner[1]}-{number}"
    if owner[0] == "StatefulSet":
        free = [f"db-{n}" for n in range(3) if taken.get(f"db-{n}", 0) < created]
        name = random.choice(free) if free else name
        taken[name] = end
    return Life(
        name=name,
        owner=owner,
        uid=f"uid-{number}",
        address=address,
        created=created,
        begin=begin,
        end=end,
    )


SERVICE = {"name": "svc", "namespace": "shop"}


def _service(selected: str) -> dict[str, Any]:
    ports = [{"port": 80, "targetPort": 8080}]
    spec = {"clusterIP": VIP, "selector": {"app": selected}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": SERVICE, "spec": spec}


NODE = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "worker"},
    "spec": {"podCIDR": "10.244.0.0/24"},
    "status": {"addresses": [{"type": "InternalIP", "address": "172.18.0.2"}]},
}


@dataclass(slots=True)
class Recording:
    """What a watch receives, each event a little late."""

    random: Random
    lag: float
    lines: list[tuple[float, str]] = field(default_factory=list)

    def add(self, time: float, kind: str, document: dict[str, Any]) -> None:
        received = time + self.random.uniform(0, self.lag)
        event = {"type": kind, "time": stamp(received), "object": document}
        self.lines.append((received, json.dumps(event)))


def recorded(truth: History, random: Random, lag: float) -> str:
    """A watch of the whole history, as it is recorded."""
    tape = Recording(random, lag)
    tape.add(-100, "ADDED", NODE)
    for number, (time, selected) in enumerate(truth.backends):
        tape.add(max(time, -100), "MODIFIED" if number else "ADDED", _service(selected))
    for one in truth.lives:
        tape.add(one.created, "ADDED", one.document(addressed=False))
        tape.add(one.begin, "MODIFIED", one.document())
        tape.add(one.end, "DELETED", one.document())
    return "\n".join(line for _, line in sorted(_in_order(tape.lines))) + "\n"


def _in_order(lines: list[tuple[float, str]]) -> Iterator[tuple[float, str]]:
    """Events of one object come in their order, however late."""
    yield from lines


def dump(truth: History, time: float) -> str:
    """A snapshot, as kubectl prints it; one pod is there all the time."""
    static = Life(
        name="etcd",
        owner=("Node", "worker"),
        uid="uid-etcd",
        address="10.244.0.250",
        created=-5000,
        begin=-5000,
        end=1e9,
    )
    pods = [one for one in (static, *truth.lives) if one.created <= time < one.end]
    items = [one.document(addressed=one.begin <= time) for one in pods]
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": [*items, NODE]})
