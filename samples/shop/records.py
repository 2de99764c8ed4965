"""Hubble's words: packets and events as `hubble observe -o jsonpb` prints them.

The rules of Hubble's own parser are kept: which node sees an event, what it knows about the two
sides, when `is_reply` and `traffic_direction` are there and when they are left out.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from chance import Dice, letters, mac, number
from clock import MILLI, SECOND, rfc3339
from describe import CLUSTER, Node
from played import Tape
from sides import Json, Side, Talk

# event_type 4: the sub type is the number of the point, but 0 for to-endpoint.
POINTS = {
    "TO_ENDPOINT": 0,
    "TO_PROXY": 1,
    "TO_HOST": 2,
    "TO_STACK": 3,
    "TO_OVERLAY": 4,
    "FROM_ENDPOINT": 5,
    "FROM_OVERLAY": 9,
    "FROM_NETWORK": 10,
    "TO_NETWORK": 11,
}
# The datapath knows the connection at these points only; elsewhere the reason is unknown.
TRACKED = {"TO_ENDPOINT", "TO_PROXY", "TO_STACK"}
ARRIVING = {"TO_ENDPOINT", "FROM_OVERLAY", "FROM_NETWORK"}

DROPS = {
    "CT_TRUNCATED_OR_INVALID_HEADER": 135,
    "POLICY_DENIED": 133,
    "POLICY_DENY": 181,
    "STALE_OR_UNROUTABLE_IP": 151,
    "UNSUPPORTED_L3_PROTOCOL": 139,
}

SYN, SYN_ACK, ACK, PUSH, FIN, RST, RST_ACK = (
    ("SYN",),
    ("SYN", "ACK"),
    ("ACK",),
    ("PSH", "ACK"),
    ("FIN", "ACK"),
    ("RST",),
    ("RST", "ACK"),
)


def layer4(talk: Talk, flags: tuple[str, ...], *, reply: bool) -> Json:
    if talk.protocol in ("ICMP", "ICMPv6"):
        # A protocol buffer leaves a zero out: the echo reply of IPv4 is an empty object.
        answer = 0 if talk.protocol == "ICMP" else talk.port + 1
        kind = answer if reply else talk.port
        key = "ICMPv4" if talk.protocol == "ICMP" else "ICMPv6"
        return {key: {"type": kind} if kind else {}}
    ports = (talk.port, talk.client_port) if reply else (talk.client_port, talk.port)
    layer: Json = {"source_port": ports[0], "destination_port": ports[1]}
    if flags:
        layer["flags"] = dict.fromkeys(flags, True)
    return {talk.protocol: layer}


def summary(talk: Talk, flags: tuple[str, ...], *, reply: bool) -> str:
    if talk.protocol in ("ICMP", "ICMPv6"):
        family = "ICMPv4" if talk.protocol == "ICMP" else "ICMPv6"
        return f"{family} Echo{'Reply' if reply else 'Request'}"
    if talk.protocol == "UDP":
        return "UDP"
    return "TCP Flags: " + ", ".join(sorted(flags, key=("SYN", "ACK", "FIN", "PSH", "RST").index))


def seen_by(node: Node, side: Side) -> Json:
    endpoint = side.near if side.node == node else side.far
    if node.agent == "new" and "namespace" in endpoint:
        return endpoint | {"cluster_name": CLUSTER}
    return endpoint


@dataclass
class Line:
    """One line of the file; `tag` names the oddity that it is, if it is one."""

    at: int
    arrival: int
    body: Json | str
    tag: str


@dataclass
class Log:
    """Collects events as the relay would: nearly in order, each with its node."""

    lines: list[Line] = field(default_factory=list)
    dice: Dice = field(default_factory=lambda: Dice("log"))
    tape: Tape = field(default_factory=Tape)

    def add(self, at: int, body: Json | str, tag: str = "", node: str = "") -> None:
        """Add a line. Each node is ahead or behind a little: between nodes the order is rough."""
        lag = number(f"{node}/{at // (2 * SECOND)}", 0, 80) * MILLI
        self.lines.append(Line(at, at + lag, body, tag))

    def flow(self, at: int, node: Node, flow: Json, tag: str = "") -> None:
        """Add one flow in the words of that node's agent."""
        stamp = rfc3339(at)
        record: Json = {"time": stamp} | flow | {"node_name": node.seen_as}
        known = record.get("is_reply")
        if node.agent != "new" and known:
            record["reply"] = True
        if node.agent == "old":
            record.pop("is_reply", None)
        record["Summary"] = record.pop("Summary")  # it comes last
        self.add(at, {"flow": record, "node_name": node.seen_as, "time": stamp}, tag, node.name)

    def packet(self, talk: Talk, node: Node, flags: tuple[str, ...], *, reply: bool) -> Json:
        """Give the part of a flow that every kind of event has."""
        sender, receiver = talk.sender(reply=reply), talk.receiver(reply=reply)
        version = "IPv6" if ":" in sender.ip else "IPv4"
        flow: Json = {
            "verdict": "FORWARDED",
            "IP": {"source": sender.ip, "destination": receiver.ip, "ipVersion": version},
            "l4": layer4(talk, flags, reply=reply),
            "source": seen_by(node, sender),
            "destination": seen_by(node, receiver),
            "Type": "L3_L4",
        }
        if sender.name:
            flow["source_names"] = [sender.name]
        if receiver.name:
            flow["destination_names"] = [receiver.name]
        flow["Summary"] = summary(talk, flags, reply=reply)
        return flow

    def trace(
        self,
        at: int,
        talk: Talk,
        point: str,
        flags: tuple[str, ...] = (),
        *,
        reply: bool = False,
        inbound: bool = False,
        tag: str = "",
    ) -> None:
        """Add what one node sees of one packet; nothing where no agent runs.

        `inbound` is for the one point that exists on both sides: the way into a proxy.
        """
        arriving = inbound or point in ARRIVING
        side = talk.receiver(reply=reply) if arriving else talk.sender(reply=reply)
        if side.node is None:
            return
        flow = self.packet(talk, side.node, flags, reply=reply)
        if side.mac and point.endswith("ENDPOINT"):
            macs = (mac(side.mac), side.mac) if arriving else (side.mac, mac(side.mac))
            flow["ethernet"] = {"source": macs[0], "destination": macs[1]}
        sub_type = POINTS[point]
        flow["event_type"] = {"type": 4, "sub_type": sub_type} if sub_type else {"type": 4}
        flow["trace_observation_point"] = point
        if point in TRACKED:
            # A reply keeps the direction of its connection, whichever way the packet goes.
            inward = arriving != reply
            flow["traffic_direction"] = "INGRESS" if inward else "EGRESS"
            flow["is_reply"] = reply
            if side.node.agent == "new":
                reason = "REPLY" if reply else "NEW" if flags == SYN else "ESTABLISHED"
                flow["trace_reason"] = reason
        if point.endswith("OVERLAY"):
            flow["interface"] = {"index": 6, "name": "cilium_vxlan"}
        elif point == "TO_ENDPOINT" and side.node.agent != "old":
            index = number(side.mac, 10, 90)
            flow["interface"] = {"index": index, "name": f"lxc{letters(side.mac, 12)}"}
        self.flow(at, side.node, flow, tag)

    def verdict(
        self,
        at: int,
        talk: Talk,
        direction: str,
        flags: tuple[str, ...],
        *,
        verdict: str = "FORWARDED",
        policy: str = "",
        drop: str = "",
        tag: str = "",
    ) -> None:
        """Add a policy verdict: one for each new connection and direction, where it is policed."""
        side = talk.server if direction == "INGRESS" else talk.client
        if side.node is None:
            return
        flow = self.packet(talk, side.node, flags, reply=False)
        remote = "source" if direction == "INGRESS" else "destination"
        other = talk.client if direction == "INGRESS" else talk.server
        if self.dice.chance(0.3) and other.node != side.node:
            flow[remote] = other.bare
        flow |= {
            "verdict": verdict,
            "event_type": {"type": 5},
            "traffic_direction": direction,
        }
        if drop:
            flow |= {"drop_reason": DROPS[drop], "drop_reason_desc": drop}
        else:
            flow["is_reply"] = False
            flow["policy_match_type"] = 2
        if verdict == "REDIRECTED":
            flow["proxy_port"] = 14213
        if policy and side.node.agent == "new" and (not drop or drop == "POLICY_DENY"):
            word = "denied" if drop else "allowed"
            flow[f"{direction.lower()}_{word}_by"] = [_rule(policy)]
        self.flow(at, side.node, flow, tag)

    def layer7(
        self,
        at: int,
        talk: Talk,
        direction: str,
        layer: Json,
        text: str,
        *,
        verdict: str = "FORWARDED",
        tag: str = "",
    ) -> None:
        """Add what the proxy in front of one side saw of a request or its response."""
        side = talk.server if direction == "INGRESS" else talk.client
        assert side.node is not None
        reply = layer["type"] == "RESPONSE"
        flow = self.packet(talk, side.node, (), reply=reply)
        flow |= {
            "verdict": verdict,
            "Type": "L7",
            "l7": layer,
            "event_type": {"type": 129},
            "traffic_direction": direction,
            "is_reply": reply,
            "Summary": text,
        }
        self.flow(at, side.node, flow, tag)

    def dropped(
        self,
        at: int,
        talk: Talk,
        direction: str,
        flags: tuple[str, ...],
        reason: str,
        tag: str,
        *,
        reply: bool = False,
    ) -> None:
        """Add a drop event: is_reply is never there, the direction is the packet's."""
        sender, receiver = talk.sender(reply=reply), talk.receiver(reply=reply)
        side = receiver if direction == "INGRESS" else sender
        assert side.node is not None
        flow = self.packet(talk, side.node, flags, reply=reply)
        flow |= {
            "verdict": "DROPPED",
            "drop_reason": DROPS[reason],
            "drop_reason_desc": reason,
            "event_type": {"type": 1, "sub_type": DROPS[reason]},
            "traffic_direction": direction,
        }
        self.flow(at, side.node, flow, tag)

    def text(self) -> str:
        """Give the whole file."""
        ordered = sorted(self.lines, key=lambda line: (line.arrival, line.at))  # keeps ties
        return "".join(f"{as_text(line.body)}\n" for line in ordered)

    def counts(self) -> dict[str, int]:
        """Count the lines by their mark, and by what most readers stumble over."""
        tags = Counter(line.tag for line in self.lines if line.tag)
        traits: Counter[str] = Counter()
        for line in self.lines:
            if not isinstance(line.body, str):
                traits.update(_traits(line.body.get("flow", line.body)))
        return {"lines in all": len(self.lines), **_sorted(traits), **_sorted(tags)}


EVENTS = {1: "drop", 4: "trace", 5: "policy verdict", 7: "socket", 129: "layer 7"}


def _traits(flow: Json) -> list[str]:
    if "verdict" not in flow:
        return []
    tests = {
        "with destination_names or source_names": "names" in "".join(key[-5:] for key in flow),
        "over IPv6": flow.get("IP", {}).get("ipVersion") == "IPv6",
        "replies": bool(flow.get("is_reply") or flow.get("reply")),
        "without is_reply": "is_reply" not in flow,
        "with the old field reply": "reply" in flow,
        "with an endpoint known by labels only": any(
            "namespace" in flow.get(side, {}) and "pod_name" not in flow[side]
            for side in ("source", "destination")
        ),
    }
    kind = flow.get("event_type", {}).get("type")
    event = [f"event: {EVENTS[kind]}"] if kind else []
    return [*event, *(name for name, true in tests.items() if true)]


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))


def _rule(policy: str) -> Json:
    namespace, name = policy.split("/")
    return {
        "name": name,
        "namespace": namespace,
        "revision": str(number(policy, 2, 90)),  # a 64-bit number is a string in JSON
        "kind": "CiliumNetworkPolicy",
    }


def as_text(body: Json | str) -> str:
    return body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
