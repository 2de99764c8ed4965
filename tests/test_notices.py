"""Every code that the sources use is explained, and every explanation is of a code in use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netpol.catalogue import CATALOGUE
from netpol.notices import Notice

CODE = re.compile(r"\bNP\d{3}\b")
QUOTED = re.compile(r"""["'](NP\d{3})["']""")


@pytest.fixture(scope="module")
def used(root: Path) -> dict[str, set[str]]:
    """Code → files of the program in which it is a literal."""
    found: dict[str, set[str]] = {}
    for room in ("netpol", "capture", "generators"):
        for path in (root / room).rglob("*.py"):
            if path.name != "notices.py":
                for code in QUOTED.findall(path.read_text(encoding="utf-8")):
                    found.setdefault(code, set()).add(str(path.relative_to(root)))
    return found


def test_every_code_in_use_has_an_entry(used: dict[str, set[str]]) -> None:
    assert {code: sorted(used[code]) for code in used.keys() - CATALOGUE.keys()} == {}


def test_every_entry_is_of_a_code_in_use(used: dict[str, set[str]]) -> None:
    assert sorted(CATALOGUE.keys() - used.keys()) == []


def test_codes_in_other_texts_exist(root: Path) -> None:
    """README, docs and comments name no code that ``explain`` does not know."""
    texts = [*root.glob("*.md"), *(root / "docs").rglob("*.md")]
    texts += [
        p for room in ("netpol", "capture", "generators") for p in (root / room).rglob("*.py")
    ]
    named = {code for path in texts for code in CODE.findall(path.read_text(encoding="utf-8"))}
    assert sorted(named - CATALOGUE.keys()) == []


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_an_entry_is_complete(code: str) -> None:
    entry = CATALOGUE[code]
    assert CODE.fullmatch(code)
    assert entry.title[0].islower() or entry.title.split()[0].isupper()
    assert not entry.title.endswith(".")
    for text in (entry.why, entry.what_to_do):
        assert text[0].isupper() or text.startswith("netpol")
        assert text.endswith((".", "?"))
        assert "  " not in text


def test_titles_tell_codes_apart() -> None:
    assert len({entry.title for entry in CATALOGUE.values()}) == len(CATALOGUE)


def test_codes_are_in_order() -> None:
    assert list(CATALOGUE) == sorted(CATALOGUE)


def test_a_notice_says_where_it_occurred() -> None:
    assert str(Notice(code="NP001", message="bad")) == "NP001 bad"
    assert str(Notice(code="NP001", message="bad", where="f:1")) == "NP001 f:1: bad"
