"""What the network policy agent of the AWS VPC CNI logs on each node.

Only pods that a policy selects have its programs. The application's namespaces are about to be
learned, so there every pod that no policy selected in a direction has one that allows everything;
of the platform's, only those with a policy of their own are seen. Only the first packet of a
connection is logged, on the way out before a Service's address is translated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chance import number
from clock import MILLI, SECOND, rfc3339
from describe import ONE, TWO
from played import ICMP, Conversation
from traffic import GUARDED, LEASHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from describe import Node
    from pods import Pod

LEARNED = ("shop", "payments", "data", "ingress")


def policed(pod: Pod | None, own: dict[str, str]) -> bool:
    return pod is not None and (pod.workload.namespace in LEARNED or pod.workload.key in own)


def info(one: Conversation, verdict: str, direction: str, *, new: bool) -> str:
    """Print one flow; the older agent tells neither direction nor tier."""
    talk, dialled = one.talk, one.dialled
    target, port = talk.server.ip, talk.port
    if direction == "egress" and dialled:
        target, port = dialled.ip, dialled.port
    protocol, ports = talk.protocol, (talk.client_port, port)
    if protocol in ICMP:
        protocol, ports = "ICMP", (0, 0)
    colon = ":" if one.ip6 else ""
    text = (
        f"Flow Info: Src IP: {talk.client.ip} Src Port: {ports[0]} Dest IP: {target} "
        f"Dest Port: {ports[1]} Proto{colon} {protocol} Verdict{colon} {verdict}"
    )
    if not new:
        return text
    tier = "ADMIN" if one.forbidden else "NETWORK_POLICY"
    tier = "DEFAULT" if verdict == "DENY" and not one.forbidden else tier
    return f"{text} Direction{colon} {direction}, Tier{colon} {tier}"


def _line(at: int, message: str, caller: str = "events/events.go:273", level: str = "debug") -> str:
    stamp = f"{rfc3339(at // MILLI * MILLI)[:-7]}Z"
    body = {"level": level, "ts": stamp, "caller": caller, "msg": message}
    return json.dumps(body, separators=(",", ":"))


def _lines(one: Conversation, node: Node) -> Iterator[tuple[int, str]]:
    new = node == TWO
    leaves = node == one.client_node and policed(one.client_pod, LEASHED)
    if leaves and one.client_pod:
        verdict = "DENY" if one.stopped == "EGRESS" else "ACCEPT"
        yield one.begin, _line(one.begin, info(one, verdict, "egress", new=new))
        if one.talk.protocol == "UDP" and number(str(one.begin), 0, 9) == 0:
            gone = one.end + 60 * SECOND  # a clean-up of its own table, no traffic
            yield gone, _line(gone, info(one, "EXPIRED", "egress", new=new))
    arrives = node == one.server_node and policed(one.server_pod, GUARDED)
    if arrives and one.stopped in ("", "INGRESS"):
        at = one.begin + 200_000
        verdict = "DENY" if one.stopped else "ACCEPT"
        yield at, _line(at, info(one, verdict, "ingress", new=new))


def log(conversations: list[Conversation], node: Node) -> str:
    lines: list[tuple[int, str]] = []
    for one in conversations:
        if one.opens:
            lines += _lines(one, node)
    chores = ("Received a new reconcile request", "Total number of interfaces to be updated")
    for turn in range(0, len(lines), 200):
        at = lines[turn][0]
        caller = "controllers/policyendpoints_controller.go:148"
        lines.append((at, _line(at, chores[turn // 200 % 2], caller, "info")))
    return "".join(f"{line}\n" for _, line in sorted(lines))


def files(conversations: list[Conversation]) -> dict[str, bytes]:
    """Print the logs of the workers; on the control plane no pod is policed."""
    return {f"aws/{node.name}.log.gz": log(conversations, node).encode() for node in (ONE, TWO)}
