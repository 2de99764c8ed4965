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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from click.testing import CliRunner
from lab import describe as d
from lab.dice import policies as dice_policies
from lab.inventory import listed
from lab.network import Lab, missing
from lab.play import PORTS, Played, Try, enforce, everything, lie, play, tried
from lab.scenario import ATTACKS, LIES, WANTED, Case
from lab.verdicts import expected
from lab.watching import EYES, by_files
from wild.dice import Dice

from netpol.cli import cli

WHY_NOT = missing()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "-")
Record: TypeAlias = Callable[[str, object], None]
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


def agreed(lab: Lab, policies: Path, cluster: Path) -> dict[Try, bool]:
    """Everything is tried, and the kernel agrees with netpol: what it let pass."""
    tries = everything()
    kernel, ours = tried(lab, tries), expected(policies, cluster, tries)
    unclear = [(one, said) for one, said in kernel.items() if said not in PASSED | STOPPED]
    assert not unclear, (len(unclear), unclear[:10])
    passed = {one: said in PASSED for one, said in kernel.items()}
    different = [one for one in tries if passed[one] != ours[one]]
    assert not different, (len(different), different[:10])
    return passed


def explained(policies: Path, cluster: Path, passed: dict[Try, bool]) -> int:
    """`netpol why` says the same about some connections between pods; about how many."""
    by_name = {pod.name: f"{pod.namespace}/{pod.name}" for pod in d.PODS}
    # Without their twins by IPv6: it is asked about pods, with all their addresses.
    pairs = [one for one in passed if {one.client, one.server} <= by_name.keys()]
    pairs = [one for one in pairs if passed[one] == passed[replace(one, version=10 - one.version)]]
    chance = random.Random(6)
    chosen = chance.sample([one for one in pairs if passed[one]], 15)
    chosen += chance.sample([one for one in pairs if not passed[one]], 15)
    for one in chosen:
        sides = by_name[one.client], by_name[one.server], f"{one.port}/{one.protocol.lower()}"
        netpol("why", policies, *sides, "--inventory", cluster, code=not passed[one])
    return len(chosen)


NAMED = {pod.name: f"{pod.namespace}/{pod.kind}/{pod.owner}" for pod in d.PODS}
BY_ADDRESS = {address: NAMED[pod.name] for pod in d.PODS for address in pod.addresses}


def sides(one: Case) -> tuple[str, str]:
    return NAMED.get(one.client, one.client), BY_ADDRESS.get(one.to, one.to)


def refused(policies: Path, cluster: Path, attacked: Path, before: Iterable[Played]) -> int:
    """`netpol check` denies every attack between pods that was answered, seen as traffic."""
    told = netpol(
        "check",
        *(policies, *attacked.iterdir(), "--inventory", cluster, "--format", "json"),
        code=1,
    )
    keys = ("client", "server", "protocol", "ports")
    denied = {tuple(one[key] for key in keys) for one in json.loads(told)["denied"]}
    attacks = {
        (*sides(one), one.protocol, str(one.port))
        for one, outcome, _ in before
        if outcome == "answered" and one.client in NAMED and one.to in BY_ADDRESS
        if one.name != "scan"  # held as such: it is no traffic that anybody may need
        if one.protocol != "ICMP"  # of which Kubernetes says nothing, and netpol neither
    }
    assert attacks <= denied, attacks - denied
    return len(denied)


@pytest.mark.parametrize("eye", EYES)
def test_what_is_learned_from_packets_holds_against_packets(
    lab: Lab, cluster: Path, tmp_path: Path, eye: str, record_property: Record
) -> None:
    attacked, seen, policies = (tmp_path / name for name in ("attacked", "seen", "policies"))
    with by_files(lab, attacked):
        before = play(lab, ATTACKS)
    assert [one for one in before if one[1] not in PASSED] == [], "an attack that fails anyway"
    assert lie(lab, "before") == len(LIES)

    with EYES[eye](lab, seen):
        for _ in range(4):  # backends take turns: all of them come up
            assert [one for one in play(lab, WANTED) if one[1] != "answered"] == []
    learned = (*seen.iterdir(), "--inventory", cluster)
    # Also where nothing was seen, or whoever takes jump over may go anywhere outside.
    spaces = [word for one in sorted({pod.namespace for pod in d.PODS}) for word in ("-n", one)]
    told = netpol("generate", *learned, *spaces, "-o", policies, "--format", "json")
    unsaid = {(one["client"], one["server"]) for one in json.loads(told)["undecided"]}
    rules = enforce(lab, written(policies), objects(cluster))

    works = [one for _ in range(4) for one in play(lab, WANTED)]
    failed = [one for one, outcome, _ in works if outcome != "answered"]
    no_words = [one for one in failed if one.protocol == "ICMP" and sides(one) in unsaid]
    assert failed == no_words, "wanted, and does not work any more"
    assert {one.name for one in no_words} == {"ICMP"}, "no rule of Kubernetes can name it"
    by_node_port = {said for one, _, said in works if one.name.startswith("NodePort")}
    assert by_node_port == {pod.name for pod in d.PODS if pod.owner == "frontend"}
    for text in (d.CUSTOMER, "0.0.0.0/0", "::/0"):
        assert text not in str(written(policies)), "SNAT hides who comes by a node port"
    after = play(lab, ATTACKS)
    assert [one for one in after if one[1] not in STOPPED] == [], "an attack that works"
    assert lie(lab, "after") == 0
    netpol("check", policies, *learned)
    denied = refused(policies, cluster, attacked, before)
    passed = agreed(lab, policies, cluster)
    why = explained(policies, cluster, passed)
    answered = sum(outcome == "answered" for _, outcome, _ in before)
    for text in (
        (
            f"{len(d.PODS)} pods on {len(d.NODES)} nodes: {len(WANTED) - len({*no_words})} wanted"
            f" connections of {len({one.name for one in WANTED}) - 1} kinds work under {rules}"
            f" rules; {len({*no_words})} by ICMP are refused, as `netpol generate` says"
        ),
        (
            f"{len(ATTACKS)} attacks fail, of which {answered} were answered before and the others"
            f" came to closed ports; {len(LIES)} datagrams with false addresses are not believed;"
            f" `netpol check` denies {denied} connections of the attackers"
        ),
        (
            f"{sum(passed.values())} of {len(passed)} tries ({len(PORTS)} ports, IPv4 and IPv6)"
            f" pass, and netpol agrees about all; `netpol why` says so too for {why} of {why}"
        ),
    ):
        record_property("counts", f"lab, by {eye}: {text}")


def test_any_policies_mean_to_the_kernel_what_netpol_says(
    lab: Lab, cluster: Path, tmp_path: Path, record_property: Record
) -> None:
    """Random ones: the enforcer and the evaluator have nothing in common but the specification."""
    dice, total = Dice(6), Counter[bool]()
    for number in range(6):
        found, path = dice_policies(dice, 6), tmp_path / f"{number}.yaml"
        path.write_text(yaml.safe_dump_all(found))
        enforce(lab, found, objects(cluster))
        total.update(agreed(lab, path, cluster).values())
    assert min(total[True], total[False]) > total.total() // 10, "they decide nothing"
    record_property(
        "counts",
        f"lab: under random policies {total[True]} of {total.total()} tries pass, and netpol agrees"
        " about all",
    )


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
