"""Tables for people: complete, greppable, harmless."""

from __future__ import annotations

import pytest
from scenes import UNANSWERED, app, flow, learned, world

from netpol.cli.tables import check_text, graph_table, rows_table

PLAIN = learned([flow(app("web"), app("api")), flow(app("web"), app("db"), signals=UNANSWERED)])


def test_accepted_and_held_are_both_there() -> None:
    text = graph_table(PLAIN)
    assert "shop/Deployment/web" in text.split("Held")[0]
    assert "not answered" in text.split("Held")[1]


def test_many_outside_clients_share_a_row_with_all_their_records() -> None:
    what = learned([flow(world(f"198.51.100.{n}"), app("web"), records=2) for n in range(9)])
    assert "9 outside addresses" in graph_table(what)
    assert "18×" in graph_table(what)


def test_a_reason_with_very_many_cases_is_cut_and_says_so() -> None:
    flows = [flow(app("web"), app(f"s{n}"), signals=UNANSWERED) for n in range(15)]
    assert "3 more" in graph_table(learned(flows))


def test_nothing_learned_is_an_empty_table() -> None:
    assert "client" in graph_table(learned([]))


@pytest.mark.parametrize("cell", ["[red]a[/red]", ":smile:", "a  b"])
def test_cells_are_printed_as_they_are(cell: str) -> None:
    assert cell in rows_table([{"client": cell}])


def test_names_cannot_steer_the_terminal() -> None:
    text = graph_table(learned([flow(app("x", pod="\x1b[2Jx"), app("api"))]))
    assert "\x1b" not in text


def test_a_row_stays_on_its_line_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "checkout-service-of-the-shop"
    text = graph_table(learned([flow(app(name), app(f"{name}-db"), 5432)]))
    assert any(f"Deployment/{name}-db" in line and "5432" in line for line in text.splitlines())


def test_a_check_with_nothing_to_say_is_one_line() -> None:
    shown = {"allowed": 3, "denied": [], "unused_rules": [], "unobserved": []}
    shown |= {"held": [], "contradictions": [], "undecided": []}
    assert check_text(shown, ()) == "3 of 3 accepted connections are allowed.\n"


def test_several_sources_are_shown_each_with_what_it_saw() -> None:
    flows = [flow(app("web"), app("api"), source="hubble", records=412)]
    flows += [flow(app("web"), app("api"), source="pcap", records=3)]
    assert "hubble 412×, pcap 3×" in graph_table(learned(flows))
