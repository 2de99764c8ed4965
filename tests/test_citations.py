"""What the code cites is there: sections of docs/semantics.md, and documents of this repository.

Who reads a comment must be able to look up what it is about, here or where everybody can.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("netpol", "capture", "generators", "tests", "samples", "docs")
_CITED = re.compile(r"\bsemantics\.md(?:#([\w-]*))?")
_DOCUMENT = re.compile(r"(?<![\w./-])((?:[\w.-]+/)*[\w-]+\.(?:md|rst|pdf))\b")
_ELSEWHERE = re.compile(r"(?:https?://\S*|\b[\w.-]+/[\w.-]+ (?:``)?)$")
"""What is before the path of a document that is not ours: an address, or ``owner/repository``."""
_SECTION = re.compile(r"(?<!RFC \d{3} )(?<!RFC \d{4} )§")


def files(*endings: str) -> list[Path]:
    """The files of the repository with these endings."""
    found = [one for room in ROOMS for one in (ROOT / room).rglob("*") if one.is_file()]
    return sorted(one for one in (*found, *ROOT.iterdir()) if one.suffix in endings)


def remarks(code: str) -> Iterator[str]:
    """Comments and docstrings, also those of attributes."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield str(node.value.value)


def anchors(page: str) -> set[str]:
    """What the headings of a page are called in links (GitHub's rule)."""
    plain = re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
    names = re.findall(r"^#+ (.+)$", plain, re.M)
    return {re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-") for name in names}


def absent(remark: str, where: Path) -> Iterator[str]:
    """Documents that a remark names, and that are neither here nor in a repository it names."""
    for found in _DOCUMENT.finditer(remark):
        places = (ROOT, where.parent, ROOT / "docs", ROOT / "docs" / "reference")
        if not _ELSEWHERE.search(remark[: found.start()]) and not any(
            (place / found[1]).is_file() for place in places
        ):
            yield found[1]


@pytest.mark.parametrize(
    "path", files(".py", ".md", ".toml", ".sh"), ids=lambda path: str(path.relative_to(ROOT))
)
def test_cited_sections_are_there(path: Path) -> None:
    known = anchors((ROOT / "docs/semantics.md").read_text(encoding="utf-8"))
    text = path.read_text(encoding="utf-8")
    cited = {found[1] for found in _CITED.finditer(text) if found[1] is not None}
    if path != Path(__file__):
        assert cited <= known
        assert not [line for line in text.splitlines() if _SECTION.search(line)]


@pytest.mark.parametrize("path", files(".py"), ids=lambda path: str(path.relative_to(ROOT)))
def test_documents_in_remarks_are_there(path: Path) -> None:
    code = path.read_text(encoding="utf-8")
    assert not [name for one in remarks(code) for name in absent(one, path)]


@pytest.mark.parametrize("path", files(".md"), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_sections_lead_to_one(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, section in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
        if "://" not in target:
            page = path.parent / target if target else path
            assert section in anchors(page.read_text(encoding="utf-8")), f"{target}#{section}"


def test_a_document_that_is_not_there_is_found() -> None:
    here = Path(__file__)
    assert list(absent("see notes.md, and secret/plans.rst", here)) == [
        "notes.md",
        "secret/plans.rst",
    ]
    assert list(absent("antrea-io/antrea docs/antrea-network-policy.md", here)) == []
    assert list(absent("README.md and docs/semantics.md#ports", here)) == []
    assert anchors("# One, two\n```sh\n# no heading\n```\n## A `b` c\n") == {"one-two", "a-b-c"}
