"""What an hour holds that is about no row of any table: lost packets, other views, other events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chance import Dice
from clock import SECOND, rfc3339
from describe import CONTROL, HOUR, MINUTE, ONE, TWO
from needs import API, CART, CHECKOUT, PAYMENTS, POSTGRES, REDIS_CART, REDIS_SESSION, STOREFRONT
from people import alive
from records import DROPS, PUSH, SYN, SYN_ACK, Log
from services import SERVICES
from sides import Json, Side, Talk, outside, pod_side
from traffic import talk_between

if TYPE_CHECKING:
    from describe import Node


def _pair(client: str, server: str, port: int, second: int, dice: Dice) -> Talk:
    one, other = (pod_side(dice.pick(alive(key, second))) for key in (client, server))
    return talk_between(one, other, "TCP", port, dice)


def infrastructure_drops(log: Log) -> None:
    """Lose packets of wanted connections for reasons that are no policy."""
    dice = Dice("infrastructure")
    for turn in range(4):
        second = HOUR + (7 + turn * 11) * MINUTE
        talk = _pair(API, POSTGRES, 5432, second, dice)
        reason = "CT_TRUNCATED_OR_INVALID_HEADER"
        log.dropped(second * SECOND, talk, "INGRESS", PUSH, reason, f"infra-{reason}")
    for turn in range(3):
        at = (HOUR + (13 + turn * 17) * MINUTE) * SECOND
        reason = "UNSUPPORTED_L3_PROTOCOL"
        pod = pod_side(dice.pick(alive(CART, at // SECOND)))
        assert pod.node is not None
        flow: Json = {  # neither addresses nor ports: it was not an IP packet
            "verdict": "DROPPED",
            "drop_reason": DROPS[reason],
            "source": pod.near,
            "destination": {},
            "Type": "L3_L4",
            "event_type": {"type": 1, "sub_type": DROPS[reason]},
            "traffic_direction": "EGRESS",
            "drop_reason_desc": reason,
            "Summary": "Ethernet",
        }
        log.flow(at, pod.node, flow, f"infra-{reason}")


def late_answers(log: Log) -> None:
    """Drop answers of connections that the datapath has forgotten: not a denied connection."""
    dice = Dice("late")
    for turn in range(3):
        second = HOUR + (19 + turn * 12) * MINUTE
        talk = _pair(STOREFRONT, REDIS_SESSION, 6379, second, dice)
        log.dropped(
            second * SECOND, talk, "INGRESS", SYN_ACK, "POLICY_DENIED", "late-answer", reply=True
        )


def forbidden_pages(log: Log) -> None:
    """Let the HTTP proxy refuse a request on a connection that is allowed."""
    dice = Dice("forbidden")
    url = "http://api.shop/admin"
    for turn in range(2):
        second = HOUR + (25 + turn * 20) * MINUTE
        talk = _pair(STOREFRONT, API, 8080, second, dice)
        at = second * SECOND
        request: Json = {"method": "DELETE", "url": url, "protocol": "HTTP/1.1"}
        layer: Json = {"type": "REQUEST", "http": request}
        text = f"HTTP/1.1 DELETE {url}"
        log.layer7(at, talk, "INGRESS", layer, text, verdict="DROPPED", tag="http-forbidden")
        layer = {"type": "RESPONSE", "latency_ns": "90000", "http": {"code": 403, **request}}
        text = f"HTTP/1.1 403 0ms (DELETE {url})"
        log.layer7(at + 90_000, talk, "INGRESS", layer, text, tag="http-forbidden")


def service_of(key: str) -> tuple[str, str, int, Json]:
    service = next(s for s in SERVICES if s.workload == key and s.ip)
    known = {"name": service.name, "namespace": service.namespace}
    return service.cluster_ip, service.name, service.ports[0].port, known


def service_addresses(log: Log) -> None:
    """Show the few connects that socket load balancing missed: a ClusterIP and its port."""
    dice = Dice("service addresses")
    for turn in range(18):
        client, server = ((CHECKOUT, PAYMENTS), (CART, REDIS_CART), (STOREFRONT, API))[turn % 3]
        second = HOUR + (2 + turn * 3) * MINUTE
        ip, _, port, known = service_of(server)
        pod = pod_side(dice.pick(alive(client, second)))
        talk = talk_between(pod, outside(ip), "TCP", port, dice)
        assert pod.node is not None
        flow = log.packet(talk, pod.node, SYN, reply=False)
        flow |= {
            "event_type": {"type": 4, "sub_type": 5},
            "destination_service": known,
            "trace_observation_point": "FROM_ENDPOINT",
        }
        log.flow(second * SECOND, pod.node, flow, "service-address")


def sockets(log: Log) -> None:
    """Show connect() before and after the translation of a ClusterIP; neither is a packet."""
    dice = Dice("sockets")
    for turn in range(12):
        client, server, port = ((CHECKOUT, PAYMENTS, 8443), (STOREFRONT, API, 8080))[turn % 2]
        second = HOUR + (3 + turn * 4) * MINUTE
        ip, _, service_port, known = service_of(server)
        pod = pod_side(dice.pick(alive(client, second)))
        backend = pod_side(dice.pick(alive(server, second)))
        cookie = str(dice.between(10_000, 99_999))
        before = _socket(log, pod, outside(ip), service_port, 1, cookie)
        before["destination_service"] = known
        after = _socket(log, pod, backend, port, 2, cookie)
        assert pod.node is not None
        log.flow(second * SECOND, pod.node, before, "sock")
        log.flow(second * SECOND + 4000, pod.node, after, "sock")


def _socket(log: Log, pod: Side, server: Side, port: int, step: int, cookie: str) -> Json:
    assert pod.node is not None
    talk = Talk(client=pod, server=server, protocol="TCP", port=port, client_port=0)
    flow = log.packet(talk, pod.node, (), reply=False)
    flow["l4"] = {"TCP": {"destination_port": port}}
    direction = ("PRE", "POST")[step - 1]
    flow |= {
        "verdict": ("TRACED", "TRANSLATED")[step - 1],
        "Type": "SOCK",
        "event_type": {"type": 7, "sub_type": step},
        "sock_xlate_point": f"SOCK_XLATE_POINT_{direction}_DIRECTION_FWD",
        "socket_cookie": cookie,
        "cgroup_id": "14203",
        "Summary": "TCP",
    }
    return flow


def aggregated(log: Log) -> None:
    """Add lines of an export that counts: one per key and minute, two of them without ports."""
    dice = Dice("aggregated")
    for turn in range(8):
        second = HOUR + (4 + turn * 6) * MINUTE
        talk = _pair(API, POSTGRES, 5432, second, dice)
        node = talk.server.node
        assert node is not None
        stamp = rfc3339(second * SECOND)
        flow: Json = {"time": stamp} | log.packet(talk, node, (), reply=False)
        flow["l4"] = {"TCP": {"destination_port": talk.port}}
        flow |= {"traffic_direction": "INGRESS", "is_reply": False}
        flow["aggregate"] = {"ingress_flow_count": dice.between(2, 60)}
        del flow["Summary"], flow["Type"]
        if turn > 5:
            del flow["l4"]
        tag = "aggregated" if "l4" in flow else "aggregated-without-ports"
        body = {"flow": flow, "node_name": node.seen_as, "time": stamp}
        log.add(second * SECOND, body, tag, node.name)


def _event(log: Log, minute: int, node: Node | None, body: Json, tag: str) -> None:
    at = (HOUR + minute * MINUTE) * SECOND
    name = node.seen_as if node else "hubble-relay-7c9d8f6b5-x4k2p"
    lag = node.name if node else "relay"
    log.add(at, body | {"node_name": name, "time": rfc3339(at)}, tag, lag)


def not_flows(log: Log) -> None:
    """Add what the stream holds besides flows: losses, nodes that come and go, agent events."""
    names = [node.seen_as for node in (CONTROL, ONE, TWO)]
    states: tuple[tuple[int, str, list[str], str], ...] = (
        (0, "NODE_CONNECTED", names, ""),
        (34, "NODE_UNAVAILABLE", [ONE.seen_as], "connection error: connection refused"),
        (35, "NODE_CONNECTED", [ONE.seen_as], ""),
    )
    for minute, change, nodes, message in states:
        status: Json = {"state_change": change, "node_names": nodes}
        if message:
            status["message"] = message
        _event(log, minute, None, {"node_status": status}, "node-status")
    losses: tuple[tuple[int, Node, str, int], ...] = (
        (22, TWO, "HUBBLE_RING_BUFFER", 412),
        (23, TWO, "PERF_EVENT_RING_BUFFER", 37),
        (35, ONE, "OBSERVER_EVENTS_QUEUE", 1280),
    )
    for minute, node, source, lost in losses:
        loss: Json = {"source": source, "num_events_lost": str(lost)}
        if source == "PERF_EVENT_RING_BUFFER":
            loss["cpu"] = 3
        _event(log, minute, node, {"lost_events": loss}, "lost-events")
    agent: Json = {"type": "ENDPOINT_REGENERATE_SUCCESS"}
    for minute, node in ((30, TWO), (31, ONE)):
        _event(log, minute, node, {"agent_event": agent}, "agent-event")
    debug: Json = {"type": "DBG_CT_LOOKUP", "message": "CT lookup"}
    _event(log, 31, ONE, {"debug_event": debug}, "debug-event")


def malformed(log: Log) -> None:
    """Add three lines that no reader can make sense of."""
    minutes = (12, 28, 46)
    wrong_port = (
        '{"flow":{"time":"2026-11-02T09:12:00Z","verdict":"FORWARDED","IP":{"source":"10.244.1.10"'
        ',"destination":"10.244.2.27","ipVersion":"IPv4"},"l4":{"TCP":{"source_port":40404,'
        '"destination_port":"x"}},"Type":"L3_L4"},"node_name":"prod/worker-1",'
        '"time":"2026-11-02T09:12:00Z"}'
    )
    cut_short = wrong_port[:171]
    texts = (wrong_port, 'level=warning msg="Lost connection to peer" peer=worker-1', cut_short)
    for minute, text in zip(minutes, texts, strict=True):
        log.add((HOUR + minute * MINUTE) * SECOND, text, "malformed")


def noise(log: Log) -> None:
    for part in (
        infrastructure_drops,
        late_answers,
        forbidden_pages,
        service_addresses,
        sockets,
        aggregated,
        not_flows,
        malformed,
    ):
        part(log)
