"""Object names: valid, distinct, stable."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import TARGETS, app, flow, labels, learned, proof

from generators.generator import is_name
from netpol.peers import Workload
from netpol.synthesize.names import RESERVED, object_names

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""What the API server asks of an object's name, beside at most 253 characters."""

texts = st.text("aB.-_ 9é", min_size=1, max_size=12) | st.text("a.-", min_size=190, max_size=260)
workloads = st.builds(
    Workload,
    st.sampled_from(("a", "b")),
    st.sampled_from(("Deployment", "StatefulSet", "Pod")),
    texts | st.sampled_from(("w", "w-deployment", "default-deny", "allow-dns")),
)


def named(*owners: tuple[str, str]) -> list[str]:
    """Names of (kind, name) in one namespace, in that order."""
    found = object_names(Workload("a", *one) for one in owners)
    return [found[Workload("a", *one)] for one in owners]


@pytest.mark.parametrize("name", ["web", "web-2", "a.b.c", "x" * 200, "0"])
def test_a_workload_has_its_own_name(name: str) -> None:
    assert named(("Deployment", name)) == [name]


@given(st.sets(workloads, max_size=6))
def test_every_name_is_valid_and_not_reserved(found: set[Workload]) -> None:
    for name in object_names(found).values():
        assert SUBDOMAIN.fullmatch(name)
        assert len(name) <= 253
        assert name not in RESERVED


@given(st.sets(workloads, max_size=6))
def test_names_of_a_namespace_differ(found: set[Workload]) -> None:
    names = [(workload.namespace, name) for workload, name in object_names(found).items()]
    assert len(set(names)) == len(names)


@given(
    st.lists(workloads, max_size=6, unique=True).flatmap(
        lambda f: st.tuples(st.just(f), st.permutations(f))
    )
)
def test_names_do_not_depend_on_the_order(two) -> None:
    assert object_names(two[0]) == object_names(two[1])


def test_equal_names_in_two_namespaces_stay_as_they_are() -> None:
    found = object_names(Workload(namespace, "Pod", "w") for namespace in "ab")
    assert set(found.values()) == {"w"}


def test_names_that_end_alike_when_cut_differ() -> None:
    one, other = named(("Pod", "x" * 250 + "a"), ("Pod", "x" * 250 + "b"))
    assert one != other


@pytest.mark.parametrize("name", ["Web", "a_b", "a..b", "-a", "a.", "é", "a:b/c"])
def test_a_name_that_had_to_change_has_a_hash(name: str) -> None:
    (found,) = named(("Pod", name))
    assert re.search(r"(^|-)[0-9a-f]{8}$", found)


def test_two_kinds_of_one_name_read_like_their_kinds() -> None:
    assert named(("Deployment", "w"), ("StatefulSet", "w")) == ["w-deployment", "w-statefulset"]


def test_a_name_with_a_kind_that_is_anothers_name_has_a_hash() -> None:
    found = named(("Deployment", "w"), ("StatefulSet", "w"), ("Deployment", "w-deployment"))
    assert found[1:] == ["w-statefulset", "w-deployment"]
    assert re.fullmatch("w-deployment-[0-9a-f]{8}", found[0])


def test_a_reserved_name_reads_like_its_kind() -> None:
    assert named(("Deployment", "allow-dns")) == ["allow-dns-deployment"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("length", [64, 200, 253])
def test_a_long_name_can_be_written(target: str, length: int) -> None:
    name = "x" * length
    server = app("x", pod="p", workload=("Deployment", name), labels=labels(app="x"))
    assert len(proof(learned([flow(app("web"), server)]), target).files) == 4


def test_the_writer_takes_every_name_that_kubernetes_takes() -> None:
    assert is_name("x" * 253)
    assert not is_name("x" * 254)
