"""Events as they come, streams that break in every way, and what becomes of the addresses."""

import json

import pytest
from api_server import ApiServer, Refusal
from watched import obj, pod, wait_for, watching

from capture.feed import Patience
from capture.snapshot import read_inventory
from netpol.addresses import AddressBook
from netpol.inventory import ALWAYS


@pytest.fixture
def api():
    with ApiServer() as server:
        yield server


class Clock:
    """Time stands still until it is told to go on: a second is what it is made of."""

    def __init__(self) -> None:
        self.seconds = 1_800_000_000

    def __call__(self) -> int:
        return self.seconds * 10**9

    def tick(self, seconds: int = 10) -> int:
        self.seconds += seconds
        return self()


def read_back(run, tmp_path, name="watch.jsonl"):
    file = tmp_path / name
    file.write_text(run.lines())
    notices = []
    found = read_inventory([str(file)], notices.append)
    assert not notices
    return found


def spans(inventory, address):
    """(pod or node, start, end, sure) of an address, in seconds of the clock."""
    return [
        (
            one.thing.name,
            *(t if t in (0, ALWAYS) else t // 10**9 for t in (one.start, one.end, one.sure)),
        )
        for one in inventory.holders.get(address, ())
    ]


def test_pods_come_get_addresses_and_go(api, tmp_path):
    clock = Clock()
    t0 = clock.seconds
    with watching(api, tmp_path, clock=clock) as run:
        run.settle()
        clock.tick()
        api.apply(pod("a", started="2027-01-15T08:00:10Z", phase="Pending"))
        run.settle()
        clock.tick()
        api.apply(pod("a", "10.1.0.1", started="2027-01-15T08:00:10Z"))
        run.settle()
        clock.tick()
        api.delete(pod("a"))
        run.settle()
        clock.tick()
        # A StatefulSet's pod comes again: the name is the same, the pod is not.
        api.apply(pod("a", "10.1.0.2", uid="second", started="2027-01-15T08:00:40Z"))
        run.settle()
        clock.tick()
        api.apply(pod("b", "10.1.0.1", started="2027-01-15T08:00:50Z"))
        run.settle()
    found = run.inventory()
    assert spans(found, "10.1.0.1") == [
        ("a", t0 + 10, t0 + 30, t0 + 30),
        ("b", t0 + 50, ALWAYS, ALWAYS),
    ]
    assert spans(found, "10.1.0.2") == [("a", t0 + 40, ALWAYS, ALWAYS)]
    assert found.pods["shop", "a"].uid == "second"
    assert [one.uid for one in found.former] == ["uid-a"]
    assert read_back(run, tmp_path) == found


def test_nothing_but_what_an_inventory_needs_is_recorded(api, tmp_path):
    with watching(api, tmp_path) as run:
        api.apply(
            pod("a", "10.1.0.1"),
            obj("Secret", "password", data={"hush": "hush"}),
            obj("ConfigMap", "app", data={"hush": "hush"}),
            obj("Node", "n", space="", metadata={"name": "n", "annotations": {"x": "hush"}}),
        )
        run.settle("pods", "nodes", "configmaps")
    assert '"name":"a"' in run.lines()
    assert "hush" not in run.lines()
    assert "null" not in run.lines()


def test_what_changes_nothing_that_is_kept_is_not_told(api, tmp_path):
    with watching(api, tmp_path) as run:
        api.apply(pod("a", "10.1.0.1"))
        run.settle()
        for beat in range(5):
            api.apply(pod("a", "10.1.0.1", annotations={"beat": str(beat)}))
        run.settle()
    assert [one.type for one in run.told if one.name == ("shop", "a")] == ["ADDED"]


@pytest.mark.parametrize("broken", ["cut", "end", "torn", "down"])
def test_a_watch_goes_on_where_it_broke_off(api, tmp_path, broken):
    clock = Clock()
    t0 = clock.seconds
    notices = []
    with watching(api, tmp_path, clock=clock, notices=notices) as run:
        api.apply(pod("a", "10.1.0.1", started="2027-01-15T08:00:00Z"))
        run.settle()
        clock.tick()
        if broken == "torn":
            api.torn = 1
        else:
            api.refusals.append(Refusal(503, times=10_000))
            api.down = broken == "down"
            api.end() if broken == "end" else api.cut()
            asked = len(api.asked)
            wait_for(lambda: len(api.asked) > asked or api.down)
        clock.tick()
        api.delete(pod("a"))
        clock.tick()
        api.apply(pod("b", "10.1.0.1", started="2027-01-15T08:00:30Z"))
        clock.tick()
        api.refusals.clear()
        api.down = False
        run.settle()
        clock.tick()
    # It was not listed again: the server remembered everything.
    lists = [q for p, q in api.asked if p.endswith("/pods") and q.get("limit", "1") != "1"]
    assert len(lists) == 1
    found = run.inventory()
    (a, start, end, sure), after = spans(found, "10.1.0.1")
    assert (a, start) == ("a", t0)
    assert sure == t0
    assert end >= t0 + 20
    assert after == ("b", t0 + 30, ALWAYS, ALWAYS)
    assert read_back(run, tmp_path) == found
    assert {one.code for one in notices} == {"NP085"}
    book = AddressBook(inventory=found, guard=0)
    assert book.holder("10.1.0.1", (t0 + 45) * 10**9).name == "b"


@pytest.mark.parametrize("amid", [False, True])
def test_gone_is_listed_again(api, tmp_path, amid):
    clock = Clock()
    t0 = clock.seconds
    api.gone_amid = amid
    with watching(api, tmp_path, clock=clock) as run:
        api.apply(
            pod("a", "10.1.0.1", started="2027-01-15T08:00:00Z"),
            pod("same", "10.1.0.2", started="2027-01-15T08:00:00Z"),
            pod("moves", "10.1.0.3", started="2027-01-15T08:00:00Z"),
            pod("twice", "10.1.0.4", started="2027-01-15T08:00:00Z"),
        )
        run.settle()
        clock.tick()
        api.down = True
        api.cut()
        api.delete(pod("a"), pod("twice"))
        api.apply(
            pod("twice", "10.1.0.6", uid="other", started="2027-01-15T08:00:10Z"),
            pod("moves", "10.1.0.5", started="2027-01-15T08:00:00Z"),
        )
        api.forget()
        clock.tick()
        api.down = False
        run.settle()
    late = [one for one in run.told if one.at > t0 * 10**9 and one.type != "BOOKMARK"]
    told = {(one.type, one.name[1], one.since) for one in late}
    before = t0 * 10**9
    assert told == {
        ("DELETED", "a", before),
        ("DELETED", "twice", before),
        ("ADDED", "twice", before),
        ("MODIFIED", "moves", before),
    }
    found = run.inventory()
    assert spans(found, "10.1.0.1") == [("a", t0, t0 + 20, t0)]
    assert spans(found, "10.1.0.2") == [("same", t0, ALWAYS, ALWAYS)]
    assert spans(found, "10.1.0.3") == [("moves", t0, t0 + 20, t0)]
    assert spans(found, "10.1.0.4") == [("twice", t0, t0 + 20, t0)]
    assert read_back(run, tmp_path) == found


def test_a_watch_that_is_forbidden_still_lists(api, tmp_path):
    api.refusals.append(Refusal(403, times=10_000, on=lambda _, query: "watch" in query))
    notices = []
    patience = Patience(first=0.005, most=0.05, tries=3)
    with watching(api, tmp_path, notices=notices, patience=patience) as run:
        wait_for(lambda: api.asked and any("watch" in query for _, query in tuple(api.asked)))
        api.apply(pod("a", "10.1.0.1"))
        wait_for(lambda: any(one.name == ("shop", "a") for one in run.told))
    assert {one.code for one in notices} == {"NP085"}


def test_streams_in_small_pieces(api, tmp_path):
    api.piece, api.rest = 7, 0.0005
    with watching(api, tmp_path) as run:
        run.settle()
        api.apply(*(pod(f"p-{n}", f"10.1.0.{n}") for n in range(1, 6)))
        run.settle()
    assert len(run.inventory().pods) == 5


def test_every_kind_is_watched(api, tmp_path):
    with watching(api, tmp_path) as run:
        run.settle("services", "endpointslices", "nodes")
        api.apply(
            obj("Service", "cart", spec={"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}),
            obj(
                "EndpointSlice",
                "cart-x",
                "discovery.k8s.io/v1",
                endpoints=[{"addresses": ["10.1.0.5"]}],
                ports=[{"port": 8080}],
            ),
            obj(
                "IPPool", "pool", "crd.projectcalico.org/v1", space="", spec={"cidr": "10.1.0.0/16"}
            ),
            obj(
                "Rollout",
                "web",
                "argoproj.io/v1alpha1",
                spec={"selector": {"matchLabels": {"a": "b"}}},
            ),
            obj("ConfigMap", "calico-config", space="kube-system", data={"a": "b"}),
        )
        run.settle("services", "endpointslices", "ippools", "rollouts", "configmaps")
    found = run.inventory()
    assert found.services["shop", "cart"].cluster_ips == ("10.96.0.7",)
    assert [one.thing.name for one in found.slices] == ["cart-x"]
    assert found.pod_ranges == ("10.1.0.0/16",)
    assert found.settings == {("kube-system", "calico-config"): {"a": "b"}}
    assert {one.name for one in found.selectors} == {"web"}
    assert read_back(run, tmp_path) == found


def test_lines_are_what_they_are_said_to_be(api, tmp_path):
    with watching(api, tmp_path) as run:
        api.apply(pod("a", "10.1.0.1"))
        run.settle()
    for line in run.lines().splitlines():
        one = json.loads(line)
        assert one["type"] in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")
        assert one["time"].endswith("Z")
        assert {"apiVersion", "kind", "metadata"} <= set(one["object"])
