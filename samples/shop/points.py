"""Where packets pass: on which device of which node, and with which addresses, each is seen.

The node of the client turns a Service's address into a pod's as the packet leaves the pod, and back
for answers; between nodes pods' packets travel in VXLAN; what leaves the cluster takes the node's
address, but for the office network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from clock import MICRO
from needs import API_SERVER
from played import Conversation, ident
from wire import Segment, segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from describe import Node
    from pods import Pod

HOP = 12 * MICRO


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One packet at one device: `device` is veth, tunnel or eth0, `pod` has the veth."""

    at: int
    node: Node
    device: str
    arrives: bool  # at the node's own kernel, from a pod or from outside
    one: Conversation
    segment: Segment
    number: int  # of the packet in its conversation
    source: tuple[str, int]
    target: tuple[str, int]
    pod: Pod | None = None
    outer: tuple[Node, Node] | None = None


@dataclass(frozen=True, kw_only=True)
class _Way:
    """The addresses of a conversation before and after they are translated."""

    client: tuple[str, int]
    server: tuple[str, int]
    dialled: tuple[str, int]  # by the client, on its own node
    arrived: tuple[str, int]  # at the server's node, from outside
    left: tuple[str, int]  # the client, outside of its node


def _way(one: Conversation) -> _Way:
    talk, dialled = one.talk, one.dialled
    client, server = (talk.client.ip, talk.client_port), (talk.server.ip, talk.port)
    called = (dialled.ip, dialled.port) if dialled else server
    near = called if dialled and not dialled.outside else server
    far = called if dialled and dialled.outside else server
    left = client
    if one.masqueraded:
        assert one.client_node is not None
        left = one.client_node.ip4, ident(one)
    return _Way(client=client, server=server, dialled=near, arrived=far, left=left)


def _tunnelled(one: Conversation, *, reply: bool) -> bool:
    """Say whether a packet between nodes is in the tunnel: to pods, from pods or the API."""
    sender, receiver = one.talk.sender(reply=reply), one.talk.receiver(reply=reply)
    api = f"reserved:{API_SERVER.removeprefix('entity:')}" in sender.far.get("labels", [])
    return bool(receiver.mac) and bool(sender.mac or api)


def _stations(one: Conversation, *, reply: bool) -> list[tuple[Node, str, bool]]:
    """Name the devices that a packet passes: node, device, and whether it arrives there."""
    nodes = one.client_node, one.server_node
    pods = one.client_pod, one.server_pod
    start, goal = (nodes[::-1], pods[::-1]) if reply else (nodes, pods)
    found: list[tuple[Node, str, bool]] = []
    crosses = start[0] != start[1]
    devices = ["tunnel", "eth0"] if _tunnelled(one, reply=reply) else ["eth0"]
    if start[0]:
        if goal[0]:
            found.append((start[0], "veth", True))
        if crosses:
            found += [(start[0], device, False) for device in devices]
    if start[1]:
        if crosses:
            found += [(start[1], device, True) for device in reversed(devices)]
        if goal[1]:
            found.append((start[1], "veth", False))
    return found


def _passed(one: Conversation, *, reply: bool) -> list[tuple[Node, str, bool]]:
    """Name the devices up to where it was stopped: a veth is before a pod's policies."""
    found = _stations(one, reply=reply)
    match one.stopped:
        case "EGRESS" | "ROUTE":
            return found[:1]
        case "INGRESS":
            return found[:-1]
    return found


def _addresses(
    one: Conversation, way: _Way, station: tuple[Node, str, bool], *, reply: bool
) -> tuple[tuple[str, int], tuple[str, int]]:
    node, device, _ = station
    client, server = way.client, way.server
    own = node == one.client_node
    at_client = device == "veth" and own and (station[2] != reply)
    if at_client:
        server = way.dialled
    elif device == "eth0" and own:
        client = way.left
    elif device == "eth0" and one.client_node is None:
        server = way.arrived
    return (server, client) if reply else (client, server)


def sightings(conversations: Iterable[Conversation], node: Node) -> Iterator[Seen]:
    """Tell every packet at every device of a node."""
    for one in conversations:
        way = _way(one)
        passed = {reply: _passed(one, reply=reply) for reply in (False, True)}
        for number, segment in enumerate(segments(one)):
            for hop, station in enumerate(passed[segment.reply]):
                if station[0] == node:
                    yield _seen(one, way, station, segment, number, hop)


def _seen(
    one: Conversation,
    way: _Way,
    station: tuple[Node, str, bool],
    segment: Segment,
    number: int,
    hop: int,
) -> Seen:
    node, device, arrives = station
    source, target = _addresses(one, way, station, reply=segment.reply)
    pods = (one.client_pod, one.server_pod)
    seen = Seen(
        at=segment.at + hop * HOP,
        node=node,
        device=device,
        arrives=arrives,
        one=one,
        segment=segment,
        number=number,
        source=source,
        target=target,
    )
    if device == "veth":
        return replace(seen, pod=pods[arrives == segment.reply])
    if device == "eth0" and _tunnelled(one, reply=segment.reply):
        ends = (one.client_node, one.server_node)
        first, second = ends[::-1] if segment.reply else ends
        assert first is not None
        assert second is not None
        return replace(seen, outer=(first, second))
    return seen
