"""DNS name patterns, as Cilium's ``matchPattern`` has them (docs/semantics.md#dns-names)."""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["name_matches"]


def name_matches(pattern: str, name: str) -> bool:
    """Whether a DNS name meets a pattern.

    ``*`` stands for any run of characters within one label, a leading ``**.`` for one or more whole
    labels, a lone ``*`` for every name. Upper and lower case, and a final dot, are the same.
    """
    return _compiled(pattern.lower().rstrip(".")).fullmatch(name.lower().rstrip(".")) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern == "*":
        return re.compile(r".+")
    deep = pattern.startswith("**.")
    parts = [re.escape(part) for part in pattern.removeprefix("**.").split("*")]
    return re.compile((r"(?:[^.]+\.)+" if deep else "") + r"[^.]*".join(parts))
