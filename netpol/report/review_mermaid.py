"""A picture of what changes, and of what stays between the same workloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from netpol.peers import Peer, Workload, label
from netpol.report.inert import mermaid_text
from netpol.report.review_words import party
from netpol.report.words import set_words
from netpol.review import Edge, Review

__all__ = ["picture"]

_ARROWS: Final = 30
"""More arrows than these are a tangle; GitHub itself stops at 500."""

_LOOKS: Final = {
    "opened": ("==>", "+", "#1a7f37"),
    "broadened": ("==>", "+", "#1a7f37"),
    "narrowed": ("-.->", "−", "#cf222e"),
    "closed": ("-.->", "−", "#cf222e"),
    "undecided": ("-->", "?", "#9a6700"),
}


def picture(review: Review) -> tuple[str, int]:
    """(flowchart, edges that are not in it): the riskiest first; empty when nothing changes."""
    ranked = sorted(review.edges, key=lambda one: (not one.edge.opens, -len(one.risks)))
    shown = [one.edge for one in ranked[:_ARROWS]]
    if not shown:
        return "", 0
    nodes = _Nodes()
    arrows = [_arrow(edge, nodes) for edge in shown]
    arrows += _beside(review, {p for e in shown for p in (e.client, e.server)}, nodes)
    lines = ["flowchart LR", *nodes.lines(), *arrows[:_ARROWS], *_colours(shown)]
    return "\n".join(lines) + "\n", len(review.edges) - len(shown)


class _Nodes:
    """Names without any meaning for what is drawn, in boxes by namespace."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._groups: dict[str, list[str]] = defaultdict(list)

    def name(self, peer: Peer, text: str) -> str:
        if text not in self._names:
            self._names[text] = f"n{len(self._names)}"
            space = peer.namespace if isinstance(peer, Workload) else ""
            shown = f"{peer.name} ({peer.kind})" if isinstance(peer, Workload) else text
            self._groups[space].append(f'{self._names[text]}["{mermaid_text(shown)}"]')
        return self._names[text]

    def lines(self) -> Iterator[str]:
        for number, (namespace, nodes) in enumerate(sorted(self._groups.items())):
            yield from (f'  subgraph ns{number}["{mermaid_text(n)}"]' for n in [namespace] if n)
            yield from (f"    {node}" for node in nodes)
            yield from ("  end" for n in [namespace] if n)


def _arrow(edge: Edge, nodes: _Nodes) -> str:
    line, sign, _ = _LOOKS[edge.kind]
    client, server = (
        nodes.name(one, party(one, edge.blocks)) for one in (edge.client, edge.server)
    )
    return f'  {client} {line}|"{mermaid_text(f"{sign} {set_words(edge.ports)}")}"| {server}'


def _beside(review: Review, peers: set[Peer], nodes: _Nodes) -> Iterator[str]:
    """What stays as it was between the workloads that are drawn anyway."""
    changed = {(one.edge.client, one.edge.server) for one in review.edges}
    for client, servers in review.new.judge.servers():
        for server, _ in servers if client in peers else ():
            if server in peers and server != client and (client, server) not in changed:
                ends = (nodes.name(one, label(one)) for one in (client, server))
                yield f"  {next(ends)} --> {next(ends)}"


def _colours(edges: Iterable[Edge]) -> list[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for number, edge in enumerate(edges):
        places[_LOOKS[edge.kind][2]].append(str(number))
    return [f"  linkStyle {','.join(numbers)} stroke:{one}" for one, numbers in places.items()]
