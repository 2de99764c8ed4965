"""What Calico policies say, read from the documents.

By Calico's references of its resources; docs/semantics.md#calico-policies.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from oracles.ends import End
from oracles.kubernetes import Engine, Kubernetes
from oracles.selectors import holds

GROUPS = ("projectcalico.org/v3", "crd.projectcalico.org/v1")
FIXED = {"kube-admin": (1_000, "Pass"), "default": (1_000_000, "Deny"),
         "kube-baseline": (10_000_000, "Pass")}  # fmt: skip
OF_KUBERNETES = 1000


@dataclass(frozen=True)
class Named:
    """Something with labels that selectors match: a pod, a set of blocks or a host endpoint."""

    namespace: str
    labels: dict[str, str]
    namespace_labels: dict[str, str]
    account: str = ""
    nets: tuple[str, ...] = ()

    def meets(self, selector: str) -> bool:
        own = dict(self.labels)
        if self.namespace:
            own["projectcalico.org/namespace"] = self.namespace
        if self.account:
            own["projectcalico.org/serviceaccount"] = self.account
            own["projectcalico.org/orchestrator"] = "k8s"
        return holds(selector, own)

    def in_spaces(self, selector: str) -> bool:
        """A namespaceSelector: ``all()`` is "has a namespace" there."""
        name = {"projectcalico.org/name": self.namespace} if self.namespace else {}
        return holds(selector, {**self.namespace_labels, **name}, bool(self.namespace))

    def of_account(self, selector: str) -> bool:
        return holds(selector, {"projectcalico.org/name": self.account} if self.account else {})


def named(pod: End) -> Named:
    return Named(pod.namespace, pod.labels, pod.namespace_labels, pod.account)


@dataclass(frozen=True)
class Calico:
    documents: list[dict[str, Any]]
    engine: Engine

    def allows(
        self, direction: str, me: End, other: End, server: End, protocol: str, number: int
    ) -> bool:
        """docs/semantics.md#calico-tiers."""
        asked = direction, me, other, server, protocol, number
        for tier, (_, default) in sorted(
            self.tiers.items(), key=lambda item: (item[1][0], item[0])
        ):
            said = self.ask(tier, *asked)
            if said in ("Allow", "Deny"):
                return said == "Allow"
            if said == "end" and default == "Deny":
                return False
        return True

    @cached_property
    def tiers(self) -> dict[str, tuple[float, str]]:
        found: dict[str, tuple[float, str]] = dict(FIXED)
        for one in self.of_kind("Tier"):
            spec = one["spec"]
            order = math.inf if spec.get("order") is None else spec["order"]
            found[one["metadata"]["name"]] = order, spec.get("defaultAction") or "Deny"
        return found

    def of_kind(self, *kinds: str) -> Iterator[dict[str, Any]]:
        return (d for d in self.documents if d["apiVersion"] in GROUPS and d["kind"] in kinds)

    def ask(
        self,
        tier: str,
        direction: str,
        me: End,
        other: End,
        server: End,
        protocol: str,
        number: int,
    ) -> str:
        """``Allow``, ``Deny``, ``Pass``; ``end`` when no rule matched, ``none`` without policy."""
        mine = [one for one in self.policies(tier) if self.selects(one, direction, me)]
        steps = [(rank(one, tier), self.rules(one, direction)) for one in mine]
        said = None
        if tier == "default":
            plain = Kubernetes(self.documents, self.engine)
            said = plain.says(direction, me, other, server, protocol, number)
        before = [rules for key, rules in sorted(steps, key=first) if key[0] < OF_KUBERNETES]
        after = [rules for key, rules in sorted(steps, key=first) if key[0] > OF_KUBERNETES]
        assert len(before) + len(after) == len(steps), "orders that tie with Kubernetes policies"
        hit = self.first(before, direction, me, other, server, protocol, number)
        if hit is None and said:
            return "Allow"
        hit = hit or self.first(after, direction, me, other, server, protocol, number)
        return hit or ("none" if not mine and said is None else "end")

    def first(self, lists: list[Any], *asked: Any) -> str | None:
        for policy, rules in lists:
            for rule in rules:
                if rule["action"] != "Log" and self.matches(policy, rule, *asked):
                    return str(rule["action"])
        return None

    def rules(self, one: dict[str, Any], direction: str) -> tuple[dict[str, Any], list[Any]]:
        return one, one["spec"].get(direction) or []

    def policies(self, tier: str) -> Iterator[dict[str, Any]]:
        for one in self.of_kind("NetworkPolicy", "GlobalNetworkPolicy"):
            spec = one["spec"]
            hosts = spec.get("preDNAT") or spec.get("doNotTrack")
            if (spec.get("tier") or "default") == tier and not hosts:
                yield one

    def selects(self, one: dict[str, Any], direction: str, me: End) -> bool:
        spec, pod = one["spec"], named(me)
        return (
            direction in types(spec)
            and home(one) in ("", me.namespace)
            and pod.meets(spec.get("selector") or "")
            and (not spec.get("namespaceSelector") or pod.in_spaces(spec["namespaceSelector"]))
            and (
                not spec.get("serviceAccountSelector")
                or pod.of_account(spec["serviceAccountSelector"])
            )
        )

    # --- one rule

    def matches(
        self,
        policy: dict[str, Any],
        rule: dict[str, Any],
        direction: str,
        me: End,
        other: End,
        server: End,
        protocol: str,
        number: int,
    ) -> bool:
        source, target = rule.get("source") or {}, rule.get("destination") or {}
        far, near = (source, target) if direction == "ingress" else (target, source)
        version = family(rule)
        if version and other.address is not None and other.address.version != version:
            return False
        if not (traffic(rule, protocol, number) and ports(target, server, protocol, number)):
            return False
        if far.get("services"):
            ours = self.behind(far["services"], home(policy), other, direction, protocol, number)
            return ours and self.entity(near, home(policy), me)
        return self.entity(far, home(policy), other) and self.entity(near, home(policy), me)

    def entity(self, wanted: dict[str, Any], namespace: str, end: End) -> bool:
        """docs/semantics.md#calico-peers."""
        if wanted.get("nets") and not end.within(*wanted["nets"]):
            return False
        if wanted.get("notNets") and end.within(*wanted["notNets"]):
            return False
        unwanted = wanted.get("notSelector")
        if unwanted and any(one.meets(unwanted) for one in self.known(end)):
            return False
        accounts = wanted.get("serviceAccounts") or {}
        said = [wanted.get("selector"), wanted.get("namespaceSelector"), unwanted]
        if not any((*said, accounts.get("names"), accounts.get("selector"))):
            return True
        if not (namespace or any((*said[:2], accounts.get("names"), accounts.get("selector")))):
            return True  # In a global policy "not this" is also everybody unknown.
        return any(self.labelled(wanted, namespace, one) for one in self.known(end))

    def labelled(self, wanted: dict[str, Any], namespace: str, one: Named) -> bool:
        accounts = wanted.get("serviceAccounts") or {}
        spaces = wanted.get("namespaceSelector")
        return (
            (one.in_spaces(spaces) if spaces else namespace in ("", one.namespace))
            and one.meets(wanted.get("selector") or "")
            and (not accounts.get("names") or one.account in accounts["names"])
            and (not accounts.get("selector") or one.of_account(accounts["selector"]))
        )

    def known(self, end: End) -> Iterator[Named]:
        """Everything with labels that is at the end's address."""
        if end.pod:
            yield named(end)
        yield from (one for one in self.sets if end.within(*one.nets))

    @cached_property
    def sets(self) -> list[Named]:
        fields = {"NetworkSet": "nets", "GlobalNetworkSet": "nets", "HostEndpoint": "expectedIPs"}
        return [
            Named(
                home(one) if one["kind"] == "NetworkSet" else "",
                one["metadata"].get("labels") or {},
                self.space(home(one)) if one["kind"] == "NetworkSet" else {},
                nets=tuple(one["spec"].get(fields[one["kind"]]) or ()),
            )
            for one in self.of_kind(*fields)
        ]

    def space(self, name: str) -> dict[str, str]:
        found = [d for d in self.documents if d["kind"] == "Namespace"]
        labels = [d["metadata"].get("labels") for d in found if d["metadata"]["name"] == name]
        return {**(labels[0] or {}), "kubernetes.io/metadata.name": name} if labels else {}

    @cached_property
    def served(self) -> dict[tuple[str, str], dict[str, Any]]:
        return {
            (one["metadata"]["namespace"], one["metadata"]["name"]): one["spec"]
            for one in self.documents
            if one["kind"] == "Service"
        }

    def behind(
        self,
        service: dict[str, Any],
        namespace: str,
        end: End,
        direction: str,
        protocol: str,
        number: int,
    ) -> bool:
        """A Service's endpoints, as a destination at its ports alone."""
        key = service.get("namespace") or namespace, service["name"]
        found = self.served.get(key)
        if found is None:
            return False
        labels = found["selector"].items()
        if end.namespace != key[0] or not all(end.labels.get(k) == v for k, v in labels):
            return False
        return direction == "ingress" or any(
            (port.get("protocol") or "TCP") == protocol
            and target(port.get("targetPort") or port["port"], end, protocol, number)
            for port in found["ports"]
        )


def first(step: tuple[Any, Any]) -> Any:
    return step[0]


def rank(one: dict[str, Any], tier: str) -> tuple[float, str]:
    order = one["spec"].get("order")
    name = one["metadata"]["name"].removeprefix(f"{tier}.")
    return (math.inf if order is None else order), name


def home(one: dict[str, Any]) -> str:
    """A policy's namespace; empty for a global one."""
    if one["kind"].startswith(("Global", "Staged", "HostEndpoint")):
        return ""
    return one["metadata"].get("namespace") or "default"


def types(spec: dict[str, Any]) -> list[str]:
    """docs/semantics.md#calico-defaults."""
    given = [one.lower() for one in spec.get("types") or []]
    egress = ["egress"] if spec.get("egress") else []
    return given or (["ingress"] if spec.get("ingress") or not egress else []) + egress


def family(rule: dict[str, Any]) -> int | None:
    """The one IP version of a rule that says one, or whose blocks are of one."""
    sides = (rule.get("source") or {}, rule.get("destination") or {})
    nets = [net for side in sides for name in ("nets", "notNets") for net in side.get(name) or []]
    return rule.get("ipVersion") or (ipaddress.ip_network(nets[0]).version if nets else None)


NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmpv6": 58, "udplite": 136}


def number_of(protocol: str | int, number: int = 0) -> int:
    """The IP protocol number of a name; ``number`` is that of one that has no name."""
    if isinstance(protocol, int):
        return protocol
    return number if protocol == "OTHER" else NUMBERS[protocol.lower()]


def traffic(rule: dict[str, Any], protocol: str, number: int) -> bool:
    """protocol, notProtocol, icmp and notICMP."""
    asked = number_of(protocol, number)
    if rule.get("protocol") and number_of(rule["protocol"]) != asked:
        return False
    if rule.get("notProtocol") and number_of(rule["notProtocol"]) == asked:
        return False
    wanted, unwanted = rule.get("icmp"), rule.get("notICMP")
    return not (wanted and not message(wanted, number)) and not (
        unwanted and "type" in unwanted and message(unwanted, number)
    )


def message(wanted: dict[str, Any], number: int) -> bool:
    """``number`` is type * 256 + code."""
    kind, code = divmod(number, 256)
    return wanted.get("type") in (None, kind) and wanted.get("code") in (None, code)


def ports(wanted: dict[str, Any], server: End, protocol: str, number: int) -> bool:
    listed = [target(one, server, protocol, number) for one in wanted.get("ports") or []]
    unlisted = [target(one, server, protocol, number) for one in wanted.get("notPorts") or []]
    return (not listed or any(listed)) and not any(unlisted)


def target(one: int | str, server: End, protocol: str, number: int) -> bool:
    if isinstance(one, int):
        return one == number
    if one[0].isdigit() and one.replace(":", "").isdigit():
        low, _, high = one.partition(":")
        return int(low) <= number <= int(high or low)
    return server.listens(protocol, one, number)
