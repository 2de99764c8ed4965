"""JSON text cut into its records: a record a line, or whole documents, whatever the chunks."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capture import documents
from capture.documents import elements, pieces
from capture.lines import LINE_LIMIT

INSIDE = frozenset({b"items", b"hits"})
TEXTS = st.text(alphabet='a{}[]",:\\\n \u00e4', max_size=6)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3).filter(
    lambda one: not {"items", "hits"} & one.keys()
)


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def found(data: bytes) -> list[tuple[int, bytes]]:
    return list(pieces(io.BytesIO(data), INSIDE))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.lists(RECORDS, max_size=4), max_size=3),
    st.sampled_from(["array", "items", "search", "alone"]),
    st.sampled_from([None, 1]),
    st.integers(1, 40),
)
def test_every_record_of_a_document_comes_out_once(documents, form, indent, size):
    whole = {
        "array": lambda some: [some],
        "items": lambda some: [{"total": {"n": 1}, "items": some, "next": [1, {}]}],
        "search": lambda some: [{"took": 3, "hits": {"total": {"v": 1}, "hits": some}}],
        "alone": lambda some: some,
    }[form]
    texts = [json.dumps(one, indent=indent) for some in documents for one in whole(some)]
    data = "\n".join(texts).encode()
    out = [json.loads(text) for _, text in elements(cut(data, size), INSIDE)]
    assert out == [one for some in documents for one in some]


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60), st.integers(1, 10))
def test_chunks_do_not_show(data, size):
    whole = list(elements([data] if data else [], INSIDE))
    assert list(elements(cut(data, size), INSIDE)) == whole


@settings(deadline=None, max_examples=100)
@given(st.lists(RECORDS, min_size=1, max_size=4))
def test_a_record_a_line_stays_that_line(records):
    lines = [json.dumps(one).encode() + b"\n" for one in records]
    assert found(b"".join(lines)) == list(enumerate(lines, 1))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b'{"a":1}', [(1, b'{"a":1}')]),
        (b'{"a":\n', [(1, b'{"a":\n')]),
        (b'ce":1}\n{"a":1}\n', [(1, b'ce":1}\n'), (2, b'{"a":1}\n')]),
        (b'{\n "a": 1\n}\n{\n "b": 2\n}\n', [(1, b'{\n "a": 1\n}'), (4, b'{\n "b": 2\n}')]),
        (b'[\n{"a":1},\n7,\n"x"]', [(2, b'{"a":1}'), (3, b"7"), (4, b'"x"')]),
        (b'{"items":[\n{"a":1},\n{"b', [(2, b'{"a":1}'), (3, b'{"b')]),
        (b'{"items": []}', [(1, b'{"items": []}')]),
    ],
)
def test_where_records_begin(data, expected):
    assert found(data) == expected


def test_a_document_of_one_endless_line_is_cut_too(monkeypatch):
    monkeypatch.setattr(documents, "_FIRST", 64)
    rows = [{"n": n, "s": "x" * 50} for n in range(40)]
    data = json.dumps({"items": rows}).encode()
    assert [json.loads(text) for _, text in found(data)] == rows


def test_a_record_without_end_is_not_kept_whole():
    data = b'[{"a":"' + b"x" * (LINE_LIMIT + 5_000_000) + b'"},\n{"b":1}]'
    (first, long), (second, text) = found(data)
    assert (first, second, text) == (1, 2, b'{"b":1}')
    assert len(long) == LINE_LIMIT + 1
