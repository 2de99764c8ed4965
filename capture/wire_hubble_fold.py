"""The fold over Hubble's messages: that over its lines, with another decoder."""

from __future__ import annotations

from typing import Final

from capture.hubble_errors import Bad
from capture.hubble_fold import Fold
from capture.hubble_orient import Aside
from capture.hubble_record import FlowRecord, Line
from capture.hubble_status import status
from capture.source import Reading
from capture.wire_hubble_decode import Decoder

__all__ = ["WireFold"]

UNKNOWN: Final = "message of an unknown kind"


class WireFold(Fold):
    """What was read of a stream of messages so far; its decoder outlives it."""

    def __init__(self, reading: Reading, decoder: Decoder) -> None:
        super().__init__(reading, decoder)
        self._decoder = decoder
        self.addresses = decoder.addresses
        self.sides.decode = decoder.endpoint

    def _stamp(self, line: bytes) -> str:
        return self._decoder.beside(line)

    def _bare(self, record: Line, line: bytes, number: int) -> FlowRecord:
        where = f"{self.reading.where}:{number}"
        raise Aside(status(record, where, self.reading) or UNKNOWN)

    def _bad(self, line: bytes, number: int, error: Exception) -> bool:
        path = f".flow{error.path}" if isinstance(error, Bad) and error.path else ""
        self._hold(number, path, str(error), error)
        return True
