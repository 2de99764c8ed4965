"""``generate --existing`` where what is there and what is proposed are of different dialects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from netpol.cli import cli
from netpol.errors import NetpolError

ROOT = Path(__file__).resolve().parents[2]
FLOWS = str(ROOT / "samples/tiny/flows.jsonl")


def generate(*args: str | Path) -> Result:
    words = ("generate", FLOWS, *map(str, args))
    return CliRunner().invoke(cli, words, catch_exceptions=False)


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All that is needed, in each dialect."""
    base = tmp_path_factory.mktemp("there")
    for name in ("kubernetes", "calico", "cilium"):
        assert generate("--target", name, "-o", base / name).exit_code == 0
    return {one.name: one for one in base.iterdir()}


def proposed(*args: str | Path) -> tuple[dict, str]:
    done = generate(*args, "--format", "json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("target", ["kubernetes", "calico", "cilium"])
def test_what_one_engine_enforces_is_completed_in_any_of_its_dialects(there, target) -> None:
    for name in {"kubernetes", target}:
        found, said = proposed("--target", target, "--existing", there[name])
        assert (found["rules"], found["denied"]) == (0, 0)
        assert "NP154" not in said


@pytest.mark.parametrize(("target", "other"), [("calico", "cilium"), ("cilium", "calico")])
def test_what_the_engine_does_not_read_counts_as_nothing(there, tmp_path, target, other) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "other.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    made = {}
    for name, where in (("empty", empty), ("other", there[other])):
        words = "--target", target, "--cni", target, "--existing", where
        found, said = proposed(*words, "-o", tmp_path / "out" / name)
        assert ("NP154" in said) == (where != empty)
        assert found["denied"] == 0
        out = tmp_path / "out" / name
        made[name] = {one.relative_to(out): one.read_text() for one in out.rglob("*.yaml")}
    assert made["other"] == made["empty"]
    assert len(made["other"]) > 2


def test_of_several_the_ones_that_it_reads_count(there, tmp_path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    for name in ("calico", "cilium"):
        (both / name).symlink_to(there[name])
    found, said = proposed("--target", "kubernetes", "--cni", "cilium", "--existing", both)
    assert found["rules"] == 0
    assert "policies of calico count as nothing" in said


@pytest.mark.parametrize(
    ("cni", "says", "hint"),
    [
        ((), "no engine enforces them and those of calico", "--target cilium"),
        (
            ("--cni", "cilium"),
            "cilium does not read those of calico",
            "--target kubernetes or cilium",
        ),
    ],
)
def test_nothing_is_proposed_that_whoever_enforces_the_rest_would_not_read(
    there, cni, says, hint
) -> None:
    with pytest.raises(NetpolError) as error:
        generate("--target", "calico", "--existing", there["cilium"], *cni)
    assert says in error.value.what
    assert hint in error.value.hint


def test_existing_policies_may_say_what_the_target_has_no_words_for(tmp_path: Path) -> None:
    """Cilium enforces both: that plain policies cannot name the internet is no fault of its own."""
    (tmp_path / "guard.yaml").write_text(
        "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\n"
        "metadata: {name: guard, namespace: shop}\n"
        "spec:\n  endpointSelector: {}\n  enableDefaultDeny: {egress: false}\n"
        "  egress:\n  - toEntities: [world]\n    toPorts: [{ports: [{port: '8'}]}]\n"
        "  - toFQDNs: [{matchName: a.example.org}]\n",
        encoding="utf-8",
    )
    found, _ = proposed("--target", "kubernetes", "--cni", "cilium", "--existing", tmp_path)
    messages = [one["message"] for one in found["existing"]["findings"]]
    assert messages
    assert not [one for one in messages if "no word for" in one or "no rules about" in one]
