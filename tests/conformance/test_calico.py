"""Random Calico policies, judged by Calico's own calculation graph and policy checker.

The data is described beside it: 50 cases over one topology, 1,020 flows each.
"""

import json

import pytest

from generators.calico import CALICO
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Pod
from netpol.manifests import Document
from netpol.net import host_cidr
from netpol.peers import Cidr, Workload
from netpol.policy import NAMESPACE, PolicySet
from netpol.profile import CALICO as PROFILE
from netpol.world import Outside, world


@pytest.fixture(scope="module")
def topology(shared):
    path = shared / "data" / "verdicts" / "topology.json"
    if not path.is_file():
        pytest.skip("the verdicts of Calico are not there: data/verdicts/topology.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def cases(shared, topology):
    lines = (shared / "data" / "verdicts" / "calico_cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def inventory(topology):
    pods = {}
    for one in topology["pods"]:
        key = one["namespace"], one["name"]
        pods[key] = Pod(
            namespace=key[0],
            name=key[1],
            workload=Workload(key[0], "Pod", key[1]),
            labels=tuple(sorted(one["labels"].items())),
            addresses=(one["ip"],),
            ports=tuple(ContainerPort(**port) for port in one["ports"]),
        )
    spaces = {
        name: Namespace(name=name, labels=tuple(sorted({**labels, NAMESPACE: name}.items())))
        for name, labels in topology["namespaces"].items()
    }
    return Inventory(pods=pods, namespaces=spaces)


def peer(name):
    if "/" in name:
        namespace, _, pod = name.partition("/")
        return Workload(namespace, "Pod", pod)
    return Cidr(host_cidr(name))


def policies(case):
    told = []
    documents = [
        Document(file="case.json", index=number, data=data)
        for number, data in enumerate([*case["base"], *case["policies"]], 1)
    ]
    found = CALICO.parse(documents, told.append)
    assert told == []
    assert found.undecided == ()
    return found


def allowed(side):
    """``p`` is what the policies passed to the profile of the namespace, which allows."""
    return side != "0"


def test_every_verdict_is_calicos(topology, cases, capsys):
    outside = tuple(Outside(peer=peer(address)) for address in topology["external"])
    everyone = world(inventory(topology), outside)
    flows = [
        Connection(peer(client), peer(server), protocol, port)
        for client, server, protocol, port in topology["flows"]
    ]
    wrong, count = [], 0
    for case in cases:
        judge = Judge(policies=policies(case), world=everyone, profile=PROFILE)
        sides = zip(case["egress"], case["ingress"], case["verdicts"], strict=True)
        for flow, (egress, ingress, verdict) in zip(flows, sides, strict=True):
            decision = judge.decide(flow)
            found = decision.egress.allowed, decision.ingress.allowed, decision.allowed
            count += 1
            if found != (allowed(egress), allowed(ingress), allowed(verdict)):
                wrong.append((case["case"], flow, found))
    with capsys.disabled():
        print(f"\ncalico: {count - len(wrong):,} of {count:,} verdicts agree, {len(cases)} cases")
    assert wrong == []


def test_the_comparison_can_fail(topology, cases):
    """Without its policies a case does not agree."""
    everyone = world(inventory(topology))
    judge = Judge(policies=PolicySet(), world=everyone, profile=PROFILE)
    client, server, protocol, port = topology["flows"][0]
    denied = [case for case in cases if case["verdicts"][0] == "0"]
    flow = Connection(peer(client), peer(server), protocol, port)
    assert denied
    assert judge.decide(flow).allowed
