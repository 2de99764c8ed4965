"""Reading flow logs: records a second and peak memory, beside two baselines in the same run.

Hubble's, then two of Calico's.

Each reader runs in a process of its own, by turns, so that a change in the machine's load hits all;
the figures are medians of processor time. The baselines make the same table of edges, and the run
fails when one differs. Ratios carry over to other machines; absolute figures do not.

    python tests/bench/ingest.py [--records N | --large] [--repeats N] [--clean]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import calico_flows
import hubble_flows
from calico_readers import CALICO_READERS
from readers import JOBS, READERS, high_water

FOLDER = Path(__file__).parents[2] / ".bench"
MIB = 1 << 20
WALL = {f"{name} (wall)": name for name in JOBS}
"""Readers whose time is what passes, because they have several processes or threads."""
FEW = 100_000
LARGE = 5_000_000
MOST_OF_CALICO = 1_000_000


@dataclass(frozen=True, slots=True)
class Run:
    """One reader over one file."""

    seconds: float
    """Of processor time, where a reader has one thread."""
    peak: int
    """Bytes resident at the most, the interpreter included."""
    rows: int
    digest: str


def child(reader: str, path: Path) -> None:
    """Read ``path`` in this process and say how it went, as one line of JSON."""
    if reader in WALL:
        started = time.perf_counter()
        rows, peak = JOBS[WALL[reader]](path)
        seconds = time.perf_counter() - started
    else:
        started = time.process_time()
        rows = (READERS | CALICO_READERS)[reader](path)
        seconds = time.process_time() - started
        peak = high_water()
    table = "\n".join(sorted(json.dumps(row, sort_keys=True) for row in rows))
    digest = hashlib.sha256(table.encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "peak": peak, "rows": len(rows), "digest": digest}))


def run(reader: str, path: Path) -> Run:
    command = [sys.executable, __file__, "--child", reader, str(path)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Run(**json.loads(done.stdout))


WRITERS = {"hubble": hubble_flows.write, **calico_flows.SHAPES}


def flows(records: int, source: str = "hubble") -> Path:
    """The bench file with so many records, made when it is not there."""
    path = FOLDER / f"{source}-{records}.jsonl"
    if not path.exists():
        print(f"writing {path} …", file=sys.stderr)
        FOLDER.mkdir(exist_ok=True)
        WRITERS[source](path, records)
    return path


def compressed(path: Path, suffix: str) -> Path:
    """``path`` compressed, made when it is not there."""
    target = path.with_name(path.name + suffix)
    if target.exists():
        return target
    print(f"writing {target} …", file=sys.stderr)
    part = target.with_name(target.name + ".part")
    with path.open("rb") as source, part.open("wb") as sink:
        if suffix == ".gz":
            from isal import igzip

            with igzip.IGzipFile(fileobj=sink, mode="wb", compresslevel=1) as packed:
                shutil.copyfileobj(source, packed, MIB)
        else:
            import zstandard

            zstandard.ZstdCompressor(level=3).copy_stream(source, sink)
    part.replace(target)
    return target


def by_turns(jobs: list[tuple[str, Path]], repeats: int) -> dict[tuple[str, Path], list[Run]]:
    """Every job ``repeats`` times, one after the other, so that all see the same weather."""
    runs: dict[tuple[str, Path], list[Run]] = defaultdict(list)
    for turn in range(repeats):
        for reader, path in jobs:
            print(f"turn {turn + 1} of {repeats}: {reader}, {path.name}", file=sys.stderr)
            runs[reader, path].append(run(reader, path))
    return runs


def seconds(runs: list[Run]) -> float:
    return median(one.seconds for one in runs)


def peak(runs: list[Run]) -> float:
    return max(one.peak for one in runs) / MIB


def same_table(runs: list[Run]) -> int:
    """The number of edges, which all readers must have found alike."""
    digests = {one.digest for one in runs}
    if len(digests) != 1:
        sys.exit("the readers do not agree on the table of edges")
    return runs[0].rows


def compare(path: Path, records: int, repeats: int, readers: Iterable[str]) -> None:
    """Print our reader, the first of ``readers``, beside the baselines."""
    readers = tuple(readers)
    runs = by_turns([(reader, path) for reader in readers], repeats)
    folding = [one for (reader, _), each in runs.items() if "no fold" not in reader for one in each]
    edges = same_table(folding)
    size = path.stat().st_size
    print(f"\n{records:,} records, {size / 1e9:.2f} GB, {edges:,} edges, median of {repeats}\n")
    print(f"{'reader':26}{'records/s':>12}{'MB/s':>8}{'peak MiB':>10}{'netpol is':>12}")
    ours = seconds(runs[readers[0], path])
    for reader in readers:
        took = seconds(runs[reader, path])
        ratio = "" if reader == readers[0] else f"{took / ours:.2f} ×"
        speed = f"{records / took:12,.0f}{size / took / 1e6:8,.0f}"
        print(f"{reader:26}{speed}{peak(runs[reader, path]):10.0f}{ratio:>12}")


def follow(path: Path, records: int, repeats: int) -> None:
    """Print how our reader takes compressed input, and a quarter of the records."""
    few = flows(records // 4)
    packed = [compressed(path, suffix) for suffix in (".gz", ".zst")]
    runs = by_turns([("netpol", one) for one in (path, *packed, few)], repeats)
    same_table([one for name in (path, *packed) for one in runs["netpol", name]])
    plain = seconds(runs["netpol", path])
    print("\ncompressed        records/s   of plain")
    for one in packed:
        took = seconds(runs["netpol", one])
        print(f"{one.suffix:15}{records / took:12,.0f}{plain / took:10.2f} ×")
    print("\nrecords            peak MiB")
    for count, one in ((records // 4, few), (records, path)):
        print(f"{count:<15,}{peak(runs['netpol', one]):12.0f}")


def grow(path: Path, records: int, repeats: int) -> None:
    """Print what a second process brings, and how time and memory follow the records."""
    least = min(FEW, records // 4)
    few, quarter = flows(least), flows(records // 4)
    jobs = [(reader, path) for reader in WALL]
    runs = by_turns([*jobs, *(("netpol", one) for one in (few, quarter, path))], repeats)
    same_table([one for job in jobs for one in runs[job]])
    print(f"\n{'wall time':26}{'records/s':>12}{'peak MiB of one':>18}{'of one process':>16}")
    one = seconds(runs[jobs[0]])
    for job in jobs:
        took = seconds(runs[job])
        print(f"{job[0]:26}{records / took:12,.0f}{peak(runs[job]):18.0f}{one / took:14.2f} ×")
    times = seconds(runs["netpol", few]), seconds(runs["netpol", path])
    exponent = math.log(times[1] / times[0]) / math.log(records / least)
    print(f"\ntime grows with records to the power of {exponent:.3f} ({least:,} to {records:,})")
    more = peak(runs["netpol", path]) - peak(runs["netpol", quarter])
    slope = more / (records - records // 4) * 1e6
    print(f"memory grows by {slope:.2f} MiB for a million records")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument(
        "--large", action="store_const", const=LARGE, dest="records", help=f"{LARGE:,} records"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--clean", action="store_true", help="delete the generated files")
    parser.add_argument("--child", nargs=2, metavar=("READER", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], Path(options.child[1]))
    elif options.clean:
        shutil.rmtree(FOLDER, ignore_errors=True)
    else:
        path = flows(options.records)
        compare(path, options.records, options.repeats, READERS)
        follow(path, options.records, options.repeats)
        grow(path, options.records, options.repeats)
        for source in calico_flows.SHAPES:
            readers = [reader for reader in CALICO_READERS if reader.startswith(f"{source}: ")]
            records = min(options.records, MOST_OF_CALICO)
            compare(flows(records, source), records, options.repeats, readers)


if __name__ == "__main__":
    main()
