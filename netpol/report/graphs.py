"""The service graph as JSON rows and as pictures: DOT (Graphviz) and Mermaid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from netpol.graph import Connection, ServiceGraph
from netpol.learn import Learned
from netpol.net import PortSet
from netpol.peers import Peer, Workload, label
from netpol.report.printable import printable
from netpol.report.rows import connection_row, evidence_object, records_object, unattributed_row
from netpol.report.words import set_words

__all__ = ["dot", "graph_object", "mermaid"]


def graph_object(learned: Learned) -> dict[str, Any]:
    """Everything that was learned: records, accepted connections, held ones with their reason."""
    held = [
        {**connection_row(one.connection), "reason": one.reason} | _evidence(one.evidence)
        for one in learned.held
    ]
    unattributed = [unattributed_row(one) | _evidence(one.evidence) for one in learned.unattributed]
    return {
        "records": records_object(learned.records),
        "attributed_share": round(learned.attributed_share, 4),
        "lost_events": learned.lost_events,
        "blind_spots": learned.blind_spots,
        "connections": [connection_row(c) | _evidence(e) for c, e in learned.accepted],
        "held": held + unattributed,
    }


def _evidence(evidence: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"evidence": evidence_object(evidence)}


def dot(graph: ServiceGraph) -> str:
    """Graphviz: a box per namespace, an arrow per pair of peers with its ports."""
    lines = ["digraph netpol {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    for number, (namespace, peers) in enumerate(_by_namespace(graph).items()):
        indent = "  "
        if namespace:
            lines.append(f"  subgraph cluster_{number} {{ label={_quoted(namespace)};")
            indent = "    "
        lines += [f"{indent}{_quoted(label(p))} [label={_quoted(_short(p))}];" for p in peers]
        lines += ["  }"] if namespace else []
    for (client, server), ports in _arrows(graph).items():
        ends = f"{_quoted(label(client))} -> {_quoted(label(server))}"
        lines.append(f"  {ends} [label={_quoted(set_words(ports))}];")
    return "\n".join([*lines, "}"]) + "\n"


def mermaid(graph: ServiceGraph) -> str:
    """Mermaid flowchart, as GitHub and GitLab draw it in Markdown."""
    names = {peer: f"n{number}" for number, peer in enumerate(_peers(graph))}
    lines = ["flowchart LR"]
    for number, (namespace, peers) in enumerate(_by_namespace(graph).items()):
        lines += [f'  subgraph ns{number}["{_escaped(namespace)}"]'] if namespace else []
        lines += [f'    {names[peer]}["{_escaped(_short(peer))}"]' for peer in peers]
        lines += ["  end"] if namespace else []
    for (client, server), ports in _arrows(graph).items():
        lines.append(f'  {names[client]} -->|"{set_words(ports)}"| {names[server]}')
    return "\n".join(lines) + "\n"


def _arrows(graph: ServiceGraph) -> dict[tuple[Peer, Peer], PortSet]:
    arrows: dict[tuple[Peer, Peer], PortSet] = defaultdict(PortSet)
    for connection, _ in graph:
        arrows[(connection.client, connection.server)] |= connection.ports
    return arrows


def _peers(graph: ServiceGraph) -> list[Peer]:
    return sorted({peer for c, _ in graph for peer in _sides(c)}, key=label)


def _sides(connection: Connection) -> Iterable[Peer]:
    return connection.client, connection.server


def _by_namespace(graph: ServiceGraph) -> dict[str, list[Peer]]:
    groups: dict[str, list[Peer]] = defaultdict(list)
    for peer in _peers(graph):
        groups[peer.namespace if isinstance(peer, Workload) else ""].append(peer)
    return dict(sorted(groups.items()))


def _short(peer: Peer) -> str:
    return f"{peer.name} ({peer.kind})" if isinstance(peer, Workload) else label(peer)


def _escaped(text: str) -> str:
    """Mermaid knows no backslash: what would end or bend a text is written as an entity."""
    special = set('"#<>&`')
    return "".join(f"#{ord(c)};" if c in special else c for c in printable(text))


def _quoted(text: str) -> str:
    text = printable(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
