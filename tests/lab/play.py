"""The lab at work: cases played, policies put in force, everything tried against everything."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from lab import describe as d
from lab.enforcer import SPOOFED, ruleset
from lab.kube_proxy import MASQUERADE
from lab.network import Lab
from lab.scenario import LIES, Case

__all__ = [
    "PORTS",
    "VETHS",
    "Played",
    "Try",
    "enforce",
    "everything",
    "lie",
    "play",
    "tried",
]

Played: TypeAlias = tuple[Case, str, str]
"""A case, what became of it, and what was answered."""
VETHS = {node.name: {pod.name: pod.veth for pod in d.PODS if pod.node is node} for node in d.NODES}


def play(lab: Lab, cases: Iterable[Case]) -> list[Played]:
    """All cases at once, by every client's agent."""
    by_client: dict[str, list[Case]] = {}
    for case in cases:
        by_client.setdefault(case.client, []).append(case)
    told = lab.all_together(
        (client, "tries", {"tries": [one.order for one in some]})
        for client, some in by_client.items()
    )
    return [
        (case, *answer)
        for some, answers in zip(by_client.values(), told, strict=True)
        for case, answer in zip(some, answers, strict=True)
    ]


def enforce(lab: Lab, policies: Iterable[dict[str, Any]], objects: list[dict[str, Any]]) -> int:
    """Put policies in force on every node, in place of all before. The number of rules."""
    kept, lines = list(policies), 0
    for node, veths in VETHS.items():
        text = ruleset(kept, objects, veths, MASQUERADE)
        lines += text.count(" return\n")
        lab.of(node).nft(text)
    return lines


def lie(lab: Lab, text: str) -> int:
    """Send what :data:`LIES` says under false addresses; how much of it was believed."""
    for liar, source, to, port in LIES:
        lab.of(liar).order("spoof", source=source, to=to, port=port, text=text)
    while (believed := _heard(lab, text)) + _spoofed(lab) < len(LIES):
        time.sleep(0.01)  # a datagram was sent, but its reader has not run yet
    return believed


def _heard(lab: Lab, text: str) -> int:
    targets = {one[2] for one in LIES}
    servers = [pod.name for pod in d.PODS if pod.addresses[0] in targets]
    return sum(
        said == text.encode().hex() for name in servers for _, said in lab.of(name).order("recall")
    )


def _spoofed(lab: Lab) -> int:
    """Packets that were refused for their false address since policies were put in force."""
    told = [
        json.loads(lab.of(node).order("run", argv=["nft", "-j", "list", "counters"]))
        for node in VETHS
    ]
    counters = [one["counter"] for some in told for one in some["nftables"] if "counter" in one]
    return sum(one["packets"] for one in counters if one["name"] == SPOOFED)


@dataclass(frozen=True, slots=True)
class Try:
    """One question of the matrix. Sides are names of pods and nodes, or ``internet``."""

    client: str
    server: str
    version: int
    protocol: str
    port: int


_CLOSED = 9999
"""A port on which nobody listens: what gets there is refused by the pod, and so was allowed."""
PORTS = sorted(
    {(port.protocol, port.number) for pod in (*d.PODS, *d.HOSTED) for port in pod.ports}
    | {(protocol, _CLOSED) for protocol in ("TCP", "UDP", "SCTP")}
)
_ADDRESSES = {pod.name: pod.addresses for pod in d.PODS} | {
    **{node.name: node.addresses for node in d.NODES},
    "internet": d.EVIL,
}


def address(name: str, version: int) -> str:
    return _ADDRESSES[name][version == 6]


def everything() -> list[Try]:
    """Everybody to everybody on every port that is used by anybody; one side at least is a pod.

    What a pod says to itself never leaves it, and is left out.
    """
    pods = {pod.name for pod in d.PODS}
    return [
        Try(client, server, version, *port)
        for client in _ADDRESSES
        for server in _ADDRESSES
        if client != server and pods & {client, server}
        for version in (4, 6)
        for port in PORTS
    ]


def tried(lab: Lab, questions: Iterable[Try]) -> dict[Try, str]:
    """The kernel's answers."""
    asked = list(questions)
    cases = [
        Case(
            name="",
            client=one.client,
            to=address(one.server, one.version),
            port=one.port,
            speaks="knock",
            protocol=one.protocol,
            source=address(one.client, one.version),
        )
        for one in asked
    ]
    order = {id(case): one for case, one in zip(cases, asked, strict=True)}
    return {order[id(case)]: outcome for case, outcome, _ in play(lab, cases)}
