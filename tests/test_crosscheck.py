"""Names win over addresses; where they disagree, or clocks do, it is said."""

from __future__ import annotations

import json
from pathlib import Path

import hubble_lines as h
from scenes import accepted, app, flow, inventory, learned, pod

from netpol.addresses import AddressBook
from netpol.crosscheck import cross_check
from netpol.flow import Sighting
from netpol.inventory import Dated
from netpol.peers import Endpoint

SECOND = 1_000_000_000
API = pod("api", uid="1", addresses=("10.244.1.5",))
CART = pod("cart", uid="2", addresses=("10.244.1.6",))


def seen(name: str, address: str, time: int = 7):
    return flow(
        app("web"),
        app(name, pod=name),
        sightings=frozenset({Sighting("shop", name, address, time * SECOND)}),
    )


def test_the_name_counts_and_the_disagreement_is_told() -> None:
    found = learned([seen("api", "10.244.1.6")], inventory(API, CART))
    assert accepted(found) == {"shop/Deployment/web -> shop/Deployment/api TCP 8080"}
    assert found.crosscheck.disagreements == (
        (Sighting("shop", "api", "10.244.1.6", 7 * SECOND), "shop/cart"),
    )


def test_a_pod_at_its_own_address_agrees() -> None:
    found = cross_check([seen("api", "10.244.1.5")], AddressBook(inventory=inventory(API, CART)))
    assert (found.compared, found.disagreements, found.skew) == (1, (), 0)


def test_what_the_inventory_does_not_know_is_not_compared() -> None:
    book = AddressBook(inventory=inventory(API))
    assert cross_check([seen("api", "10.9.9.9")], book).compared == 0


def test_the_skew_is_how_far_a_pod_is_outside_of_its_own_time() -> None:
    holders = {"10.244.1.5": (Dated(API, 100 * SECOND, 200 * SECOND),)}
    book = AddressBook(inventory=inventory(API, holders=holders))
    flows = [seen("api", "10.244.1.5", time) for time in (93, 150, 204)]
    assert cross_check(flows, book).skew == 7 * SECOND
    assert cross_check([seen("api", "10.244.1.5", 5000)], book).skew == 0  # another time


def test_hubble_shows_the_addresses_of_the_pods_that_it_names() -> None:
    one = h.one(h.record(), h.record())
    times = {sighting.time for sighting in one.sightings}
    assert {(s.pod, s.address) for s in one.sightings} == {
        (h.WEB["pod_name"], "10.244.1.7"),
        (h.API["pod_name"], "10.244.2.9"),
    }
    assert len(times) == 1


def test_the_command_says_so(tmp_path: Path, capsys) -> None:
    from click.testing import CliRunner

    from netpol.cli import cli

    flows = tmp_path / "flows.jsonl"
    flows.write_text(json.dumps(h.wrapped(h.record())) + "\n")
    other = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "other", "namespace": "shop"},
        "status": {"podIP": "10.244.1.7"},
    }
    cluster = tmp_path / "cluster.json"
    cluster.write_text(json.dumps(other))
    done = CliRunner().invoke(cli, ["graph", str(flows), "--inventory", str(cluster)])
    assert done.exit_code == 0
    assert "NP007" in done.stderr and "which was shop/other's" in done.stderr


def test_addresses_that_were_seen_after_the_inventory_ends_are_told() -> None:
    known = inventory(API, until=100 * SECOND)
    times = {"first": 90 * SECOND, "last": 160 * SECOND}
    bare = flow(Endpoint(ip="10.244.1.5"), app("web"), **times)
    assert cross_check([bare], AddressBook(inventory=known)).beyond == 60 * SECOND
    named = flow(app("api"), app("web"), **times)
    assert cross_check([named], AddressBook(inventory=known)).beyond == 0
    assert cross_check([bare], AddressBook(inventory=inventory(API))).beyond == 0
