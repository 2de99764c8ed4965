"""A store of many connections: how long it takes to make, open, ask and generate from, and memory.

``python tests/bench/store.py [CONNECTIONS]`` (1,000,000 without): between addresses of pods, in one
hour each, as conntrack shows them; an inventory makes each 500 of them one between workloads. Every
command runs in a process of its own; ``learn`` opens the store and reads an empty file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path

from netpol import store
from netpol.flow import Account, Flow
from netpol.peers import Endpoint
from netpol.store import Identity, Input, Taken

WORKLOADS, PODS, NAMESPACES, HOURS = 300, 10, 12, 5
EACH = PODS * PODS * HOURS
"""Edges of one connection between workloads: each pod with each, in each hour."""
HOUR = 3_600_000_000_000
START = 1_793_610_000 * 10**9
"""2026-11-02T09:00:00Z."""


def address(workload: int, pod: int) -> str:
    return f"10.{workload // 256}.{workload % 256}.{pod + 1}"


def pod(workload: int, number: int) -> dict[str, object]:
    """A pod as `kubectl get pods -o json` shows it."""
    name = f"service-{workload:03}"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "namespace": f"team-{workload % NAMESPACES:02}",
            "name": f"{name}-{number}",
            "labels": {"app.kubernetes.io/name": name},
            "creationTimestamp": "2026-11-01T00:00:00Z",
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name, "controller": True}
            ],
        },
        "spec": {"containers": [{"name": "main", "image": "none"}]},
        "status": {"phase": "Running", "podIP": address(workload, number)},
    }


def inventory() -> str:
    pods = [pod(workload, number) for workload in range(WORKLOADS) for number in range(PODS)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": pods})


def flows() -> Iterator[Flow]:
    """Pods of everybody's to those of a few others, by their addresses, hour by hour."""
    for step, client in product(range(1, WORKLOADS), range(WORKLOADS)):
        server = (client + step) % WORKLOADS
        for one, other, hour in product(range(PODS), range(PODS), range(HOURS)):
            first = START + hour * HOUR + (step + client) * 10**6
            yield Flow(
                client=Endpoint(ip=address(client, one)),
                server=Endpoint(ip=address(server, other)),
                protocol="TCP",
                port=8080,
                records=10,
                count=10,
                first=first,
                last=first + 30 * 60 * 10**9,
                hours=frozenset({first // HOUR}),
                signals={"answered": 10, "forward": 10, "opened": 10},
                source="conntrack",
            )


def make(path: Path, connections: int) -> None:
    """The store."""
    new = Input(
        id=0,
        source="conntrack",
        name="conntrack.txt",
        start=0,
        closed=True,
        identity=Identity(length=1, digest=b"", begin=b"", marks=b""),
    )
    records = 10 * connections
    with store.opened(path, write=True) as kept:
        taken = Taken(
            input=new,
            flows=islice(flows(), connections),
            account=Account(read=records, folded=records, sources={"conntrack"}),
        )
        store.take(kept, taken)


def measured(code: str, *args: str) -> str:
    """Python in a process of its own: seconds, peak memory, and how it ended."""
    started = time.perf_counter()
    with open(os.devnull, "wb") as nowhere:
        command = [sys.executable, "-c", code, *args]
        process = subprocess.Popen(command, stdout=nowhere, stderr=nowhere)
        _, status, usage = os.wait4(process.pid, 0)
    seconds, code = time.perf_counter() - started, os.waitstatus_to_exitcode(status)
    used = usage.ru_utime + usage.ru_stime
    return f"{seconds:8.1f} s {used:8.1f} CPU s {usage.ru_maxrss / 1024:8,.0f} MiB" + (
        f"   exit code {code}" if code else ""
    )


def main() -> None:
    connections = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "bench.db"
        here = str(Path(__file__).parent)
        code = (
            f"import sys; from pathlib import Path; sys.path.insert(0, {here!r}); import store;"
            f" store.make(Path({str(path)!r}), {connections})"
        )
        print(f"\na store of {connections:,} connections")
        print(f"  {'made in one commit':<36}{measured(code)}")
        size = path.stat().st_size
        print(f"  {size / 1e6:,.0f} MB, {size / connections:,.0f} bytes for each connection")
        kept, known = ("--store", str(path)), f"{place}/cluster.json"
        Path(known).write_text(inventory(), encoding="utf-8")
        for command in (
            ("learn", str(path.with_name("none.jsonl")), *kept),
            ("store", "export", *kept),
            ("status", *kept, "--inventory", known),
            ("generate", *kept, "--inventory", known, "-o", f"{place}/out"),
        ):
            path.with_name("none.jsonl").touch()
            shown = " ".join(one for one in command if place not in one and one != "-o")
            code = "from netpol.cli import main; main()"
            print(f"  {shown:<36}{measured(code, *command)}", flush=True)


if __name__ == "__main__":
    main()
