"""A team's own rules about who may talk to whom, read from a YAML file that is kept in Git.

teams: {label: team, namespaces: {payments: [pay, "pay-*"]}}
rules:
- name: nothing reaches the data but the api
  may-only: {to: data/*, only-from: api/*}
- name: the shop works
  must-allow: {from: shop/web, to: shop/api, ports: 8080}
- name: the office has no shell
  must-deny: {from: 192.0.2.0/24, to: any, ports: tcp/22}
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document, whole
from netpol.manifests.lines import Lines
from netpol.net import ALL_PORTS, ICMP_PROTOCOLS, PROTOCOLS, PortSet, canonical_cidr
from netpol.notices import Tell
from netpol.peers import ENTITIES
from netpol.review.peers import INTERNET, Anyone, Blocks, Entities, Names, Party, Pods

__all__ = ["Demand", "TeamRule", "TeamRules", "read_rules"]

Demand: TypeAlias = Literal["must-allow", "must-deny", "only-from", "only-to"]

_KEYS: Final[dict[str, Demand | None]] = {
    "must-allow": "must-allow",
    "permits": "must-allow",
    "must-deny": "must-deny",
    "forbids": "must-deny",
    "may-only": None,
}
"""What a rule may demand; ``permits`` and ``forbids`` are what network-config-analyzer calls it."""
_FORMS: Final = (
    "namespace/name, namespace/Kind/name (with * and ?), a CIDR, entity:world, fqdn:example.org,"
    " internet, any, or an object with namespace, kind, name, labels, namespace-labels"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRule:
    """One rule. ``only-from``: of all clients of ``servers`` only ``clients``; ``only-to``: vice

    versa.
    """

    name: str
    why: str
    demand: Demand
    clients: tuple[Party, ...]
    servers: tuple[Party, ...]
    ports: PortSet
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamRules:
    """A whole file."""

    rules: tuple[TeamRule, ...] = ()
    label: str = ""
    """The label of namespaces that names their team; empty: not said."""
    teams: tuple[tuple[str, str], ...] = ()
    """(pattern of namespaces, team)."""


def read_rules(path: str, tell: Tell) -> TeamRules:
    """The rules of a file. Raises NetpolError with file, line and field for what does not fit."""
    documents = whole(path, tell)
    if len(documents) != 1:
        raise NetpolError(
            f"expected one YAML document with rules, found {len(documents)}", where=path
        )
    document, lines = documents[0], Lines(Path(path))
    try:
        return _read(Field(document.data), lambda at: _line(lines, document, at), path)
    except NetpolError as error:
        line = _line(lines, document, error.where)
        where = f"{path}:{line}: {error.where}".removesuffix(": ")
        raise NetpolError(error.what, where=where, hint=error.hint) from error


def _line(lines: Lines, document: Document, path: str) -> int:
    """The line of a field, or of the nearest that there is on the way to it."""
    steps = [int(n) if n else name for name, n in _STEP.findall(path)]
    paths = [tuple(steps[:end]) for end in range(len(steps), 0, -1)]
    return lines.of(document, *paths)[0]


_STEP: Final = re.compile(r"\.?([^.\[\]]+)(?![^\[]*\])|\[(\d+)\]")


def _read(body: Field, line: Callable[[str], int], file: str) -> TeamRules:
    body.only("teams", "rules")
    body["teams"].only("label", "namespaces")
    teams = [
        (pattern.text(), team)
        for team, field in body["teams"]["namespaces"].children()
        for pattern in _several(field)
    ]
    found = tuple(_rule(one, line(one.path), file) for one in body["rules"].entries())
    names = [one.name for one in found]
    for number, name in enumerate(names):
        if name in names[:number]:
            body["rules"].entries()[number]["name"].refuse(f"two rules are called {name!r}")
    return TeamRules(rules=found, label=body["teams"]["label"].text(""), teams=tuple(teams))


def _rule(field: Field, line: int, file: str) -> TeamRule:
    field.only("name", "why", *_KEYS)
    given = [name for name in _KEYS if field[name].present]
    if len(given) != 1:
        field.refuse(f"expected one of {', '.join(_KEYS)}, found {' and '.join(given) or 'none'}")
    what = field[given[0]]
    demand = _KEYS[given[0]] or _may_only(what)
    ends = {"only-from": ("only-from", "to"), "only-to": ("from", "only-to")}
    client, server = ends.get(demand, ("from", "to"))
    what.only(client, server, "ports")
    clients, servers = _parties(what[client]), _parties(what[server])
    if demand == "must-allow":
        _definite(what[client], clients)
        _definite(what[server], servers)
        what["ports"].need()
    if not any(isinstance(one, Pods | Anyone) for one in (*clients, *servers)):
        what.refuse("one side must be pods: policies are about pods")
    return TeamRule(
        name=field["name"].need().text(),
        why=field["why"].text(""),
        demand=demand,
        clients=clients,
        servers=servers,
        ports=_ports(what["ports"]),
        file=file,
        line=line,
    )


def _may_only(field: Field) -> Demand:
    given: list[Demand] = ["only-from"] * field["only-from"].present
    given += ["only-to"] * field["only-to"].present
    if len(given) != 1:
        field.refuse("expected {to, only-from} or {from, only-to}")
    return given[0]


def _several(field: Field) -> list[Field]:
    return field.entries() if isinstance(field.value, list) else [field]


def _parties(field: Field) -> tuple[Party, ...]:
    found = tuple(_party(one) for one in _several(field.need()))
    return found or field.refuse("is empty: name somebody")


def _party(field: Field) -> Party:
    if isinstance(field.value, dict):
        field.only("namespace", "kind", "name", "labels", "namespace-labels")
        texts = {name: field[name].text("*") for name in ("namespace", "kind", "name")}
        labels, spaces = _labels(field["labels"]), _labels(field["namespace-labels"])
        return Pods(**texts, labels=labels, namespace_labels=spaces)
    text = field.text()
    match text.partition(":"):
        case ("any", "", ""):
            return Anyone()
        case ("internet", "", ""):
            return Blocks(cidrs=INTERNET, others=True)
        case ("entity", ":", "world"):
            return Blocks(cidrs=("0.0.0.0/0", "::/0"), others=True)
        case ("entity", ":", name) if name in ENTITIES:
            return Entities(name=name)
        case ("fqdn", ":", name) if name:
            return Names(pattern=name.lower().rstrip("."))
    try:
        return Blocks(cidrs=(canonical_cidr(text),))
    except ValueError:
        return _pods(field, text)


def _labels(field: Field) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, value.text()) for key, value in field.children()))


def _pods(field: Field, text: str) -> Party:
    match text.split("/"):
        case [namespace, name] if namespace and name:
            return Pods(namespace=namespace, name=name)
        case [namespace, kind, name] if namespace and kind and name:
            return Pods(namespace=namespace, kind=kind, name=name)
        case _:
            raise NetpolError(f"{text[:80]!r} is nobody", where=field.path, hint=_FORMS)


def _definite(field: Field, parties: tuple[Party, ...]) -> None:
    """What must work must be said one by one."""
    for one in parties:
        if isinstance(one, Anyone) or (isinstance(one, Names) and "*" in one.pattern):
            field.refuse("must-allow is about parties that can be counted, not about anybody")


def _ports(field: Field) -> PortSet:
    if not field.present:
        return ALL_PORTS
    return PortSet.union(_port(one) for one in _several(field))


def _port(field: Field) -> PortSet:
    text = str(field.value)
    matched = _PORT.fullmatch(text)
    if isinstance(field.value, bool) or matched is None:
        field.expected("a port such as 8080, 8000-8080, udp/53, tcp, icmp/8")
    name, low, high = matched.groups()
    protocol = _PROTOCOLS.get((name or "tcp").lower(), "")
    try:
        if low is None:
            return PortSet.of(protocol)
        first, last = int(low), int(high or low)
        if protocol in ICMP_PROTOCOLS:
            return PortSet.of(protocol, first * 256, last * 256 + 255)
        return PortSet.of(protocol, first, last)
    except ValueError as error:
        field.refuse(str(error))


_PROTOCOLS: Final = {name.lower(): name for name in PROTOCOLS}
_PORT: Final = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9]*)(?:/|\Z))?(?:(\d{1,5})(?:-(\d{1,5}))?)?", re.ASCII
)
