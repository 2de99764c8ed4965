"""The same question to network-config-analyzer and to netpol: who may talk to whom.

Clusters of growing size, each asked of both as whole commands; the allowed tuples (client workload,
server workload, protocol, ports) of both must be equal. The analyzer is installed into an
environment of its own under ``.bench``; where it cannot be, that is said and nothing is measured.
It keeps at most two pods of a workload, so workloads are compared, and a workload with itself is
left out: with one pod it has no such row. Seconds are processor time of the whole process.

    python tests/bench/analyzers.py [--large]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import clusters
from clusters import Shape
from evaluate import run as judged
from ingest import FOLDER

SHAPES = [Shape(pods=n, workloads=n // 5, policies=n // 5) for n in (100, 200, 400)]
LARGE = Shape(pods=800, workloads=160, policies=160)
PACKAGE = "network-config-analyzer"
POD = re.compile(r"(?P<namespace>[^/]+)/(?P<workload>service-\d{4})-\S+")
PORTS = re.compile(r"\{protocols:(?P<protocol>[A-Z]+),dst_ports:(?P<ports>[\d,-]+)\}")

Tuples = dict[tuple[str, str, str], str]
"""(client, server, protocol) → ports, as both programs write them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found, and the seconds of processor time that it took."""

    found: Tuples
    seconds: float


def install() -> Path | None:
    """The analyzer's command, in an environment of its own; None where it cannot be installed."""
    home = FOLDER / "analyzer"
    command = home / "bin" / "nca"
    if not command.exists():
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "pip"), "install", "--quiet", PACKAGE]
        if subprocess.run(pip, check=False).returncode:
            return None
    return command


def timed(command: list[str]) -> tuple[str, float]:
    """What it prints, and its processor time."""
    before = os.times()
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    after = os.times()
    spent = after.children_user - before.children_user + after.children_system
    return done.stdout, spent - before.children_system


def netpol(folders: tuple[Path, Path]) -> Answer:
    """Ours, as a whole command."""
    inventory, policies = map(str, folders)
    program = str(Path(sys.executable).with_name("netpol"))
    text, seconds = timed(
        [program, "connections", policies, "--inventory", inventory, "--format", "json"]
    )
    rows = {
        (_short(row["client"]), _short(row["server"]), row["protocol"]): row["ports"]
        for row in json.loads(text)
        if row["client"].count("/") == 2 and row["server"].count("/") == 2
    }
    return Answer({key: ports for key, ports in rows.items() if key[0] != key[1]}, seconds)


def _short(peer: str) -> str:
    namespace, _, name = peer.split("/")
    return f"{namespace}/{name}"


def analyzer(command: Path, folders: tuple[Path, Path]) -> Answer:
    """The other one: pods folded into workloads."""
    inventory, policies = map(str, folders)
    question = [str(command), "--connectivity", policies, "-n", inventory, "-p", inventory]
    how = ["-o", "txt_no_fw_rules", "--output_endpoints", "pods", "--return_0"]
    text, seconds = timed([*question, *how])
    return Answer(dict(_tuples(text)), seconds)


def _tuples(text: str) -> Iterator[tuple[tuple[str, str, str], str]]:
    for line in text.splitlines():
        client, arrow, rest = line.partition(" => ")
        server, colon, allowed = rest.partition(" : ")
        sides = POD.fullmatch(client), POD.fullmatch(server)
        if not (arrow and colon and sides[0] and sides[1]):
            continue
        ports = PORTS.fullmatch(allowed)
        assert ports, f"not understood: {line}"
        names = ["{namespace}/{workload}".format(**side.groupdict()) for side in sides if side]
        if names[0] != names[1]:
            yield (names[0], names[1], ports["protocol"]), ports["ports"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--large", action="store_true", help=f"also {LARGE}: minutes")
    options = parser.parse_args()
    command = install()
    if command is None:
        print(f"{PACKAGE} cannot be installed here: nothing to compare with")
        return
    print(f"\n{PACKAGE} and netpol, the same tuples; seconds of processor time")
    print(
        f"  {'cluster':48}{'tuples':>8}{'analyzer':>10}{'netpol':>8}{'ratio':>7}  evaluation alone"
    )
    for shape in [*SHAPES, *([LARGE] if options.large else [])]:
        folders = clusters.write(
            shape, FOLDER / f"cluster-{shape.pods}-{shape.workloads}-{shape.policies}"
        )
        theirs, ours = analyzer(command, folders), netpol(folders)
        assert theirs.found == ours.found, theirs.found.items() ^ ours.found.items()
        steps = judged(shape, "pairs")["seconds"]
        alone = sum(steps[name] for name in ("world", "group", "compile", "all pairs"))
        whole, narrow = theirs.seconds / ours.seconds, theirs.seconds / alone
        print(
            f"  {shape!s:48}{len(ours.found):8,}{theirs.seconds:10.2f}{ours.seconds:8.2f}", end=""
        )
        print(f"{whole:6.0f} ×  {alone:.4f} s, {narrow:,.0f} ×")


if __name__ == "__main__":
    main()
