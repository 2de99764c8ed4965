"""Comments beside address blocks: ``cidr: 192.0.2.10/32  # pay.example.org``.

For people alone: parsers, the API server and comparisons never see them. Names are told by whoever
answers DNS, so nothing but whole DNS names and patterns of them is ever written; and neither a time
nor a count, which would change while the rules do not.

Laws (``tests/laws/test_comments.py``): a text means the same with and without; the lines of a
list of exceptions have none; writing them twice is writing them once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from netpol.net import is_hostname, is_name_pattern

__all__ = ["about", "commented", "comments"]

_MOST: Final = 3
"""Names in one comment."""
_BLOCK: Final = re.compile(
    r"(?P<head>[ \t]*(?:- )?(?:cidr: )?"
    r"(?P<quote>['\"]?)(?P<block>[0-9a-fA-F:.]+/\d{1,3})(?P=quote))"
    r"(?P<tail>[ \t]*(?:#(?P<text>[^\r\n]*))?)"
)
_ITEM: Final = re.compile(r"[ \t]*- (?!cidr:).*")
_EXCEPTIONS: Final = re.compile(r"[ \t]*(?:- )?(?:except|notNets):[ \t]*(?:#.*)?")
_OTHERS: Final = " and others"
_NAME: Final = r"(?:\*\.)?(?:[a-z0-9_-]+\.)+[a-z0-9-]+"
_OURS: Final = re.compile(rf" {_NAME}(?:, {_NAME})*(?:{_OTHERS})?[ \t]*")


def about(names: Iterable[str]) -> str:
    """What is said of somebody outside; empty without a name."""
    known = sorted({one for one in names if is_hostname(one) or is_name_pattern(one)})
    if not known:
        return ""
    return ", ".join(known[:_MOST]) + (_OTHERS if len(known) > _MOST else "")


def commented(text: str, say: Callable[[str], str]) -> str:
    """The text with what ``say`` has to say of each block; comments that people wrote stay."""
    return "".join(_line(line, found, say) for line, found in _lines(text))


def comments(text: str) -> dict[str, str]:
    """Block → what such a text says of it."""
    return {
        found["block"]: found["text"].strip()
        for _, found in _lines(text)
        if found and found["text"] and _OURS.fullmatch(found["text"])
    }


def _line(line: str, found: re.Match[str] | None, say: Callable[[str], str]) -> str:
    if found is None or (found["text"] is not None and not _OURS.fullmatch(found["text"])):
        return line
    comment = say(found["block"])
    rest = line[found.end() :]
    return found["head"] + (f"  # {comment}" if comment else "") + rest


def _lines(text: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Every line, with the block that is all there is on it; not within exceptions."""
    within = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        found = _BLOCK.fullmatch(line.rstrip("\r\n"))
        if found is None or not _ITEM.fullmatch(found["head"]):
            within = _EXCEPTIONS.fullmatch(line.rstrip("\r\n")) is not None
        yield line, None if within else found
