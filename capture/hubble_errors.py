"""What is wrong with a line, in plain words, with the path inside the record.

Only called for lines that failed, so it may decode them a second time.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

__all__ = ["Bad", "Incomplete", "fault"]

_KINDS: Final = {
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "an object",
    "array": "a list",
    "float": "a number",
    "null": "nothing",
}
_EXPECTED: Final = re.compile(r"Expected `([^`]+)`( (?:<=|>=) \d+)?")
_PLACE: Final = re.compile(r" - at `(.+)`$", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_SHOWN: Final = 40


class Bad(ValueError):  # noqa: N818 - not for users: it becomes a Notice
    """A value that cannot be used: where it is in the flow, and why."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class Incomplete(Bad):
    """Something is missing without which the record says nothing."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "missing")


def fault(line: bytes, error: Exception) -> tuple[str, str]:
    """(path, message) of what ``error`` found in ``line``; the path is empty when it is no JSON."""
    root = _untyped(line)
    prefix = ".flow" if isinstance(root, dict) and "flow" in root else ""
    if isinstance(error, Bad):
        inner = error.__cause__
        if isinstance(inner, msgspec.ValidationError):
            path, message = _validation(root, inner, prefix + error.path)
            return path, message
        return prefix + error.path, str(error)
    if isinstance(error, msgspec.ValidationError):
        return _validation(root, error, "")
    if isinstance(error, RecursionError):
        return "", "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "", "not valid UTF-8"
    return "", f"not valid JSON: {error}"


def _untyped(line: bytes) -> object:
    try:
        return msgspec.json.decode(line)
    except (ValueError, RecursionError):
        return None


def _validation(root: object, error: Exception, prefix: str) -> tuple[str, str]:
    """The same for a typed decoder's complaint about the part of ``root`` below ``prefix``."""
    text = str(error)
    place = _PLACE.search(text)
    path = prefix + (place[1].removeprefix("$") if place else "")
    value = _at(root, path)
    expected = _EXPECTED.match(text)
    if expected is None:
        return path, _PLACE.sub("", text).lower() + f", found {_shown(value)}"
    kinds = [_KINDS.get(kind.strip(), kind.strip()) for kind in expected[1].split("|")]
    wanted = " or ".join(k for k in kinds if k != "nothing") + (expected[2] or "")
    return path, f"expected {wanted}, found {_shown(value)}"


def _at(value: object, path: str) -> object:
    for name, index in _STEP.findall(path):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and index.isdecimal():
            value = value[int(index)]
        else:
            return value
    return value


def _shown(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case _:
            text = repr(value)
            return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
