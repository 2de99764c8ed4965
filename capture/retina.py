"""Microsoft Retina, and the container network logs of AKS: Hubble's records with differences.

Retina makes up flows of its own for Hubble's API (microsoft/retina, ``pkg/utils/flow_utils.go``):
``is_reply`` is false unless something knows better, verdicts 15 (retransmission) and 16 (DNS) are
its own, and its drops are those of iptables and the kernel, of which nobody knows whether a policy
was behind them. Where that is so the records are read by the rules of Hubble's, told otherwise:
"no reply" as "not known", a policy's denial as a drop. The rows of the AKS table are Cilium's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, Final, cast

from capture.lines import LINE_LIMIT
from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow

__all__ = ["RETINA"]

_OWN: Final = re.compile(
    rb'"@type"\s*:\s*"[^"]*(?:RetinaMetadata|retina\.sh)|"verdict"\s*:\s*1[56]\b'
)
_TABLE: Final = re.compile(rb'"TimeGenerated"\s*:')
_COLUMNS: Final = re.compile(
    rb'"(?:SourcePodName|DestinationPodName|SourceNamespace|Layer4|Verdict|TrafficDirection)"\s*:'
)
_UNKNOWN_REPLY: Final = re.compile(rb'"is_reply"\s*:\s*false')
_TRACE: Final = re.compile(rb'"event_type"\s*:\s*\{\s*"type"\s*:\s*4\b')
_VERDICT: Final = re.compile(rb'("verdict"\s*:\s*)(15|16)\b')
_VERDICTS: Final = {b"15": b'"ERROR"', b"16": b'"FORWARDED"'}
"""As which of Hubble's they count: one that is about no new connection, and one that passed."""
_NOT_KNOWN: Final = {"denied": "dropped", "forbidden": "dropped"}
_INSIDE: Final = frozenset({b"value", b"rows", b"records"})


def _detect(head: bytes) -> float:
    if _OWN.search(head):
        return 0.96
    if _TABLE.search(head) and len(set(_COLUMNS.findall(head))) >= 3:
        return 0.95
    return 0.93 if any(map(_answers_itself, head.split(b"\n"))) else 0.0


def _answers_itself(line: bytes) -> bool:
    """Whether a traced SYN+ACK is said to be no reply, which Cilium would know to be one."""
    if not (_UNKNOWN_REPLY.search(line) and _TRACE.search(line)):
        return False
    flags = re.search(rb'"flags"\s*:\s*\{([^}]*)\}', line)
    return flags is not None and all(
        re.search(rb'"%s"\s*:\s*true' % name, flags[1]) for name in (b"SYN", b"ACK")
    )


class _AsHubble:
    """The lines of a stream as Hubble would have written them."""

    def __init__(self, stream: BinaryIO) -> None:
        from capture.documents import pieces

        self._pieces = iter(pieces(stream, _INSIDE))
        self.made_up = False
        """Some were Retina's own."""

    def readline(self, limit: int) -> bytes:
        """The next; ``limit`` is kept by who cut the pieces."""
        _, text = next(self._pieces, (0, b""))
        if not text or len(text) >= LINE_LIMIT:
            return text
        return self._told(text.replace(b"\n", b" ")) + b"\n"

    def _told(self, text: bytes) -> bytes:
        from capture.retina_rows import as_record

        if b'"TimeGenerated"' in text:
            try:
                return as_record(text)
            except (ValueError, RecursionError):
                return text  # Hubble's reader says what is wrong with it
        self.made_up = True
        text = _UNKNOWN_REPLY.sub(b'"is_reply":null', text)
        return _VERDICT.sub(lambda found: found[1] + _VERDICTS[found[2]], text)


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.hubble_lines import LineFold

    lines, fold = _AsHubble(stream), LineFold(reading)
    fold.read(cast("BinaryIO", lines))
    for flow in fold.flows():
        signals = _without_denials(flow.signals) if lines.made_up else flow.signals
        yield replace(flow, source="retina", signals=signals)


def _without_denials(signals: dict[str, int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, records in signals.items():
        name = _NOT_KNOWN.get(name, name)
        found[name] = found.get(name, 0) + records
    return dict(sorted(found.items()))


RETINA: Final = FlowSource(
    name="retina",
    summary="Microsoft Retina: its Hubble records, and AKS's table ContainerNetworkLogs",
    sight=Sight(
        who="pod names, labels",
        direction="certain with TCP flags or DNS; by ports where only `is_reply: false` is told",
        port="of the pod",
        verdict="answered; drops without their reason",
        outside="addresses, DNS names",
        blind=(
            "it does not tell which policy allowed or denied",
            "pods are named after their addresses, some time later",
            "packets may be sampled (dataSamplingRate), and IPv4 only",
        ),
    ),
    detect=_detect,
    read=_read,
)
