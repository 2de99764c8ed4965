"""What every test may use: the repository's places, and goldens that `pytest --update` rewrites."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
GOLDEN = ROOT / "tests" / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden files")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests recorded as ``counts`` is printed in every run, in however many processes."""
    for report in terminalreporter.getreports("passed"):
        for name, text in report.user_properties:
            if name == "counts":
                terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="module")
def at_root(root: Path) -> Iterator[None]:
    """Paths are those of the repository, as in its README."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference data beside the repository; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"the reference data is not there: {SHARED.name}/ beside the repository")
    return SHARED


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/NAME``, or rewrite the file under ``--update``."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.is_file(), f"{path} is missing; `pytest --update` writes it"
        assert text == path.read_text(encoding="utf-8"), f"`pytest --update` rewrites {path}"

    return compare
