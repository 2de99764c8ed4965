"""From what was learned to policies and their proof: seconds, growth, and the price of greed.

A cluster of 2,000 workloads and 10,000 pods with ever more connections between them; then all of it
growing at once; then that in few namespaces: synthesis, YAML, reading that back, certificate. Each
run is a process of its own; seconds are processor time. At the end, tables of peers and ports that
both the exact search and the greedy one cover, and lists of outside addresses that both shorten, to
see what exactness saves (--greed: that alone). Ratios and exponents carry over to other machines;
absolute figures do not.

    python tests/bench/synthesize.py [--target NAME] [--quick | --greed] [--clean]
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from clusters import Shape
from evaluate import Laps, exponent
from greedy_blocks import cloud, greedy
from ingest import FOLDER, MIB
from learned import learned
from readers import high_water

from generators import DIALECTS, parse
from generators.generator import files
from netpol.certificate import certify
from netpol.cli.output import write
from netpol.manifests import load
from netpol.net import PortSet
from netpol.notices import Notice
from netpol.synthesize import Bound, Options, rectangles, synthesize
from netpol.synthesize.rectangles import cover
from netpol.synthesize.widening import cover_within

SIZES = (1_000, 2_500, 5_000, 10_000, 20_000, 40_000)
STEPS = ("synthesize", "write YAML", "read YAML", "certify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run."""

    edges: int
    workloads: int = 2_000
    namespaces: int = 200

    @property
    def shape(self) -> Shape:
        return Shape(
            pods=5 * self.workloads, workloads=self.workloads, policies=0, spaces=self.namespaces
        )


# --- in a process of its own


def child(case: Case, target: str) -> dict[str, Any]:
    """Generate and prove policies for one dialect; the seconds of each step."""
    folder = FOLDER / f"learned-{case.workloads}-{case.namespaces}"
    known = learned(case.shape, case.edges, folder)
    (dialect,) = (one for one in DIALECTS if one.name == target)
    laps, said = Laps(), list[Notice]()
    gc.freeze()  # what was read stays: the collector need not walk through it again and again
    made = laps.lap(
        "synthesize", lambda: synthesize(known, dialect.profile, Options(), said.append)
    )
    with tempfile.TemporaryDirectory() as out:
        laps.lap("write YAML", lambda: write(files(dialect, made.policies), Path(out)))
        policies = laps.lap("read YAML", lambda: parse(load([out], said.append), said.append)[0])
    proof = laps.lap(
        "certify",
        lambda: certify(
            policies,
            made.learned,
            dialect.profile,
            declared=made.declared,
            policed=made.policed,
            choices=made.choices,
        ),
    )
    assert not proof.denied
    assert not proof.without_witness
    return {
        "seconds": laps.seconds,
        "rules": proof.rules,
        "unobserved": len(proof.opened),
        "inexact": sum(one.code in ("NP021", "NP022") for one in said),
        "peak": high_water(),
    }


def run(case: Case, target: str) -> dict[str, Any]:
    print(f"{target}: {case}", file=sys.stderr)
    numbers = [str(number) for number in (case.edges, case.workloads, case.namespaces)]
    command = [sys.executable, __file__, "--child", *numbers, target]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# --- growth


def growth(title: str, cases: list[Case], target: str) -> None:
    """Print the seconds of each step, and how they grow with the connections."""
    runs = [run(case, target) for case in cases]
    print(f"\n{title}, {target}")
    print(f"  {'connections':>11}" + "".join(f"{step:>12}" for step in STEPS), end="")
    print(f"{'all':>9}{'µs each':>9}{'rules':>8}{'MiB':>6}  unobserved, inexact")
    totals = []
    for case, one in zip(cases, runs, strict=True):
        spent = [one["seconds"][step] for step in STEPS]
        totals.append(sum(spent))
        print(f"  {case.edges:11,}" + "".join(f"{seconds:12.2f}" for seconds in spent), end="")
        print(f"{totals[-1]:9.2f}{totals[-1] / case.edges * 1e6:9.0f}{one['rules']:8,}", end="")
        print(f"{one['peak'] / MIB:6.0f}  {one['unobserved']}, {one['inexact']}")
    if len(cases) > 1:
        sizes = [case.edges for case in cases]
        columns = [[one["seconds"][step] for one in runs] for step in STEPS]
        slopes = [exponent(sizes, column) for column in (*columns, totals)]
        print(f"  {'exponent':>11}" + "".join(f"{one:12.2f}" for one in slopes[:-1]), end="")
        print(f"{slopes[-1]:9.2f}")


# --- the price of greed

Tables = Callable[[Random], dict[int, PortSet]]
PORTS = [PortSet.of("TCP", 2 * number) for number in range(1, 65)]


def scattered(peers: int, ports: int, share: float) -> Tables:
    """Each pair was seen or not by chance: no workload looks like that."""

    def made(random: Random) -> dict[int, PortSet]:
        return {
            peer: PortSet.union(one for one in PORTS[:ports] if random.random() < share)
            for peer in range(peers)
        }

    return made


def roles(peers: int, ports: int, kinds: int) -> Tables:
    """Each peer is of one to three kinds, each of which uses a quarter of the ports."""

    def made(random: Random) -> dict[int, PortSet]:
        used = [[one for one in PORTS[:ports] if random.random() < 0.25] for _ in range(kinds)]
        return {
            peer: PortSet.union(
                port for kind in random.sample(used, random.randint(1, 3)) for port in kind
            )
            for peer in range(peers)
        }

    return made


KINDS: tuple[tuple[str, Tables], ...] = (
    ("8 × 8 by chance, 30 %", scattered(8, 8, 0.3)),
    ("8 × 8 by chance, 60 %", scattered(8, 8, 0.6)),
    ("12 × 8 by chance, 60 %", scattered(12, 8, 0.6)),
    ("40 × 8 by chance, 60 %", scattered(40, 8, 0.6)),
    ("40 × 12 by chance, 60 %", scattered(40, 12, 0.6)),
    ("20 × 8, 4 kinds of peers", roles(20, 8, 4)),
    ("50 × 12, 6 kinds of peers", roles(50, 12, 6)),
    ("200 × 20, 8 kinds of peers", roles(200, 20, 8)),
    ("1,000 × 30, 10 kinds of peers", roles(1_000, 30, 10)),
    ("1,000 × 40, 20 kinds of peers", roles(1_000, 40, 20)),
)
EACH = 50


def greed() -> None:
    """Print how many rules the greedy cover has where the exact one is proven."""
    print(f"\nthe fewest rules for tables of peers × ports, {EACH} of each kind")
    print(f"  {'table':32}{'proven':>8}{'exact':>8}{'greedy':>8}{'more':>8}{'ms':>8}")
    for name, tables in KINDS:
        started = time.process_time()
        exact = [one for one in _proven(tables) if one]
        each = (time.process_time() - started) / EACH
        searched = rectangles.SEARCH_LIMIT
        rectangles.SEARCH_LIMIT = 0
        greedy = sum(len(cover(table, key=int)) for table, _ in exact)
        rectangles.SEARCH_LIMIT = searched
        least = sum(rules for _, rules in exact)
        more = f"{greedy / least - 1:8.1%}" if least else f"{'':8}"
        print(f"  {name:32}{len(exact):5}/{EACH}{least:8,}{greedy:8,}{more}{each * 1e3:8.1f}")


def _proven(tables: Tables) -> Iterator[tuple[dict[int, PortSet], int] | None]:
    for seed in range(EACH):
        table, said = tables(Random(seed)), list[Notice]()
        rules = len(cover(table, key=int, tell=said.append))
        yield None if said else (table, rules)


LISTS = tuple((count, most) for count in (400, 2_000, 10_000) for most in (20, 100))
TIMES = 5


def lists() -> None:
    """Print what greed opens beyond the exact optimum of a list of addresses, and the time."""
    print(f"\naddresses opened for lists of at most so many blocks, {TIMES} lists of each kind")
    heads = ("addresses", "blocks", "exact", "greedy", "more", "worst", "exact ms", "greedy ms")
    print("  " + "".join(f"{head:>11}" for head in heads))
    for count, most in LISTS:
        spent, totals, worst = [0.0, 0.0], [0, 0], 0.0
        for seed in range(TIMES):
            some = cloud(count, seed)
            begun = time.process_time()
            best = cover_within(some, Bound(blocks=most), ())
            middle = time.process_time()
            _, opened = greedy(some, most)
            spent[0] += middle - begun
            spent[1] += time.process_time() - middle
            assert len(best.blocks) <= most
            assert best.opened <= opened
            totals[0] += best.opened
            totals[1] += opened
            worst = max(worst, opened / best.opened - 1)
        more = totals[1] / totals[0] - 1
        print(f"  {count:11,}{most:11}{totals[0]:11,}{totals[1]:11,}{more:11.1%}", end="")
        print(f"{worst:11.1%}{spent[0] / TIMES * 1e3:11.1f}{spent[1] / TIMES * 1e3:11.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--target", default="kubernetes", choices=[one.name for one in DIALECTS])
    parser.add_argument("--quick", action="store_true", help="the first three sizes, one dialect")
    parser.add_argument("--greed", action="store_true", help="only what exactness saves")
    parser.add_argument("--clean", action="store_true", help="delete the generated files")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        edges, workloads, namespaces = map(int, options.child[:3])
        case = Case(edges=edges, workloads=workloads, namespaces=namespaces)
        print(json.dumps(child(case, options.child[3])))
        return
    if options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
        return
    if options.greed:
        greed()
        lists()
        return
    FOLDER.mkdir(exist_ok=True)
    sizes = SIZES[:3] if options.quick else SIZES
    cases = [Case(edges=size) for size in sizes]
    growth("2,000 workloads, 10,000 pods", cases, options.target)
    if not options.quick:
        grown = [
            Case(edges=size, workloads=size // 20, namespaces=size // 200) for size in SIZES[1:]
        ]
        growth("20 connections a workload, 10 workloads a namespace", grown, options.target)
        crowded = [Case(edges=size, workloads=size // 20, namespaces=2) for size in SIZES[1:]]
        growth("20 connections a workload, 2 namespaces", crowded, options.target)
        for one in DIALECTS:
            if one.name != options.target:
                growth("2,000 workloads, 10,000 pods", cases[-1:], one.name)
    greed()
    lists()


if __name__ == "__main__":
    main()
