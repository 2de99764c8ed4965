"""What was really said in the shop's hour, conversation by conversation, asked of its script.

The script runs in a process of its own: its modules have names that others have too.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from netpol.graph import Connection
from netpol.peers import label

__all__ = ["Conversation", "Row", "Truth", "row", "truth"]

Row: TypeAlias = tuple[str, str, str, int | None]
"""Client, server, protocol, port."""

_ASK = """
import json, sys
sys.path.insert(0, ".")
from describe import HOUR
from make import hour
from played import pod_of

def who(side):
    pod = pod_of(side)
    if pod:
        return pod.workload.key, pod.key
    labels = side.far.get("labels", [""])
    name = labels[0].removeprefix("reserved:")
    if name in ("host", "remote-node", "kube-apiserver"):
        return f"entity:{name}", ""
    return f"{side.ip}/{128 if ':' in side.ip else 32}", ""

def node(node):
    return node.name if node else ""

for one in hour().tape.conversations:
    talk = one.talk
    icmp = talk.protocol.startswith("ICMP")
    client, server = who(talk.client), who(talk.server)
    print(json.dumps({
        "row": [client[0], server[0], talk.protocol, talk.port * (256 if icmp else 1)],
        "pods": [client[1].partition("/")[2], server[1].partition("/")[2]],
        "nodes": [node(one.client_node), node(one.server_node)],
        "opens": one.opens,
        "ends": any("FIN" in packet.flags for packet in one.packets),
        "last": one.end / 1e9 - HOUR,
        "stopped": one.stopped,
        "replied": one.replied,
        "refused": one.refused,
        "service": f"{one.dialled.namespace}/{one.dialled.name}" if one.dialled else "",
    }))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation; pods by their names, empty where a side is none."""

    row: Row
    pods: tuple[str, str]
    nodes: tuple[str, str]
    opens: bool
    """Its first packet is in the hour."""
    ends: bool
    """It is closed in the hour."""
    last: float
    """Of its last packet: seconds after the hour's begin."""
    stopped: str
    """By a policy on the way out (EGRESS) or in (INGRESS), or for want of a way (ROUTE)."""
    replied: bool
    refused: bool
    service: str
    """The Service that the client called by its address."""


@dataclass(frozen=True)
class Truth:
    """All conversations of the hour."""

    conversations: tuple[Conversation, ...]

    @cached_property
    def by_row(self) -> Mapping[Row, tuple[Conversation, ...]]:
        """The conversations of each connection."""
        found: dict[Row, list[Conversation]] = defaultdict(list)
        for one in self.conversations:
            found[one.row].append(one)
        return {row: tuple(ones) for row, ones in found.items()}


def row(connection: Connection) -> Row:
    """A connection of the graph in the truth's words."""
    client, server = label(connection.client), label(connection.server)
    return client, server, connection.protocol, connection.port


def truth(root: Path) -> Truth:
    """Play the hour."""
    ask = subprocess.run(
        [sys.executable, "-c", _ASK],
        cwd=root / "samples/shop",
        capture_output=True,
        text=True,
        check=True,
    )
    known = map(json.loads, ask.stdout.splitlines())
    tuples = ("row", "pods", "nodes")
    return Truth(
        tuple(
            Conversation(**{key: tuple(v) if key in tuples else v for key, v in one.items()})
            for one in known
        )
    )
