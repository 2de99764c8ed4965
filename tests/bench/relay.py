"""Hubble over gRPC on loopback: flows a second, transport and fold together.

The server is a process of its own and sends frames that were made before. Our reader is the one
that the command line uses; beside it stand what the transport alone can do, in the way that grpcio
is used here and in its usual way (a thread that hands each message over), and the official manner:
every message into a whole protobuf object. What we read must be the flows of the same records as
JSON lines. Of each: wall time, as the client is one process, and processor time.

    python tests/bench/relay.py [--records N] [--repeats N]
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))
import hubble_flows
import hubble_wire
from ingest import FOLDER
from readers import high_water

from netpol.flow import Account, Flow

HERE = Path(__file__).parent
DISTINCT = 50_000
"""Records that are made; more are these again, so that the server fits into memory."""
METHOD = "/observer.Observer/GetFlows"


def made() -> tuple[Path, Path]:
    """The records as JSON lines and as messages, made when they are not there."""
    FOLDER.mkdir(exist_ok=True)
    text, wire = FOLDER / f"hubble-{DISTINCT}.jsonl", FOLDER / f"hubble-{DISTINCT}.pbdelim"
    if not text.exists():
        hubble_flows.write(text, DISTINCT)
    if not wire.exists():
        print(f"writing {wire} …", file=sys.stderr)
        lines = map(json.loads, text.read_text().splitlines())
        part = wire.with_suffix(".part")
        part.write_bytes(b"".join(map(prefixed, hubble_wire.responses(lines))))
        part.replace(wire)
    return text, wire


def prefixed(message: bytes) -> bytes:
    """A message behind its length, as a varint."""
    length, head = len(message), bytearray()
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    return bytes([*head, length]) + message


@contextmanager
def served(wire: Path, repeats: int) -> Iterator[str]:
    command = [sys.executable, str(HERE / "canned.py"), str(wire), str(repeats)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.kill()


def netpol(target: str) -> tuple[int, Callable[[], None]]:
    """Our reader, as the command line calls it; and a check."""
    from capture.grpc_door import Tls
    from capture.hubble_live import HUBBLE_LIVE
    from capture.live import Wanted

    account = Account()
    wanted = Wanted(tls=Tls(plaintext=True), interval=3600)
    flows = list(HUBBLE_LIVE.read(f"hubble://{target}", wanted, tell=sys.exit, account=account))
    return account.read, lambda: compare(flows, account)


def compare(flows: list[Flow], account: Account) -> None:
    """What was read must be the flows of the JSON lines, so many times."""
    from capture.hubble import HUBBLE
    from capture.source import Reading

    times = account.read // DISTINCT
    with made()[0].open("rb") as stream:
        same = list(HUBBLE.read(stream, Reading(where="", tell=sys.exit, account=Account())))
    assert account.balanced() and account.folded == DISTINCT * times, account
    assert len(flows) == len(same) > 1000
    for one, other in zip(flows, same, strict=True):
        assert one == replace(
            other,
            records=other.records * times,
            count=other.count * times,
            signals={name: n * times for name, n in other.signals.items()},
        )
    return account.read


def stream(target: str, *, single: bool) -> Iterator[bytes]:
    import grpc
    from grpc.experimental import ChannelOptions

    options = [(ChannelOptions.SingleThreadedUnaryStream, 1)] if single else []
    channel = grpc.insecure_channel(target, options)
    with suppress(grpc.RpcError):  # the first call, as ours makes it
        channel.unary_unary("/observer.Observer/ServerStatus")(b"")
    yield from channel.unary_stream(METHOD)(b"")


def nothing() -> None:
    """There is nothing to check."""


def transport(target: str) -> tuple[int, Callable[[], None]]:
    """Messages counted, in one thread."""
    return sum(1 for _ in stream(target, single=True)), nothing


def handed_over(target: str) -> tuple[int, Callable[[], None]]:
    """Messages counted, as grpcio does it unasked."""
    return sum(1 for _ in stream(target, single=False)), nothing


def objects(target: str) -> tuple[int, Callable[[], None]]:
    """Every message as a whole object, its edge counted by the names of its pods."""
    parse, edges, count = hubble_wire.parse, {}, 0
    for message in stream(target, single=False):
        flow = parse("GetFlowsResponse", message).flow
        ends = flow.source.pod_name, flow.destination.pod_name
        if flow.is_reply.value:
            ends = ends[::-1]
        key = *ends, flow.l4.TCP.destination_port
        edges[key] = edges.get(key, 0) + 1
        count += 1
    return count, nothing


CLIENTS = {
    "netpol": netpol,
    "transport alone": transport,
    "transport, handed over": handed_over,
    "whole objects": objects,
}


def child(client: str, target: str) -> None:
    """Read everything in this process and say how it went, as one line of JSON."""
    gc.set_threshold(200_000, 50, 1_000)  # as the command line does
    wall, cpu = time.perf_counter(), time.process_time()
    count, check = CLIENTS[client](target)
    took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({"count": count, "peak": high_water() / (1 << 20), **took}))
    check()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    _, wire = made()
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CLIENTS}
    for client in runs:
        # What is many times slower need not read as much.
        whole = client in ("netpol", "transport alone")
        records = options.records if whole else options.records // 10
        with served(wire, max(1, records // DISTINCT)) as target:
            for turn in range(options.repeats):
                print(f"turn {turn + 1} of {options.repeats}: {client}", file=sys.stderr)
                command = [sys.executable, __file__, "--child", client, target]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                runs[client].append(json.loads(done.stdout))
    size = wire.stat().st_size / DISTINCT
    print(f"\n{options.records:,} flows of {size:,.0f} bytes, median of {options.repeats}\n")
    print(f"{'client':26}{'flows/s':>10}{'flows/s of cpu':>16}{'peak MiB':>10}")
    for client, each in runs.items():
        wall = median(one["count"] / one["wall"] for one in each)
        cpu = median(one["count"] / one["cpu"] for one in each)
        print(f"{client:26}{wall:10,.0f}{cpu:16,.0f}{max(one['peak'] for one in each):10.0f}")


if __name__ == "__main__":
    main()
