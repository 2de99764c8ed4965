"""Selectors, ports and peers as a person would say them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, assert_never

from netpol.net import ALL_PORTS, ICMP_PROTOCOLS, PortSet
from netpol.policy import (
    NAMESPACE,
    SERVICE_ACCOUNT,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    Requirement,
    Rule,
    Selector,
    Undecided,
)

__all__ = [
    "count",
    "doubt_words",
    "policy_words",
    "ports_words",
    "rule_words",
    "selector_words",
    "set_words",
    "span",
]

_MOST: Final = 6
"""Alternatives of one rule that are spelled out; the others are counted."""

_ENTITIES: Final = {
    "all": "anyone",
    "cluster": "everything in the cluster",
    "health": "the health checks of the engine",
    "host": "the pod's own node",
    "ingress": "the ingress proxies of the engine",
    "init": "pods without an identity yet",
    "kube-apiserver": "the API server",
    "remote-node": "the other nodes",
    "world": "everything outside the cluster",
}


def count(number: int, one: str, many: str = "") -> str:
    """``1 connection``, ``2,000 connections``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(nanoseconds: int) -> str:
    """A length of time in its two greatest units."""
    minutes = max(0, nanoseconds) // (60 * 10**9)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if n]
    return " ".join(parts[:2]) or "less than a minute"


def selector_words(selector: Selector) -> str:
    """Whom a selector points at: ``pods app=web in namespace shop``."""
    match selector:
        case PodSelector(namespaces, pods):
            return _pods_words(namespaces, pods)
        case CidrSelector(cidr, excluded):
            whole = {"0.0.0.0/0": "every IPv4 address", "::/0": "every IPv6 address"}
            but = f" except {_listed(excluded)}" if excluded else ""
            return whole.get(cidr, f"addresses in {cidr}") + but
        case FqdnSelector(name):
            return f"the DNS name{'s' if '*' in name else ''} {name}"
        case EntitySelector(name):
            return _ENTITIES.get(name, f"the entity {name}")
        case unknown:
            assert_never(unknown)


def _pods_words(namespaces: tuple[Requirement, ...], pods: tuple[Requirement, ...]) -> str:
    where = _where_words(namespaces)
    if not pods:
        return f"every pod {where or 'of the cluster'}"
    return f"pods {_all_words(pods)} {where or 'in every namespace'}"


def _where_words(namespaces: tuple[Requirement, ...]) -> str:
    match namespaces:
        case ():
            return ""
        case (Requirement(key, "In", (name,)),) if key == NAMESPACE:
            return f"in namespace {name}"
        case (Requirement(key, "In", names),) if key == NAMESPACE:
            return f"in namespaces {', '.join(names)}"
        case (Requirement(key, "NotIn", names),) if key == NAMESPACE:
            return f"in every namespace but {_listed(names)}"
        case _:
            return f"in namespaces {_all_words(namespaces)}"


def _all_words(requirements: Iterable[Requirement]) -> str:
    return ", ".join(_requirement_words(one) for one in requirements)


_PART_WORDS: Final = {
    "Contains": "containing",
    "StartsWith": "starting with",
    "EndsWith": "ending with",
    "NotContains": "not containing",
    "NotStartsWith": "not starting with",
    "NotEndsWith": "not ending with",
}


def _requirement_words(one: Requirement) -> str:
    key = {NAMESPACE: "name", SERVICE_ACCOUNT: "service account"}.get(one.key, one.key)
    values = ", ".join(value or '""' for value in one.values)
    several = values if len(one.values) == 1 else f"({values})"
    match one.operator:
        case "In":
            return f"{key}={values}" if len(one.values) == 1 else f"{key} in {several}"
        case "NotIn":
            return f"{key} not {'' if len(one.values) == 1 else 'in '}{several}"
        case "Exists":
            return f"with label {key}"
        case "DoesNotExist":
            return f"without label {key}"
        case (
            "Contains" | "StartsWith" | "EndsWith" | "NotContains" | "NotStartsWith" | "NotEndsWith"
        ):
            return f"{key} {_PART_WORDS[one.operator]} {several}"
        case unknown:
            assert_never(unknown)


def set_words(ports: PortSet) -> str:
    """Ports as in ``TCP 80, 443-450 and UDP 53``; ``every port`` for all of every protocol.

    Nearly all of them by what is missing: ``every port but TCP 443``.
    """
    if ports == ALL_PORTS:
        return "every port"
    words, rest = _parts_words(ports), f"every port but {_parts_words(ALL_PORTS - ports)}"
    return min(words, rest, key=len) or "no port"


def _parts_words(ports: PortSet) -> str:
    return _joined([_protocol_words(ports, protocol) for protocol, _ in ports.parts])


def _protocol_words(ports: PortSet, protocol: str) -> str:
    text = ports.text(protocol)
    what = {"OTHER": "other IP protocols"}.get(protocol, protocol)
    if text == "all":
        plain = protocol == "OTHER" or protocol in ICMP_PROTOCOLS
        return f"all {what}" if plain else f"every {what} port"
    kind = " type" if protocol in ICMP_PROTOCOLS else ""
    return f"{what}{kind} {text.replace(',', ', ')}"


def ports_words(rule: Rule) -> str:
    """The ports of a rule, named ones by name."""
    named = [f"{protocol} port named {name}" for protocol, name in rule.named_ports]
    return _joined([set_words(rule.ports)] * bool(rule.ports or not named) + named)


def rule_words(rule: Rule, direction: str) -> str:
    """A whole rule: ``allow from pods app=web in namespace shop on TCP 8080``."""
    side = "from" if direction == "ingress" else "to"
    subject = "" if rule.subject is None else f" (only for {selector_words(rule.subject)})"
    if rule.at is not None:
        subject += f" (only at {_listed([selector_words(one) for one in rule.at], 'or')})"
    return f"{rule.action} {side} {_peers_words(rule)} on {ports_words(rule)}{subject}"


def _peers_words(rule: Rule) -> str:
    if rule.peers is None:
        peers = "anyone"
    else:
        peers = _listed([selector_words(one) for one in rule.peers], "or") or "nobody"
    but = _listed([selector_words(one) for one in rule.without])
    return f"{peers}, but not {but}" if but else peers


def policy_words(policy: Policy) -> str:
    """Kind and name of the object that a policy was read from."""
    name = f"{policy.namespace}/{policy.name}" if policy.namespace else policy.name
    return f"{policy.kind or 'policy'} {name}"


def _listed(texts: Sequence[str], word: str = "and") -> str:
    """The texts as a list in a sentence; a long one is cut, with the number left out."""
    more = len(texts) - _MOST
    if more > 1:
        return _joined([*texts[:_MOST], f"{more} more"], word)
    return _joined(texts, word)


def _joined(texts: Sequence[str], word: str = "and") -> str:
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} {word} {texts[-1]}"


def doubt_words(one: Undecided) -> str:
    """What could not be read, where it stands, and whom it would be about."""
    place = f"{one.origin}: " if one.origin else ""
    return f"{place}{one.reason} (tier {one.tier}, for {selector_words(one.subject)})"
