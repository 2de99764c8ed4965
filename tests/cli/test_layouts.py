"""The same objects in whatever files people keep them allow the same connections."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from netpol.cli import cli
from netpol.manifests import load

Object = dict[str, Any]

FOLDERS = ("", "base", "base/policies", "z/overlays/prod")
BETWEEN = (
    "---\n",
    "--- \n",
    "---\n# Source: shop/templates/x.yaml\n",
    "---\n---\n",
    "\n---\n#\n---\n",
)
NOISE: tuple[Object, ...] = (
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "---\n"}},
    {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {}},
    {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "i"}},
    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "s"}},
)


@pytest.fixture(scope="module")
def objects(root: Path) -> list[Object]:
    """The small shop with its policies."""
    data = root / "tests" / "data" / "policies"
    told: list[object] = []
    found = [one.data for one in load([data / "cluster.yaml", data / "before"], told.append)]
    assert not told
    return found


def as_json(_: random.Random, objects: list[Object]) -> tuple[str, str]:
    return ".json", json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})


def as_typed_lists(_: random.Random, objects: list[Object]) -> tuple[str, str]:
    """As the API answers: the elements leave out what the list says."""

    def kind(one: Object) -> tuple[str, str]:
        return str(one["apiVersion"]), str(one["kind"])

    lists = [
        {
            "apiVersion": version,
            "kind": f"{name}List",
            "items": [
                {k: v for k, v in one.items() if k not in ("apiVersion", "kind")} for one in of
            ],
        }
        for (version, name), of in groupby(sorted(objects, key=kind), key=kind)
    ]
    return ".yaml", yaml.safe_dump_all(lists)


def as_documents(chance: random.Random, objects: list[Object]) -> tuple[str, str]:
    """As charts and people write: empty documents, comments, either style, any line ends."""
    parts = []
    for one in objects:
        parts.append(chance.choice(BETWEEN))
        parts.append(yaml.safe_dump(one, default_flow_style=chance.choice([False, True])))
    text = "".join(parts) + chance.choice(["", "---\n", "...\n"])
    text = chance.choice(["", "\ufeff"]) + text
    return chance.choice([".yaml", ".yml"]), chance.choice([text, text.replace("\n", "\r\n")])


LAYOUTS: tuple[Callable[[random.Random, list[Object]], tuple[str, str]], ...] = (
    as_json,
    as_typed_lists,
    as_documents,
    as_documents,
)


def write(chance: random.Random, objects: list[Object], where: Path) -> None:
    """The objects in some files of some folders, in any order, beside what is none of them."""
    left = [*objects, *chance.sample(NOISE, 2)]
    chance.shuffle(left)
    for number in range(len(left)):
        part, left = left[: (size := chance.randint(1, 5))], left[size:]
        if part:
            folder = where / chance.choice(FOLDERS)
            folder.mkdir(parents=True, exist_ok=True)
            suffix, text = chance.choice(LAYOUTS)(chance, part)
            (folder / f"{number}{suffix}").write_text(text, encoding="utf-8", newline="")
    (where / "README.md").write_text("kind: NetworkPolicy\n", encoding="utf-8")


def rows(*args: str) -> list[dict[str, str]]:
    result = CliRunner().invoke(cli, [*args, "--format", "json"], catch_exceptions=False)
    found: list[dict[str, str]] = json.loads(result.stdout)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_any_layout_allows_the_same(objects: list[Object], tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    plain, mixed, policies, cluster = (tmp_path / name for name in "abcd")
    for one in (plain, mixed, policies, cluster):
        one.mkdir()
    (plain / "all.json").write_text(as_json(chance, objects)[1], encoding="utf-8")
    write(chance, objects, mixed)
    write(chance, [one for one in objects if one["kind"] == "NetworkPolicy"], policies)
    write(chance, [one for one in objects if one["kind"] != "NetworkPolicy"], cluster)

    expected = rows("connections", str(plain))
    assert expected
    assert rows("connections", str(mixed)) == expected
    assert rows("connections", str(policies), "--inventory", str(cluster)) == expected
    assert rows("connections", str(mixed), "--inventory", str(mixed)) == expected
    assert rows("diff", str(plain), str(mixed)) == []
    assert rows("diff", str(mixed), str(policies), "--inventory", str(cluster)) == []
