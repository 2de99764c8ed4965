"""On random policies: findings hold, and no policy set is too odd to be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import Scene, every_connection, scenes

from generators import parse
from netpol.evaluate import Judge
from netpol.inventory import Inventory
from netpol.lint import lint
from netpol.lint.case import Case
from netpol.lint.finding import RuleAt
from netpol.lint.shadows import needless
from netpol.manifests import Document
from netpol.policy import PolicySet, Rule
from netpol.profile import PROFILES

profiles = st.sampled_from(sorted(PROFILES.values(), key=lambda one: one.name))


def case_of(scene: Scene, profile) -> Case:
    return Case(
        policies=scene.policies,
        documents=(),
        inventory=scene.inventory,
        profile=profile,
        read=lambda _: PolicySet(),
    )


def without(policies: PolicySet, gone: list[RuleAt]) -> PolicySet:
    places = {(at.index, at.direction, at.place) for at in gone}

    def kept(index: int, direction: str, rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        if rules is None:
            return None
        return tuple(r for n, r in enumerate(rules) if (index, direction, n) not in places)

    return replace(
        policies,
        policies=tuple(
            replace(
                one,
                ingress=kept(n, "ingress", one.ingress),
                egress=kept(n, "egress", one.egress),
            )
            for n, one in enumerate(policies.policies)
        ),
    )


def test_without_all_shadowed_rules_everything_is_as_before() -> None:
    seen: Counter[str] = Counter()

    @settings(deadline=None, max_examples=80, derandomize=True)
    @given(scenes(), profiles)
    def law(scene: Scene, profile) -> None:
        gone = [at for at, _ in needless(case_of(scene, profile))]
        seen[f"{len(gone)} gone"] += 1
        after = without(scene.policies, gone)
        old = Judge(policies=scene.policies, world=scene.world, profile=profile)
        new = Judge(policies=after, world=scene.world, profile=profile)
        for one in every_connection(scene.peers):
            assert old.decide(one).allowed == new.decide(one).allowed, (one, gone)

    law()
    print(dict(seen))
    assert sum(n for text, n in seen.items() if text != "0 gone") > 10


@settings(deadline=None, max_examples=25)
@given(scenes(unread=True), profiles)
def test_every_policy_set_can_be_looked_at(scene: Scene, profile) -> None:
    found = lint(scene.policies, (), scene.inventory, profile, lambda _: PolicySet())
    assert len(set(found.findings)) == len(found.findings)
    assert found == lint(scene.policies, (), scene.inventory, profile, lambda _: PolicySet())


KINDS = (
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("projectcalico.org/v3", "GlobalNetworkPolicy"),
    ("cilium.io/v2", "CiliumNetworkPolicy"),
    ("policy.networking.k8s.io/v1alpha1", "AdminNetworkPolicy"),
)
WORDS = ("spec", "specs", "ingress", "egress", "policyTypes", "types", "toPorts", "rules", "http")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from((*WORDS, "Egress", "")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(KINDS), anything, anything), max_size=3))
def test_documents_of_any_shape_can_be_looked_at(written) -> None:
    documents = [
        Document(
            file="f",
            index=n,
            data={"apiVersion": kind[0], "kind": kind[1], "metadata": metadata, "spec": spec},
        )
        for n, (kind, metadata, spec) in enumerate(written, 1)
    ]
    found = lint(
        PolicySet(),
        documents,
        Inventory(),
        PROFILES["cilium"],
        lambda some: parse(some, lambda _: None)[0],
    )
    assert all(one.origin.startswith("f: document ") for one in found.findings)
