"""``netpol inventory``: who had which address when, recorded from a live cluster and shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, noticed, say
from netpol.cli.options import duration_option, output_option, strict_option
from netpol.cli.stopping import stopping

if TYPE_CHECKING:
    from capture.recording import Recording
    from netpol.inventory import Inventory
    from netpol.notices import Notice
    from netpol.report.holders import Stay

__all__ = ["inventory"]


class _Time(click.ParamType[int]):
    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        try:
            time = datetime.fromisoformat(str(value))
            time = time if time.tzinfo else time.replace(tzinfo=UTC)
            return int(time.timestamp()) * 10**9 + time.microsecond * 1000
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time; write 2026-03-02T10:00:00Z", param, ctx)


class _Address(click.ParamType[str]):
    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        from netpol.net import canonical_address

        try:
            return canonical_address(str(value))
        except ValueError:
            self.fail(f"{value!r} is no IP address", param, ctx)


@click.group()
def inventory() -> None:
    """Record from a live cluster who has which address, and show who had it when.

    \b
    Examples:
      netpol inventory record -o cluster.jsonl --duration 1h
      netpol inventory show cluster.jsonl --address 10.244.1.7
    """


@inventory.command()
@output_option
@duration_option
@click.option("--once", is_flag=True, help="Record what there is now, and stop.")
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Begin another file at this size; the old one gets its last time as part of its name.",
)
@click.option(
    "--kubeconfig",
    metavar="FILE",
    help="Without it: KUBECONFIG, ~/.kube/config, or the cluster that this runs in.",
)
@click.option("--context", metavar="NAME", help="Of the kubeconfig; without it, the current one.")
@strict_option
@click.pass_context
def record(
    ctx: click.Context,
    output: Path | None,
    duration: float | None,
    once: bool,
    max_size: int | None,
    kubeconfig: str | None,
    context: str | None,
    strict: bool,
) -> None:
    """Record what there is in a cluster and, until it is stopped, what changes.

    Pods, Services, EndpointSlices, nodes, namespaces, workloads, and how the network plugin is
    set; never a Secret, and of each object only what an inventory needs. Nothing is changed in the
    cluster: samples/rbac.yaml has the rights that are needed. Lines are only ever added; a file
    that is there already is gone on with, and what changed meanwhile is marked as such.

    \b
    Examples:
      netpol inventory record -o cluster.jsonl
      netpol inventory record -o cluster.jsonl --duration 24h --max-size 256
      netpol inventory record --once | gzip > cluster.jsonl.gz
    """
    from capture.cluster import connect
    from capture.recording import Recording
    from capture.watch import Watch

    notices = noticed()
    cluster = connect(kubeconfig, context, _at_once(notices))
    end = monotonic() + duration if duration is not None else None
    with (
        stopping() as stopped,
        Recording(path=output, largest=(max_size or 0) << 20) as recording,
        Watch(
            cluster,
            _at_once(notices),
            once=once,
            known=recording.known,
            confirmed=recording.confirmed,
        ) as watch,
    ):
        say(f"recording {cluster.server}" + (f" to {output}" if output else ""))
        for changes in watch.changes():
            recording.write(changes)
            if stopped.is_set() or (end is not None and monotonic() > end):
                watch.stop()
    _ended(recording)
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _at_once(notices: Notices) -> Callable[[Notice], None]:
    """Collect notices, and say the first of each kind when it occurs: a recording may take days."""

    def tell(notice: Notice) -> None:
        if notice.code not in notices.counts:
            say(str(notice))
        notices.tell(notice)

    return tell


def _ended(recording: Recording) -> None:
    objects = sum(map(len, recording.known.values()))
    say(f"recorded {recording.written:,} changes; {objects:,} objects at the end")


@inventory.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--at", type=_Time(), metavar="TIME", help="Who had it then; UTC unless it says.")
@click.option("--address", type=_Address(), metavar="IP", help="Only this address.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv"]),
    default="text",
    show_default=True,
)
@strict_option
@click.pass_context
def show(
    ctx: click.Context,
    paths: tuple[str, ...],
    at: int | None,
    address: str | None,
    form: str,
    strict: bool,
) -> None:
    """Show who had which address from when to when, as far as PATHS… tell.

    PATHS are recordings, what `kubectl get … -o json` printed, manifests, or directories of
    these; or the word cluster for the live one.

    With --at, who had an address at that time, or why that cannot be said: an inventory's clock
    and a flow's may differ by 2 seconds.

    \b
    Examples:
      netpol inventory show cluster.jsonl
      netpol inventory show dumps/ cluster.jsonl --address 10.244.1.7
      netpol inventory show cluster.jsonl --at 2026-03-02T10:00:00Z --format csv
    """
    from netpol.cli.run import inventory_from
    from netpol.report.holders import summary

    notices = noticed()
    found = inventory_from(paths, notices)
    rows = list(_rows(found, at, address or ""))
    match form:
        case "json":
            shown = {"summary": summary(found), "addresses": rows}
            text = json.dumps(shown, indent=2) + "\n"
        case "csv":
            text = _csv(rows, at is not None)
        case _:
            text = ("" if address else _summary_text(summary(found))) + _text(rows, at is not None)
    click.echo(text, nl=False)
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _rows(found: Inventory, at: int | None, address: str) -> Iterator[Stay]:
    from netpol.report.holders import COLUMNS, answers, stays

    if at is None:
        yield from map(_timed, stays(found, address))
        return
    for stay, where, why in answers(found, at, address):
        blank: Stay = {**dict.fromkeys(COLUMNS, None), "address": where}
        yield {**(_timed(stay) if stay else blank), "unclear": why or None}


def _timed(stay: Stay) -> Stay:
    """The same with times as texts."""
    from capture.times import rfc3339
    from netpol.report.holders import TIMES

    times = {key: time for key in TIMES if isinstance(time := stay[key], int)}
    return {**stay, **{key: rfc3339(time) for key, time in times.items()}}


def _csv(rows: list[Stay], answered: bool) -> str:
    import csv
    from io import StringIO

    from netpol.report.holders import COLUMNS

    out = StringIO()
    fields = [*COLUMNS, "unclear"] if answered else COLUMNS
    writer = csv.DictWriter(out, fields, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _summary_text(counts: dict[str, int | list[str]]) -> str:
    parts, lists = [], []
    for key, value in counts.items():
        name = key.replace("_", " ").replace("api", "API")
        if isinstance(value, int):
            parts.append(f"{value:,} {name}")
        elif value:
            lists.append(f"{name}: {', '.join(value)}\n")
    return ", ".join(parts) + "\n" + "".join(lists) + "\n"


def _text(rows: list[Stay], answered: bool) -> str:
    from netpol.cli.tables import table

    if not rows:
        return "Nobody is known to have had an address.\n"
    last = "note" if answered else "certain until"
    return table(("address", "holder", "workload", "from", "to", last), map(_line, rows))


def _line(row: Stay) -> tuple[str, ...]:
    holder = "/".join(str(part) for part in (row["namespace"], row["name"]) if part)
    kind = "" if row["kind"] in ("Pod", None) else f"{row['kind']} "
    uncertain = row["sure"] if row["sure"] != row["to"] else None
    last = row.get("unclear") or uncertain
    shown = row["address"], f"{kind}{holder}", row["workload"], row["from"], row["to"], last
    return tuple(str(one or "") for one in shown)
