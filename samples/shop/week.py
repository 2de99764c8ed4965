"""The week before the hour, in netpol's own flow records: each day's connections, added up.

It is what Hubble would have shown. Most of it are the hour's own needs, by day and by night; some
are so rare that one day does not show them. On Wednesday a person tries something from a debug pod,
and in the night to Saturday whoever holds imaging looks around for an hour, and is answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chance import Dice, number
from clock import SECOND, rfc3339
from describe import BY_KEY, CONTROL, HOUR, NAMESPACES, ONE, TWO
from needs import (
    API,
    API_SERVER,
    APPLICATION,
    BACKUP,
    CART,
    CHECKOUT,
    DEBUG,
    DIGEST,
    DNS_PORT,
    HOST,
    IMAGING,
    LEDGER,
    LOG_STORE,
    NAMES,
    NEEDED,
    NGINX,
    PAY_API,
    PAYMENTS,
    REDIS_CART,
    REDIS_SESSION,
    REMOTE,
    STOREFRONT,
    WORLD,
    need,
)
from people import CUSTOMERS, CUSTOMERS6, alive
from pods import PODS, identity_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from needs import Need
    from pods import Pod
    from sides import Json

DAYS = 7
MONDAY = (HOUR // 3600 - 9) // 24 * 24 - DAYS * 24
"""The first hour of the week, counted since the epoch; the shop's hour is the Monday after."""

INTRUSION = 5 * 24 + 3
INTRUDED = tuple(
    need(IMAGING, server, port, 2, "Whoever holds imaging looks around.")
    for server, port in (
        (STOREFRONT, 8080),
        (CART, 7070),
        (CHECKOUT, 5050),
        (PAYMENTS, 8443),
        (NGINX, 80),
        (REDIS_CART, 6379),
        (REDIS_SESSION, 6379),
        (LOG_STORE, 24224),
    )
)
"""Answered, all of them, and needed by nobody."""

BY_HAND = 2 * 24 + 14
TRIED = (need(DEBUG, API, 8080, 3, "By hand."), need(DEBUG, CART, 7070, 1, "By hand."))

_STANDBY = "10.200.7.21/32"
_BY_DAY = (0.1,) * 6 + (0.3, 0.6) + (1.0,) * 10 + (0.8, 0.7, 0.5, 0.4, 0.2, 0.1)
"""What customers do, by the hour of the day, in parts of what they do at nine."""
_WEEKEND = 0.6
_OPENED = ("opened", "answered")


def rate(row: Need, hour: int) -> float:
    """How many connections of a row are to be expected in an hour of the week."""
    day, clock = divmod(hour, 24)
    if row.client == BACKUP:
        return 2.0 if clock == 2 else 0.0
    if row.server == _STANDBY:
        return 0.02
    if row.port == DNS_PORT and row.protocol == "TCP" and not row.times:
        return 0.004 * number(f"week/{row.client}", 1, 9)  # an answer is too long, now and then
    if row in APPLICATION and row.client not in (DIGEST, LEDGER):
        return row.times * _BY_DAY[clock] * (_WEEKEND if day > 4 else 1.0)
    return float(row.times)


@dataclass(frozen=True, kw_only=True)
class Line:
    """Connections of one day between two sides."""

    client: Json
    server: Json
    row: Need
    seen: dict[int, int]  # hour since the epoch: connections in it

    def text(self, dice: Dice) -> str:
        count = sum(self.seen.values())
        first, last = (
            (hour * 3600 + dice.between(*within)) * SECOND
            for hour, within in ((min(self.seen), (0, 1799)), (max(self.seen), (1800, 3599)))
        )
        record: Json = {
            "netpol": 2,
            "client": self.client,
            "server": self.server,
            "protocol": self.row.protocol,
            "port": self.row.port * (256 if self.row.protocol.startswith("ICMP") else 1),
            "records": 2 * count,
            "count": count,
            "first": rfc3339(first),
            "last": rfc3339(last),
            "hours": sorted(self.seen),
            "signals": dict.fromkeys(_OPENED, count),
            "source": "hubble",
        }
        return json.dumps(record, separators=(",", ":")) + "\n"


def week() -> dict[str, str]:
    """Give a file a day, by its path in the sample."""
    return {f"week/{_date(day)}.jsonl.gz": "".join(_day(day)) for day in range(DAYS)}


def _date(day: int) -> str:
    return rfc3339((MONDAY + day * 24) * 3600 * SECOND)[:10]


def _day(day: int) -> Iterator[str]:
    hours = range(day * 24, day * 24 + 24)
    for row in NEEDED:
        yield from _lines(row, {hour: rate(row, hour) for hour in hours})
    for rows, hour in ((INTRUDED, INTRUSION), (TRIED, BY_HAND)):
        for row in rows if hour in hours else ():
            yield from _lines(row, {hour: float(row.times)})


def _lines(row: Need, rates: dict[int, float]) -> Iterator[str]:
    """A line for each pair of sides, which share what is to be expected."""
    clients, servers = _ends(row.client, row, client=True), _ends(row.server, row, client=False)
    pairs = [(client, server) for client in clients for server in servers if client != server]
    for client, server in pairs:
        dice = Dice(f"week/{json.dumps([client, server, row.port, row.protocol, min(rates)])}")
        expected = {MONDAY + hour: each / len(pairs) for hour, each in rates.items()}
        thrown = {hour: int(n) + dice.chance(n % 1) for hour, n in expected.items()}
        seen = {hour: n for hour, n in thrown.items() if n}
        if seen:
            yield Line(client=client, server=server, row=row, seen=seen).text(dice)


def _ends(name: str, row: Need, *, client: bool) -> list[Json]:
    """The sides that a name stands for: pods with equal labels are one."""
    ip = name.removesuffix("/32")
    match name:
        case _ if name in BY_KEY:
            return _pods_of(name, primary=row.primary and not client)
        case _ if name == WORLD:
            customers = (*CUSTOMERS, *(CUSTOMERS6 if row.ip6 else ()))
            return [{"ip": one, "entities": ["world"]} for one in customers]
        case _ if name == HOST:
            return [{"ip": ONE.router if client else ONE.ip4, "entities": ["host"]}]
        case _ if name == REMOTE:
            return [{"ip": TWO.ip4, "entities": ["remote-node"]}]
        case _ if name == API_SERVER:
            return [{"ip": CONTROL.ip4, "entities": ["kube-apiserver", "remote-node"]}]
        case _ if ip in NAMES[PAY_API]:
            return [{"ip": ip, "entities": ["world"], "names": [PAY_API]}]
        case _:
            return [{"ip": ip, "entities": ["world"]}]


def _pods_of(key: str, *, primary: bool) -> list[Json]:
    workload = BY_KEY[key]
    common: Json = {
        "namespace_labels": {"kubernetes.io/metadata.name": workload.namespace}
        | NAMESPACES[workload.namespace],
        "service_account": workload.account,
        "workload": {"kind": workload.kind, "name": workload.name},
    }
    if workload.kind == "CronJob":  # whose pods are gone, and each had a name of its own
        return [{"namespace": workload.namespace, "labels": workload.labels} | common]
    groups: dict[tuple[str, ...], list[Pod]] = {}
    there = alive(key, HOUR) or [pod for pod in PODS if pod.workload.key == key]
    for pod in there:
        if not primary or pod.labels.get("role") == "primary":
            groups.setdefault(tuple(identity_labels(pod)), []).append(pod)
    return [
        {
            "namespace": workload.namespace,
            "pods": sorted(pod.name for pod in pods),
            "labels": _labels(identity),
        }
        | common
        for identity, pods in sorted(groups.items())
    ]


def _labels(identity: Iterable[str]) -> dict[str, str]:
    """The pods' own labels among those of a Cilium identity."""
    pairs = (text.removeprefix("k8s:").split("=", 1) for text in identity)
    added = ("io.cilium.", "io.kubernetes.")
    return {key: value for key, value in pairs if not key.startswith(added)}
