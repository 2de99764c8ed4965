"""Kubernetes policies, against the verdicts of engines.

``kubernetes_cases.jsonl`` holds what the cases of mattfenwick/cyclonus come to; Calico's own engine
agrees on every row, Cilium's on all but those flagged ``contested:ipblock-vs-pod``. Rows of a pod
with itself are left out: no policy can block them.
"""

import json
from collections import Counter
from dataclasses import dataclass, field

import pytest

import generators
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Pod
from netpol.manifests import Document
from netpol.net import PortSet
from netpol.peers import Workload
from netpol.profile import PROFILES
from netpol.world import world

CONTESTED = "contested:ipblock-vs-pod"
ROWS = 110_738
CONTESTED_ROWS = 298


@dataclass
class Tally:
    """How many verdicts were compared, and the first that differ."""

    count: Counter = field(default_factory=Counter)
    wrong: list = field(default_factory=list)

    def check(self, what, place, ours, theirs):
        self.count[what] += 1
        if ours != theirs:
            self.wrong.append((what, place, ours, theirs))

    def told(self):
        return ", ".join(f"{count:,} {what}" for what, count in sorted(self.count.items()))


@pytest.fixture(scope="module")
def cases(shared):
    path = shared / "data" / "verdicts" / "kubernetes_cases.jsonl"
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def workload(pod):
    namespace, _, name = pod.partition("/")
    return Workload(namespace, "Pod", name)


def labels(pairs):
    return tuple(sorted(pairs.items()))


def inventory(case):
    pods = [
        Pod(
            namespace=pod["namespace"],
            name=pod["name"],
            workload=workload(f"{pod['namespace']}/{pod['name']}"),
            labels=labels(pod["labels"]),
            addresses=(pod["ip"],),
            ports=tuple(ContainerPort(**port) for port in pod["ports"]),
        )
        for pod in case["pods"]
    ]
    namespaces = case["namespaces"].items()
    return Inventory(
        pods={(one.namespace, one.name): one for one in pods},
        namespaces={name: Namespace(name=name, labels=labels(of)) for name, of in namespaces},
    )


def judge(case, profile):
    told = []
    place = f"case {case['case']} step {case['step']}"
    documents = [
        Document(file=place, index=number, data=data)
        for number, data in enumerate(case["policies"], 1)
    ]
    policies, _ = generators.parse(documents, told.append)
    assert {one.code for one in told} <= {"NP079"}
    return Judge(policies=policies, world=world(inventory(case)), profile=PROFILES[profile])


@pytest.mark.parametrize("profile", ["kubernetes", "calico", "cilium"])
def test_every_verdict_on_its_own_is_that_of_the_engines(cases, profile):
    tally = Tally()
    for case in cases:
        ours = judge(case, profile)
        for client, server, protocol, port, egress, ingress, both, flag in case["truth"]:
            if flag == "self":
                continue
            place = (case["case"], case["step"], client, server, protocol, port)
            decision = ours.decide(Connection(workload(client), workload(server), protocol, port))
            if flag == CONTESTED and profile == "cilium":
                tally.check("contested", place, decision.allowed, not both)
                continue
            tally.check("egress", place, decision.egress.allowed, bool(egress))
            tally.check("ingress", place, decision.ingress.allowed, bool(ingress))
            tally.check("combined", place, decision.allowed, bool(both))
            tally.count["contested"] += flag == CONTESTED
    print(f"\nkubernetes_cases, profile {profile}: {tally.told()} verdicts agree")
    assert tally.wrong[:5] == []
    assert tally.count["contested"] == CONTESTED_ROWS
    expected = ROWS + (0 if profile == "cilium" else CONTESTED_ROWS)
    assert {tally.count[what] for what in ("egress", "ingress", "combined")} == {expected}


@pytest.mark.parametrize("profile", ["kubernetes", "cilium"])
def test_all_connections_at_once_are_those_of_the_engines(cases, profile):
    tally = Tally()
    for case in cases:
        rows = {(one.client, one.server): one.ports for one in judge(case, profile).connections()}
        for client, server, protocol, port, _, _, both, flag in case["truth"]:
            if flag == "self":
                continue
            ports = rows.get((workload(client), workload(server)), PortSet())
            turned = flag == CONTESTED and profile == "cilium"
            place = (case["case"], case["step"], client, server, protocol, port)
            tally.check("rows", place, (protocol, port) in ports, bool(both) != turned)
    print(f"\nkubernetes_cases, connections, profile {profile}: {tally.told()} agree")
    assert tally.wrong[:5] == []
    assert tally.count["rows"] == ROWS + CONTESTED_ROWS
