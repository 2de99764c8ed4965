"""Small edits of hand-written YAML: what does not change keeps every byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.manifests import cut, edited, parsed

WORDS = st.text("abcxz", min_size=1, max_size=6)
SCALARS = (
    WORDS | st.integers(0, 70000) | st.booleans() | st.sampled_from(["8080", "1e3", "a: b", ""])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(WORDS, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)
TABLES = st.dictionaries(WORDS, VALUES, min_size=1, max_size=4)


class Hand:
    """Writes YAML as people do: odd indentation, comments, blank lines, both styles of lists."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def any(self, *ways: str) -> str:
        return self.draw(st.sampled_from(ways))

    def scalar(self, value: Any) -> str:
        if isinstance(value, str):
            return self.any(f"'{value}'", f'"{value}"')
        return str(value).lower()

    def flow(self, value: Any) -> str:
        match value:
            case dict():
                return "{" + ", ".join(f"{k}: {self.flow(v)}" for k, v in value.items()) + "}"
            case list():
                return "[" + ", ".join(map(self.flow, value)) + "]"
            case _:
                return self.scalar(value)

    def rest_of_line(self) -> str:
        return self.any("", "", "  # why not", " #") + "\n"

    def member(self, key: str, value: Any, column: int) -> str:
        """``key: value`` with all its lines, beginning in a column."""
        pad = " " * column
        above = self.any("", "", f"{pad}# about this\n", "\n", f"{pad}# one\n{pad}# two: x\n")
        anchor = self.any("", "", f" &{key}{column}")
        if not isinstance(value, dict | list) or self.draw(st.booleans()):
            return f"{above}{pad}{key}:{anchor} {self.flow(value)}{self.rest_of_line()}"
        return f"{above}{pad}{key}:{anchor}{self.rest_of_line()}{self.block(value, column)}"

    def block(self, value: Any, column: int) -> str:
        """A value in block style below its key."""
        if isinstance(value, dict):
            deeper = column + self.draw(st.integers(1, 5))
            return "".join(self.member(k, v, deeper) for k, v in value.items())
        deeper = column + self.draw(st.integers(0, 4))
        return "".join(self.element(one, deeper) for one in value)

    def element(self, value: Any, column: int) -> str:
        pad = " " * column
        gap = self.any(" ", "  ")
        above = self.any("", "", f"{pad}# this one\n")
        if isinstance(value, dict) and self.draw(st.booleans()):
            inner = column + 1 + len(gap)
            lines = "".join(self.member(k, v, inner) for k, v in value.items())
            first = lines.lstrip("\n")
            if first.startswith(" " * inner) and not first.lstrip().startswith("#"):
                return f"{above}{pad}-{gap}{first[inner:]}"
        return f"{above}{pad}-{gap}{self.flow(value)}{self.rest_of_line()}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    """What a document says, and its text member by member."""
    value = draw(TABLES)
    hand = Hand(draw)
    return value, [hand.member(key, one, 0) for key, one in value.items()]


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(*at, key) for key, _ in inner]
    return found + [
        place for one in found for place in (places(_at(value, one[len(at) :]), one) if one else [])
    ]


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value if isinstance(value, dict | list) else {}


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[str], str, dict[str, Any], dict[str, Any]]:
    """The members of a document, its text, what it says, and what it shall say."""
    value, members = draw(documents())
    target = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 2))):
        found = places(target)
        if not found:
            break
        *path, last = draw(st.sampled_from(found))
        holder = target
        for key in path:
            holder = holder[key]
        match draw(st.sampled_from(["set", "drop", "add"])):
            case "set":
                holder[last] = draw(VALUES)
            case "drop":
                del holder[last]
            case _ if isinstance(holder, list):
                holder.insert(draw(st.integers(0, len(holder))), draw(VALUES))
            case _:
                holder["new" + draw(WORDS)] = draw(VALUES)
    return members, "".join(members), value, target


@settings(deadline=None)
@given(case=changes(), head=st.sampled_from(["", "# head\n", "---\n", "--- # x\n# y\n"]))
def test_an_edit_says_what_it_shall_and_leaves_other_members_as_they_are(case, head) -> None:
    members, body, value, target = case
    text = head + body
    node = parsed(text)
    assert node is not None, text
    assert node.value == value
    made = edited(text, target)
    again = parsed(made)
    assert again is not None, made
    assert again.value == target, made
    assert yaml.safe_load(made) == yaml.safe_load(yaml.safe_dump(target))
    assert made.startswith(head)
    for (key, one), lines in zip(value.items(), members, strict=True):
        if target.get(key) == one and type(target.get(key)) is type(one):
            assert lines.strip("\n") in made
    assert edited(made, target) == made


@settings(deadline=None)
@given(case=changes())
def test_no_change_changes_no_byte(case) -> None:
    _, text, value, _ = case
    assert edited(text, value) == text
    crlf = text.replace("\n", "\r\n")
    assert edited(crlf, value) == crlf


@settings(deadline=None)
@given(
    many=st.lists(documents(), min_size=1, max_size=4), between=st.sampled_from(["---\n", "--- \n"])
)
def test_a_text_is_its_documents(many, between) -> None:
    texts = ["".join(members) for _, members in many]
    whole = between.join(texts)
    pieces = cut(whole)
    assert "".join(pieces) == whole
    assert [parsed(one).value for one in pieces] == [value for value, _ in many]


ANCHORED = """\
# Shared by both.
spec:
  podSelector: {matchLabels: &who {app: web}}
  ingress:
  - from: &clients     # the storefront's
    - podSelector: {matchLabels: {app: front}}
    ports: [{port: 80}]
  - from: *clients
    ports: [{port: 81}]
  note: |
     two
     lines
  template: {metadata: {labels: *who}}
"""


def test_aliases_stay_where_nothing_changes_behind_them() -> None:
    target = json.loads(json.dumps(parsed(ANCHORED).value))
    target["spec"]["ingress"].append({"from": [], "ports": [{"port": 9}]})
    made = edited(ANCHORED, target)
    assert parsed(made).value == target
    begin, _, end = made.partition("  - from: []\n    ports:\n    - port: 9\n")
    assert begin + end == ANCHORED
    del target["spec"]["ingress"][1]
    assert parsed(edited(made, target)).value == target


def test_a_changed_anchor_does_not_change_what_its_aliases_say() -> None:
    target = json.loads(json.dumps(parsed(ANCHORED).value))
    target["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]["app"] = "other"
    made = edited(ANCHORED, target)
    assert parsed(made).value == target
    assert made.startswith("# Shared by both.\n")


@pytest.mark.parametrize(
    ("text", "target", "made"),
    [
        (
            "# kept\nb: ['x']\na: &one\n   k: 0  # why\nc: ['y']\n",
            {"b": ["x"], "a": {"k": 0, "more": 1}, "c": ["y"]},
            "# kept\nb: ['x']\na: &one\n   k: 0  # why\n   more: 1\nc: ['y']\n",
        ),
        (
            "b: ['x']\na: &one\n   - k  # why\nc: ['y']\n",
            {"b": ["x"], "a": ["k", "more"], "c": ["y"]},
            "b: ['x']\na: &one\n   - k  # why\n   - more\nc: ['y']\n",
        ),
    ],
)
def test_an_anchored_block_is_edited_in_place(text: str, target: Any, made: str) -> None:
    """The anchor stands at another column than the block, and all of the text was written anew."""
    assert edited(text, target) == made
