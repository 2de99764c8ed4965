"""The shop's hour without a single name, told again from addresses, times and a recorded watch.

What cannot be known that way is listed in :data:`LOST`, each class with its reason and its size;
there is no other difference to the file with names.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from click.testing import CliRunner
from nameless_hour import (
    FLOWS,
    Hour,
    accepted,
    differing,
    evidence,
    flow_of,
    held,
    sides,
    texts,
    unattributed,
)

from capture.inputs import read
from capture.snapshot import read_inventory
from netpol.addresses import AddressBook, Unclear
from netpol.cli import cli
from netpol.eras import eras
from netpol.flow import Account
from netpol.inventory import Inventory, Node, Pod
from netpol.learn import Learned, learn
from netpol.manifests import commented

pytestmark = pytest.mark.usefixtures("at_root")

WATCH = "samples/shop/watch.jsonl.gz"
CLUSTER = "samples/shop/cluster"

NAMES_NOBODY = re.compile(
    r"[0-9.]+|[0-9a-f]*:[0-9a-f:]+|IPv[46]|[A-Z_]+|2026-11-02T[0-9:]{8}(\.[0-9]{9})?Z"
)

LOST = {
    # The proxy reads what is inside of packets, and so names. That it was passed is seen all the
    # same: in the packets and verdicts of the same connections, which stay.
    "records of the layer 7 proxy": 1098,
    # Nodes that come and go, and agents' own events, are told by name.
    "records about nodes and agents": 6,
    # Lines that are no JSON have no fields to strip.
    "lines that are no records": 2,
    # Only DNS answers say what an outside address was called: without them Cilium's policies name
    # addresses, those of Kubernetes are the same.
    "connections without the DNS name of the outside": 3,
}


@pytest.fixture(scope="module")
def hour(root: Path) -> Hour:
    return Hour(root)


@pytest.fixture(scope="module")
def watched(at_root: None) -> Inventory:
    return inventory(WATCH)


def inventory(path: str) -> Inventory:
    return read_inventory([path], lambda notice: pytest.fail(str(notice)))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("nameless")


def learned(lines: Iterable[str], known: Inventory, scratch: Path) -> Learned:
    path = scratch / "flows.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    account = Account()
    flows = read(
        str(path), source="hubble", tell=lambda notice: None, account=account, era=eras(known)
    )
    return learn(list(flows), known, account)


@pytest.fixture(scope="module")
def named(hour: Hour, watched: Inventory, scratch: Path) -> Learned:
    return learned(hour.lines, watched, scratch)


@pytest.fixture(scope="module")
def named_packets(hour: Hour, watched: Inventory, scratch: Path) -> Learned:
    """With all names, but without what only the layer 7 proxy saw."""
    bodies = (body for body in hour.bodies if "l7" not in flow_of(body))
    return learned(map(json.dumps, bodies), watched, scratch)


@pytest.fixture(scope="module")
def nameless(hour: Hour, watched: Inventory, scratch: Path) -> Learned:
    return learned(hour.nameless(), watched, scratch)


def test_the_sample_is_what_its_script_writes() -> None:
    script = [sys.executable, "samples/shop/make.py", "--check"]
    assert subprocess.run(script, capture_output=True, text=True).stderr == ""


def test_the_file_without_names_has_none(hour: Hour) -> None:
    """Addresses, times, and the words of Hubble's enums; one line has text for a port."""
    told = {text for line in hour.nameless() for text in texts(json.loads(line))}
    assert {text for text in told if not NAMES_NOBODY.fullmatch(text)} == {"x"}


def test_the_graph_is_the_same(named: Learned, nameless: Learned) -> None:
    assert accepted(nameless) == accepted(named)
    assert held(nameless) == held(named)
    assert len(accepted(named)) == 202
    assert len(held(named)) == 612


def test_with_names_the_dump_and_the_watch_give_the_same(
    hour: Hour, named: Learned, scratch: Path
) -> None:
    dumped = learned(hour.lines, inventory(CLUSTER), scratch)
    assert accepted(dumped) == accepted(named)
    assert held(dumped) == held(named)
    assert unattributed(dumped) == unattributed(named)


def test_what_cannot_be_known_and_nothing_else(
    hour: Hour, named_packets: Learned, nameless: Learned
) -> None:
    """Down to the pods, the signals, the first and the last moment of every connection."""
    unlike = differing(named_packets, nameless)
    assert unlike.keys() == {"names"}
    known = evidence(nameless)
    assert not any(known[c].names for c in unlike["names"])

    assert unattributed(nameless) == unattributed(named_packets)
    reasons = Counter(named_packets.records.reasons)
    assert reasons - Counter(nameless.records.reasons) == {
        "agent or debug event": 3,
        "node status": 3,
    }
    assert not Counter(nameless.records.reasons) - reasons

    others = [body for body in hour.bodies if "verdict" not in flow_of(body)]
    assert {
        "records of the layer 7 proxy": len(hour.flows) - len(hour.packets),
        "records about nodes and agents": sum("lost_events" not in body for body in others),
        "lines that are no records": len(hour.lines) - len(hour.bodies),
        "connections without the DNS name of the outside": len(unlike["names"]),
    } == LOST
    lost = (*LOST.values(),)[:3]
    assert nameless.records.read == len(hour.lines) - sum(lost)


def test_an_answer_is_turned_round_where_both_sides_listen_on_one_port(
    watched: Inventory, scratch: Path
) -> None:
    """A request and the answer to another have the same addresses and the same listening port."""
    api, imaging = (
        next(p for p in watched.pods.values() if p.workload.name == name and p.addresses)
        for name in ("api", "imaging")
    )
    ip = {"source": api.addresses[0], "destination": imaging.addresses[0]}
    ports = ((40000, 8080, False), (8080, 50000, True))
    lines = [
        {
            "time": "2026-11-02T09:50:00Z",
            "verdict": "FORWARDED",
            "IP": ip,
            "l4": {"TCP": {"source_port": source, "destination_port": destination}},
            "event_type": {"type": 4},
            "is_reply": reply,
            "source": {},
            "destination": {},
        }
        for source, destination, reply in ports
    ]
    found = evidence(learned(map(json.dumps, lines), watched, scratch))
    sides = {(c.client, c.server): e.records for c, e in found.items()}
    assert sides == {(api.workload, imaging.workload): 1, (imaging.workload, api.workload): 1}


@pytest.mark.parametrize("skew", [0, -1.5, 1.5, -30, 30])
def test_no_record_is_given_to_a_pod_that_did_not_send_it(
    hour: Hour, watched: Inventory, skew: float
) -> None:
    """A clock that is right within the guard band leaves none open; one that is not, some."""
    book = AddressBook(inventory=watched)
    count: Counter[str] = Counter()
    for name, address, time in sides(hour, skew):
        holder = book.holder(address, time)
        count["open" if isinstance(holder, Unclear) else "right"] += 1
        assert isinstance(holder, Pod | Unclear), (name, address, time)
        assert isinstance(holder, Unclear) or f"{holder.namespace}/{holder.name}" == name
    assert count["right"] > 40_000
    assert bool(count["open"]) == (abs(skew) > 2)


def test_no_record_is_given_to_a_pod_that_is_a_node_or_outside(
    hour: Hour, watched: Inventory
) -> None:
    book, count = AddressBook(inventory=watched), Counter[str]()
    for flow in hour.flows:
        for side in ("source", "destination"):
            labels = flow.get(side, {}).get("labels", [])
            if not labels or not labels[-1].startswith("reserved:") or "IP" not in flow:
                continue
            entity = labels[-1].removeprefix("reserved:").partition("-ipv")[0]
            known = book.holder(flow["IP"][side], 1_793_610_000_000_000_000)
            count[entity] += 1
            match entity:
                case "host" | "remote-node" | "kube-apiserver":
                    assert isinstance(known, Node), (entity, flow["IP"])
                case _:
                    assert known is None, (entity, flow["IP"])
    assert count.keys() == {"health", "host", "remote-node", "unknown", "world"}


@pytest.mark.parametrize("skew", [-30, 30])
def test_a_wrong_clock_holds_what_it_does_not_know(
    hour: Hour, watched: Inventory, named: Learned, scratch: Path, skew: float
) -> None:
    found = learned(hour.nameless(skew), watched, scratch)
    assert_less(found, named)
    assert any(row[4].startswith("nobody is known") for row in unattributed(found))


def test_a_dump_of_the_end_does_not_tell_who_was_there_before(
    hour: Hour, named: Learned, scratch: Path
) -> None:
    """Pods of a rollout are gone from it, and their addresses are others' already."""
    found = learned(hour.nameless(), inventory(CLUSTER), scratch)
    assert_less(found, named)
    reasons = {row[4] for row in unattributed(found)}
    assert {"only a later pod had its address", "an unknown address in the pod range"} <= reasons


def assert_less(found: Learned, named: Learned) -> None:
    """It knows less, and nothing else."""
    assert accepted(found) <= accepted(named)
    truth = evidence(named)
    for connection, known in evidence(found).items():
        assert known.records <= truth[connection].records, connection
        assert known.client_pods <= truth[connection].client_pods
        assert known.server_pods <= truth[connection].server_pods


def test_the_order_of_records_does_not_matter(
    hour: Hour, watched: Inventory, nameless: Learned, scratch: Path
) -> None:
    lines = list(hour.nameless())
    found = learned(random.Random(7).sample(lines, len(lines)), watched, scratch)
    assert evidence(found) == evidence(nameless)
    assert unattributed(found) == unattributed(nameless)


@pytest.mark.parametrize("target", ["kubernetes", "calico", "cilium"])
def test_the_policies_are_the_same_but_for_names_of_the_outside(
    hour: Hour, scratch: Path, target: str
) -> None:
    path = scratch / f"{target}.jsonl"
    path.write_text("".join(f"{line}\n" for line in hour.nameless()), encoding="utf-8")
    with_names, without = (written(source, target, scratch) for source in (FLOWS, str(path)))
    unlike = {name for name in with_names if with_names[name] != without[name]}
    by_name = {"payments/allow-dns.yaml", "payments/payments.yaml"}
    assert unlike == (by_name if target == "cilium" else set())
    assert with_names.keys() == without.keys()


def written(source: str, target: str, scratch: Path) -> dict[str, str]:
    """The policies that come of some flows, by file, without the comments."""
    out = scratch / f"{target}-{Path(source).stem}"
    args = ["generate", source, "--inventory", WATCH, "--target", target, "-o", str(out)]
    result = CliRunner().invoke(cli, args, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return {
        str(p.relative_to(out)): commented(p.read_text(), lambda _: "")
        for p in sorted(out.rglob("*.yaml"))
    }
