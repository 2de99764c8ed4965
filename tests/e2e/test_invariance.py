"""How records were ordered, split or repeated does not show in a byte of the YAML."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from netpol.cli import cli

CLUSTER = "samples/shop/cluster"


@pytest.fixture(scope="module")
def lines(root: Path) -> list[bytes]:
    return gzip.decompress((root / "samples/shop/hubble.jsonl.gz").read_bytes()).splitlines(True)


@pytest.fixture
def written(root: Path, tmp_path: Path, monkeypatch) -> Callable[..., dict[str, str]]:
    """The policies that `netpol generate` writes for some inputs."""
    monkeypatch.chdir(root)

    def generate(*inputs: list[bytes], target: str = "cilium") -> dict[str, str]:
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        names = [place / f"part-{number}.jsonl" for number, _ in enumerate(inputs)]
        for name, content in zip(names, inputs, strict=True):
            name.write_bytes(b"".join(content))
        out = place / "out"
        args = ["generate", *map(str, names), "--inventory", CLUSTER, "--target", target]
        result = CliRunner().invoke(cli, [*args, "-o", str(out)], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return {str(p.relative_to(out)): p.read_text() for p in sorted(out.rglob("*.yaml"))}

    return generate


@pytest.mark.parametrize("target", ["kubernetes", "calico", "cilium"])
def test_order_halves_and_repetition(lines, written, target: str) -> None:
    expected = written(lines, target=target)
    shuffled = random.Random(7).sample(lines, len(lines))
    half = len(lines) // 2
    assert written(shuffled, target=target) == expected
    assert written(lines[half:], lines[:half], target=target) == expected
    assert written(lines, lines, target=target) == expected


def test_many_small_files(lines, written) -> None:
    pieces = [lines[start : start + 1500] for start in range(0, len(lines), 1500)]
    assert written(*pieces) == written(lines)
