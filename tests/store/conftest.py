"""A store and a log."""

from __future__ import annotations

from pathlib import Path

import pytest
from kept import LINES, Kept, written


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path / "kept.db")


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return written(tmp_path / "flows.jsonl", LINES)
