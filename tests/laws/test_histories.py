"""Attribution over time: a flow is the true pod's, or it is held. It is never another pod's."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest
from histories import ADDRESSES, BEGIN, LENGTH, SECOND, VIP, History, dump, history, recorded

from capture.snapshot import read_inventory
from netpol.attribute import attribute
from netpol.eras import eras
from netpol.flow import Flow
from netpol.inventory import Inventory
from netpol.peers import Endpoint, Workload

HISTORIES, FLOWS = 60, 150
LAG = 1.5


def read(tmp_path: Path, **files: str) -> Inventory:
    paths = []
    for name, text in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(text)
        paths.append(str(path))
    told: list[object] = []
    known = read_inventory(paths, told.append)
    assert not told
    return known


def flow(client: str, server: str, time: float, port: int = 8080) -> Flow:
    at = round((BEGIN + time) * SECOND)
    return Flow(
        client=Endpoint(ip=client),
        server=Endpoint(ip=server),
        protocol="TCP",
        port=port,
        first=at,
        last=at,
        signals={"opened": 1, "answered": 1},
        source="test",
    )


def name(truth: History, address: str, time: float) -> Workload | None:
    """Whose address it truly was."""
    if address == VIP:
        kind, owner = "DaemonSet", truth.behind(time)
        alive = any(one.owner[1] == owner and one.begin <= time < one.end for one in truth.lives)
        return Workload("shop", kind, owner) if alive else None
    one = truth.holder(address, time)
    return one and Workload("shop", *one.owner)


def check(truth: History, known: Inventory, random: Random, guard: float, skew: float) -> Counter:
    """Ask for random flows of the history whose clock is off by at most ``skew``."""
    seen: Counter[str] = Counter()
    for _ in range(FLOWS):
        time = random.uniform(0, LENGTH)
        client, server = random.choice(ADDRESSES), random.choice((*ADDRESSES, VIP))
        true = name(truth, client, time), name(truth, server, time)
        if None in true or client == server:
            continue
        shown = time + random.uniform(-skew, skew)
        one = flow(client, server, shown, 80 if server == VIP else 8080)
        found = attribute([one], known, guard=round(guard * SECOND))
        for connection, _ in found.graph:
            told = connection.client, connection.server, connection.port
            assert told == (*true, 8080), (client, server, time)
        seen["held" if found.held else "attributed"] += 1
        seen.update(one.reason for one in found.held)
    return seen


@pytest.mark.parametrize("skew", [0, 20])
def test_a_recorded_watch_names_the_true_pods_or_nobody(tmp_path: Path, skew: float) -> None:
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES):
        random = Random(seed)
        truth = history(random)
        known = read(tmp_path, watch=recorded(truth, random, LAG))
        seen += check(truth, known, random, guard=2 + skew, skew=skew)
    print(dict(seen))
    assert seen["attributed"] > (0.8 if not skew else 0.3) * (seen["attributed"] + seen["held"])


def test_snapshots_name_the_true_pods_or_nobody(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    for seed in range(HISTORIES):
        random = Random(seed)
        truth = history(random)
        times = sorted(random.uniform(0, LENGTH) for _ in range(3))
        dumps = {f"dump{n}": dump(truth, time) for n, time in enumerate((*times, LENGTH))}
        seen += check(truth, read(tmp_path, **dumps), random, guard=2, skew=0)
    print(dict(seen))
    assert seen["attributed"] > 0.2 * (seen["attributed"] + seen["held"])


def test_flows_that_are_folded_within_an_era_are_attributed_as_one_by_one(tmp_path: Path) -> None:
    for seed in range(10):
        random = Random(seed)
        truth = history(random)
        known = read(tmp_path, watch=recorded(truth, random, LAG))
        era = eras(known)
        for address in ADDRESSES:
            times = sorted(random.uniform(0, LENGTH) for _ in range(40))
            by_era: dict[int, list[Flow]] = {}
            for time in times:
                one = flow(address, "192.0.2.1", time)
                by_era.setdefault(era(address, one.first), []).append(one)
            for same in by_era.values():
                found = [attribute([one], known) for one in same]
                assert len({(tuple(c for c, _ in f.graph), len(f.held)) for f in found}) == 1
