"""One entry of the kernel's connection tracking, as text: ``conntrack``, /proc/net/nf_conntrack.

``[time] [EVENT] [l3name l3num] l4name l4num [timeout] [STATE] tuple [UNREPLIED] tuple [ASSURED]``:
the first tuple is the original direction, whose source is who opened the connection; the second the
direction of the answers, after all address translation (libnetfilter_conntrack, snprintf).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from capture.times import LATEST

__all__ = ["OLDEST", "Entry", "Incomplete", "Tuple", "parse"]

_STAMP: Final = re.compile(r"\[(\d{1,12})\.(\d{1,9})\]", re.ASCII)
_KERNEL_TIMES: Final = re.compile(r"\[(?:start|stop)=[^\]]*\]")
"""With blanks in them, and in the zone of the machine, which they do not tell."""
_EVENTS: Final = {"[NEW]": "new", "[UPDATE]": "update", "[DESTROY]": "destroy"}
_FAMILIES: Final = frozenset({"ipv4", "ipv6", "unknown"})
_STATE: Final = re.compile(r"[A-Z][A-Z_0-9]*", re.ASCII)
_EPOCH_BEGINS: Final = 1_000_000_000
"""Seconds (2001): what is less counts from some boot."""


OLDEST: Final = 400 * 86400
"""Seconds that a connection may last: every hour of them is kept."""


class Incomplete(ValueError):  # noqa: N818 - not for users: it becomes a Notice
    """What is missing without which an entry says nothing."""


@dataclass(slots=True)
class Tuple:
    """One direction of a connection."""

    source: str = ""
    target: str = ""
    source_port: int | None = None
    target_port: int | None = None
    type: int | None = None
    """ICMP type, and code."""
    code: int = 0
    ident: int | None = None
    """ICMP identifier, which tells one client's requests apart."""


@dataclass(slots=True)
class Entry:
    """One entry or event."""

    protocol: int = -1
    """IP protocol number."""
    original: Tuple = field(default_factory=Tuple)
    answer: Tuple = field(default_factory=Tuple)
    event: str = ""
    """``new``, ``update`` or ``destroy``; empty in a listing."""
    state: str = ""
    unreplied: bool = False
    assured: bool = False
    zone: str = ""
    time: int | None = None
    """Nanoseconds since the epoch."""
    age: int | None = None
    """Seconds since it was opened."""

    def checked(self) -> Entry:
        """Itself, when nothing is missing that a flow needs. Raises :class:`Incomplete`."""
        if not 0 <= self.protocol <= 255:
            raise Incomplete("no protocol number")
        if not all((self.original.source, self.original.target, self.answer.source)):
            raise Incomplete("not two tuples of addresses")
        if (self.time or 0) >= LATEST * 10**9:
            raise Incomplete("its time is out of range")
        return self


def parse(text: str) -> Entry:
    """The entry that a line is. Raises ``ValueError``."""
    words = _KERNEL_TIMES.sub("", text).split()
    entry = Entry()
    at = _head(words, entry)
    for word in words[at:]:
        key, equals, value = word.partition("=")
        if equals:
            _value(entry, key, value)
        else:
            _mark(entry, word)
    return entry.checked()


def _head(words: list[str], entry: Entry) -> int:
    """Take what stands before the tuples; how many words that is."""
    at = 0
    if words and (stamp := _STAMP.fullmatch(words[0])):
        if int(stamp[1]) >= _EPOCH_BEGINS:
            entry.time = int(stamp[1]) * 10**9 + int(stamp[2].ljust(9, "0"))
        at = 1
    if at < len(words) and words[at] in _EVENTS:
        entry.event = _EVENTS[words[at]]
        at += 1
    if (
        words[at : at + 1]
        and words[at] in _FAMILIES
        and "".join(words[at + 3 : at + 4]).isdecimal()
    ):
        at += 2
    if len(words) < at + 2 or not (words[at + 1].isdecimal() and words[at + 1].isascii()):
        raise Incomplete("no protocol")
    entry.protocol = int(words[at + 1][:4])
    return at + 2


def _mark(entry: Entry, word: str) -> None:
    if word == "[UNREPLIED]":
        entry.unreplied = True
    elif word == "[ASSURED]":
        entry.assured = True
    elif not entry.state and not entry.original.source and _STATE.fullmatch(word):
        entry.state = word


def _value(entry: Entry, key: str, value: str) -> None:
    if key.startswith("zone"):
        entry.zone = entry.zone or value
    elif key == "delta-time":
        entry.age = _number(key, value, OLDEST)
    elif key == "src" and not entry.original.source:
        entry.original.source = value
    elif key == "src" and not entry.answer.source:
        entry.answer.source = value
    else:
        _of_tuple(entry.answer if entry.answer.source else entry.original, key, value)


def _of_tuple(half: Tuple, key: str, value: str) -> None:
    match key:
        case "dst":
            half.target = half.target or value
        case "sport":
            half.source_port = _number(key, value, 65535)
        case "dport":
            half.target_port = _number(key, value, 65535)
        case "type":
            half.type = _number(key, value, 255)
        case "id" if half.type is not None and half.ident is None:
            half.ident = _number(key, value, 65535)
        case "code":
            half.code = _number(key, value, 255)
        case _:
            pass  # counters, marks, labels: they say nothing of who talks to whom


def _number(key: str, value: str, most: int) -> int:
    if not (value.isdecimal() and value.isascii() and len(value) < 16 and int(value) <= most):
        raise ValueError(f"{key}: expected a number up to {most}, found {value[:20]!r}")
    return int(value)
