"""What people take for a flow log, and what to give instead: told by how it begins."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["better"]

_OBJECTS: Final = rb"^\W*apiVersion\W|\"object\": *{ *\"apiVersion\""
_VERDICT: Final = rb"FORWARDED|DROPPED|AUDIT|ALLOWED|DENIED|REDIRECTED|TRACED"
_COMPACT: Final = rb" (?:->|<-|<>) .*\b(?:" + _VERDICT + rb")"
_DICT: Final = rb"^ *TIMESTAMP: "
_TABLE: Final = rb"^TIMESTAMP +(?:NODE +)?SOURCE +DESTINATION "
_TCPDUMP: Final = rb"^(?:[\d:.]+ )?(?:\S+ +\S+ +)?IP6? \S+ > \S+: "

_BETTER: Final = (
    (_OBJECTS, "these are Kubernetes objects: give them with --inventory"),
    (
        rb"|".join((_COMPACT, _DICT, _TABLE)),
        "this is what `hubble observe` prints for people: let it print records with -o jsonpb",
    ),
    (_TCPDUMP, "this is what `tcpdump` prints for people: let it write a capture with -w"),
)
"""Patterns of a line, and a hint."""


def better(head: bytes) -> str:
    """What to give instead of an input that begins so; empty where that is not known."""
    return next((hint for form, hint in _BETTER if re.search(form, head, re.MULTILINE)), "")
