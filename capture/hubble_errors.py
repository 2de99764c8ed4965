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
    try:
        root = msgspec.json.decode(line)
    except RecursionError:
        return "", "nested too deeply"
    except UnicodeDecodeError:
        return "", "not valid UTF-8"
    except ValueError as syntax:
        return "", f"not valid JSON: {syntax}"
    prefix = ".flow" if isinstance(root, dict) and "flow" in root else ""
    path = prefix + error.path if isinstance(error, Bad) else ""
    inner = error.__cause__ if isinstance(error, Bad) else error
    if isinstance(inner, msgspec.ValidationError):
        return _validation(root, inner, path)
    return path, str(error)


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
