"""A chosen selector matches all pods of the workload and no other, and none is cheaper."""

from __future__ import annotations

import random
from itertools import combinations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from netpol.evaluate.identity import identity_relevant
from netpol.inventory import Inventory, Pod
from netpol.peers import Workload
from netpol.policy import Requirement, in_namespace
from netpol.synthesize.labels import CONTROLLER_KEYS, changes_with_release
from netpol.synthesize.selectors import choose

KEYS = ["app", "tier", "app.kubernetes.io/name", "track", "k8s.io/zone"]
VALUES = ["a", "b", "v1"]
LABELS = st.fixed_dictionaries(
    {}, optional={**{key: st.sampled_from(VALUES) for key in KEYS}, "pod-template-hash": st.text()}
)
PODS = st.tuples(
    st.sampled_from(["one", "two", "three"]), LABELS, st.sampled_from([False] * 5 + [True])
)


def inventory(rows):
    """Pods of up to three Deployments of one namespace, and one elsewhere with the same labels."""
    pods = {}
    for number, (owner, labels, host) in enumerate(rows):
        for namespace in ("shop", "other"):
            pods[namespace, f"p{number}"] = Pod(
                namespace=namespace,
                name=f"p{number}",
                workload=Workload(namespace, "Deployment", owner),
                labels=tuple(sorted(labels.items())),
                host_network=host and owner != "one",
            )
    return Inventory(pods=pods)


INVENTORIES = st.lists(PODS, min_size=1, max_size=7).map(inventory)
ONE = Workload("shop", "Deployment", "one")


def holds(labels, requirement):
    """The truth table of metav1.LabelSelector, written down."""
    value = dict(labels).get(requirement.key)
    return {
        "In": value in requirement.values,
        "NotIn": value not in requirement.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[requirement.operator]


def meets(labels, requirements):
    return all(holds(labels, one) for one in requirements)


def may_use(key, identity_labels_only):
    return key not in CONTROLLER_KEYS and (not identity_labels_only or identity_relevant(key))


def possible(world, identity_labels_only):
    """Every requirement that is allowed and that all pods of the workload meet, plainly."""
    own = [dict(pod.labels) for pod in world.workloads[ONE]]
    keys = {key for pod in world.by_namespace["shop"] for key, _ in pod.labels}
    for key in sorted(keys):
        if not may_use(key, identity_labels_only):
            continue
        mine = [labels[key] for labels in own if key in labels]
        own_value_each = differs(world, key)
        yield Requirement(key, "DoesNotExist")
        yield Requirement(key, "Exists")
        if mine and not (own_value_each and len(mine) > 3):
            yield Requirement(key, "In", tuple(sorted(set(mine))))
        if not own_value_each and len(mine) < len(own):
            for size in range(1, len(VALUES) + 1):
                for values in combinations(VALUES, size):
                    yield Requirement(key, "NotIn", values)


def differs(world, key):
    """Whether each of its pods has its own value."""
    mine = [dict(pod.labels)[key] for pod in world.workloads[ONE] if key in dict(pod.labels)]
    return len(mine) > 1 and len(set(mine)) == len(mine)


def met(world, identity_labels_only):
    """Those that the pods of the workload do meet."""
    own = world.workloads[ONE]
    return [
        one
        for one in possible(world, identity_labels_only)
        if all(holds(pod.labels, one) for pod in own)
    ]


def burden(world, requirements):
    """What is kept small, in this order."""
    return (
        sum(fragile(world, one) for one in requirements),
        sum(one.operator != "In" for one in requirements),
        len(requirements),
    )


def matched(world, requirements):
    return {
        pod.workload
        for pod in world.by_namespace["shop"]
        if pod.workload != ONE and not pod.host_network and meets(pod.labels, requirements)
    }


@given(INVENTORIES, st.booleans())
@settings(deadline=None, max_examples=300)
def test_all_its_pods_and_no_other_unless_it_says_so(world, identity_labels_only):
    chosen = ONE in world.workloads and choose(
        ONE, world, identity_labels_only=identity_labels_only
    )
    if not chosen or len(chosen.selectors) > 1:
        return
    (selector,) = chosen.selectors
    requirements = selector.pods
    assert selector.namespaces == in_namespace("shop")
    assert requirements
    assert list(requirements) == sorted(requirements)
    assert any(one.operator == "In" for one in requirements)
    assert all(may_use(one.key, identity_labels_only) for one in requirements)
    assert all(meets(pod.labels, requirements) for pod in world.workloads[ONE])
    assert chosen.also == tuple(sorted(matched(world, requirements)))
    assert chosen.exact


@given(INVENTORIES, st.booleans())
@settings(deadline=None, max_examples=1_500, derandomize=True)
def test_none_is_cheaper(world, identity_labels_only):
    if ONE not in world.workloads:
        return
    found = met(world, identity_labels_only)
    chosen = choose(ONE, world, identity_labels_only=identity_labels_only)
    if chosen is None or len(chosen.selectors) > 1:
        # What holds of several is in ``test_unions.py``.
        assert chosen is not None or not any(one.operator == "In" for one in found)
        return
    # The conjunction of all requirements is the tightest selector there is.
    tightest = matched(world, found)
    assert set(chosen.also) >= tightest
    assert len(chosen.also) == len(tightest)
    for size in range(1, len(chosen.selectors[0].pods) + 1):
        for some in combinations(found, size):
            if names_something_lasting(world, some, found) and same_pods(world, some, found):
                assert burden(world, some) >= burden(world, chosen.selectors[0].pods)


def names_something_lasting(world, some, found):
    """It has a value; one that outlives a release, where there is any."""
    lasting = [one for one in found if one.operator == "In" and not fragile(world, one)]
    return any(one in lasting if lasting else one.operator == "In" for one in some)


def fragile(world, one):
    return changes_with_release(one.key, one.values) or (
        one.operator == "In" and differs(world, one.key)
    )


def same_pods(world, left, right):
    """Whether two selectors match the same pods of the namespace."""
    return all(
        meets(pod.labels, left) == meets(pod.labels, right)
        for pod in world.by_namespace["shop"]
        if not pod.host_network
    )


@given(INVENTORIES, st.booleans())
@example(
    inventory(
        [
            ("one", {"app": "a", "app.kubernetes.io/name": "v1"}, False),
            ("two", {"app": "a", "app.kubernetes.io/name": "a"}, False),
        ]
    ),
    False,
)
@settings(deadline=None, max_examples=150)
def test_every_requirement_is_needed(world, identity_labels_only):
    chosen = choose(ONE, world, identity_labels_only=identity_labels_only)
    if chosen is None or len(chosen.selectors) > 1:
        return
    found = met(world, identity_labels_only)
    for one in chosen.selectors[0].pods:
        fewer = [other for other in chosen.selectors[0].pods if other != one]
        named = names_something_lasting(world, fewer, found)
        assert not named or not same_pods(world, fewer, chosen.selectors[0].pods)


@given(INVENTORIES, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=100)
def test_order_does_not_matter(world, shuffle: random.Random):
    items = list(world.pods.items())
    shuffle.shuffle(items)
    for workload in world.workloads:
        choices = {
            choose(workload, one, identity_labels_only=False)
            for one in (world, Inventory(pods=dict(items)))
        }
        assert len(choices) == 1


@given(INVENTORIES)
@settings(deadline=None, max_examples=50)
def test_other_namespaces_do_not_matter(world):
    near = {key: pod for key, pod in world.pods.items() if key[0] == "shop"}
    assert choose(ONE, world, identity_labels_only=False) == choose(
        ONE, Inventory(pods=near), identity_labels_only=False
    )


def test_the_cases_that_the_laws_must_meet_do_occur():
    """Guards the strategies above: siblings, exclusions and workloads without a name are found."""
    source = random.Random(11)
    seen = set()
    for _ in range(400):
        rows = [
            (
                source.choice(["one", "two", "three"]),
                {key: source.choice(VALUES) for key in KEYS if source.random() < 0.5},
                False,
            )
            for _ in range(6)
        ]
        chosen = choose(ONE, inventory(rows), identity_labels_only=False)
        operators = chosen.selectors[0].pods if chosen and len(chosen.selectors) == 1 else ()
        seen |= {one.operator for one in operators} | {chosen is None}
        seen |= {"also"} if chosen and chosen.also else set()
        seen |= {"several"} if any(len(one.values) > 1 for one in operators) else set()
    wanted = {"In", "NotIn", "DoesNotExist", "also", "several", True}
    assert wanted <= seen
