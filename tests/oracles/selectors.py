"""Calico's selector grammar (docs/semantics.md#calico-selectors), text → yes or no for labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TypeAlias

Test: TypeAlias = Callable[[Mapping[str, str], bool], bool]
"""Labels, and what ``all()`` says here, to whether they meet a selector."""

TOKEN = re.compile(r"""'[^']*'|"[^"]*"|[A-Za-z0-9_./-]+|&&|\|\||==|!=|[!(){},]""")


def holds(text: str, labels: Mapping[str, str], everything: bool = True) -> bool:
    """``everything``: what ``all()`` says; ``global()`` says the opposite."""
    return compiled(text)(labels, everything)


@lru_cache(maxsize=4096)
def compiled(text: str) -> Test:
    words = TOKEN.findall(text)
    if not words:
        return lambda labels, everything: everything
    found = either(words)
    assert not words, (text, words)
    return found


def either(words: list[str]) -> Test:
    parts = [every(words)]
    while words[:1] == ["||"]:
        del words[0]
        parts.append(every(words))
    return lambda labels, everything: any(part(labels, everything) for part in parts)


def every(words: list[str]) -> Test:
    parts = [one(words)]
    while words[:1] == ["&&"]:
        del words[0]
        parts.append(one(words))
    return lambda labels, everything: all(part(labels, everything) for part in parts)


def one(words: list[str]) -> Test:
    word = words.pop(0)
    if word == "!":
        part = one(words)
        return lambda labels, everything: not part(labels, everything)
    if word == "(":
        part = either(words)
        assert words.pop(0) == ")"
        return part
    if words[:1] == ["("]:
        return call(word, words)
    return comparison(word, words)


def call(word: str, words: list[str]) -> Test:
    key = "".join(words[1 : words.index(")")])
    del words[: words.index(")") + 1]
    match word:
        case "has":
            return lambda labels, everything: key in labels
        case "all":
            return lambda labels, everything: everything
    assert word == "global"
    return lambda labels, everything: not everything


def comparison(key: str, words: list[str]) -> Test:
    operator = words.pop(0)
    if operator in ("not", "starts", "ends"):
        operator += words.pop(0)
    if operator in ("in", "notin"):
        close = words.index("}")
        values = [unquoted(word) for word in words[1:close] if word != ","]
        del words[: close + 1]
        return lambda labels, everything: (labels.get(key) in values) is (operator == "in")
    value = unquoted(words.pop(0))
    if operator == "!=":
        return lambda labels, everything: labels.get(key) != value
    tests: dict[str, Callable[[str], bool]] = {
        "==": lambda found: found == value,
        "contains": lambda found: value in found,
        "startswith": lambda found: found.startswith(value),
        "endswith": lambda found: found.endswith(value),
    }
    test = tests[operator]
    return lambda labels, everything: key in labels and test(labels[key])


def unquoted(text: str) -> str:
    return text[1:-1]
