"""Random Cilium policies, judged by Cilium's own policy code (1.17.5 and 1.20-pre agree on them).

The data is described beside it: 50 cases over one topology, 1,740 flows each.
Its engine ran with ``allow-localhost=policy``, so that policies decide about the pods' own node
too, which we take as exempt, as Kubernetes clusters have it. ``health``, an entity that no case
names and that policies do decide about, stands in for the node.
"""

import json
from dataclasses import replace

import pytest

from generators.cilium import CILIUM
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Pod
from netpol.manifests import Document
from netpol.net import host_cidr
from netpol.peers import Cidr, Entity, Fqdn, Workload
from netpol.policy import EntitySelector, PolicySet
from netpol.profile import CILIUM as PROFILE
from netpol.world import Outside, world

STAND_IN = "health"


@pytest.fixture(scope="module")
def topology(shared):
    path = shared / "data" / "verdicts" / "cilium_topology.json"
    if not path.is_file():
        pytest.skip("the verdicts of Cilium are not there: data/verdicts/cilium_topology.json")
    return json.loads(path.read_text())


@pytest.fixture(scope="module")
def cases(shared, topology):
    lines = (shared / "data" / "verdicts" / "cilium_cases.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def peer(topology, name, host=STAND_IN):
    one = topology["peers"][name]
    if "namespace" in one:
        return Workload(one["namespace"], "Pod", name.partition("/")[2])
    if "entity" in one:
        return Entity(host if one["entity"] == "host" else one["entity"])
    return Fqdn(one["dns"]) if "dns" in one else Cidr(host_cidr(one["ip"]))


def everyone(topology):
    pods, spaces, outside = {}, {}, []
    for name, one in topology["peers"].items():
        who = peer(topology, name)
        if not isinstance(who, Workload):
            addresses = (host_cidr(one["ip"]),) if "ip" in one else ()
            outside.append(Outside(peer=who, addresses=addresses))
            continue
        labels = tuple(sorted(one["nsLabels"].items()))
        spaces[who.namespace] = Namespace(name=who.namespace, labels=labels)
        pods[who.namespace, who.name] = Pod(
            namespace=who.namespace,
            name=who.name,
            workload=who,
            labels=tuple(sorted(one["labels"].items())),
            ports=tuple(
                ContainerPort(name=port["name"], protocol=port["proto"], port=port["port"])
                for port in one["ports"]
            ),
        )
    return world(Inventory(pods=pods, namespaces=spaces), outside)


def policies(case):
    told = []
    documents = [
        Document(file="case.json", index=number, data=data)
        for number, data in enumerate(case["policies"], 1)
    ]
    found = CILIUM.parse(documents, told.append)
    assert told == []
    assert found.undecided == ()
    return found


def without_exemption(found):
    """The same policies with the stand-in in the place of the node."""

    def selectors(some):
        node, other = EntitySelector("host"), EntitySelector(STAND_IN)
        return some and tuple(other if one == node else one for one in some)

    def rules(some):
        return some and tuple(replace(one, peers=selectors(one.peers)) for one in some)

    return replace(
        found,
        policies=tuple(
            replace(one, ingress=rules(one.ingress), egress=rules(one.egress))
            for one in found.policies
        ),
    )


def flows(topology, host=STAND_IN):
    return [
        Connection(peer(topology, client, host), peer(topology, server, host), protocol, port)
        for client, server, protocol, port in topology["flows"]
    ]


def test_every_verdict_is_ciliums(topology, cases, capsys):
    found = everyone(topology)
    asked = flows(topology)
    wrong, count = [], 0
    for case in cases:
        judge = Judge(policies=without_exemption(policies(case)), world=found, profile=PROFILE)
        for flow, verdict in zip(asked, case["verdicts"], strict=True):
            count += 1
            if judge.decide(flow).allowed != (verdict == "1"):
                wrong.append((case["case"], flow))
    with capsys.disabled():
        print(f"\ncilium: {count - len(wrong):,} of {count:,} verdicts agree, {len(cases)} cases")
    assert wrong == []


def test_the_own_node_always_reaches_its_pods(topology, cases):
    """As it is by default in Kubernetes, whatever the policies say."""
    found = everyone(topology)
    asked = [flow for flow in flows(topology, "host") if flow.client == Entity("host")]
    assert asked
    for case in cases[:10]:
        judge = Judge(policies=policies(case), world=found, profile=PROFILE)
        assert all(judge.decide(flow).allowed for flow in asked)


def test_the_comparison_can_fail(topology, cases):
    """Without its policies a case does not agree."""
    judge = Judge(policies=PolicySet(), world=everyone(topology), profile=PROFILE)
    flow = flows(topology)[0]
    assert [case for case in cases if case["verdicts"][0] == "0"]
    assert judge.decide(flow).allowed
