"""What a plain YAML scalar means to kubectl (``sigs.k8s.io/yaml``, which is go-yaml 2).

YAML 1.1 words for booleans, ``y`` and ``n`` included; Go's integers; floats with or without a dot
(``1e3``); neither timestamps nor base-60 numbers, so ``20:30`` and ``2020-01-01`` are text.
"""

from __future__ import annotations

import math
import re
from typing import Final

__all__ = ["meaning"]


def _forms(*words: str) -> frozenset[str]:
    return frozenset(form for word in words for form in (word, word.capitalize(), word.upper()))


_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE: Final = _forms("y", "yes", "true", "on")
_FALSE: Final = _forms("n", "no", "false", "off")
_INT: Final = re.compile(r"[-+]?(0[bB][01_]+|0[oO][0-7_]+|0[xX][0-9a-fA-F_]+|[0-9][0-9_]*)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def meaning(text: str) -> object:
    """Null, a boolean, a number or the text itself."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    if len(text) < 100 and _INT.fullmatch(text) and (number := _whole(digits)) is not None:
        return number
    if _FLOAT.fullmatch(text):
        found = float(digits)
        return text if math.isinf(found) else found  # Go's ParseFloat fails on 1e400.
    return float(text.replace(".", "").lower()) if _SPECIAL.fullmatch(text) else text


def _whole(digits: str) -> int | None:
    """Go's ParseInt with base 0: a leading zero means octal, ``08`` is no whole number."""
    octal = re.fullmatch(r"([-+]?)0([0-7]+)", digits)
    try:
        return int(f"{octal[1]}0o{octal[2]}" if octal else digits, 0)
    except ValueError:
        return None
