"""The lab at work: cases played, policies put in force, everything tried against everything."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import describe as d
from lab.enforcer import SPOOFED, ruleset
from lab.kube_proxy import MASQUERADE
from lab.network import Lab
from lab.scenario import LIES, Case

__all__ = ["Try", "capture", "enforce", "everything", "lie", "play", "spoofed", "stop", "tried"]

VETHS = {node.name: {pod.name: pod.veth for pod in d.PODS if pod.node is node} for node in d.NODES}


def play(lab: Lab, cases: Iterable[Case]) -> list[tuple[Case, str, str]]:
    """All cases at once, by every client's agent: what became of each, and what was answered."""
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


def capture(lab: Lab, folder: Path) -> list[Path]:
    """Packets on the pods' cables from now on: the files in which they will be."""
    folder.mkdir()
    for node, veths in VETHS.items():
        files = {veth: str(folder / f"{veth}.pcap") for veth in veths.values()}
        lab.of(node).order("watch", files=files)
    return sorted(folder / f"{veth}.pcap" for veths in VETHS.values() for veth in veths.values())


def stop(lab: Lab) -> int:
    """No more packets. How many the kernel lost."""
    return sum(sum(lab.of(node).order("close_eye").values()) for node in VETHS)


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
    servers = {pod.name for pod in d.PODS if pod.addresses[0] in {one[2] for one in LIES}}
    # A datagram is there when the call that sent it returns, but its reader may not have run yet.
    time.sleep(0.2)
    heard = [text for name in servers for _, text in lab.of(name).order("recall")]
    return heard.count(text.encode().hex())


def spoofed(lab: Lab) -> int:
    """Packets that were refused for their false address."""
    words = [
        lab.of(node).order("run", argv=["nft", "list", "counter", "inet", "enforcer", SPOOFED])
        for node in VETHS
    ]
    return sum(int(one.partition("packets ")[2].split()[0]) for one in words)


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
    | {("TCP", _CLOSED), ("UDP", _CLOSED)}
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
