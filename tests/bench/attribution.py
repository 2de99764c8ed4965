"""Who had an address at a time: loading half a million intervals, and asking for them.

A recording of a cluster in which every address is handed from pod to pod is read, and random
addresses are looked up at random times, beside a lookup in a plain dict of the same addresses in
the same run. Seconds are processor time; memory is what was resident at the most, the reading
included.

    python tests/bench/attribution.py [--pods N] [--each N] [--clean]
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from random import Random

from ingest import FOLDER, MIB
from readers import high_water as resident

from capture.snapshot import read_inventory
from capture.times import rfc3339
from netpol.addresses import AddressBook
from netpol.notices import Notice

BEGIN, LIFE = 1_800_000_000, 600
LOOKUPS = 1_000_000
SECOND = 1_000_000_000


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def write(path: Path, pods: int, each: int) -> None:
    """A recording: every address has ``each`` holders after each other; the last ones live."""
    with path.open("w") as out:
        for turn in range(each):
            at = BEGIN + turn * LIFE
            for number in range(pods):
                begin = at + number % 60
                if turn:
                    out.write(line("DELETED", begin - 5, pod(number, turn - 1, begin - LIFE)))
                out.write(line("ADDED", begin, pod(number, turn, begin)))


def line(kind: str, time: int, document: dict[str, object]) -> str:
    event = {"type": kind, "time": rfc3339(time * SECOND), "object": document}
    return json.dumps(event, separators=(",", ":")) + "\n"


def pod(number: int, turn: int, started: int) -> dict[str, object]:
    """One pod, as a recording holds it: of one of a thousand Jobs."""
    job = f"work-{number % 1000}"
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": job, "controller": True}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{job}-{number}-{turn}",
            "namespace": f"team-{number % 50}",
            "uid": f"{turn:08x}-{number:012x}",
            "labels": {"app": job, "job-name": job},
            "creationTimestamp": rfc3339(started * SECOND),
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": f"node-{number % 400}"},
        "status": {"phase": "Running", "podIP": address(number)},
    }


def told(notice: Notice) -> None:
    raise AssertionError(str(notice))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=50_000)
    parser.add_argument("--each", type=int, default=10, help="holders of each address")
    parser.add_argument("--clean", action="store_true", help="delete the generated files")
    options = parser.parse_args()
    if options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
        return
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"recording-{options.pods}-{options.each}.json"
    if not path.exists():
        write(path, options.pods, options.each)
    started = time.process_time()
    known = read_inventory([str(path)], told)
    loading = time.process_time() - started
    intervals = sum(map(len, known.holders.values()))
    print(f"\n{intervals:,} intervals of {len(known.holders):,} addresses")
    print(f"  loaded in {loading:.1f} s, {path.stat().st_size / MIB:.0f} MiB of JSON;", end=" ")
    print(f"{resident() / MIB:.0f} MiB resident at the most")
    lookups(AddressBook(inventory=known), options)


def lookups(book: AddressBook, options: argparse.Namespace) -> None:
    """Print how long it takes to ask."""
    random = Random(1)
    end = BEGIN + LIFE * options.each
    asked = [
        (address(random.randrange(options.pods)), random.randrange(BEGIN, end) * SECOND)
        for _ in range(LOOKUPS)
    ]
    plain = {one: number for number, one in enumerate(book.inventory.holders)}
    for one, at in asked:
        book.holder(one, at)  # each address is arranged when it is first asked for
    started = time.process_time()
    found = [book.holder(one, at) for one, at in asked]
    dated = time.process_time() - started
    started = time.process_time()
    assert len([plain[one] for one, _ in asked]) == len(found)
    undated = time.process_time() - started
    wrong = sum(not hasattr(one, "name") for one in found)
    print(f"  {LOOKUPS / dated:,.0f} lookups a second and core,", end=" ")
    print(f"{dated / undated:.1f} × the time of a dict's {LOOKUPS / undated:,.0f};", end=" ")
    print(f"{wrong / LOOKUPS:.1%} without an answer; {resident() / MIB:.0f} MiB")


if __name__ == "__main__":
    main()
