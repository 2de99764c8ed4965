"""The whole promise on real packets: capture, learn, generate, enforce; what is wanted still works,
every attack fails, and the kernel decides as netpol says it does.

``lab.describe`` has the cluster, ``lab.scenario`` who wants and who attacks what, ``lab.network``
the namespaces, ``lab.enforcer`` policies as nftables rules. Needs root, iproute2 and nftables.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from lab import describe as d
from lab.dice import policies as dice_policies
from lab.inventory import listed
from lab.network import Lab, missing
from lab.play import PORTS, Try, capture, enforce, everything, lie, play, spoofed, stop, tried
from lab.scenario import ATTACKS, LIES, WANTED
from lab.verdicts import expected
from wild.dice import Dice

from netpol.cli import cli

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")
PASSED, STOPPED = {"answered", "refused"}, {"prohibited"}
"""What nobody listens for is refused by the pod itself: a policy let it pass."""


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab() as found:
        yield found


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    """The inventory: all of it has been there for an hour."""
    started = datetime.now(UTC) - timedelta(hours=1)
    path = tmp_path / "cluster.json"
    path.write_text(json.dumps(listed(started.strftime("%Y-%m-%dT%H:%M:%SZ"))))
    return path


def netpol(*args: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(cli, [str(one) for one in args], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def objects(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["items"]


def written(folder: Path) -> list[dict[str, Any]]:
    return [
        one for file in folder.glob("**/*.yaml") for one in yaml.safe_load_all(file.read_text())
    ]


def verdicts(lab: Lab, policies: Path, cluster: Path) -> Counter[str]:
    """Everything is tried, and the kernel agrees with netpol; how often it said what."""
    tries = everything()
    kernel, ours = tried(lab, tries), expected(policies, cluster, tries)
    unclear = [(one, said) for one, said in kernel.items() if said not in PASSED | STOPPED]
    assert not unclear, unclear[:10]
    different = [one for one, said in kernel.items() if (said in PASSED) != ours[one]]
    assert not different, (len(different), different[:10])
    return Counter("allowed" if said in PASSED else "denied" for said in kernel.values())


def agrees(policies: Path, cluster: Path, said: dict[Try, str]) -> int:
    """`netpol why` says the same about some connections between pods."""
    by_name = {pod.name: f"{pod.namespace}/{pod.name}" for pod in d.PODS}
    pairs = [one for one in said if {one.client, one.server} <= by_name.keys()]
    owner = {pod.name: pod.owner for pod in d.PODS}
    chosen = [one for one in pairs if said[one] in PASSED and owner[one.client] != "jump"][::20]
    chosen += random.Random(6).sample(pairs, 20)
    for one in chosen:
        sides = by_name[one.client], by_name[one.server], f"{one.port}/{one.protocol.lower()}"
        netpol("why", policies, *sides, "--inventory", cluster, code=said[one] not in PASSED)
    return len(chosen)


def test_what_is_learned_from_packets_holds_against_packets(
    lab: Lab, cluster: Path, tmp_path: Path
) -> None:
    before = play(lab, ATTACKS)
    assert [one for one in before if one[1] not in PASSED] == [], "an attack that fails anyway"
    assert lie(lab, "before") == len(LIES)

    packets = capture(lab, tmp_path / "packets")
    for _ in range(4):  # backends take turns: all of them come up
        assert [one for one in play(lab, WANTED) if one[1] != "answered"] == []
    assert stop(lab) == 0
    policies = tmp_path / "policies"
    known = "--inventory", cluster
    netpol("generate", *packets, *known, "--target", "kubernetes", "-o", policies)
    rules = enforce(lab, written(policies), objects(cluster))

    for _ in range(4):
        failed = [one for one in play(lab, WANTED) if one[1] != "answered"]
        assert failed == [], "wanted, and does not work any more"
    after = play(lab, ATTACKS)
    assert [one for one in after if one[1] not in STOPPED] == [], "an attack that works"
    assert lie(lab, "after") == 0
    assert spoofed(lab) == len(LIES)
    counts = verdicts(lab, policies, cluster)
    netpol("check", policies, *packets, *known)
    asked = agrees(policies, cluster, tried(lab, everything()))
    names = Counter(one.name for one in WANTED)
    print(
        f"\nlab: {len(d.PODS)} pods on {len(d.NODES)} nodes;"
        f" {len(WANTED)} wanted connections in {len(names)} kinds work, {len(ATTACKS)} attacks of"
        f" which {sum(one[1] == 'answered' for one in before)} were answered before fail,"
        f" {len(LIES)} false addresses are not believed; {len(written(policies))} documents as"
        f" {rules} nftables rules\nlab: {counts['allowed']} allowed and {counts['denied']} denied"
        f" of {counts.total()} tries ({len(PORTS)} ports, IPv4 and IPv6), all as netpol says;"
        f" `netpol why` says so too in {asked} of {asked}"
    )


def test_any_policies_mean_to_the_kernel_what_netpol_says(
    lab: Lab, cluster: Path, tmp_path: Path
) -> None:
    """Random ones: the enforcer and the evaluator have nothing in common but the specification."""
    dice, total = Dice(6), Counter[str]()
    for number in range(6):
        found, path = dice_policies(dice, 12), tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump_all(found))
        enforce(lab, found, objects(cluster))
        total += verdicts(lab, path, cluster)
    assert min(total["allowed"], total["denied"]) > total.total() // 10, "they decide nothing"
    print(f"\nlab: {dict(total)} under random policies, all as netpol says")


_VICTIM = """
import time
from lab.network import Lab
with Lab() as lab:
    print(*(one.pid for one in lab._all), flush=True)
    time.sleep(600)
"""


def test_nothing_is_left_of_a_lab_that_is_killed() -> None:
    mine = os.listdir("/sys/class/net")
    tests = Path(__file__).parent.parent
    env = {**os.environ, "PYTHONPATH": str(tests)}
    with subprocess.Popen((sys.executable, "-c", _VICTIM), stdout=subprocess.PIPE, env=env) as one:
        assert one.stdout
        agents = [int(pid) for pid in one.stdout.readline().split()]
        assert len(agents) == 1 + len(d.NODES) + len(d.PODS)
        assert os.listdir("/sys/class/net") == mine, "the lab's cables are its own"
        # Its agents, and all that is theirs, end without being told.
        waiting = [os.pidfd_open(pid) for pid in agents]
        one.send_signal(signal.SIGKILL)
    for pidfd in waiting:  # readable once its process has ended
        select.select([pidfd], [], [])
        os.close(pidfd)
