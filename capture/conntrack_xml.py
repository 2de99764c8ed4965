"""The same entries as XML: ``conntrack -o xml``, one ``<flow>`` each.

Of its times only those of the kernel (``<timestamp>``, in nanoseconds, with ``-o xml,ktimestamp``
where net.netfilter.nf_conntrack_timestamp is on) say when: ``<when>`` is in the zone of the
machine, which it does not tell.
"""

from __future__ import annotations

from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring

from capture.conntrack_entry import OLDEST, Entry, Tuple

__all__ = ["parse_xml"]

_HALVES: Final = ("original", "reply")


def parse_xml(text: bytes) -> Entry:
    """The entry that a ``<flow>`` element is. Raises ``ValueError``."""
    try:
        # An element alone has no DOCTYPE, and so no entities that could expand.
        flow = fromstring(text)  # noqa: S314
    except ParseError as error:
        raise ValueError(f"not valid XML: {error}") from None
    parts = {meta.get("direction", ""): meta for meta in flow.iter("meta")}
    whole = parts.get("independent", Element("meta"))
    entry = Entry(
        protocol=_protocol(parts.get("original")),
        event=flow.get("type", ""),
        state=whole.findtext("state", "") or "",
        unreplied=whole.find("unreplied") is not None,
        assured=whole.find("assured") is not None,
        zone=next((zone.text or "" for zone in flow.iter("zone")), ""),
        time=_whole(whole.findtext("timestamp/stop") or whole.findtext("timestamp/start")),
        age=_whole(whole.findtext("deltatime"), OLDEST),
    )
    if entry.time is not None and whole.find("timestamp/stop") is None:
        entry.age = 0  # the time is that at which it was opened
    entry.original, entry.answer = (_half(parts.get(name)) for name in _HALVES)
    return entry.checked()


def _protocol(meta: Element | None) -> int:
    layer4 = None if meta is None else meta.find("layer4")
    found = None if layer4 is None else _whole(layer4.get("protonum"))
    return -1 if found is None else found


def _half(meta: Element | None) -> Tuple:
    if meta is None:
        return Tuple()
    return Tuple(
        source=(meta.findtext("layer3/src") or "").strip(),
        target=(meta.findtext("layer3/dst") or "").strip(),
        source_port=_whole(meta.findtext("layer4/sport"), 65535),
        target_port=_whole(meta.findtext("layer4/dport"), 65535),
    )


def _whole(text: str | None, most: int = (1 << 63) - 1) -> int | None:
    if text is None:
        return None
    text = text.strip()
    if not (text.isdecimal() and text.isascii() and len(text) < 20 and int(text) <= most):
        raise ValueError(f"expected a number up to {most}, found {text[:20]!r}")
    return int(text)
