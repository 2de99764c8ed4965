"""The text of the policy files, before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff

__all__ = ["yaml_diff"]


def yaml_diff(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """Lines of a unified diff of all files, by name; a file that is not there is empty."""
    for name in sorted({*old, *new}):
        before, after = (side.get(name, "").splitlines() for side in (old, new))
        was = f"a/{name}" if name in old else "/dev/null"
        now = f"b/{name}" if name in new else "/dev/null"
        yield from unified_diff(before, after, was, now, lineterm="")
