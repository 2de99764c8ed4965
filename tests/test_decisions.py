"""People's decisions: what they overrule, and how their file is read and written."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import UNANSWERED, accepted, app, flow, held, learned, world

from netpol.decisions import Decision, added, ports_of, read_decisions
from netpol.errors import NetpolError
from netpol.flow import Account
from netpol.inventory import Inventory
from netpol.learn import Learned, learn
from netpol.net import PROTOCOLS, PortSet
from netpol.quarantine import Caution

EDGE = "shop/Deployment/a -> shop/Deployment/b TCP 8080"
A, B = "shop/Deployment/a", "shop/Deployment/b"
NEEDED = flow(app("a"), app("b"))
FAILED = flow(app("a"), app("b"), signals=dict(UNANSWERED))


def decision(verdict: str = "allow", **more: object) -> Decision:
    given = {"client": A, "server": B, "ports": PortSet.of("TCP", 8080)}
    said = {"by": "ana", "date": "2026-11-02", "why": "so"}
    return Decision(verdict=verdict, **{**given, **said, **more})  # type: ignore[arg-type]


def after(one: object, *decisions: Decision, caution: Caution | None = None) -> Learned:
    account = Account(read=1, folded=1)
    return learn([one], Inventory(), account, 0, caution or Caution(), decisions)  # type: ignore[list-item]


def test_what_was_held_is_taken_when_a_person_allows_it() -> None:
    found = after(FAILED, decision("allow"))
    assert accepted(found) == {EDGE}
    assert list(found.decided.by.values()) == [decision("allow")]
    assert found.records.connections == 1


def test_what_was_accepted_is_held_when_a_person_refuses_it() -> None:
    found = after(NEEDED, decision("refuse"))
    assert held(found) == {EDGE: "refused by a decision"}
    assert found.records.held == 1


@pytest.mark.parametrize(("one", "verdict"), [(NEEDED, "allow"), (FAILED, "refuse")])
def test_a_decision_that_changes_nothing_is_known(one: object, verdict: str) -> None:
    found = after(one, decision(verdict)).decided
    assert (found.idle, found.unknown, found.by) == ((decision(verdict),), (), {})


@pytest.mark.parametrize(
    "other",
    [
        {"ports": PortSet.of("TCP", 8081)},
        {"ports": PortSet.of("UDP", 8080)},
        {"client": B, "server": A},
    ],
)
def test_a_decision_about_something_else_is_about_nothing_seen(other: dict[str, object]) -> None:
    found = after(FAILED, decision("allow", **other))
    assert held(found) == {EDGE: "not answered"}
    assert found.decided.unknown == (decision("allow", **other),)


def test_of_two_decisions_the_later_counts() -> None:
    found = after(FAILED, decision("allow"), decision("refuse"))
    assert held(found) == {EDGE: "not answered"}
    assert set(found.decided.idle) == {decision("allow"), decision("refuse")}
    assert accepted(after(FAILED, decision("refuse"), decision("allow"))) == {EDGE}


def test_what_no_policy_can_name_stays_held() -> None:
    one = flow(app("a"), app("b"), None, protocol="OTHER")
    found = after(one, decision("allow", ports=PortSet.of("OTHER")))
    assert list(held(found).values()) == ["a protocol that no policy can name"]
    assert found.decided.idle


def test_whose_sides_are_not_known_cannot_be_decided_on() -> None:
    one = flow(app("a"), world("10.9.9.9"), signals=dict(UNANSWERED))
    assert not accepted(after(one, decision("allow")))


@pytest.mark.parametrize(
    ("caution", "reason"),
    [
        (Caution(times=4), "seen fewer times than asked for"),
        (Caution(hours=3), "seen in fewer hours than asked for"),
        (Caution(times=3, hours=2), None),
    ],
)
def test_the_cautious_hold_what_is_seen_rarely(caution: Caution, reason: str | None) -> None:
    one = flow(app("a"), app("b"), count=3, hours=frozenset({1, 2}))
    found = held(after(one, caution=caution))
    assert found == ({EDGE: reason} if reason else {})


def test_many_packets_do_not_make_many_connections() -> None:
    """One that stays open, and of which a source traces every packet."""
    signals = {"opened": 1, "forward": 99, "answered": 99, "traced": 198}
    one = flow(app("a"), app("b"), count=198, records=198, signals=signals)
    assert set(held(learned([one], caution=Caution(times=2))).values()) == {
        "seen fewer times than asked for"
    }
    many = flow(app("a"), app("b"), count=198, records=2)  # a record that stands for many
    assert not held(learned([many], caution=Caution(times=2)))


def test_a_person_overrules_caution() -> None:
    assert accepted(after(NEEDED, decision("allow"), caution=Caution(times=9))) == {EDGE}


Ports = st.lists(st.integers(1, 65535), min_size=1, max_size=4).map(
    lambda some: PortSet.union(PortSet.of("TCP", one) for one in some)
)
Words = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)


Decisions = st.builds(
    lambda verdict, ports, why: decision(verdict, ports=ports, why=why),
    st.sampled_from(["allow", "refuse"]),
    Ports,
    Words,
)


@given(st.lists(Decisions))
def test_what_is_written_is_read_back(tmp_path_factory, decisions: list[Decision]) -> None:
    text = ""
    for one in decisions:
        text = added(text, one)
    file = tmp_path_factory.mktemp("decisions") / "d.yaml"
    file.write_text(text, encoding="utf-8")
    told: list[object] = []
    assert list(read_decisions(str(file), told.append)) == decisions
    assert not told


def test_comments_of_the_file_stay() -> None:
    before = "# ours\ndecisions:\n- decision: allow  # by hand\n"
    assert added(before, decision()).startswith(before)


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ("decisions: 1", "expected a list", ".decisions"),
        ("decision: []", "there is no such field", ".decision"),
        ("decisions:\n- {decision: maybe}", "expected allow or refuse", ".decisions[0].decision"),
        ("decisions:\n- {decision: allow}", "is required", ".decisions[0].client"),
        (
            "decisions:\n- {decision: allow, client: a, server: b, ports: x}",
            "expected a port",
            ".decisions[0].ports",
        ),
        ("decisions: []\n---\ndecisions: []", "expected one YAML document", "d.yaml"),
        ("[]", "expected an object, found a list", "d.yaml"),
        ("- decision: refuse", "expected an object, found a list", "d.yaml"),
        ("decisions: []\n---\n- decision: refuse", "expected an object, found a list", "d.yaml"),
        ('{}\n[{"decision": "refuse"}]', "expected one YAML document", ""),
        ("refuse", "expected a Kubernetes object, found something else", "d.yaml"),
        ("decisions: [", "the rest of the document is not read", "d.yaml"),
        ("decisions: []\n---\n*a", "the rest of the document is not read", "d.yaml"),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(
    tmp_path: Path, text: str, message: str, where: str
) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(text)
    with pytest.raises(NetpolError, match=message) as caught:
        read_decisions(str(file), lambda _: None)
    assert where in caught.value.where


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("text", ["0", "65536", "9-8", "x", "1-", "256/1", "-1", "1/2/3", "٣"])
def test_no_other_text_is_a_port(protocol: str, text: str) -> None:
    if protocol in ("ICMP", "ICMPv6") and text == "0":
        return
    with pytest.raises(ValueError, match="expected"):
        ports_of(protocol, text)
