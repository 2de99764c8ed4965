"""The wanted traffic of the hour: every row of the needs table, again and again, with answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chance import Dice, number
from clock import MICRO, MILLI, SECOND
from describe import HOUR
from needs import (
    API,
    CHECKOUT,
    COREDNS,
    DIGEST,
    LEDGER,
    LOG_STORE,
    NAMES,
    NEEDED,
    NGINX,
    PAY_API,
    PAYMENTS,
    POSTGRES,
    REDIS_CART,
    REDIS_SESSION,
    STOREFRONT,
)
from people import alive, moments, server_names, sides
from played import Lookup
from records import FIN, PUSH, SYN, SYN_ACK, Log
from services import SERVICES
from sides import Json, Side, Talk, entity, pod_side

if TYPE_CHECKING:
    from needs import Need

# Policies that the cluster has already; everything else is open.
GUARDED = {  # who is policed on the way in, by what
    PAYMENTS: "payments/payments-callers",
    POSTGRES: "data/postgres-guard",
    REDIS_CART: "data/redis-cart-callers",
    REDIS_SESSION: "data/redis-session-callers",
}
LEASHED = {  # who is policed on the way out, by what
    CHECKOUT: "shop/checkout-egress",
    DIGEST: "shop/order-digest-egress",
    LEDGER: "payments/ledger-egress",
    LOG_STORE: "monitoring/log-store-egress",
    PAYMENTS: "payments/payments-egress",
}
# Their egress policies name DNS, so their questions pass the DNS proxy and are logged.
DNS_SEEN = (CHECKOUT, DIGEST, PAYMENTS)
# The API's HTTP rules send these clients through the HTTP proxy on the way in.
HTTP_SEEN = (NGINX, STOREFRONT)

# How often the points that merely repeat a packet are in the export.
SHARE = {
    "FROM_ENDPOINT": 0.2,
    "FROM_NETWORK": 0.15,
    "FROM_OVERLAY": 0.08,
    "TO_NETWORK": 0.15,
    "TO_OVERLAY": 0.3,
}


def journey(talk: Talk, *, reply: bool) -> list[str]:
    """Name the points that one packet passes, from the sender's pod to the receiver's."""
    sender, receiver = talk.sender(reply=reply), talk.receiver(reply=reply)
    if sender.node is None:
        labels = sender.far.get("labels", [])
        first = {"reserved:host": [], "reserved:kube-apiserver": ["FROM_OVERLAY"]}
        return [*first.get(labels[0] if labels else "", ["FROM_NETWORK"]), "TO_ENDPOINT"]
    if receiver.node is None:
        return ["FROM_ENDPOINT", "TO_STACK", "TO_NETWORK"]
    if talk.same_node:
        return ["FROM_ENDPOINT", "TO_ENDPOINT"]
    return ["FROM_ENDPOINT", "TO_OVERLAY", "FROM_OVERLAY", "TO_ENDPOINT"]


@dataclass(frozen=True)
class Stage:
    """Where conversations are played: the log, and the dice of the row that is played."""

    log: Log
    dice: Dice

    def packet(
        self,
        at: int,
        talk: Talk,
        flags: tuple[str, ...] = (),
        *,
        reply: bool = False,
        whole: bool = False,
        tag: str = "",
    ) -> None:
        self.log.tape.packet(at, talk, flags, reply=reply)
        for hop, point in enumerate(journey(talk, reply=reply)):
            if whole or self.dice.chance(SHARE.get(point, 1.0)):
                when = at + hop * self.dice.between(20, 90) * MICRO
                self.log.trace(when, talk, point, flags, reply=reply, tag=tag)

    def datagrams(self, at: int, talk: Talk, *, whole: bool = False, tag: str = "") -> None:
        """Ask and be answered: UDP and ICMP."""
        self.packet(at, talk, whole=whole, tag=tag)
        later = at + self.dice.between(200, 3000) * MICRO
        self.packet(later, talk, reply=True, whole=whole, tag=tag)

    def connection(self, at: int, talk: Talk, *, whole: bool = False, tag: str = "") -> None:
        """Open, talk, close; of connections older than the hour only the middle is seen."""
        old = not whole and self.dice.chance(0.15)
        if not old:
            self.packet(at, talk, SYN, whole=whole, tag=tag)
            answered = at + self.dice.between(150, 900) * MICRO
            self.packet(answered, talk, SYN_ACK, reply=True, whole=whole, tag=tag)
        if old or whole or self.dice.chance(0.4):
            sent = at + self.dice.between(1, 5) * MILLI
            self.packet(sent, talk, PUSH, whole=whole, tag=tag)
            self.packet(sent + self.dice.between(1, 30) * MILLI, talk, PUSH, reply=True, tag=tag)
        if not old and self.dice.chance(0.8):
            closed = at + self.dice.between(40, 1900) * MILLI
            self.packet(closed, talk, FIN, tag=tag)
            self.packet(closed + 200_000, talk, FIN, reply=True, tag=tag)


def talk_between(client: Side, server: Side, protocol: str, port: int, dice: Dice) -> Talk:
    client_port = 0 if protocol.startswith("ICMP") else dice.between(32768, 60999)
    return Talk(client=client, server=server, protocol=protocol, port=port, client_port=client_port)


def verdicts(stage: Stage, at: int, talk: Talk, need: Need) -> None:
    """Add what the policies of both sides said to the first packet."""
    flags = SYN if talk.protocol == "TCP" else ()
    if need.client in LEASHED:
        proxied = need.server == COREDNS and need.client in DNS_SEEN
        word = "REDIRECTED" if proxied else "FORWARDED"
        tag = "redirected" if proxied else ""
        policy = LEASHED[need.client]
        stage.log.verdict(at, talk, "EGRESS", flags, verdict=word, policy=policy, tag=tag)
    if need.server in GUARDED:
        stage.log.verdict(at + 90_000, talk, "INGRESS", flags, policy=GUARDED[need.server])
    if need.server == API and need.client == DIGEST:
        # A draft of the API's next policy runs in audit mode and has forgotten the CronJob.
        stage.log.verdict(at + 90_000, talk, "INGRESS", flags, verdict="AUDIT", tag="audit")
        stage.log.tape.of(talk).audited = True


PAGES = (("GET", "/api/products?page=2"), ("GET", "/api/cart"), ("POST", "/api/orders"))


def http(stage: Stage, at: int, talk: Talk) -> None:
    """Show one request that the proxy in front of the API saw."""
    log, dice = stage.log, stage.dice
    log.verdict(at, talk, "INGRESS", SYN, verdict="REDIRECTED", tag="redirected")
    log.trace(at + 40_000, talk, "TO_PROXY", SYN, inbound=True, tag="to-proxy")
    method, path = dice.pick(PAGES)
    url = f"http://api.shop{path}"
    headers = [{"key": "X-Request-Id", "value": f"{number(str(at), 0, 2**40):x}"}]
    request: Json = {"method": method, "url": url, "protocol": "HTTP/1.1", "headers": headers}
    asked = f"HTTP/1.1 {method} {url}"
    layer: Json = {"type": "REQUEST", "http": request}
    log.layer7(at + 2 * MILLI, talk, "INGRESS", layer, asked, tag="l7-http")
    took = dice.between(2, 80)
    answer = {"code": 200, **request}
    layer = {"type": "RESPONSE", "latency_ns": str(took * MILLI), "http": answer}
    text = f"HTTP/1.1 200 {took}ms ({method} {url})"
    log.layer7(at + (2 + took) * MILLI, talk, "INGRESS", layer, text, tag="l7-http")
    if dice.chance(0.2) and talk.server.node and ":" not in talk.server.ip:
        # The pod answers the proxy, which Hubble knows as the host.
        leg = Talk(
            client=entity(talk.server.node.router, "host"),
            server=talk.server,
            protocol="TCP",
            port=talk.port,
            client_port=dice.between(32768, 60999),
        )
        log.trace(at + took * MILLI, leg, "TO_STACK", PUSH, reply=True, tag="proxy-leg")


NO_SUCH_NAME = 3
NO_TTL = 4294967295


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What CoreDNS says to one question; without addresses and rcode 0 the name has none."""

    query: str
    kind: str = "A"
    ips: tuple[str, ...] = ()
    rcode: int = 0
    cnames: tuple[str, ...] = ()

    @property
    def ttl(self) -> int:
        return NO_TTL if self.rcode else 30

    def given(self, at: int, took: int) -> Lookup:
        """Tell it without Hubble's words."""
        return Lookup(
            at=at,
            took=took,
            query=self.query,
            kind=self.kind,
            ips=self.ips,
            cnames=self.cnames,
            rcode=self.rcode,
        )


def question(stage: Stage, at: int, talk: Talk, answer: Answer) -> None:
    """Show one question and its answer as the DNS proxy saw them."""
    asked = {"query": answer.query, "observation_source": "proxy", "qtypes": [answer.kind]}
    layer: Json = {"type": "REQUEST", "dns": asked}
    text = f"DNS Query {answer.query} {answer.kind}"
    stage.log.layer7(at, talk, "EGRESS", layer, text, tag="l7-dns")
    said: Json = {"query": answer.query}
    if answer.ips:
        said["ips"] = list(answer.ips)
    said["ttl"] = answer.ttl
    if answer.cnames:
        said["cnames"] = list(answer.cnames)
    said["observation_source"] = "proxy"
    if answer.rcode:
        said["rcode"] = answer.rcode
    said["qtypes"] = [answer.kind]
    if answer.ips:
        said["rrtypes"] = [answer.kind]
    took = stage.dice.between(150, 2000) * MICRO
    stage.log.tape.of(talk).lookups.append(answer.given(at, took))
    layer = {"type": "RESPONSE", "latency_ns": str(took), "dns": said}
    words = '"' + ",".join(answer.ips) + '"'
    if answer.rcode:
        words = "RCode: Non-Existent Domain"
    text = f"DNS Answer {words} TTL: {answer.ttl} (Proxy {answer.query} {answer.kind})"
    tag = "l7-dns-nxdomain" if answer.rcode else "l7-dns"
    stage.log.layer7(at + took, talk, "EGRESS", layer, text, tag=tag)


def cluster_answers(namespace: str, name: str) -> list[Answer]:
    """Ask for a Service as `name.namespace`: the first search domain makes nonsense of it."""
    short = name.removesuffix("svc.cluster.local.")
    service = next(service for service in SERVICES if service.dns == name)
    wrong = f"{short}{namespace}.svc.cluster.local."
    if service.ip:
        ips: tuple[str, ...] = (service.cluster_ip,)
    else:
        ips = tuple(pod.ip4 for pod in alive(service.workload, HOUR))
    return [Answer(query=wrong, rcode=NO_SUCH_NAME), Answer(query=name, ips=ips)]


def outside_answers(namespace: str, ips: tuple[str, ...]) -> list[Answer]:
    """Ask for the payment service: all search domains first, then both address families."""
    searched = (f"{namespace}.svc.cluster.local.", "svc.cluster.local.", "cluster.local.")
    wrong = [Answer(query=f"{PAY_API}.{domain}", rcode=NO_SUCH_NAME) for domain in searched]
    alias = ("edge.pay.example.com.",)
    right = Answer(query=f"{PAY_API}.", ips=ips, cnames=alias)
    return [*wrong, right, Answer(query=f"{PAY_API}.", kind="AAAA", cnames=alias)]


def lookup(stage: Stage, at: int, talk: Talk, need: Need, answers: list[Answer]) -> None:
    """Ask CoreDNS; with visibility the questions pass the proxy and are logged one by one."""
    if not answers:
        stage.datagrams(at, talk)
        return
    verdicts(stage, at, talk, need)
    stage.log.trace(at + 30_000, talk, "TO_PROXY", tag="to-proxy")
    for step, answer in enumerate(answers):
        question(stage, at + step * 3 * MILLI + 60_000, talk, answer)
    stage.datagrams(at + 100_000, talk)


def _answers(need: Need, dice: Dice) -> list[Answer]:
    names = server_names(need.client)
    if need.client not in DNS_SEEN or not names:
        return []
    return cluster_answers(need.client.split("/")[0], dice.pick(names))


def ask_for_payment_service(stage: Stage, at: int, client: Side, second: int, ip: str) -> None:
    """Look the name up just before the connection; the answers rotate, the first is used."""
    known = NAMES[PAY_API]
    first = known.index(ip)
    ips = (ip, known[(first + 1) % len(known)])
    row = next(n for n in NEEDED if (n.client, n.server) == (PAYMENTS, COREDNS))
    server = pod_side(stage.dice.pick(alive(COREDNS, second)))
    talk = talk_between(client, server, "UDP", 53, stage.dice)
    answers = outside_answers("payments", ips)
    lookup(stage, at, talk, row, answers if stage.dice.chance(0.4) else answers[-2:])


def play(log: Log, need: Need) -> None:
    """Play one row: as many conversations as the table says, the first two with every detail."""
    dice = Dice(f"{need.client}>{need.server}:{need.protocol}/{need.port}")
    stage = Stage(log, dice)
    for turn, second in enumerate(moments(need, dice) if need.times else ()):
        client, server = sides(need, second, dice)
        talk = talk_between(client, server, need.protocol, need.port, dice)
        at = second * SECOND + dice.between(0, 999_999) * MICRO
        if talk.server.name:
            ask_for_payment_service(stage, at - 60 * MILLI, client, second, talk.server.ip)
        if need.server == COREDNS and need.protocol == "UDP":
            lookup(stage, at, talk, need, _answers(need, dice))
        elif need.protocol == "TCP":
            verdicts(stage, at - 100_000, talk, need)
            proxied = need.server == API and need.client in HTTP_SEEN
            if proxied and dice.chance(0.25):
                http(stage, at, talk)
            stage.connection(at, talk, whole=turn < 2)
        else:
            stage.datagrams(at, talk, whole=turn < 2)


def wanted(log: Log) -> None:
    for need in NEEDED:
        play(log, need)
