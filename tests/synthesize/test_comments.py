"""Blocks of addresses say in a comment whose they were, in every dialect."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import HOUR, TARGETS, app, flow, labels, learned, proof, world

from netpol.answers import Answer
from netpol.cli.keeping import keep
from netpol.cli.staging import staged

DAY = 24 * HOUR
DNS = app("coredns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))


def call(address: str, *names: str, client: str = "web", at: int = HOUR, port: int = 443):
    """One call to an address; who was there is known by these names."""
    server = world(address, names=frozenset(names))
    return flow(app(client), server, port, first=at, last=at)


def lines(text: str) -> list[str]:
    """Every line with a comment, without its indentation."""
    return [line.strip() for line in text.splitlines() if " # " in line]


def write(target: str, *flows, **options) -> str:
    return proof(learned(flows), target, **options).files["shop/web.yaml"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_block_says_whose_it_is_and_since_when(target: str) -> None:
    """Cilium has names only where DNS is seen to be asked, which it is not here."""
    text = write(target, call("192.0.2.10", "pay.example.org"), call("192.0.2.11", "b.example.org"))
    (line,) = lines(text)
    assert line.removeprefix("cidr: ").removeprefix("- ") == (
        "192.0.2.10/31  # b.example.org, pay.example.org"
    )


@pytest.mark.parametrize("target", TARGETS)
def test_later_calls_change_no_comment_and_the_order_of_flows_does_not_show(target: str) -> None:
    one, later = (
        call("192.0.2.10", "a.example.org"),
        call("192.0.2.10", "a.example.org", at=9 * DAY),
    )
    other = call("192.0.2.40", "b.example.org", at=3 * DAY)
    assert write(target, one, other) == write(target, later, other, one)


@pytest.mark.parametrize("target", TARGETS)
def test_a_shared_list_has_the_names_of_all_who_have_it(target: str) -> None:
    flows = [
        call(f"192.0.2.{2 * n}", f"{client}{n}.example.org", client=client)
        for client in ("web", "api")
        for n in (1, 2, 3)
    ]
    texts = proof(learned(flows), target).files
    shared = [text for path, text in texts.items() if path.startswith("lists/")]
    if target == "kubernetes":
        assert lines(texts["shop/web.yaml"])[0].endswith("# web1.example.org")
        assert lines(texts["shop/api.yaml"])[0].endswith("# api1.example.org")
    else:
        (text,) = shared
        assert lines(text)[0].endswith("# api1.example.org, web1.example.org")


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_everyone_outside_is_said_to_stand_for_a_name_without_an_address(target: str) -> None:
    flows = call("", "*.example.org"), call("192.0.2.10", "pay.example.org")
    text = write(target, *flows, allow_world=True)
    assert {one.partition("#")[2] for one in lines(text)} == {" *.example.org"}


@pytest.mark.parametrize("target", TARGETS)
def test_no_name_that_is_none_of_a_host_is_told(target: str) -> None:
    text = write(target, call("192.0.2.10", "a.org\n- 0.0.0.0/0", "a b", "*"))
    assert lines(text) == []
    assert "0.0.0.0" not in text


@pytest.mark.parametrize("target", TARGETS)
def test_a_roll_out_has_them_too(target: str) -> None:
    texts = staged(proof(learned([call("192.0.2.10", "pay.example.org")]), target)).files
    assert any(lines(text) for path, text in texts.items() if path.endswith("web.yaml"))


def rerun(target: str, folder: Path, *flows) -> str:
    """The file of ``web`` after another run into the same folder."""
    made = proof(learned(flows), target)
    known, profile = made.synthesis.learned.inventory, made.certificate.profile
    keep(made.files, made.dialect, folder, known, profile, lambda _: None, others=True)
    return (folder / "shop/web.yaml").read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_in_a_folder_comments_change_where_the_rules_do_and_only_there(
    target: str, tmp_path: Path
) -> None:
    first = call("192.0.2.10", "pay.example.org")
    before = rerun(target, tmp_path, first)
    assert rerun(target, tmp_path, first, call("192.0.2.10", "other.example.org")) == before
    moved = rerun(target, tmp_path, call("192.0.2.77", "moved.example.org"))
    assert [one.partition("# ")[2] for one in lines(moved)] == ["moved.example.org"]


@pytest.mark.parametrize("target", TARGETS)
def test_what_people_wrote_beside_a_block_stays(target: str, tmp_path: Path) -> None:
    first = call("192.0.2.10", "pay.example.org")
    before = rerun(target, tmp_path, first)
    kept = before.replace("# pay.example.org", "# the provider")
    (tmp_path / "shop/web.yaml").write_text(kept)
    after = rerun(target, tmp_path, first, call("192.0.2.99", "new.example.org"))
    assert [one.partition("# ")[2] for one in lines(after)] == [
        "the provider",
        "new.example.org",
    ]


def test_what_cilium_names_needs_no_comment() -> None:
    asked = flow(
        *(app("web"), DNS, 53),
        protocol="UDP",
        answers=frozenset({Answer("pay.example.org", "192.0.2.10", HOUR, HOUR)}),
    )
    assert lines(write("cilium", asked, call("192.0.2.10"))) == []
