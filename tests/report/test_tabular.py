"""Tables as text, Markdown and CSV."""

from __future__ import annotations

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from netpol.report.tabular import aligned, csv_text, markdown_table

cells = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


def test_columns_are_padded_and_lines_end_where_their_text_does() -> None:
    assert aligned([["a", "long", "x"], ["longer", "b", ""]]) == "a       long  x\nlonger  b\n"
    assert aligned([["a", "b"]], indent="  ") == "  a  b\n"
    assert aligned([]) == ""


def test_markdown_keeps_each_text_in_its_cell() -> None:
    text = markdown_table(["a"], [["x|y\nz"]])
    assert text == "| a |\n| --- |\n| x\\|y\\nz |\n"


@given(st.lists(st.tuples(cells, cells)))
def test_csv_reads_back(lines) -> None:
    text = csv_text(("a", "b"), lines)
    assert [tuple(row) for row in csv.reader(StringIO(text, newline=""))] == [("a", "b"), *lines]
