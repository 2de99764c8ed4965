"""What an hour holds besides the wanted traffic: attacks, mistakes, drops.

The rows of the table of things that must never become a rule, each played by its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chance import Dice
from clock import MILLI, SECOND
from describe import BY_KEY, CONTROL, HOUR, MINUTE, ONE, TWO
from needs import API_SERVER, NEVER
from people import address, alive, health, moments
from records import PUSH, RST, RST_ACK, SYN, SYN_ACK, Log
from sides import Json, Side, Talk, entity, pod_side
from traffic import Stage, talk_between

if TYPE_CHECKING:
    from collections.abc import Callable

    from needs import Never


def _side(name: str, second: int, dice: Dice) -> Side:
    if name in BY_KEY:
        return pod_side(dice.pick(alive(name, second)))
    return address(name.removesuffix("/32"))


def _talk(row: Never, second: int, dice: Dice) -> Talk:
    client = _side(row.client, second, dice)
    server = _side(row.server, second, dice)
    return talk_between(client, server, row.protocol, int(row.ports), dice)


def port_numbers(ports: str) -> list[int]:
    """Read '20-22,80' as its numbers."""
    numbers: list[int] = []
    for part in ports.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def scan(stage: Stage, row: Never) -> None:
    """Sweep one pod: refused nearly everywhere, let in where something happens to listen."""
    dice = stage.dice
    second = HOUR + 22 * MINUTE + dice.between(0, 90)
    client, server = _side(row.client, second, dice), _side(row.server, second, dice)
    listening = {port.number for port in BY_KEY[row.server].ports if port.protocol == "TCP"}
    for turn, port in enumerate(port_numbers(row.ports)):
        talk = talk_between(client, server, "TCP", port, dice)
        at = second * SECOND + turn * 45 * MILLI
        stage.packet(at, talk, SYN, tag="scan")
        if port in listening:
            stage.packet(at + MILLI, talk, SYN_ACK, reply=True, tag="scan-open-port")
            stage.packet(at + 2 * MILLI, talk, RST, tag="scan")
        elif dice.chance(0.97):
            stage.packet(at + MILLI, talk, RST_ACK, reply=True, tag="scan")


def failed(stage: Stage, row: Never) -> None:
    """Knock three times, as a kernel does, and hear nothing."""
    for second in moments(row, stage.dice):
        talk = _talk(row, second, stage.dice)
        for wait in (0, 1, 3):
            stage.packet((second + wait) * SECOND, talk, SYN, tag="failed-connect")


def refused(stage: Stage, row: Never) -> None:
    for second in moments(row, stage.dice):
        talk = _talk(row, second, stage.dice)
        stage.packet(second * SECOND, talk, SYN, tag="refused")
        stage.packet(second * SECOND + MILLI, talk, RST_ACK, reply=True, tag="refused")


def unanswered(stage: Stage, row: Never) -> None:
    for second in moments(row, stage.dice):
        stage.packet(second * SECOND, _talk(row, second, stage.dice), tag="unanswered-udp")


def denied(stage: Stage, row: Never, drop: str = "POLICY_DENIED") -> None:
    """Be stopped by a policy: a verdict and a drop on the node that enforces it."""
    policies = {"POLICY_DENY": "data/postgres-guard"}
    for second in moments(row, stage.dice):
        talk = _talk(row, second, stage.dice)
        direction = "EGRESS" if talk.server.node is None else "INGRESS"
        at = second * SECOND
        stage.log.tape.stopped(at, talk, direction, forbidden=drop == "POLICY_DENY")
        if direction == "INGRESS":
            stage.log.trace(at, talk, "FROM_ENDPOINT", SYN, tag=row.kind)
        policy = policies.get(drop, "")
        stage.log.verdict(
            at, talk, direction, SYN, verdict="DROPPED", drop=drop, policy=policy, tag=row.kind
        )
        stage.log.dropped(at + 20_000, talk, direction, SYN, drop, row.kind)


def explicit_deny(stage: Stage, row: Never) -> None:
    denied(stage, row, "POLICY_DENY")


def by_hand(stage: Stage, row: Never) -> None:
    """Talk and be answered, from a pod that is here today only."""
    for second in moments(row, stage.dice):
        talk = _talk(row, second, stage.dice)
        stage.connection(second * SECOND, talk, whole=True, tag="debug-pod")


def unknown(stage: Stage, row: Never) -> None:
    """Come from an address that nobody knows: no identity, or the one for unknown."""
    ip = row.client.removesuffix("/32")
    nobody: Json = {"labels": ["reserved:unknown"]}
    client = Side(ip=ip, node=None, near={}, far=nobody, bare={})
    server = _side(row.server, HOUR + 50 * MINUTE, stage.dice)
    talk = talk_between(client, server, "TCP", int(row.ports), stage.dice)
    at = (HOUR + 50 * MINUTE) * SECOND
    stage.log.tape.packet(at, talk, SYN, reply=False)
    stage.log.tape.packet(at + MILLI, talk, SYN_ACK, reply=True)
    stage.log.trace(at, talk, "TO_ENDPOINT", SYN, tag="unknown-identity")
    blank = Talk(
        client=Side(ip=ip, node=None, near={}, far={}, bare={}),
        server=server,
        protocol="TCP",
        port=talk.port,
        client_port=talk.client_port,
    )
    stage.log.trace(at + MILLI, blank, "TO_STACK", SYN_ACK, reply=True, tag="unknown-identity")


def gone(stage: Stage, row: Never) -> None:
    for second in moments(row, stage.dice):
        talk = _talk(row, second, stage.dice)
        stage.log.tape.stopped(second * SECOND, talk, "ROUTE")
        reason = "STALE_OR_UNROUTABLE_IP"
        stage.log.dropped(second * SECOND, talk, "EGRESS", SYN, reason, f"infra-{reason}")


def health_checks(stage: Stage, row: Never) -> None:
    """Let Cilium check its nodes; each node asks the health endpoint of another."""
    control = row.client == API_SERVER
    pairs = ((CONTROL, ONE), (CONTROL, TWO)) if control else ((ONE, TWO), (TWO, ONE))
    for turn, second in enumerate(moments(row, stage.dice)):
        asking, asked = pairs[turn % 2]
        client = entity(asking.ip4, row.client.removeprefix("entity:"))
        talk = talk_between(client, health(asked), "TCP", int(row.ports), stage.dice)
        at = second * SECOND
        stage.packet(at, talk, PUSH, tag="health")
        stage.packet(at + MILLI, talk, PUSH, reply=True, tag="health")


PLAYED: dict[str, Callable[[Stage, Never], None]] = {
    "scan": scan,
    "failed-connect": failed,
    "refused": refused,
    "unanswered": unanswered,
    "denied": denied,
    "explicit-deny": explicit_deny,
    "debug-pod": by_hand,
    "unknown-identity": unknown,
    "infrastructure": gone,
    "health": health_checks,
}


def unwanted(log: Log) -> None:
    for row in NEVER:
        dice = Dice(f"never {row.kind} {row.client}>{row.server}:{row.ports}")
        PLAYED[row.kind](Stage(log, dice), row)
