"""Everything that may talk to everything: time, memory and growth, beside loading the same JSON.

Each cluster is read and judged in a process of its own; seconds are processor time. The oracle of
the tests answers a sample of single questions, pod by pod, and must agree; what it would need for
all of them is extrapolated from that. Ratios carry over to other machines; absolute figures do not.

    python tests/bench/evaluate.py [--repeats N] [--quick] [--clean]
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import log
from pathlib import Path
from random import Random
from statistics import linear_regression, median
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).parents[1]))

import clusters
import numpy as np
from clusters import Shape
from ingest import FOLDER, MIB
from oracle import Oracle
from readers import high_water as resident

from capture.snapshot import read_inventory
from generators.kubernetes import KUBERNETES
from netpol.changes import changes
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import Inventory
from netpol.manifests import load
from netpol.policy import PolicySet
from netpol.profile import CALICO
from netpol.world import world

SMALL = Shape(pods=10_000, workloads=500, policies=1_000)
LARGE = Shape(pods=50_000, workloads=2_000, policies=5_000)
MORE_POLICIES = [replace(SMALL, policies=count) for count in (500, 1_000, 2_000, 4_000)]
MORE_PODS = [replace(SMALL, pods=count) for count in (5_000, 10_000, 20_000, 40_000)]
QUESTIONS, DISTINCT, FLOWS = 100, 2_000, 2_000_000
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Laps:
    """Seconds of processor time by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str, job: Callable[[], _Value]) -> _Value:
        started = time.process_time()
        value = job()
        self.seconds[name] = time.process_time() - started
        return value


# --- in a process of its own


def child(shape: Shape, job: str) -> dict[str, Any]:
    """Do one of the jobs on a cluster and say how it went."""
    folders = cluster(shape)
    laps = Laps()
    found: dict[str, Any] = {}
    if job == "json":
        laps.lap("json", lambda: _plain(folders))
    else:
        found = _judged(folders, laps, job)
    return {"seconds": laps.seconds, "peak": resident(), **found}


def _plain(folders: Iterable[Path]) -> list[Any]:
    """What a reader does at the least: all of it, to be looked at."""
    files = (file for folder in folders for file in sorted(folder.iterdir()))
    return [json.loads(file.read_bytes()) for file in files]


def _judged(folders: tuple[Path, Path], laps: Laps, job: str) -> dict[str, Any]:
    said: list[object] = []
    known = laps.lap("read pods", lambda: read_inventory([str(folders[0])], said.append))
    policies = laps.lap(
        "read policies", lambda: KUBERNETES.parse(load([folders[1]], said.append), said.append)
    )
    assert not said, said[0]
    # What was read stays: without this the collector walks through it again and again.
    gc.freeze()
    where = laps.lap("world", lambda: world(known))
    judge = Judge(policies=policies, world=where, profile=CALICO)
    compiled = judge.compiled
    laps.lap("group", lambda: compiled.everyone)
    laps.lap("compile", compiled.plan)
    rows = laps.lap("all pairs", lambda: sum(1 for _ in judge.connections()))
    found = {"rows": rows, "cells": len(compiled.everyone.cells), "peak at pairs": resident()}
    if job == "full":
        blocks = laps.lap("addresses", lambda: sum(1 for _ in judge.address_connections()))
        fewer = tuple(one for n, one in enumerate(policies.policies) if n % 50)
        after = replace(judge, policies=replace(policies, policies=fewer))
        changed = laps.lap("changes", lambda: sum(1 for _ in changes(judge, after)))
        found |= {"blocks": blocks, "changed": changed, "peak at changes": resident()}
        found |= _oracle(judge, known, policies) | _replay(judge, laps)
    return found


def _questions(judge: Judge) -> list[Connection]:
    """Distinct connections, half of them allowed."""
    random = Random(1)
    rows = random.choices(list(judge.connections()), k=DISTINCT)
    peers = list(judge.world.workloads)
    asked = []
    for row in rows:
        protocol, port, _ = random.choice(
            [p for p in row.ports if p[0] in ("TCP", "UDP")] or [("TCP", 1, 1)]
        )
        asked.append(Connection(row.client, row.server, protocol, port))
        asked.append(Connection(*random.choices(peers, k=2), "TCP", random.choice(clusters.PORTS)))
    return list(dict.fromkeys(asked))


def _oracle(judge: Judge, known: Inventory, policies: PolicySet) -> dict[str, Any]:
    """Single questions about single pods; each workload's pods are alike, so one stands for it."""
    slow = Oracle(policies, known, (), judge.profile)
    asked = _questions(judge)[:QUESTIONS]
    sides = [(_pod(slow, known, one.client), _pod(slow, known, one.server)) for one in asked]
    started = time.process_time()
    answers = [
        slow.passes(*pair, one.protocol, one.port) for pair, one in zip(sides, asked, strict=True)
    ]
    each = (time.process_time() - started) / len(asked)
    assert answers == list(judge.replay(asked)), "the oracle does not agree"
    return {
        "oracle": each,
        "oracle allowed": sum(answers),
        "all": len(known.pods) ** 2 * len(judge.compiled.atoms.parts),
    }


def _pod(slow: Oracle, known: Inventory, workload: Any) -> Any:
    pod = known.workloads[workload][0]
    return next(iter(slow.of_pod(pod))) if pod.addresses else None


def _replay(judge: Judge, laps: Laps) -> dict[str, Any]:
    asked = _questions(judge)
    flows = Random(2).choices(asked, weights=[1 / n for n in range(1, len(asked) + 1)], k=FLOWS)
    answers = laps.lap("replay", lambda: list(judge.replay(flows)))
    peers = {peer: n for n, peer in enumerate(judge.world.workloads)}
    ports = {found: n for n, found in enumerate({one.ports: None for one in asked})}
    numbered = np.array([(peers[f.client], peers[f.server], ports[f.ports]) for f in flows])
    by_number = laps.lap(
        "numbers", lambda: judge.replay_numbered(list(peers), list(ports), numbered)
    )
    assert by_number.tolist() == answers
    some = flows[:: FLOWS // 2_000]
    decided = laps.lap("decide", lambda: [judge.decide(one).allowed for one in some])
    assert decided == answers[:: FLOWS // 2_000]
    return {"decided": len(some)}


# --- the runs


def cluster(shape: Shape) -> tuple[Path, Path]:
    """The files of a cluster, made when they are not there."""
    folder = FOLDER / f"cluster-{shape.pods}-{shape.workloads}-{shape.policies}"
    return clusters.write(shape, folder)


def run(shape: Shape, job: str) -> dict[str, Any]:
    print(f"{job}: {shape}", file=sys.stderr)
    cluster(shape)
    numbers = [str(number) for number in (shape.pods, shape.workloads, shape.policies)]
    command = [sys.executable, __file__, "--child", *numbers, job]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def exponent(sizes: list[int], seconds: list[float]) -> float:
    """``e`` where seconds grow as size ** e, by least squares over the logarithms."""
    return linear_regression([log(n) for n in sizes], [log(s) for s in seconds]).slope


STEPS = (
    "read pods",
    "read policies",
    "world",
    "group",
    "compile",
    "all pairs",
    "addresses",
    "changes",
)


def show(shape: Shape, repeats: int) -> None:
    """Print one cluster."""
    runs = [run(shape, "full") for _ in range(repeats)]
    plain = [run(shape, "json") for _ in range(repeats)]
    spent = {name: median(one["seconds"][name] for one in runs) for name in runs[0]["seconds"]}
    loading = median(one["seconds"]["json"] for one in plain)
    one = runs[0]
    print(f"\n{shape}: {one['cells']:,} cells, {one['rows']:,} rows, {one['blocks']:,} blocks")
    print(f"  {'step':16}{'seconds':>9}{'of json.loads':>15}")
    print(f"  {'json.loads':16}{loading:9.2f}{1:14.2f} ×  {plain[0]['peak'] / MIB:.0f} MiB")
    for name in STEPS:
        print(f"  {name:16}{spent[name]:9.2f}{spent[name] / loading:14.2f} ×")
    whole = sum(spent[name] for name in STEPS[:6])
    print(f"  {'read to pairs':16}{whole:9.2f}{whole / loading:14.2f} ×")
    evaluated = sum(spent[name] for name in STEPS[2:6])
    print(f"  {'world to pairs':16}{evaluated:9.2f}{evaluated / loading:14.2f} ×")
    peaks = [max(run[name] for run in runs) / MIB for name in ("peak at pairs", "peak at changes")]
    print(
        f"  peak resident {peaks[0]:.0f} MiB when all pairs are known, {peaks[1]:.0f} after changes"
    )
    print(f"  changes (2 % of the policies removed): {one['changed']:,},", end=" ")
    print(f"{spent['changes'] / (spent['group'] + spent['compile']):.2f} × group and compile")
    each = median(run["oracle"] for run in runs)
    print(f"  oracle: {QUESTIONS} questions ({one['oracle allowed']} allowed) agree,", end=" ")
    print(f"{each * 1e3:.1f} ms each; extrapolated to {one['all']:.1e} (pod, pod, kind of port):")
    print(f"    {each * one['all'] / evaluated:.0e} × world to pairs")
    fast, slow = spent["replay"] / FLOWS, spent["decide"] / one["decided"]
    faster = spent["numbers"] / FLOWS
    print(f"  one by one {slow * 1e6:.0f} µs a flow; replay {fast * 1e6:.2f} µs,", end=" ")
    print(f"{slow / fast:.0f} × as fast; of flows as numbers {faster * 1e6:.2f} µs,", end=" ")
    print(f"{slow / faster:.0f} × (the oracle: {each / faster:,.0f} ×)")


def growth(name: str, shapes: list[Shape], sizes: list[int], repeats: int) -> None:
    """Print how the time grows from shape to shape."""
    runs = {shape: [run(shape, "pairs") for _ in range(repeats)] for shape in shapes}
    print(f"\nmore {name}, the rest as in {SMALL}")
    print(f"  {name:>10}{'world':>9}{'group':>9}{'compile + all pairs':>22}")
    columns: list[tuple[float, float, float]] = []
    for size, each in zip(sizes, runs.values(), strict=True):
        spent = {n: median(one["seconds"][n] for one in each) for n in each[0]["seconds"]}
        columns.append((spent["world"], spent["group"], spent["compile"] + spent["all pairs"]))
        print(f"  {size:10,}{columns[-1][0]:9.3f}{columns[-1][1]:9.3f}{columns[-1][2]:22.3f}")
    found = [exponent(sizes, list(column)) for column in zip(*columns, strict=True)]
    print(f"  {'exponent':>10}{found[0]:9.2f}{found[1]:9.2f}{found[2]:22.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only the smaller cluster, once")
    parser.add_argument("--clean", action="store_true", help="delete the generated files")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        pods, workloads, policies = map(int, options.child[:3])
        shape = Shape(pods=pods, workloads=workloads, policies=policies)
        print(json.dumps(child(shape, options.child[3])))
    elif options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
    elif options.quick:
        show(SMALL, 1)
    else:
        show(SMALL, options.repeats)
        show(LARGE, options.repeats)
        growth("policies", MORE_POLICIES, [one.policies for one in MORE_POLICIES], options.repeats)
        growth("pods", MORE_PODS, [one.pods for one in MORE_PODS], options.repeats)


if __name__ == "__main__":
    main()
