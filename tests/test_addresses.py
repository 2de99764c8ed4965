"""Who had an address at a time: one holder, or why none can be told."""

from __future__ import annotations

import pytest
from scenes import inventory, pod

from netpol.addresses import GONE, LATER, NOBODY, SEVERAL, AddressBook
from netpol.inventory import ALWAYS, Dated, Node

A = "10.244.0.5"
OLD, NEW = pod("old", uid="1"), pod("new", uid="2")
GUARD = 10


def book(*dated: Dated) -> AddressBook:
    return AddressBook(inventory=inventory(holders={A: dated}), guard=GUARD)


@pytest.mark.parametrize(
    ("time", "answer"),
    [
        (89, LATER),
        (90, OLD),
        (189, OLD),
        (190, SEVERAL),
        (209, SEVERAL),
        (210, NEW),
        (309, NEW),
        (310, NOBODY),
    ],
)
def test_an_address_passes_from_hand_to_hand(time: int, answer: object) -> None:
    both = book(Dated(OLD, 100, 200), Dated(NEW, 200, 300))
    assert both.holder(A, time) == answer


def test_after_it_was_last_seen_a_pod_may_have_gone() -> None:
    one = book(Dated(OLD, 100, ALWAYS, 200))
    assert one.holder(A, 209) == OLD
    assert one.holder(A, 210) == GONE


def test_before_its_containers_ran_a_pod_may_not_have_had_it() -> None:
    one = book(Dated(OLD, 100, begun=150))
    assert one.holder(A, 159) == GONE
    assert one.holder(A, 160) == OLD


def test_two_states_of_one_pod_are_one_holder() -> None:
    same = book(Dated(OLD, 100, 200), Dated(pod("old", uid="1", node="worker"), 200))
    assert same.holder(A, 200).name == "old"


def test_an_address_that_nobody_ever_had_is_nobodys() -> None:
    assert book().holder("10.9.9.9", 5) is None


def test_answers_are_the_same_within_an_era() -> None:
    both = book(Dated(OLD, 100, 200), Dated(NEW, 205, ALWAYS, 300))
    answers: dict[int, set[str]] = {}
    for time in range(400):
        answers.setdefault(both.era(A, time), set()).add(repr(both.holder(A, time)))
    assert len(answers) == len(both.cuts(A)) + 1
    assert all(len(found) == 1 for found in answers.values())


def test_undated_pods_and_nodes_have_always_had_theirs() -> None:
    worker = Node(name="worker", addresses=("172.18.0.2",))
    known = inventory(pod("api", addresses=(A,)), nodes={"worker": worker})
    assert AddressBook(inventory=known).holder(A, 7).name == "api"
    assert AddressBook(inventory=known).holder("172.18.0.2", 7) == worker


def test_two_pods_that_always_had_one_address_are_told_apart_by_nobody() -> None:
    known = inventory(pod("a", addresses=(A,)), pod("b", addresses=(A,)))
    assert AddressBook(inventory=known).holder(A, 7) == SEVERAL


def test_the_first_address_of_a_nodes_range_is_the_nodes() -> None:
    worker = Node(name="worker", addresses=("172.18.0.2",), pod_cidrs=("10.244.1.0/24",))
    known = inventory(nodes={"worker": worker})
    assert AddressBook(inventory=known).holder("10.244.1.1", 7) == worker


def test_unless_a_plugin_says_which_one_is() -> None:
    own = ("172.18.0.2", "10.244.1.77")
    worker = Node(name="worker", addresses=own, pod_cidrs=("10.244.1.0/24",))
    known = inventory(nodes={"worker": worker})
    assert AddressBook(inventory=known).holder("10.244.1.1", 7) is None
    assert AddressBook(inventory=known).holder("10.244.1.77", 7) == worker


def test_a_pod_at_the_first_address_is_a_pod() -> None:
    worker = Node(name="worker", addresses=("172.18.0.2",), pod_cidrs=("10.244.1.0/24",))
    known = inventory(pod("api", addresses=("10.244.1.1",)), nodes={"worker": worker})
    assert AddressBook(inventory=known).holder("10.244.1.1", 7).name == "api"
