"""``netpol capture``: who talks to whom, seen in the packets themselves, as flow records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import noticed, say
from netpol.cli.deploying import MANIFESTS
from netpol.cli.options import Duration, duration_option, output_option, strict_option
from netpol.cli.stopping import stopping
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from capture.sniff import Sniffer
    from netpol.flow import Account

__all__ = ["capture"]


@click.command()
@click.option("-i", "--interface", metavar="NAME", help="Without it, all but the loopback.")
@click.option(
    "--netns",
    metavar="NAME|PATH|PID",
    help="Of this network namespace: a name of `ip netns`, a file, or the number of a process.",
)
@click.option("--pods", is_flag=True, help="Of all pods of this node, as they come and go.")
@output_option
@click.option(
    "--interval",
    type=Duration(),
    default="5s",
    show_default=True,
    help="Write so often; no more than this is lost when the process is killed.",
)
@duration_option
@click.option(
    "--max-size",
    type=click.IntRange(min=1),
    metavar="MIB",
    help="Begin another file before it gets larger; the old one gets the time as part of its name.",
)
@click.option(
    "--max-rate",
    type=click.IntRange(min=1),
    metavar="N",
    help="Look at so many packets a second; others are counted as lost.",
)
@click.option(
    "--buffer",
    type=click.IntRange(min=1, max=1024),
    metavar="MIB",
    help="Room for packets in the kernel: 16, of every pod with --pods 2.",
)
@click.option(
    "--promiscuous", is_flag=True, help="Also what is not for this interface; needs --interface."
)
@click.option(
    "--conntrack/--no-conntrack",
    default=None,
    help="With the connection tracking of the namespace, of the node with --pods: which pod answers"
    " for a Service. By itself where that is permitted.",
)
@click.option(
    "--print-manifest",
    "manifest",
    type=click.Choice(sorted(MANIFESTS)),
    is_flag=False,
    flag_value="daemonset",
    help="Print how to run this in a cluster, and do nothing else; without a word, daemonset.",
)
@click.option(
    "--image",
    default="netpol:latest",
    show_default=True,
    help="For --print-manifest: an image with netpol in it.",
)
@strict_option
@click.pass_context
def capture(
    ctx: click.Context,
    interface: str | None,
    netns: str | None,
    pods: bool,
    output: Path | None,
    interval: float,
    duration: float | None,
    max_size: int | None,
    max_rate: int | None,
    buffer: int | None,
    promiscuous: bool,
    conntrack: bool | None,
    manifest: str | None,
    image: str,
    strict: bool,
) -> None:
    """Capture connections from the packets of an interface, of a network namespace, or of all pods.

    Linux only. The kernel hands over what opens a connection, answers or refuses it, and what names
    a party (DNS answers, TLS server names); of payload, nothing but such names is kept. What was
    lost is counted and written among the flow records. Needs CAP_NET_RAW, for connection tracking
    CAP_NET_ADMIN, and to enter namespaces CAP_SYS_ADMIN and CAP_SYS_PTRACE; all are given up before
    the first packet is read.

    \b
    Examples:
      netpol capture -i eth0 --duration 10m -o flows.jsonl
      netpol capture --netns shop -o flows.jsonl
      netpol capture --pods --max-size 64 -o /var/lib/netpol/flows.jsonl
      netpol capture --print-manifest daemonset --image registry.example/netpol:1
    """
    if manifest:
        click.echo(MANIFESTS[manifest].format(image=image), nl=False)
        return
    _sensible(interface, netns, pods, promiscuous)
    sniffer = _opened(interface, netns, pods, buffer, promiscuous, conntrack)
    from capture.privileges import drop
    from capture.sniff_file import Records
    from capture.source import Reading
    from netpol.flow import Account

    notices, account = noticed(), Account()
    where = "all pods" if pods else next(iter(sniffer.rings.values())).where
    reading = Reading(where=where, tell=notices.tell, account=account)
    try:
        with stopping() as stopped, Records(path=output, largest=(max_size or 0) << 20) as records:
            drop()  # after the file: it may be in a directory of somebody else's
            records.ready()
            say(f"capturing {where}" + (f" to {output}" if output else "") + _beside(sniffer))
            sniffer.run(
                reading,
                records.add,
                stopped,
                interval=interval,
                duration=duration,
                rate=max_rate,
            )
    finally:
        sniffer.close()
    _ended(sniffer, account)
    notices.show()
    ctx.exit(1 if strict and notices.counts else 0)


def _sensible(interface: str | None, netns: str | None, pods: bool, promiscuous: bool) -> None:
    if sys.platform != "linux":
        raise NetpolError(
            "netpol captures on Linux alone", hint="capture with tcpdump; netpol reads pcap files"
        )
    if pods and (interface or netns):
        raise click.UsageError("--pods goes without --interface and --netns")
    if promiscuous and not interface:
        raise click.UsageError("--promiscuous needs --interface")


def _beside(sniffer: Sniffer) -> str:
    """What is looked at beside packets, or why that is not."""
    if sniffer.tracking:
        return ", with connection tracking"
    return f", {sniffer.untracked}" if sniffer.untracked else ""


def _opened(
    interface: str | None,
    netns: str | None,
    pods: bool,
    buffer: int | None,
    promiscuous: bool,
    conntrack: bool | None,
) -> Sniffer:
    """What captures, with its sockets."""
    from capture.sniff import on_interface, on_pods

    if pods:
        return on_pods(buffer=(buffer or 2) << 20, conntrack=conntrack)
    size = (buffer or 16) << 20
    return on_interface(
        interface or "", netns, buffer=size, promiscuous=promiscuous, conntrack=conntrack
    )


def _ended(sniffer: Sniffer, account: Account) -> None:
    held, other = sum(account.held.values()), sum(account.other.values())
    say(
        f"captured {sniffer.captured:,} packets: {account.folded:,} in {sniffer.flows:,} flow"
        f" records, {held:,} held, {other:,} about no connection; {sniffer.lost:,} were lost"
    )
