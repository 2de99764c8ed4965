"""The lines at which fields of documents stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpol.manifests import Document, dump, load
from netpol.manifests.lines import Lines

TEXT = """\
# A comment before everything.
a: 1
---

kind: X  # two
spec:
  rules: &rules
  # about the first
  - name: one
    ports: [
      1, 2,
    ]

  - name: two
  # a comment behind the second

  more: {rules: [{name: flow}]}
  again: *rules
---
kind: List
items:
- kind: Y
  spec: {a: 1}
- kind: Z
  spec:
    a:
    - 1
"""


def read(place: Path, text: str) -> tuple[list[Document], Lines]:
    place.write_text(text, encoding="utf-8")
    return list(load([place], lambda _: None)), Lines(place)


@pytest.mark.parametrize(
    ("document", "path", "span"),
    [
        (0, ("a",), (2, 2)),
        (1, ("spec", "rules", 0), (9, 12)),
        (1, ("spec", "rules", 1), (14, 14)),
        (1, ("spec", "rules"), (7, 14)),  # with its anchor
        (1, ("spec", "more", "rules", 0), (17, 17)),
        (1, ("spec", "again", 1), (14, 14)),
        (1, ("spec", "nothing"), (5, 5)),
        (1, ("spec", "rules", 7), (5, 5)),
        (2, ("spec", "a"), (23, 23)),
        (3, ("spec", "a", 0), (27, 27)),
    ],
)
def test_fields_in_yaml(tmp_path: Path, document: int, path: tuple, span: tuple[int, int]) -> None:
    documents, lines = read(tmp_path / "x.yaml", TEXT)
    assert lines.of(documents[document], path) == span


def test_the_first_path_that_is_there_counts(tmp_path: Path) -> None:
    documents, lines = read(tmp_path / "x.yaml", TEXT)
    assert lines.of(documents[1], ("no",), ("spec", "more"), ("kind",)) == (17, 17)
    assert lines.entries(documents[1], ("spec", "rules")) == 2
    assert lines.entries(documents[1], ("spec", "no")) == 0


def test_json_has_lines_too(tmp_path: Path) -> None:
    text = '{\n "kind": "X",\n "spec": {\n  "a": [\n   1,\n   {"b": 2}\n  ]\n }\n}\n'
    (document,), lines = read(tmp_path / "x.json", text)
    assert lines.of(document, ("spec", "a", 1)) == (6, 6)
    assert lines.of(document, ("spec",)) == (3, 8)


def test_what_cannot_be_read_as_yaml_has_the_line_of_its_object(tmp_path: Path) -> None:
    documents, lines = read(tmp_path / "x.yaml", "a: [\n---\nkind: X\nb: {c: 1}\n")
    (document,) = documents
    assert lines.of(document, ("b", "c")) == (3, 3)
    assert Lines(tmp_path / "nothing.yaml").of(document, ("b",)) == (3, 3)


values = st.recursive(
    st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), values, min_size=1), min_size=1, max_size=3)
)
def test_lines_are_within_their_document(
    tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]]
) -> None:
    texts = [dump({"kind": "X", **one}) for one in objects]
    place = tmp_path_factory.mktemp("lines") / "x.yaml"
    documents, lines = read(place, "---\n".join(texts))
    assert len(documents) == len(objects)
    for document, text, one in zip(documents, texts, objects, strict=True):
        last = document.line + text.count("\n") - 1
        for name in one:
            first, end = lines.of(document, (name,))
            assert document.line <= first <= end <= last
