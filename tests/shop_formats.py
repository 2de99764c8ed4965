"""What each kind of eyes tells of the shop's hour, and what it cannot tell: a table.

Hubble is the measure (``tests/e2e/test_formats.py`` holds it to what was played). A format may call
things otherwise, or have them under two names, or know less of what became of them; each such
difference has a name here, and a number of connections. There is no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from shop_truth import Conversation, Row

__all__ = ["ACCEPTED", "FORMATS", "TOGETHER", "UNSEEN", "Edge", "Format"]

ACCEPTED, UNSEEN = "accepted", "not in the graph"
HOUR, TIME_WAIT = 3600, 120


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A connection as a format tells it: one of Hubble's, or several that it cannot tell apart."""

    row: Row
    hubble: frozenset[str]
    """Accepted, or why it is held."""
    here: str
    conversations: tuple[Conversation, ...]
    """What was really said."""

    @property
    def seen(self) -> bool:
        """Whether it is in the graph."""
        return self.here != UNSEEN

    def all(self, test: Callable[[Conversation], object]) -> bool:
        """Whether something holds for all that was said."""
        return all(map(test, self.conversations))


Words: TypeAlias = Callable[[Row], Row | None]
"""How a format calls a connection; None: it cannot say between whom it is."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """The files of one format, and what it cannot tell."""

    files: tuple[str, ...]
    sees: Callable[[Conversation], bool]
    """Whether a conversation is in the files."""
    reporters: int = 1
    """How many tell of the same conversations, each of a part; who saw the most of them counts."""
    floor: int = 0
    """So many are counted of a connection of which no conversation began in the hour."""
    words: Mapping[str, tuple[int, Words]] = field(default_factory=dict)
    """Reason → how many connections are called otherwise than by Hubble, and how."""
    twice: Mapping[str, tuple[int, Callable[[Conversation], Row | None]]] = field(
        default_factory=dict
    )
    """Reason → how many connections are there under another name too, and which."""
    differences: Mapping[str, tuple[int, Callable[[Edge], bool]]] = field(default_factory=dict)
    """Reason → of how many connections it is told otherwise what became of them, and of which; the
    first that fits counts."""
    names: bool = False
    """Whether it tells how the outside was called."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Records that are about no connection, or could not be used."""

    def count(self, conversations: Iterable[Conversation]) -> int:
        """How many of these conversations are counted."""
        return max(sum(map(self.sees, conversations)), self.floor)

    def called(self, one: Row) -> Row | None:
        """A connection in its words."""
        for _, say in self.words.values():
            found = say(one)
            if found is None:
                return None
            one = found
        return one


# ------------------------------------------------------------------- what several have in common


def is_outside(name: str) -> bool:
    """Whether this is an address outside of the cluster."""
    return name.endswith(("/32", "/128"))


def without_type(one: Row) -> Row:
    """ICMP of any type."""
    return (*one[:3], None) if one[2].startswith("ICMP") else one


def begun_before(edge: Edge) -> bool:
    """Only connections from before the hour, of which the middle was seen."""
    return not edge.seen and edge.all(lambda one: not one.opens)


def was_stopped(edge: Edge) -> bool:
    """By a policy."""
    return edge.all(lambda one: one.stopped)


def never_answered(one: Conversation) -> bool:
    """By anything but a reset."""
    return one.refused or not one.replied


def unanswered_datagram(edge: Edge) -> bool:
    """A policy let it pass; nobody answered, and for a datagram nobody needs to."""
    return edge.here == ACCEPTED and edge.row[2] == "UDP" and edge.all(lambda one: not one.replied)


# ------------------------------------------------------------------------------------- Calico


def without_address(one: Row) -> Row | None:
    """`pub` and `pvt`: outside, and somewhere near that is no pod and no node."""
    client, server, protocol, port = one
    if any(is_outside(name) and name.startswith("10.") for name in (client, server)):
        return None
    ends = ["entity:world" if is_outside(name) else name for name in (client, server)]
    return ends[0], ends[1], protocol, port


def some_node(one: Row) -> Row:
    """A host endpoint: whose node it is, and that the API server is there, no name says.

    Calls to the API server are known by its Service.
    """
    client, server, protocol, port = one
    nodes = ("entity:host", "entity:kube-apiserver")
    client = "entity:remote-node" if client in nodes else client
    server = "entity:remote-node" if server in nodes and port != 6443 else server
    return client, server, protocol, port


CALICO_DIFFERENCES: Final[Mapping[str, tuple[int, Callable[[Edge], bool]]]] = {
    "an answer that a datagram does not need": (1, unanswered_datagram),
    # A reset is one packet, as nothing is: the counts tell that no connection came of it.
    "refused, or not answered": (
        1,
        lambda edge: edge.here == "not answered" and edge.all(lambda one: one.refused),
    ),
}

# ---------------------------------------------------------------------------------- conntrack


def passed_on_a_worker(one: Conversation) -> bool:
    """Whether its first packet left a worker, or reached the pod there; conntrack sees no other."""
    if not one.opens or one.stopped in ("EGRESS", "ROUTE"):
        return False
    seen_there = one.nodes[1:] if not one.stopped else ()
    seen_here = one.nodes[:1] if not one.stopped or one.nodes[0] != one.nodes[1] else ()
    return any(node.startswith("worker") for node in (*seen_here, *seen_there))


def remains(one: Conversation) -> bool:
    """Whether its entry is still there at the end of the hour, or was no new one."""
    return not (one.opens and one.ends and one.last + TIME_WAIT < HOUR)


# --------------------------------------------------------------------------------------- AWS

LEARNED = ("shop/", "payments/", "data/", "ingress/")
"""Namespaces in which a policy selects every pod."""


def policed(one: Conversation) -> bool:
    """Whether the agent has a program at a pod on a worker that its first packet reached."""
    client, server, _, _ = one.row
    sent = client.startswith(LEARNED) or client == "monitoring/Deployment/log-store"
    received = server.startswith(LEARNED) and one.stopped in ("", "INGRESS")
    at_work = [node.startswith("worker") for node in one.nodes]
    return one.opens and ((sent and at_work[0]) or (received and at_work[1]))


# --------------------------------------------------------------------------------------- pcap


def masqueraded(one: Conversation) -> Row | None:
    """How the network card of worker-1 shows a pod's call to the internet."""
    _, server, protocol, port = one.row
    inside = one.nodes[1] or server.startswith("10.")
    if one.pods[0] and one.nodes[0] == "worker-1" and not inside and not one.stopped:
        return "entity:remote-node", server, protocol, port
    return None


# ---------------------------------------------------------------------------------- the table

FORMATS: Final[Mapping[str, Format]] = {
    "goldmane": Format(
        files=("goldmane.jsonl.gz",),
        sees=lambda one: one.opens,
        floor=1,
        words={
            "the outside has no address": (122, without_address),
            "which node, and whether the API server is there": (19, some_node),
            "ICMP has no type": (2, without_type),
        },
        differences=CALICO_DIFFERENCES,
    ),
    "calico-enterprise": Format(
        files=("enterprise.jsonl.gz",),
        sees=lambda one: one.opens,
        floor=1,
        words={"ICMP has no type": (2, without_type)},
        names=True,
        differences={
            **CALICO_DIFFERENCES,
            # By numbers of packets it is told from a refusal, and these are too few.
            "a handshake and nothing else": (
                2,
                lambda edge: edge.here == "not answered" and edge.hubble == {ACCEPTED},
            ),
        },
    ),
    "conntrack": Format(
        files=("conntrack/worker-1.txt.gz", "conntrack/worker-2.txt.gz"),
        sees=passed_on_a_worker,
        reporters=2,
        differences={
            # It is in the table already, and was not closed in the hour.
            "begun before the hour": (7, begun_before),
            # Packets that a policy drops are never confirmed; on the client's node, if that is
            # another one, they were.
            "stopped on the node itself": (2, lambda edge: not edge.seen and was_stopped(edge)),
            "who stopped it": (2, was_stopped),
            # worker-2 prints what is new and what is gone, not what happens in between; what is
            # closed is gone two minutes later.
            "not gone by ten": (
                4,
                lambda edge: edge.here == "not answered" and edge.all(remains),
            ),
        },
        reasons={"ended, and when it was used is not known": 1},
    ),
    "aws": Format(
        files=("aws/worker-1.log.gz", "aws/worker-2.log.gz"),
        sees=policed,
        reporters=4,
        differences={
            # Its first packet went before, and no other is logged.
            "begun before the hour": (7, begun_before),
            # What a rule would have to allow is not known.
            "ICMP has no type": (
                2,
                lambda edge: not edge.seen and edge.row[2].startswith("ICMP"),
            ),
            # There are programs only where a policy selects the pod.
            "no policy selects either side": (
                26,
                lambda edge: not edge.seen and not any(map(policed, edge.conversations)),
            ),
            # The agent sees that a first packet is let pass, and nothing of what comes back. (A
            # sweep over many ports shows all the same.)
            "nobody says whether it was answered": (
                5,
                lambda edge: edge.here == ACCEPTED and edge.all(never_answered),
            ),
        },
        reasons={
            "the port is not known": 48,  # ICMP
            "end of a connection": 51,
            "other line of the log": 35,
        },
    ),
    "pcap": Format(
        files=(
            "pcap/worker-1-pods.pcapng.gz",
            "pcap/worker-1-eth0.pcap.gz",
            "pcap/worker-2-any.pcap.gz",
        ),
        sees=lambda one: any(node.startswith("worker") for node in one.nodes),
        reporters=3,
        twice={
            # On the network card what leaves the cluster comes from its node already.
            "under the address of its node": (4, masqueraded),
        },
        differences={
            # A packet that is dropped and one that nobody answers look alike.
            "who stopped it": (3, was_stopped),
        },
        names=True,
        reasons={"copy of a packet": 27617, "not IP": 60},
    ),
}

TOGETHER: Final[Mapping[Row, str]] = {
    # StatsD lines that nobody answers. Hubble saw no verdict about them, so they were held; Calico
    # and the agent of AWS saw a policy let them pass, and a datagram needs no answer.
    ("shop/Deployment/cart", "monitoring/Deployment/log-store", "UDP", 8125): ACCEPTED,
}
"""What all formats together tell otherwise than Hubble alone of Hubble's connections."""
