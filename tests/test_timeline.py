"""Sightings become intervals: what is known to have held, and what may have ended unseen."""

from __future__ import annotations

from dataclasses import replace

from scenes import pod

from netpol.inventory import ALWAYS, Dated, EndpointSlice, Node, Service
from netpol.timeline import History, Timeline

A, B = "10.244.0.5", "10.244.0.6"


def api(name: str = "api-x", address: str | None = A, started: int = 100, **more):
    addresses = (address,) if address else ()
    return pod(name, owner="api", addresses=addresses, uid=f"uid-{name}", started=started, **more)


def spans(timeline: Timeline, address: str = A) -> list[tuple[str, int, int, int]]:
    """(name, start, end, sure) of the holders of an address."""
    dated = timeline.holders().get(address, ())
    return [(one.thing.name, one.start, one.end, one.sure) for one in dated]


def test_an_address_is_a_pods_since_it_started() -> None:
    timeline = Timeline()
    timeline.pod(api(), 500, since=0)
    assert spans(timeline) == [("api-x", 100, ALWAYS, ALWAYS)]


def test_an_address_that_came_later_is_a_pods_since_it_was_last_seen_without() -> None:
    timeline = Timeline()
    timeline.pod(api(address=None), 200)
    timeline.pod(api(), 300)
    assert spans(timeline) == [("api-x", 200, ALWAYS, ALWAYS)]


def test_a_deleted_pod_had_its_address_until_then() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200)
    timeline.deleted(("shop", "api-x", "uid-api-x"), 700)
    assert spans(timeline) == [("api-x", 100, 700, 700)]
    (one,) = timeline.current()[0].values()
    assert one.finished and one.ended == 700 and not one.addresses


def test_a_finished_pod_had_its_address_until_its_containers_ended() -> None:
    timeline = Timeline()
    timeline.pod(api(finished=True, ended=400), 900, since=0)
    assert spans(timeline) == [("api-x", 100, 400, 400)]


def test_a_finished_pod_that_is_seen_again_is_nothing_new() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200)
    timeline.pod(api(finished=True, ended=400), 500)
    timeline.pod(api(finished=True, ended=400), 600)
    timeline.deleted(("shop", "api-x", "uid-api-x"), 700)
    assert spans(timeline) == [("api-x", 100, 400, 400)]


def test_nobody_knows_when_a_pod_went_that_a_later_list_does_not_have() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200, since=0)
    timeline.missing({"shop"}, set())
    assert spans(timeline) == [("api-x", 100, ALWAYS, 200)]


def test_a_list_of_another_namespace_says_nothing() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200, since=0)
    timeline.missing({"data"}, set())
    assert spans(timeline) == [("api-x", 100, ALWAYS, ALWAYS)]


def test_a_pod_that_is_listed_again_was_there_all_the_time() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200, since=0)
    timeline.missing({"shop"}, set())
    timeline.pod(api(), 400, since=0)
    assert spans(timeline) == [("api-x", 100, ALWAYS, ALWAYS)]
    assert not timeline.current()[0]["shop", "api-x"].finished


def test_the_first_sight_of_a_successor_ends_who_was_there_before() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200, since=0)
    timeline.pod(api("api-y", started=600), 800, since=0)
    assert spans(timeline) == [("api-x", 100, 600, 200), ("api-y", 600, ALWAYS, ALWAYS)]


def test_a_change_after_a_gap_came_some_time_in_it() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200)
    timeline.deleted(("shop", "api-x", "uid-api-x"), 900, since=300)
    assert spans(timeline) == [("api-x", 100, 900, 300)]


def test_another_address_replaces_the_first() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200)
    timeline.pod(api(address=B), 500)
    assert spans(timeline) == [("api-x", 100, 500, 500)]
    assert spans(timeline, B) == [("api-x", 200, ALWAYS, ALWAYS)]


def test_pods_that_had_one_name_after_each_other_are_told_apart() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200, since=0)
    other = replace(api(address=B, started=600), uid="uid-2")
    timeline.pod(other, 800, since=0)
    now, former = timeline.current()
    assert now == {("shop", "api-x"): other}
    assert [(one.uid, one.finished) for one in former] == [("uid-api-x", True)]
    assert spans(timeline) == [("api-x", 100, ALWAYS, 200)]


def test_a_pod_on_the_nodes_network_has_no_address_of_its_own() -> None:
    timeline = Timeline()
    timeline.pod(api(address=None, host_network=True), 200)
    timeline.node(Node(name="worker", addresses=("172.18.0.2",)), 200)
    assert spans(timeline, "172.18.0.2") == [("worker", 0, ALWAYS, ALWAYS)]


def test_labels_that_change_are_no_new_holder() -> None:
    timeline = Timeline()
    timeline.pod(api(), 200)
    timeline.pod(replace(api(), labels=(("app", "other"),)), 300)
    ((dated,),) = timeline.holders().values()
    assert dated.thing.labels == (("app", "other"),)


def test_states_of_a_service() -> None:
    history: History[Service] = History()
    first, second = (
        Service(namespace="shop", name="api"),
        Service(namespace="shop", name="api", type="NodePort"),
    )
    key = "shop", "api"
    history.see(key, first, 100)
    assert history.changed() == ()
    history.see(key, second, 500)
    history.see(key, second, 600)
    history.end(key, 900, since=700)
    assert history.changed() == (
        Dated(first, 0, 500, 500),
        Dated(second, 500, 900, 700),
    )


def test_without_dates_the_later_one_counts() -> None:
    history: History[EndpointSlice] = History()
    first, second = (
        EndpointSlice(namespace="shop", name="api-1", service=name) for name in ("a", "b")
    )
    history.see(("shop", "api-1"), first, 0)
    history.see(("shop", "api-1"), second, 0)
    assert [dated for _, dated in history.dated()] == [Dated(second)]
