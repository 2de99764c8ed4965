"""What people decided of connections: a file in Git that says who allowed or refused what, and why.

decisions:
- decision: allow
  client: shop/Deployment/api
  server: data/StatefulSet/postgres
  protocol: TCP
  ports: "5432"
  by: ana@example.org
  date: 2026-11-02
  why: the nightly export, which failed while flows were recorded

``allow`` takes a held connection as needed, ``refuse`` holds an accepted one. Peers are written as
in every table of netpol's (:func:`netpol.peers.label`). Where two decisions are about one
connection the later in the file counts.
"""

from __future__ import annotations

import datetime
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.manifests import dump, whole
from netpol.net import ICMP_PROTOCOLS, PROTOCOLS, PortSet
from netpol.notices import Tell
from netpol.peers import label
from netpol.quarantine import NAMELESS, Held, Judged

__all__ = [
    "Decided",
    "Decision",
    "added",
    "concerns",
    "decide",
    "entry",
    "ports_of",
    "read_decisions",
]

Verdict: TypeAlias = Literal["allow", "refuse"]

_FIELDS: Final = ("decision", "client", "server", "protocol", "ports", "by", "date", "why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One entry of the file."""

    verdict: Verdict
    client: str
    server: str
    ports: PortSet
    by: str
    date: str
    """The day, as 2026-11-02."""
    why: str
    where: str = field(default="", compare=False)
    """File and path of the entry."""

    @property
    def about(self) -> tuple[str, str, PortSet]:
        """What it decides on."""
        return self.client, self.server, self.ports

    @property
    def text(self) -> str:
        """As a line to read."""
        return f"{self.verdict} {self.client} → {self.server} {self.ports}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was judged, after people's decisions."""

    judged: Judged = field(default_factory=lambda: Judged(accepted=ServiceGraph()))
    by: dict[Connection, Decision] = field(default_factory=dict)
    """The decision that a connection owes its place to."""
    idle: tuple[Decision, ...] = ()
    """Those that change nothing: what they are about stands as they want it without them."""
    unknown: tuple[Decision, ...] = ()
    """Those about connections that nobody saw."""


def decide(judged: Judged, decisions: Iterable[Decision]) -> Decided:
    """Let decisions overrule what evidence alone says.

    What no policy can name stays held, whatever was decided.
    """
    about: dict[tuple[str, str], list[Decision]] = defaultdict(list)
    for decision in decisions:
        about[decision.client, decision.server].append(decision)
    accepted: list[tuple[Connection, Evidence]] = []
    held: list[Held] = []
    by: dict[Connection, Decision] = {}
    changing: dict[Decision, bool] = {}  # of those about something that was seen
    edges = [Held(connection=c, reason="", evidence=e) for c, e in judged.accepted]
    for one in (*edges, *judged.held):
        found = [d for d in about[_ends(one.connection)] if concerns(d, one.connection)]
        reason = _reason(one, found[-1]) if found else one.reason
        for decision in found:
            changing.setdefault(decision, False)
        if reason != one.reason:
            by[one.connection] = found[-1]
            changing[found[-1]] = True
        if reason:
            held.append(replace(one, reason=reason))
        else:
            accepted.append((one.connection, one.evidence))
    return Decided(
        judged=Judged(accepted=ServiceGraph.of(accepted), held=tuple(held)),
        by=by,
        idle=tuple(d for every in about.values() for d in every if changing.get(d) is False),
        unknown=tuple(d for every in about.values() for d in every if d not in changing),
    )


def concerns(decision: Decision, connection: Connection) -> bool:
    """Whether a decision is about a connection."""
    ends = decision.client, decision.server
    return _ends(connection) == ends and connection.ports <= decision.ports


def _ends(connection: Connection) -> tuple[str, str]:
    return label(connection.client), label(connection.server)


def _reason(one: Held, decision: Decision) -> str:
    """Why a connection is held after the decision; empty: it is not."""
    if decision.verdict == "allow":
        return NAMELESS if one.reason == NAMELESS else ""
    return one.reason or "refused by a decision"


def read_decisions(path: str, tell: Tell) -> tuple[Decision, ...]:
    """The decisions of a file, in its order. Raises NetpolError for what does not fit.

    An empty file has none.
    """
    documents = whole(path, tell)
    if len(documents) > 1:
        raise NetpolError(f"expected one YAML document, found {len(documents)}", where=path)
    try:
        body = Field(documents[0].data if documents else {})
        body.only("decisions")
        return tuple(_decision(one, path) for one in body["decisions"].entries())
    except NetpolError as error:
        raise NetpolError(
            error.what, where=f"{path}: {error.where}", hint=error.hint or _HINT
        ) from error


_HINT: Final = "`netpol decide` writes such files"


def _decision(entry: Field, path: str) -> Decision:
    entry.only(*_FIELDS)
    verdict, protocol = entry["decision"].need().text(), entry["protocol"].text("TCP")
    if verdict not in ("allow", "refuse"):
        entry["decision"].expected("allow or refuse")
    if protocol not in PROTOCOLS:
        entry["protocol"].expected(f"one of {', '.join(PROTOCOLS)}")
    ports = entry["ports"]
    text = str(ports.value) if type(ports.value) is int else ports.text("")
    try:
        wanted = ports_of(protocol, text)
    except ValueError as error:
        ports.refuse(str(error))
    return Decision(
        verdict=verdict,  # type: ignore[arg-type] # one of the two
        client=entry["client"].need().text(),
        server=entry["server"].need().text(),
        ports=wanted,
        by=entry["by"].need().text(),
        date=_day(entry["date"].need()),
        why=entry["why"].need().text(),
        where=f"{path}: {entry.path}",
    )


def _day(entry: Field) -> str:
    """YAML takes a day without quotes for a date."""
    return entry.value.isoformat() if isinstance(entry.value, datetime.date) else entry.text()


def ports_of(protocol: str, text: str) -> PortSet:
    """``5432`` or ``80,8000-8010`` of a protocol, ``8`` or ``3/1`` of ICMP; ``all``, or nothing.

    Raises ValueError.
    """
    if text in ("", "all"):
        return PortSet.of(protocol)
    return PortSet.union(_part(protocol, part) for part in text.split(","))


def _part(protocol: str, text: str) -> PortSet:
    if protocol in ICMP_PROTOCOLS:
        found = re.fullmatch(r"(\d{1,3})(?:/(\d{1,3}))?", text, re.ASCII)
        if found and max(numbers := [int(n) for n in found.groups() if n]) < 256:
            return PortSet.icmp(protocol, *numbers)
        raise ValueError(f"expected a type, or type/code, found {text!r}")
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", text.strip(), re.ASCII)
    if found:
        low, high = int(found[1]), int(found[2] or found[1])
        if 0 < low <= high < 65536:
            return PortSet.of(protocol, low, high)
    raise ValueError(f"expected a port or a range of ports, found {text!r}")


def entry(decision: Decision) -> dict[str, str]:
    """A decision as it stands in the file."""
    return {
        "decision": decision.verdict,
        "client": decision.client,
        "server": decision.server,
        "protocol": (protocol := decision.ports.parts[0][0]),
        "ports": decision.ports.text(protocol),
        "by": decision.by,
        "date": decision.date,
        "why": decision.why,
    }


def added(text: str, decision: Decision) -> str:
    """The text of a file of decisions with one more at its end; nothing else of it changes."""
    head = "" if text.strip() else "decisions:\n"
    end = "" if not text or text.endswith("\n") else "\n"
    return text + end + head + dump({"decisions": [entry(decision)]}).removeprefix("decisions:\n")
