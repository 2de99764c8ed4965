"""Texts from outside — names of pods, labels, DNS names — made fit to be printed."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """The same text with control characters shown as escapes: names must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
