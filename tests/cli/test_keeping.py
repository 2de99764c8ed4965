"""``generate -o`` into a folder with policies: text changes only where the meaning does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli
from netpol.cli.merging import meaning
from netpol.manifests import cut, parsed

ROOT = Path(__file__).resolve().parents[2]
SHOP = ROOT / "samples/shop"
TRAFFIC = (str(SHOP / "hubble.jsonl.gz"), "--inventory", str(SHOP / "cluster"))


def generate(where: Path, *more: str):
    return CliRunner().invoke(
        cli, ["generate", *TRAFFIC, *more, "-o", str(where)], catch_exceptions=False
    )


def files(where: Path) -> dict[str, bytes]:
    return {str(one.relative_to(where)): one.read_bytes() for one in where.rglob("*.yaml")}


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> tuple[Path, str]:
    """The hand-written policies of the shop, after one run into them."""
    where = tmp_path_factory.mktemp("kept") / "policies"
    shutil.copytree(SHOP / "policies", where)
    done = generate(where)
    assert done.exit_code == 0, done.output
    return where, done.stdout


def test_files_that_say_what_is_wanted_keep_every_byte(kept) -> None:
    where, said = kept
    before, after = files(SHOP / "policies"), files(where)
    touched = {name for name, text in before.items() if after[name] != text}
    assert touched == {
        "data/postgres.yaml",
        "data/redis.yaml",
        "payments/payments.yaml",
        "shop/cart.yaml",
    }
    assert f"edited {', '.join(sorted(touched))}" in said
    # In other words for the same pods, with comments and keys of its own: not touched.
    assert after["shop/checkout.yaml"] == before["shop/checkout.yaml"]


def test_within_a_file_only_the_rules_that_change_do(kept) -> None:
    after = kept[0].joinpath("shop/cart.yaml").read_text(encoding="utf-8")
    before = (SHOP / "policies/shop/cart.yaml").read_text(encoding="utf-8")
    gone = before[before.index("    # The old search") :]
    assert after == before.removesuffix(gone)
    redis = kept[0].joinpath("data/redis.yaml").read_text(encoding="utf-8")
    assert redis.startswith("# One chart, two releases")
    assert "# Sessions hold addresses of customers" in redis
    # A document of which nothing generated is the counterpart stays as it was.
    old = cut((SHOP / "policies/data/redis.yaml").read_text(encoding="utf-8"))
    assert cut(redis)[2] == old[2]


def test_what_is_written_says_what_a_fresh_run_says(kept, tmp_path) -> None:
    fresh = tmp_path / "fresh"
    generate(fresh)
    wanted = {_id(one): meaning(one) for one in _objects(fresh)}
    found = {_id(one): meaning(one) for one in _objects(kept[0])}
    same = [name for name in wanted if found[name] == wanted[name]]
    # Others select the same pods by more labels than are needed.
    assert set(wanted) - set(same) == {("payments", "payments"), ("shop", "checkout")}
    check = CliRunner().invoke(
        cli, ["check", str(kept[0]), *TRAFFIC, "--cni", "generic", "--format", "json"]
    )
    assert json.loads(check.stdout)["denied"] == []


def _objects(where: Path):
    for file in sorted(where.rglob("*.yaml")):
        for piece in cut(file.read_text(encoding="utf-8")):
            node = parsed(piece)
            if node and node.value.get("kind") == "NetworkPolicy":
                yield node.value


def _id(one) -> tuple[str, str]:
    return one["metadata"]["namespace"], one["metadata"]["name"]


def test_a_second_run_changes_no_byte(kept, tmp_path) -> None:
    where = tmp_path / "again"
    shutil.copytree(kept[0], where)
    done = generate(where)
    assert files(where) == files(kept[0])
    assert "Wrote 0 files" in done.stdout


def test_a_policy_for_the_same_pods_keeps_its_name(tmp_path) -> None:
    where = tmp_path / "policies"
    where.mkdir()
    text = (SHOP / "policies/shop/checkout.yaml").read_text(encoding="utf-8")
    (where / "till.yml").write_text(text.replace("name: checkout\n", "name: the-till\n", 1))
    generate(where)
    assert (where / "till.yml").read_text(encoding="utf-8").count("name: the-till\n") == 1
    assert not (where / "shop/checkout.yaml").exists()
    assert "- till.yml\n" in (where / "kustomization.yaml").read_text(encoding="utf-8")


def test_a_kustomization_of_others_gets_new_lines_and_loses_none(tmp_path) -> None:
    where = tmp_path / "policies"
    where.mkdir()
    text = "# Ours.\nresources:   # in order\n  - extra.yaml\nlabels:\n- pairs: {team: a}\n"
    (where / "kustomization.yaml").write_text(text)
    (where / "extra.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n")
    generate(where)
    made = (where / "kustomization.yaml").read_text(encoding="utf-8")
    assert made.startswith("# Ours.\nresources:   # in order\n")
    assert made.endswith("labels:\n- pairs: {team: a}\n")
    assert "  - extra.yaml\n" in made
    assert "  - shop/cart.yaml\n" in made
    assert set(text.splitlines()) <= set(made.splitlines())


def test_what_is_no_longer_needed_is_removed_if_it_is_ours_alone(tmp_path) -> None:
    where = tmp_path / "policies"
    generate(where)
    (where / "mine.yaml").write_text((SHOP / "policies/shop/recommendations.yaml").read_text())
    done = generate(where, "-n", "shop")
    assert "data/postgres.yaml" in done.stdout.partition("removed ")[2]
    assert not (where / "data/postgres.yaml").exists()
    assert (where / "mine.yaml").exists()
