"""netpol's own flow records: JSON lines that ``netpol capture`` writes and ``learn`` reads.

Every line says its version and stands for itself, so files may be cut, joined and shuffled. What is
written is read back equal: ``read(write(flows)) == flows``. Lines that differ only in what adds up
become one Flow again, unless an address may have changed hands between them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.source import FlowSource, Reading, Sight, line_by_line
from netpol.flow import Flow

__all__ = ["NETPOL"]

_OURS: Final = re.compile(rb'^\s*\{"netpol"\s*:\s*\d', re.MULTILINE)
_REORDERED: Final = re.compile(rb'^\s*\{"[^\n]*[,}]\s*"netpol"\s*:\s*\d', re.MULTILINE)


def _detect(head: bytes) -> float:
    return 0.98 if _OURS.search(head) else 0.9 if _REORDERED.search(head) else 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.records_read import read  # msgspec is not needed to list the sources

    return read(stream, reading)


NETPOL: Final = FlowSource(
    name="netpol",
    summary="netpol's own flow records: versioned JSON lines, what `netpol capture` writes",
    sight=Sight(
        who="whatever the source that was recorded knew",
        direction="as that source told it; certain or not is kept",
        port="of the pod, and that of the Service where it was known",
        verdict="as that source told it",
        outside="as that source told it",
    ),
    detect=_detect,
    read=_read,
    by_line=line_by_line,
)
