"""One kernel line of Calico's Log action, or one of its eBPF programs' trace.

The kernel's packet log (``net/netfilter/nf_log_syslog.c``) writes ``IN= OUT= … SRC= DST= …
PROTO=``, then what the protocol has, and for ICMP errors the packet they are about in brackets.
Before it stands the rule's prefix, which Calico lets one choose, and before that whatever the
collector of the log adds. Trace lines are those of ``felix/bpf-gpl`` in projectcalico/calico.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct, field
from msgspec.json import Decoder

from capture.hubble_orient import ICMP_ANSWERS, ICMP_ASIDE, lower_port_serves
from capture.lines import LINE_LIMIT
from capture.times import instant
from netpol.net import ICMP_PROTOCOLS, PROTOCOLS, canonical_address

__all__ = ["Packet", "date", "logged", "packet"]

_LOG: Final = re.compile(r"\bIN=\S* OUT=\S* (?:.*? )?SRC=.*")
_INNER: Final = re.compile(r"\[[^\]]*(?:\]|$)")
_PAIR: Final = re.compile(r"\b([A-Z]+)=(\S*)")
_TRACE: Final = re.compile(
    r"\S*-[EIX]: policy (ALLOWED|DENIED) proto (\d+) src (\S+) dest (\S+)", re.IGNORECASE
)
_NUMBERS: Final = {"1": "ICMP", "6": "TCP", "17": "UDP", "58": "ICMPv6", "132": "SCTP"}
_PROTOCOLS: Final = _NUMBERS | {name: name for name in PROTOCOLS}

_ISO: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:Z|[+-]\d\d:?\d\d))?", re.ASCII
)
_MONTHS: Final = "JanFebMarAprMayJunJulAugSepOctNovDec"
_SYSLOG: Final = re.compile(
    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" +(\d{1,2}) (\d\d):(\d\d):(\d\d)(?: (\d{4})\b)?",
    re.ASCII,
)
_DAY: Final = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What a line tells of a connection; ``aside`` says why it tells of none."""

    client: str = ""
    server: str = ""
    protocol: str = ""
    port: int | None = None
    certain: bool = True
    signals: tuple[str, ...] = ()
    aside: str = ""


class _Journal(Struct):
    """A line of ``journalctl -o json``; text that is no UTF-8 is a list of bytes there."""

    MESSAGE: str | list[int] | None = None
    received: str = field(default="", name="__REALTIME_TIMESTAMP")
    """Microseconds since the epoch."""
    node: str = field(default="", name="_HOSTNAME")


_decode: Final = Decoder(_Journal).decode


def logged(line: bytes) -> tuple[str, int | None]:
    """(text, time) of a line; the time is in the text unless the journal wrote it as JSON."""
    if len(line) >= LINE_LIMIT:
        raise ValueError(f"longer than {LINE_LIMIT >> 20} MiB")
    if not line.lstrip().startswith(b"{"):
        return line.decode(errors="replace"), None
    entry = _decode(line)
    said = entry.MESSAGE if isinstance(entry.MESSAGE, str) else ""
    if isinstance(entry.MESSAGE, list):
        said = bytes(entry.MESSAGE).decode(errors="replace")
    when = entry.received
    time = int(when) * 1000 if when.isascii() and when.isdecimal() and len(when) < 17 else None
    return f"{entry.node} kernel: {said}", time


def packet(text: str) -> Packet | None:
    """The packet of a line; None for another line of the log. Raises ``ValueError``."""
    if trace := _TRACE.search(text):
        return _traced(*trace.groups())
    if found := _LOG.search(text):
        return _logged(found[0])
    return None


def _traced(verdict: str, number: str, source: str, destination: str) -> Packet:
    """The program asks the policy about the first packet of a connection."""
    (client, _), (server, port) = _place(source), _place(destination)
    protocol = _PROTOCOLS.get(number, "OTHER")
    denied = ("denied",) if verdict.upper() == "DENIED" else ()
    return Packet(
        client=client,
        server=server,
        protocol=protocol,
        port=port if protocol in ("TCP", "UDP", "SCTP") else None,
        signals=("opened", *denied),
    )


def _place(text: str) -> tuple[str, int | None]:
    """An address and a port, ``10.0.0.1:80`` or ``[fd00::1]:80``."""
    address, _, port = text.rpartition(":")
    return canonical_address(address.strip("[]")), _number(port) or None


def _logged(text: str) -> Packet:
    outer = _INNER.sub(" ", text)
    fields = dict(reversed(_PAIR.findall(outer)))
    sides = canonical_address(fields.get("SRC", "")), canonical_address(fields.get("DST", ""))
    if "PROTO" not in fields:
        raise ValueError("PROTO= is missing")
    protocol = _PROTOCOLS.get(fields["PROTO"], "OTHER")
    if protocol in ICMP_PROTOCOLS:
        return _icmp(sides, protocol, _needed(fields, "TYPE"), _needed(fields, "CODE"))
    if "FRAG" in outer and "DPT" not in fields:
        return Packet(aside="fragment")
    if protocol not in ("TCP", "UDP"):  # the kernel shows no ports of others
        return _packet(sides, protocol, None, ("opened",))
    ports = _needed(fields, "SPT"), _needed(fields, "DPT")
    if protocol == "UDP":
        return _by_ports(sides, protocol, ports, "opened")
    return _tcp(sides, ports, set(outer.split()))


def _tcp(sides: tuple[str, str], ports: tuple[int, int], flags: set[str]) -> Packet:
    if "SYN" in flags and "ACK" not in flags:
        return _packet(sides, "TCP", ports[1], ("opened",))
    if "SYN" in flags:
        return _packet(sides[::-1], "TCP", ports[0], ("answered",))
    return _by_ports(sides, "TCP", ports, "forward", "refused" if "RST" in flags else "forward")


def _by_ports(
    sides: tuple[str, str],
    protocol: str,
    ports: tuple[int, int],
    forward: str,
    reply: str = "forward",
) -> Packet:
    """A packet that does not say who opened the connection."""
    if lower_port_serves(*ports):
        return _packet(sides, protocol, ports[1], (forward,), certain=False)
    return _packet(sides[::-1], protocol, ports[0], (reply,), certain=False)


def _icmp(sides: tuple[str, str], protocol: str, kind: int, code: int) -> Packet:
    if reason := ICMP_ASIDE[protocol].get(kind, ""):
        return Packet(aside=reason)
    request = ICMP_ANSWERS[protocol].get(kind)
    if request is not None:
        return _packet(sides[::-1], protocol, request * 256 + code, ("answered",))
    return _packet(sides, protocol, kind * 256 + code, ("opened",))


def _packet(
    sides: tuple[str, str],
    protocol: str,
    port: int | None,
    signals: tuple[str, ...],
    *,
    certain: bool = True,
) -> Packet:
    client, server = sides
    return Packet(
        client=client, server=server, protocol=protocol, port=port, certain=certain, signals=signals
    )


def _needed(fields: dict[str, str], name: str) -> int:
    if name not in fields:
        raise ValueError(f"{name}= is missing")
    return _number(fields[name])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > 5 or int(text) > 65535:
        raise ValueError(f"expected a number of up to 65535, found {text[:40]!r}")
    return int(text)


def date(text: str, now: int) -> int | None:
    """When a line was logged, in nanoseconds since the epoch; None where it says no date.

    ``now``: seconds since the epoch. A line of syslog says no year: it is the last one in which
    that day is not yet to come. Without an offset the time is taken for UTC.
    """
    head = text[: match.start()] if (match := _LOG.search(text) or _TRACE.search(text)) else text
    if found := _ISO.search(head):
        return instant(found[0].replace(" ", "T", 1).replace(" ", ""), zoneless=True)
    if found := _SYSLOG.search(head):
        return next((time * 10**9 for time in _times(found, now) if time <= now + _DAY), None)
    return None


def _times(found: re.Match[str], now: int) -> Iterator[int]:
    """The seconds that a date without a year can mean, the latest first."""
    month = _MONTHS.index(found[1]) // 3 + 1
    this = datetime.fromtimestamp(now, UTC).year
    for year in (int(found[6]),) if found[6] else range(this + 1, this - 9, -1):
        try:
            hour, minute, second = map(int, found.group(3, 4, 5))
            time = datetime(year, month, int(found[2]), hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue  # the 29th of February is not in every year
        if time.year >= 1970:
            yield round(time.timestamp())
