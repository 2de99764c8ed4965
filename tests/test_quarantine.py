"""What is accepted as needed, and what waits for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import (
    UNANSWERED,
    accepted,
    app,
    entity,
    flow,
    held,
    inventory,
    labels,
    learned,
    pod,
    world,
)

from netpol.flow import SIGNALS, Flow
from netpol.quarantine import PROBE_FACTOR, SWEEP_TARGETS, VISITS

EDGE = "shop/Deployment/a -> shop/Deployment/b"


def fate(*signals: str, protocol: str = "TCP") -> str | None:
    """The reason why a connection with these signals is held; None when it is accepted."""
    port = 2048 if protocol == "ICMP" else 8080
    one = flow(app("a"), app("b"), port, protocol=protocol, signals=dict.fromkeys(signals, 1))
    return next(iter(held(learned([one])).values()), None)


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "SCTP", "ICMP"])
def test_what_was_answered_is_accepted(protocol: str) -> None:
    assert fate("opened", "forward", "traced", "answered", protocol=protocol) is None


@pytest.mark.parametrize(
    ("signals", "reason"),
    [
        (("opened", "forward", "traced"), "not answered"),
        (("opened", "forward", "refused"), "refused by the server"),
        (("opened", "forward", "denied"), "denied by policy"),
        (("opened", "forward", "dropped"), "dropped, not by a policy"),
        (("opened", "forward", "audited"), "would be denied, not answered"),
        (("opened", "forward", "allowed", "traced"), "not answered"),
        (("opened", "forward", "allowed", "denied"), "denied by policy"),
        (("forward",), "not answered"),
        ((), "not answered"),
    ],
)
def test_what_was_not_answered_is_held_with_its_reason(
    signals: tuple[str, ...], reason: str
) -> None:
    assert fate(*signals) == reason


@pytest.mark.parametrize("beside", sorted(SIGNALS))
def test_an_explicit_deny_is_never_learned_whatever_else_was_seen(beside: str) -> None:
    assert fate("forbidden", "answered", "allowed", beside) == "explicitly denied"


def test_a_denial_before_the_policy_was_mended_does_not_outweigh_an_answer() -> None:
    assert fate("denied", "answered") is None


def test_what_an_audit_would_deny_is_accepted_when_it_was_answered() -> None:
    assert fate("audited", "answered") is None


def test_a_source_of_verdicts_alone_cannot_see_answers() -> None:
    assert fate("opened", "forward", "allowed") is None


def test_datagrams_need_no_answer_where_an_engine_allowed_them() -> None:
    assert fate("opened", "forward", "allowed", "traced", protocol="UDP") is None
    assert fate("opened", "forward", "traced", protocol="UDP") == "not answered"


# --- scans


def sweep(count: int = SWEEP_TARGETS, client: str = "s", records: int = 1) -> list[Flow]:
    """Unanswered knocks at so many ports of one server."""
    return [
        flow(app(client), app("t"), port, signals=UNANSWERED, records=records, count=records)
        for port in range(1000, 1000 + count)
    ]


def test_an_open_port_that_a_sweep_found_is_no_need() -> None:
    what = learned([*sweep(), flow(app("s"), app("t"), 80)])
    assert accepted(what) == set()
    assert set(held(what).values()) == {"scan"}


def test_a_few_failures_make_no_scan() -> None:
    what = learned([*sweep(SWEEP_TARGETS - 1), flow(app("s"), app("t"), 80)])
    assert accepted(what) == {"shop/Deployment/s -> shop/Deployment/t TCP 80"}


def test_a_scanner_keeps_what_it_uses_for_real() -> None:
    busy = flow(app("s"), app("db"), 5432, records=PROBE_FACTOR + 1)
    assert accepted(learned([*sweep(), busy])) == {
        "shop/Deployment/s -> shop/Deployment/db TCP 5432"
    }


def test_a_scanner_that_comes_back_to_what_it_found_is_still_one() -> None:
    """As often as the hours allow it: a client that works with a server does so in many hours."""

    def found(hours: int) -> set[str]:
        at = frozenset(range(hours))
        back = flow(app("s"), app("t"), 80, records=PROBE_FACTOR * hours, hours=at)
        return accepted(learned([*sweep(), back]))

    assert all(found(hours) == set() for hours in range(1, VISITS + 1))
    assert found(VISITS + 1) == {"shop/Deployment/s -> shop/Deployment/t TCP 80"}


def test_a_scan_of_one_client_holds_nobody_else() -> None:
    assert accepted(learned([*sweep(), flow(app("web"), app("t"), 80)])) == {
        "shop/Deployment/web -> shop/Deployment/t TCP 80"
    }


def test_a_sweep_over_hosts_is_a_scan_too() -> None:
    knocks = [flow(app("s"), app(f"t{n}"), 22, signals=UNANSWERED) for n in range(SWEEP_TARGETS)]
    assert accepted(learned([*knocks, flow(app("s"), app("t"), 22)])) == set()


def test_a_client_of_many_servers_is_no_scanner_because_some_are_down() -> None:
    """Prometheus with two hundred live targets and twenty dead ones."""
    live = [flow(app("prom"), app(f"live{n}"), 9100) for n in range(200)]
    dead = [flow(app("prom"), app(f"t{n}"), 9100, signals=UNANSWERED) for n in range(SWEEP_TARGETS)]
    assert len(accepted(learned(live + dead))) == 200


def test_a_sweep_from_one_node_does_not_hold_what_other_nodes_need() -> None:
    node = entity("remote-node", ip="10.0.0.7")
    knocks = [flow(node, app("t"), port, signals=UNANSWERED) for port in range(1000, 1040)]
    other = flow(entity("remote-node", ip="10.0.0.8"), app("api"), 8443)
    assert accepted(learned([*knocks, other])) == {
        "entity:remote-node -> shop/Deployment/api TCP 8443"
    }


@settings(deadline=None, max_examples=30)
@given(st.permutations(range(SWEEP_TARGETS + 3)))
def test_the_order_of_flows_does_not_decide_who_is_a_scanner(order: list[int]) -> None:
    flows = [
        *sweep(),
        flow(app("s"), app("t"), 80),
        flow(app("x"), app("t")),
        flow(app("s"), app("db"), records=9),
    ]
    assert held(learned(flows)) == held(learned([flows[n] for n in order]))


@pytest.mark.parametrize(("answers", "scan"), [(0, True), (19, True), (21, False)])
def test_datagrams_to_everybody_that_nobody_answers_are_a_scan(answers: int, scan: bool) -> None:
    """An engine that allows everything allows them."""
    allowed = {"opened": 1, "forward": 1, "traced": 1, "allowed": 1}
    flows = [
        flow(
            app("a"),
            app(f"s{n}"),
            161,
            protocol="UDP",
            signals=allowed | ({"answered": 1} if n >= SWEEP_TARGETS else {}),
        )
        for n in range(SWEEP_TARGETS + answers)
    ]
    mute = {reason for edge, reason in held(learned(flows)).items()}
    assert mute == ({"scan"} if scan else set())
    assert len(accepted(learned(flows))) == answers + (0 if scan else SWEEP_TARGETS)


# --- people at work


def test_a_pod_that_kubectl_run_made_teaches_nothing() -> None:
    shell = app("x", pod="netshoot", labels=labels(run="netshoot"))
    assert set(held(learned([flow(shell, app("api")), flow(app("web"), shell)])).values()) == {
        "debug pod"
    }


def test_a_deployment_may_be_labelled_run() -> None:
    """Before 1.18 ``kubectl run`` made Deployments; their pods' names are not the label's value."""
    old = app("web", labels=labels(run="web"))
    assert accepted(learned([flow(old, app("api"))])) == {
        "shop/Deployment/web -> shop/Deployment/api TCP 8080"
    }


@pytest.mark.parametrize("name", ["web-debug", "debug-web", "a-debug-2", "netshoot", "debugger-x"])
def test_a_copy_of_a_pod_made_to_look_into_it_teaches_nothing(name: str) -> None:
    """``kubectl debug web --copy-to=web-debug``: without its labels and its owner."""
    known = inventory(pod(name, kind="Pod", labels=()))
    shell = app("x", pod=name, labels=())
    assert accepted(learned([flow(shell, app("api"))], known)) == set()


@pytest.mark.parametrize("name", ["debug-toolbar", "web-debug", "debugger"])
def test_a_deployment_may_be_called_debug(name: str) -> None:
    known = inventory(pod(f"{name}-6d9c7f8b45-x2k9q", owner=name))
    found = learned([flow(app(name), app("api"))], known)
    assert accepted(found) == {f"shop/Deployment/{name} -> shop/Deployment/api TCP 8080"}


@pytest.mark.parametrize("name", ["bugle", "debugfs", "undebugged"])
def test_other_bare_pods_are_pods(name: str) -> None:
    known = inventory(pod(name, kind="Pod", labels=()))
    assert len(accepted(learned([flow(app("x", pod=name, labels=()), app("api"))], known))) == 1


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("test-2", labels(run="test-2")),
        ("node-debugger-n1-x7k2p", labels(a="b")),
        ("look-at-n1", labels(**{"app.kubernetes.io/managed-by": "kubectl-debug"})),
        ("n1-7k2p9", labels(**{"debug.openshift.io/managed-by": "oc-debug"})),
    ],
)
def test_debug_pods_are_known_without_an_inventory(name: str, own) -> None:
    assert accepted(learned([flow(app("x", pod=name, labels=own), app("api"))])) == set()


def test_a_debug_pod_of_the_inventory_teaches_nothing() -> None:
    known = inventory(pod("test-2", kind="Pod", labels=labels(run="test-2")))
    shell = app("x", pod="test-2", labels=labels(run="test-2"))
    assert accepted(learned([flow(shell, app("api"))], known)) == set()


# --- accounts


def test_every_record_is_accepted_or_held_once() -> None:
    flows = [
        *sweep(records=3),
        flow(app("a"), app("b"), records=5),
        flow(world("198.51.100.7"), app("b"), signals=UNANSWERED, records=7),
        flow(app("a"), app("b"), 1, certain=False, records=11),
    ]
    r = learned(flows).records
    assert r.read == r.connections + r.held + r.other == 3 * SWEEP_TARGETS + 23
    assert sum(r.reasons.values()) == r.held + r.other


def test_a_reason_that_is_both_held_and_other_counts_twice() -> None:
    from netpol.flow import Account
    from netpol.inventory import Inventory
    from netpol.learn import learn

    account = Account(read=3, held={"odd": 1}, other={"odd": 2})
    assert learn([], Inventory(), account).records.reasons == {"odd": 3}


@pytest.mark.parametrize(("ports", "scan"), [(SWEEP_TARGETS - 1, False), (SWEEP_TARGETS, True)])
def test_a_sweep_over_the_ports_of_one_pod_shows_without_answers(ports: int, scan: bool) -> None:
    allowed = {"opened": 1, "allowed": 1}
    swept = [
        flow(app("imaging"), app("api"), 1000 + n, signals=dict(allowed)) for n in range(ports)
    ]
    scrape = [flow(app("prometheus"), app(f"s{n}"), 9102, signals=dict(allowed)) for n in range(40)]
    found = learned([*swept, *scrape])
    assert set(held(found).values()) == ({"scan"} if scan else set())
    assert len(accepted(found)) == 40 + (0 if scan else ports)


def test_what_another_source_tells_more_exactly_does_not_open_the_world() -> None:
    exact = flow(app("pay"), world("198.51.100.7"), 443, source="hubble")
    vague = flow(app("pay"), entity("world"), 443, source="goldmane")
    found = learned([exact, vague])
    assert accepted(found) == {"shop/Deployment/pay -> 198.51.100.7/32 TCP 443"}
    assert set(held(found).values()) == {"another source tells more exactly who it is"}
    assert len(accepted(learned([vague]))) == 1
    # One source that gave up keeping addresses apart knows what it says.
    assert len(accepted(learned([exact, replace(vague, source="hubble")]))) == 2
    # Another port, another client: nothing more exact is known of those.
    others = [replace(vague, port=80), replace(vague, client=app("web"))]
    assert len(accepted(learned([exact, *others]))) == 3


def test_the_api_server_is_not_any_node() -> None:
    exact = flow(entity("kube-apiserver"), app("hook"), 8443, source="hubble")
    vague = flow(entity("remote-node"), app("hook"), 8443, source="goldmane")
    assert accepted(learned([exact, vague])) == {
        "entity:kube-apiserver -> shop/Deployment/hook TCP 8443"
    }
