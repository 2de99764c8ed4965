"""``netpol why``: the verdict about one connection, rule by rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netpol.cli.console import Notices, noticed
from netpol.cli.judging import Judging, judging_options
from netpol.cli.sections import Command
from netpol.cli.sides import cluster_options
from netpol.errors import NetpolError

if TYPE_CHECKING:
    from netpol.graph import Connection, Evidence
    from netpol.inventory import Inventory

__all__ = ["why"]

_CODES = {"allowed": 0, "denied": 1, "undecided": 2}


@click.command(cls=Command)
@click.argument("policies")
@click.argument("client")
@click.argument("server")
@click.argument("port")
@cluster_options
@click.option(
    "--store",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What `netpol learn` keeps there: whether the connection was observed is said.",
)
@judging_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.pass_context
def why(
    ctx: click.Context,
    policies: str,
    client: str,
    server: str,
    port: str,
    inventory: tuple[str, ...],
    cni: str | None,
    store: Path | None,
    judging: Judging,
    form: str,
) -> None:
    """Say whether CLIENT may talk to SERVER on PORT, and which rule says so.

    CLIENT and SERVER are namespace/Kind/name, namespace/name, name, an address or CIDR,
    entity:world (or host, remote-node, kube-apiserver …) or fqdn:name. PORT is the pod's, not the
    Service's: 8080, 8080/udp, udp/53, icmp/8, or the name of a container port. Where pods of a
    workload are treated differently, the connection is allowed only when it is for all of them.

    Exits 0 when it is allowed, 1 when it is denied, 2 when it cannot be decided.

    \b
    Examples:
      netpol why policies/ shop/frontend shop/Deployment/checkout 5050 --inventory cluster.json
      netpol why manifests/ 203.0.113.7 shop/frontend http
      netpol why manifests/ shop/frontend kube-system/coredns udp/53
      netpol why policies/ shop/frontend shop/checkout 5050 --inventory cluster.json --store shop.db
    """
    from netpol.cli.engine import engine
    from netpol.cli.peers import port_of, resolved
    from netpol.cli.run import Referred
    from netpol.cli.sides import (
        internet,
        inventory_or_own,
        judge_of,
        lone,
        no_workloads,
        read_policies,
        say_engine,
    )
    from netpol.graph import Connection
    from netpol.peers import Entity, Workload
    from netpol.report.rows import evidence_object
    from netpol.report.why import verdict, why_object, why_text
    from netpol.why import why as found_why

    notices = noticed()
    read = read_policies(policies, notices, Referred(inventory))
    known = inventory_or_own(inventory, policies, notices)
    if not known.pods:
        raise no_workloads(", ".join(inventory) or policies)
    one = resolved(client, known)
    other = resolved(server, one.inventory)
    protocol, number = port_of(port, other.peer, other.inventory)
    if not isinstance(one.peer, Workload) and not isinstance(other.peer, Workload):
        raise NetpolError(
            f"neither {client} nor {server} is a pod, so no policy speaks of this connection"
        )
    if one.peer == other.peer and lone(one.peer, other.inventory):
        raise NetpolError(
            f"{client} is one pod: what it says to itself never leaves it, so no policy can"
            " block it"
        )
    plugin = engine(cni, known, notices.tell, read.seen)
    profile = read.under(plugin)
    parties = [internet()] if Entity("world") in (one.peer, other.peer) else []
    judge = judge_of(read.policies, other.inventory, profile, parties)
    connection = Connection(one.peer, other.peer, protocol, number)
    found = found_why(judge, connection)
    doubts = (*found.decision.undecided, *read.unknown)
    found = replace(found, decision=replace(found.decision, undecided=doubts))
    notices.show()
    say_engine(plugin, profile)
    evidence = _observed(store, judging, connection, other.inventory, notices)
    if form == "json":
        shown = {} if evidence is None else {"evidence": evidence_object(evidence)}
        click.echo(json.dumps({**why_object(found), **shown}, indent=2))
    else:
        click.echo(why_text(found), nl=False)
        if evidence is not None:
            click.echo(_said(evidence))
    ctx.exit(_CODES[verdict(found)])


def _observed(
    store: Path | None,
    judging: Judging,
    connection: Connection,
    known: Inventory,
    notices: Notices,
) -> Evidence | None:
    """What was seen of it, as far as it was accepted; None: nobody asked."""
    if store is None:
        return None
    from netpol.cli.run import learn_from
    from netpol.peers import Cidr
    from netpol.review.edges import Edge
    from netpol.review.observed import Seen

    sides = connection.client, connection.server
    edge = Edge(
        kind="closed",
        client=sides[0],
        server=sides[1],
        ports=connection.ports,
        blocks=tuple(one.cidr for one in sides if isinstance(one, Cidr)),
    )
    return Seen(learned=learn_from((), known, notices, store=store, judging=judging)).of(edge)


def _said(evidence: Evidence) -> str:
    from netpol.report.rows import time_text

    if not evidence.records:
        return "Observed: never, as far as it was accepted as needed"
    times = f"from {time_text(evidence.first)} to {time_text(evidence.last)}"
    return f"Observed: {evidence.records:,} records in {len(evidence.hours):,} hours, {times}"
