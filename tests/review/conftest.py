"""What the tests of reviews share: see :mod:`review_shop`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from review_shop import Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.chdir(tmp_path)
    yield Shop(tmp_path)
