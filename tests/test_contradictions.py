"""What one source saw answered and another denied is shown."""

from __future__ import annotations

from scenes import app, flow, learned

from netpol.contradictions import contradictions

EGRESS = {"opened": 1, "forward": 1}


def seen(*flows):
    what = learned(flows)
    edges = [*what.accepted, *((one.connection, one.evidence) for one in what.held)]
    return {one.connection.port: dict(one.said) for one in contradictions(edges)}


def test_answered_for_one_and_denied_for_another() -> None:
    found = seen(
        flow(app("web"), app("api"), source="pcap"),
        flow(app("web"), app("api"), source="goldmane", signals={**EGRESS, "denied": 2}),
    )
    assert found == {8080: {"goldmane": ("denied",), "pcap": ("answered",)}}


def test_one_source_that_saw_both_is_no_contradiction() -> None:
    both = {**EGRESS, "answered": 1, "denied": 1}
    assert seen(flow(app("web"), app("api"), source="hubble", signals=both)) == {}


def test_sources_that_agree_or_say_nothing_are_none() -> None:
    found = seen(
        flow(app("web"), app("api"), source="pcap"),
        flow(app("web"), app("api"), source="conntrack"),
        flow(app("web"), app("api"), source="felix", signals=EGRESS),
        flow(app("web"), app("db"), source="felix", signals={**EGRESS, "refused": 1}),
    )
    assert found == {}


def test_what_a_policy_let_pass_the_server_may_still_refuse() -> None:
    refused = {**EGRESS, "refused": 1}
    found = seen(
        flow(app("web"), app("api"), source="aws", signals={"allowed": 1, **EGRESS}),
        flow(app("web"), app("api"), source="pcap", signals=refused),
        flow(app("web"), app("db"), 5432, source="pcap", signals=refused),
        flow(app("web"), app("db"), 5432, source="conntrack"),
    )
    assert found == {5432: {"conntrack": ("answered",), "pcap": ("refused",)}}


def test_let_pass_by_the_client_and_stopped_by_the_server_is_stopped() -> None:
    found = seen(
        flow(app("web"), app("api"), source="aws", signals={"allowed": 1, "denied": 1}),
        flow(app("web"), app("api"), source="hubble", signals={**EGRESS, "denied": 1}),
    )
    assert found == {}
