"""What `conntrack -E -o timestamp` prints on each node: connections that passed, with their NAT.

A packet that a policy drops is never confirmed, so nothing is printed on the node that drops it.
Connections from before the hour are there already and end by a timeout: nothing is printed either.
The node of the client translates a Service's address; the node of the server sees the pod's only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from clock import MICRO, MILLI, SECOND
from describe import HOUR, LENGTH, ONE, TWO
from played import ICMP, Conversation, ident

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from describe import Node

# Seconds after which the kernel forgets, by its defaults.
WAITS = {"SYN_SENT": 120, "SYN_RECV": 60, "ESTABLISHED": 432000, "FIN_WAIT": 120}
WAITS |= {"LAST_ACK": 30, "TIME_WAIT": 120, "CLOSE": 10}
NUMBERS = {"TCP": 6, "UDP": 17, "ICMP": 1, "ICMPv6": 58}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of one node's table: the two tuples, as they are printed."""

    name: str
    number: int
    original: str
    answer: str

    def line(self, at: int, event: str, wait: str = "", *, replied: bool, assured: bool) -> str:
        second, rest = divmod(at // MICRO, 1_000_000)
        head = f"[{second}.{rest:06d}]\t{event:>9} {self.name:<8} {self.number}{wait} "
        unreplied = "" if replied else " [UNREPLIED]"
        return f"{head}{self.original}{unreplied} {self.answer}{' [ASSURED]' if assured else ''}"


def _tuple(source: str, target: str, ports: str) -> str:
    return f"src={source} dst={target} {ports}"


def entry(one: Conversation, node: Node) -> Entry:
    """Translate as this node does."""
    talk, dialled = one.talk, one.dialled
    source, port = talk.client.ip, talk.client_port
    target, target_port = talk.server.ip, talk.port
    translates = node == (one.server_node if dialled and dialled.outside else one.client_node)
    if dialled and translates:
        target, target_port = dialled.ip, dialled.port
    back, back_port = source, port
    if one.masqueraded:
        back, back_port = node.ip4, ident(one)
    if talk.protocol in ICMP:
        answer = 0 if talk.protocol == "ICMP" else talk.port + 1
        asks = f"type={talk.port} code=0 id={ident(one)}"
        says = f"type={answer} code=0 id={ident(one)}"
    else:
        asks = f"sport={port} dport={target_port}"
        says = f"sport={talk.port} dport={back_port}"
    return Entry(
        name="icmpv6" if talk.protocol == "ICMPv6" else talk.protocol.lower(),
        number=NUMBERS[talk.protocol],
        original=_tuple(source, target, asks),
        answer=_tuple(talk.server.ip, back, says),
    )


Event = tuple[int, str]


def _tcp(one: Conversation, shown: Entry) -> Iterator[Event]:
    """Follow the kernel's states; a closed connection is destroyed when its time is over."""
    closing = [packet.at for packet in one.packets if "FIN" in packet.flags]
    begin, state, last = one.begin, "SYN_SENT", one.end

    def event(at: int, state: str, *, new: bool = False, assured: bool = True) -> Event:
        word = "[NEW]" if new else "[UPDATE]"
        wait = f" {WAITS[state]} {state}"
        return at, shown.line(at, word, wait, replied=not new, assured=assured)

    yield event(begin, state, new=True, assured=False)
    opened = False
    for packet in one.packets:
        if packet.reply and "RST" in packet.flags:
            state = "CLOSE"
            yield event(packet.at, state, assured=False)
        elif packet.reply and "SYN" in packet.flags:
            opened, state = True, "ESTABLISHED"
            yield event(packet.at, "SYN_RECV", assured=False)
            yield event(packet.at + 30 * MICRO, state)
        elif "RST" in packet.flags:
            state = "CLOSE"
            yield event(packet.at, state)
    if closing:
        state, last = "TIME_WAIT", max(closing)
        yield event(min(closing), "FIN_WAIT")
        yield event(last, "LAST_ACK")
        yield event(last + 40 * MICRO, state)
    gone = last + WAITS[state] * SECOND
    yield gone, shown.line(gone, "[DESTROY]", replied=one.replied, assured=opened)


def _other(one: Conversation, shown: Entry) -> Iterator[Event]:
    """Forget what has no handshake half a minute after its last packet."""
    yield one.begin, shown.line(one.begin, "[NEW]", " 30", replied=False, assured=False)
    answered = [packet.at for packet in one.packets if packet.reply]
    if answered:
        at = answered[0]
        yield at, shown.line(at, "[UPDATE]", " 30", replied=True, assured=False)
    gone = one.end + 30 * SECOND
    yield gone, shown.line(gone, "[DESTROY]", replied=bool(answered), assured=False)


def sees(one: Conversation, node: Node) -> bool:
    """Say whether the first packet is confirmed on this node."""
    if not one.opens or one.stopped in ("EGRESS", "ROUTE"):
        return False
    if node == one.server_node and one.stopped:
        return False
    return node in (one.client_node, one.server_node)


def table(conversations: Iterable[Conversation], node: Node) -> str:
    """Print the hour of one node. Every second node tells only of what is new and what is gone."""
    events: list[Event] = []
    for one in conversations:
        if sees(one, node):
            events += (_tcp if one.talk.protocol == "TCP" else _other)(one, entry(one, node))
    few = node == TWO
    close = (HOUR + LENGTH) * SECOND + MILLI
    lines = (line for at, line in sorted(events) if at < close)
    return "".join(f"{line}\n" for line in lines if not (few and "[UPDATE]" in line))


def files(conversations: list[Conversation]) -> dict[str, bytes]:
    return {
        f"conntrack/{node.name}.txt.gz": table(conversations, node).encode() for node in (ONE, TWO)
    }
