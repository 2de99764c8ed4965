"""Random histories of a cluster with everything that can go wrong on the way to its API server.

Time stands still while things happen, so what a watch may claim is known exactly: at no time that
an address is a pod's which did not have it, and at the end what there is.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field

import pytest
from api_server import ApiServer, Refusal
from watched import Watched, obj, pod, watching

from capture.snapshot import read_inventory
from capture.times import rfc3339
from netpol.addresses import AddressBook
from netpol.inventory import Pod

STEPS = 40
TICK = 10
EPOCH = 1_800_000_000
POOL = [f"10.1.0.{n}" for n in range(2, 8)]


@dataclass
class Cluster:
    """What happens, and the truth about it."""

    api: ApiServer
    dice: random.Random
    now: int = EPOCH
    there: dict[str, dict] = field(default_factory=dict)
    """Pods by name."""
    held: list[list] = field(default_factory=list)
    """[address, uid, from, to]."""

    def clock(self) -> int:
        return self.now * 10**9

    def text(self) -> str:
        return rfc3339(self.clock())

    def tick(self) -> None:
        self.now += TICK

    def change(self) -> None:
        """One thing happens at this very time."""
        free = sorted(set(POOL) - {one[0] for one in self.held if one[3] is None})
        name = self.dice.choice([f"db-{n}" for n in range(5)])
        here = self.there.get(name)
        if self.dice.random() < 0.15:
            port = self.dice.choice([80, 443])
            self.api.apply(
                obj("Service", "s", spec={"clusterIP": "10.9.0.1", "ports": [{"port": port}]})
            )
        elif here is None and free:
            uid = f"{name}@{self.now}"
            address = self.dice.choice(free) if self.dice.random() < 0.6 else ""
            self._is(name, uid, address, "Running" if address else "Pending")
        elif here is not None:
            self._goes_on(name, here, free)

    def _goes_on(self, name: str, here: dict, free: list[str]) -> None:
        meta, status = here["metadata"], here["status"]
        if status["phase"] == "Pending" and free and self.dice.random() < 0.7:
            self._is(name, meta["uid"], self.dice.choice(free), "Running")
        elif status["phase"] == "Running" and self.dice.random() < 0.3:
            self._release(meta["uid"])
            done = {"state": {"terminated": {"finishedAt": self.text()}}}
            status |= {"phase": "Succeeded", "containerStatuses": [done]}
            self.api.apply(here)
        else:
            self._release(meta["uid"])
            self.api.delete(self.there.pop(name))

    def _is(self, name: str, uid: str, address: str, phase: str) -> None:
        one = pod(name, address, uid=uid, phase=phase, started=self.text())
        if address:
            self.held.append([address, uid, self.now, None])
        else:
            del one["status"]["startTime"]
        self.there[name] = one
        self.api.apply(one)

    def _release(self, uid: str) -> None:
        for one in self.held:
            if one[1] == uid and one[3] is None:
                one[3] = self.now

    def trouble(self, run: Watched) -> None:
        """Something goes wrong; afterwards everything is well again."""
        api, dice = self.api, self.dice
        match dice.choice(["cut", "end", "torn", "refused", "gone", "outage", "outage", "slow"]):
            case "cut":
                api.cut()
            case "end":
                api.end()
            case "torn":
                api.torn = dice.randint(1, 3)
            case "refused":
                status = dice.choice([0, 429, 500, 503, 504])
                api.refusals.append(Refusal(status, times=dice.randint(1, 60)))
                api.cut()
            case "slow":
                api.piece = dice.choice([0, 0, 50, 300])
            case "gone":
                api.gone_amid = dice.random() < 0.5
                self.outage(forget=True)
            case _:
                self.outage(forget=False)
        run.settle("pods", "services")

    def outage(self, *, forget: bool) -> None:
        """Nobody is told of what happens; the server may forget it, too."""
        self.api.down = True
        self.api.cut()
        for _ in range(self.dice.randint(1, 4)):
            self.tick()
            self.change()
        if forget:
            self.api.forget()
        self.tick()
        self.api.page = self.dice.choice([0, 1, 2])
        self.api.down = False


@pytest.mark.parametrize("seed", range(12))
def test_no_address_is_claimed_for_a_pod_that_did_not_have_it(seed, tmp_path):
    with ApiServer() as api:
        cluster = Cluster(api, random.Random(seed))
        for _ in range(5):
            cluster.change()
            cluster.tick()
        with watching(api, tmp_path, clock=cluster.clock) as run:
            run.settle("pods", "services")
            for _ in range(STEPS):
                cluster.tick()
                cluster.change()
                run.settle("pods", "services")
                if cluster.dice.random() < 0.35:
                    cluster.tick()
                    cluster.trouble(run)
    found = run.inventory()
    _ends_alike(found, cluster, tmp_path)
    right, asked = _claims(found, cluster)
    assert right > asked / 2

    file = tmp_path / "watch.jsonl"
    file.write_text(run.lines())
    assert read_inventory([str(file)], lambda _: None) == found


def _ends_alike(found, cluster, tmp_path) -> None:
    items = [one for known in cluster.api.objects.values() for one in known.values()]
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    end = read_inventory([str(file)], lambda _: None)
    present = {key: one for key, one in found.pods.items() if not one.finished}
    assert present == {key: one for key, one in end.pods.items() if not one.finished}
    assert found.services == end.services
    finished = {one.uid for one in found.every_pod if one.finished}
    assert {one.uid for one in end.every_pod if one.finished} <= finished


def _claims(found, cluster) -> tuple[int, int]:
    """(how often the true pod was named, how often there was one)."""
    book = AddressBook(inventory=found, guard=0)
    right = asked = 0
    for time in range(EPOCH + TICK // 2, cluster.now, TICK):
        for address in POOL:
            true = [
                u
                for a, u, start, end in cluster.held
                if a == address and start <= time < (end or time + 1)
            ]
            said = book.holder(address, time * 10**9)
            asked += bool(true)
            if isinstance(said, Pod):
                assert [said.uid] == true, (address, time - EPOCH)
                right += 1
    return right, asked
