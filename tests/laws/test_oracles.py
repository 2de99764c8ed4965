"""What our readers and the evaluator make of manifests, against an oracle per dialect.

Random documents with every field of the dialect, also such as nobody would write, in a random
cluster; the oracle reads the same documents as they are. 20,000 connections per dialect, the same
in every run, about half of them allowed. What netpol says it does not know is counted apart.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from oracles.admin import Admin
from oracles.calico import Calico
from oracles.cilium import Cilium
from oracles.ends import Cluster, Oracle
from oracles.kubernetes import ENGINES, Kubernetes
from wild import admin, calico, cilium, kubernetes
from wild.dice import Dice
from wild.worlds import Wild, wild

from generators import parse
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.manifests import Document
from netpol.notices import Notice
from netpol.policy import PolicySet
from netpol.profile import PROFILES
from netpol.world import world

CASES = 20_000
EACH = 44
"""Connections per set of documents."""

Documents = list[dict[str, Any]]


@dataclass(frozen=True)
class Family:
    name: str
    write: Callable[[Dice, Wild], Documents]
    oracle: Callable[[Documents, Any], Oracle]
    engines: tuple[str, ...]


def plain(dice: Dice, wild: Wild) -> Documents:
    return [kubernetes.policy(dice, f"p{n}", spoilt=True) for n in range(dice.randint(1, 4))]


FAMILIES = (
    Family("kubernetes", plain, Kubernetes, ("kubernetes", "calico", "cilium")),
    Family("admin", lambda dice, _: admin.documents(dice), Admin, ("kubernetes", "calico")),
    Family("calico", calico.documents, Calico, ("calico",)),
    Family("cilium", lambda dice, _: cilium.documents(dice), Cilium, ("cilium",)),
)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_readers_and_evaluator_agree_with_the_oracle(family: Family) -> None:
    dice, seen = Dice(f"3 {family.name}"), Counter[str]()
    while seen["cases"] < CASES:
        here = wild(dice, addressed=family.name == "calico")
        documents = family.write(dice, here)
        engine = dice.choice(family.engines)
        judge = Judge(
            policies=read(documents, seen),
            world=world(here.inventory, here.parties),
            profile=PROFILES[engine],
        )
        oracle = family.oracle(documents, ENGINES[engine])
        cluster = Cluster(here.inventory, here.parties, documents)
        for asked in chosen(dice, judge, here.connections):
            decision = judge.decide(asked)
            if decision.undecided:
                seen["undecided"] += 1
                continue
            slow = cluster.allowed(oracle, asked)
            assert decision.allowed == slow, (asked, documents, here, decision)
            seen["allowed"] += slow
            seen["by a rule"] += "rule" in (decision.egress.reason, decision.ingress.reason)
            seen["cases"] += 1
        seen["sets"] += 1
        seen["policies"] += sum(one["kind"].endswith("Policy") for one in documents)
    print(f"\n{family.name}: {dict(seen)}", end=" ")
    share = seen["allowed"] / seen["cases"]
    assert 0.35 < share < 0.65
    assert family.name == "kubernetes" or not seen["refused"]
    # A law over what no rule is asked about would prove little.
    assert seen["by a rule"] > seen["cases"] / 4
    assert seen["undecided"] < seen["cases"] / 20


def read(documents: Documents, seen: Counter[str]) -> PolicySet:
    def tell(notice: Notice) -> None:
        seen["refused"] += notice.code == "NP063"

    found = [Document(file="x", index=n, data=one) for n, one in enumerate(documents, 1)]
    return parse(found, tell)[0]


def chosen(dice: Dice, judge: Judge, possible: list[Connection]) -> list[Connection]:
    """As far as there are any, a half that is allowed, most of that by some rule."""
    some = dice.sample(possible, min(len(possible), 16 * EACH))
    passes = list(judge.replay(some))
    free, ruled = list[Connection](), list[Connection]()
    for one in itertools.compress(some, passes):
        if len(ruled) < EACH // 2:
            said = judge.decide(one)
            by_rule = "rule" in (said.egress.reason, said.ingress.reason)
            (ruled if by_rule else free).append(one)
    allowed = [*ruled, *free[: EACH // 6]][: EACH // 2]
    denied = itertools.compress(some, (not passed for passed in passes))
    return [*allowed, *itertools.islice(denied, EACH // 2)]
