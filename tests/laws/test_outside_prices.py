"""What a level opens to somebody outside is in the certificate: all of it, and nothing else."""

from __future__ import annotations

import random

import pytest
from scenes import TARGETS, app, entity, flow, inventory, labels, learned, pod, proof, world

from netpol.certificate import judge_of
from netpol.cli.proof import Proof
from netpol.graph import Connection, Evidence
from netpol.inventory import Service, ServicePort
from netpol.learn import Learned
from netpol.opened import is_declared, is_outside
from netpol.peers import Entity, Peer, Workload


def some(seed: int) -> Learned:
    """Workloads of two namespaces, some of one app, that talk with addresses and nodes."""
    chance = random.Random(seed)
    pods = [
        pod(
            f"w{n}",
            chance.choice(["shop", "data"]),
            labels=labels(app=f"w{n}", **{"app.kubernetes.io/part-of": chance.choice("xy")}),
        )
        for n in range(5)
    ]
    ends = [app(one.name, one.namespace, pod=one.name, labels=one.labels) for one in pods]
    outside = [world(f"198.51.100.{n}") for n in range(3)]
    outside.append(entity("remote-node", ip="172.18.0.9"))
    flows = []
    for _ in range(12):
        pair = [chance.choice(ends), chance.choice([*outside, *ends])]
        if pair[0] is not pair[1]:
            chance.shuffle(pair)
            flows.append(flow(*pair, chance.choice([80, 443])))
    return learned(flows, inventory(*pods))


def opened(made: Proof) -> set[tuple[Peer, Peer, int | None]]:
    """What the policies allow between workloads and parties that were seen, and was not seen."""
    what, profile = made.synthesis.learned, made.certificate.profile
    parties = {peer for c, _ in what.accepted for peer in (c.client, c.server)}
    outside = {peer for peer in parties if not isinstance(peer, Workload)} - {Entity("host")}
    pairs = [(w, p) for w in what.inventory.workloads for p in outside]
    every = [
        Connection(*ends, "TCP", port)
        for one in pairs
        if one[0].namespace in made.synthesis.policed
        for ends in (one, one[::-1])
        for port in (80, 443)
    ]
    seen = {connection for connection, _ in what.accepted}
    judge = judge_of(made.synthesis.policies, what, profile, [(one, Evidence()) for one in every])
    passed = judge.replay(every)
    return {
        (one.client, one.server, one.port)
        for one, yes in zip(every, passed, strict=True)
        if yes and one not in seen
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", ["workload", "app", "namespace"])
def test_every_tuple_that_a_level_opens_to_the_outside_is_listed(target: str, level: str) -> None:
    for seed in range(12):
        made = proof(some(seed), target, level=level)
        listed = {
            (one.client, one.server, port)
            for one in made.certificate.opened
            if is_outside(one) and not is_declared(one)
            for port in (80, 443)
            if any(low <= port <= high for _, low, high in one.ports)
        }
        assert listed == opened(made), seed
        assert made.price.outside == len(listed)
        if level == "workload":
            assert listed == set()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("both", [False, True])
def test_what_is_opened_to_the_internet_for_another_is_called_that(target: str, both: bool) -> None:
    """One workload is behind a load balancer; a level shows what is beside it to everybody, too."""
    public = Service(
        namespace="shop",
        name="lb",
        type="LoadBalancer",
        selector=labels(app="web"),
        ports=(ServicePort(port=443, target=8443),),
    )
    known = inventory(pod("web"), pod("db"), services={("shop", "lb"): public})
    flows = [flow(world("203.0.113.9"), app("web", pod="web"), 8443)]
    if both:  # somebody came to it past the load balancer, so there is a rule of its own for him
        flows.append(flow(world("203.0.113.9"), app("db", pod="db"), 8443))
    made = proof(learned(flows, known), target, level="namespace")
    assert [
        (one.client, one.server.name) for one in made.certificate.opened if is_outside(one)
    ] == [(Entity("world"), "db")]
    assert made.price.outside == 1
