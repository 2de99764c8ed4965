"""Texts from outside — names of pods, labels, DNS names — made fit to be printed."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["printable", "printable_lines"]


def printable(text: str) -> str:
    """The same text with control characters shown as escapes: names must not steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(lines: Iterable[str]) -> str:
    """A text of these lines, with empty ones where a line begins with line ends.

    A name with a line end in it starts no line of its own.
    """
    return "".join(_line(line) for line in lines)


def _line(text: str) -> str:
    rest = text.lstrip("\n")
    return text[: len(text) - len(rest)] + printable(rest) + "\n"
