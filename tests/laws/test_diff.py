"""Differences of policies in files: of mixed dialects, or one allow-list in several dialects."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

from differing import backwards, check_applied
from wild import admin, calico, cilium, kubernetes
from wild.dice import NAMESPACES, PORTS, Dice
from wild.worlds import Wild, wild

from generators import DIALECTS, parse
from generators.generator import files
from netpol.changes import changes
from netpol.evaluate import Judge
from netpol.manifests import dump, load
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    ANY,
    CidrSelector,
    EntitySelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    Selector,
    in_namespace,
)
from netpol.profile import CALICO, CILIUM, KUBERNETES, Profile
from netpol.world import world

MIXED: dict[Profile, Any] = {
    KUBERNETES: lambda dice, here: [kubernetes.policy(dice, f"p{n}") for n in range(3)],
    CALICO: calico.documents,
    CILIUM: lambda dice, here: cilium.documents(dice),
}


def read(folder: Path, texts: dict[str, str]) -> PolicySet:
    """Written to files and read again."""
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return parse(load([str(folder)], lambda _: None), lambda _: None)[0]


def test_laws_of_differences_hold_for_files_of_mixed_dialects(tmp_path: Path) -> None:
    dice, seen = Dice("differences"), Counter[str]()
    for number in range(60):
        here = wild(dice)
        old, new = (side(dice, here, tmp_path / f"{number}-{n}") for n in range(2))
        there = list(changes(old, new))
        assert backwards(there) == list(changes(new, old))
        assert not any(one.opened & one.closed for one in there)
        assert list(changes(old, old)) == list(changes(new, new)) == []
        check_applied(old, new)
        seen["changes"] += len(there)
        seen["cases"] += 1
        seen["across dialects"] += old.profile is not new.profile
    print(dict(seen))
    assert seen["changes"] > 500
    assert seen["across dialects"] > 20


def side(dice: Dice, here: Wild, folder: Path) -> Judge:
    profile = dice.choice(list(MIXED))
    documents = MIXED[profile](dice, here)
    if profile is not CILIUM and dice.one_in(3):
        documents += admin.documents(dice)
    texts = {f"{n}.yaml": dump(one) for n, one in enumerate(documents)}
    return Judge(policies=read(folder, texts), world=world(here.inventory), profile=profile)


# --- one allow-list, several dialects


def test_one_allow_list_in_two_dialects_is_no_difference(tmp_path: Path) -> None:
    """Entities where a dialect has them, the addresses that the cluster knows where it has not."""
    dice, seen = Dice("dialects"), Counter[str]()
    for number in range(60):
        here = wild(dice)
        wanted = allow_list(dice)
        judges = {}
        for dialect in DIALECTS:
            texts = files(dialect, in_words_of(dialect.profile, wanted, here))
            policies = read(tmp_path / f"{number}-{dialect.name}", texts)
            judges[dialect.name] = Judge(
                policies=policies, world=world(here.inventory), profile=dialect.profile
            )
        for (one, old), (other, new) in permutations(judges.items(), 2):
            found = list(changes(old, new))
            assert found == [], (one, other, wanted, here)
            seen["pairs"] += 1
        nothing = Judge(policies=PolicySet(), world=world(here.inventory), profile=KUBERNETES)
        seen["closed"] += len(list(changes(nothing, judges["kubernetes"])))
        seen["with entities"] += "EntitySelector" in str(wanted)
    print(dict(seen))
    assert seen["closed"] > 500
    assert seen["with entities"] > 15


def allow_list(dice: Dice) -> PolicySet:
    """What every dialect can say: allow rules by labels, ports, blocks of nobody in the cluster."""
    policies = [
        Policy(
            name=f"p{n}",
            namespace=(space := dice.choice(NAMESPACES)),
            subject=PodSelector(in_namespace(space), labels(dice)),
            ingress=rules(dice, space),
            egress=rules(dice, space),
        )
        for n in range(dice.randint(1, 4))
    ]
    return PolicySet(policies=tuple(policies))


def rules(dice: Dice, space: str) -> tuple[Rule, ...] | None:
    def rule() -> Rule:
        peers = tuple(peer(dice, space) for _ in range(dice.randint(1, 3)))
        low, high = sorted((dice.choice(PORTS), dice.choice(PORTS)))
        protocol = dice.choice(("TCP", "UDP", "SCTP"))
        ports = dice.choice((PortSet.of(protocol, low), PortSet.of(protocol, low, high), ALL_PORTS))
        named = () if ports == ALL_PORTS or dice.one_in(2) else ((protocol, "http"),)
        return Rule(peers=ANY if dice.one_in(6) else peers, ports=ports, named_ports=named)

    return tuple(dice.some(rule, 1, 3))


def labels(dice: Dice) -> tuple[Requirement, ...]:
    found = [Requirement("app", "In", ("web",)), Requirement("tier", "In", ("back", "front"))]
    return tuple(dice.few(found, 0, 2))


def peer(dice: Dice, space: str) -> Selector:
    team = (Requirement("team", "In", (dice.choice(("red", "blue")),)),)
    spaces = (in_namespace(space), in_namespace(dice.choice(NAMESPACES)), team, ())
    forms: list[Selector] = [
        PodSelector(dice.choice(spaces), labels(dice)),
        CidrSelector(dice.choice(("198.51.100.0/25", "203.0.113.7/32", "2001:db8:1::/48"))),
        CidrSelector("198.51.0.0/16", ("198.51.100.0/25",)),
        EntitySelector(dice.choice(("nodes", "kube-apiserver"))),
    ]
    return dice.choice([forms[0], *forms])


def in_words_of(profile: Profile, wanted: PolicySet, here: Wild) -> PolicySet:
    def rule(one: Rule) -> Rule:
        if one.peers is None:
            return one
        peers = [part for each in one.peers for part in said(profile, each, here)]
        return Rule(peers=tuple(dict.fromkeys(peers)), ports=one.ports, named_ports=one.named_ports)

    def policy(one: Policy) -> Policy:
        sides = {way: tuple(map(rule, one.rules(way) or ())) for way in ("ingress", "egress")}
        return Policy(name=one.name, namespace=one.namespace, subject=one.subject, **sides)

    return PolicySet(policies=tuple(map(policy, wanted.policies)))


def said(profile: Profile, one: Selector, here: Wild) -> list[Selector]:
    if not isinstance(one, EntitySelector):
        return [one]
    nodes = one.name == "nodes"
    if profile.entities:
        names = ("host", "remote-node") if nodes else ("kube-apiserver",)
        return [EntitySelector(name) for name in names]
    addresses = here.inventory.nodes["n"].addresses if nodes else here.inventory.api_servers
    return [CidrSelector(f"{a}/{128 if ':' in a else 32}") for a in addresses]
