"""Hubble's messages, decoded one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from capture.hubble_errors import Bad
from capture.hubble_fold import Fold, Row
from capture.hubble_orient import Aside, Judged
from capture.hubble_record import NO_LAYER7
from capture.hubble_seen import Known, Plain, judged, rarer
from capture.hubble_status import status
from capture.source import Reading
from capture.times import LATEST
from capture.wire import Message
from capture.wire_hubble_decode import DROPPED, GIGA, PORT, Decoder, no_flow, time_of, told
from netpol.answers import HOUR

__all__ = ["WireFold"]

UNKNOWN: Final = "message of an unknown kind"


class WireFold(Fold):
    """What was read of a stream of messages so far; its decoder outlives it."""

    def __init__(self, reading: Reading, decoder: Decoder) -> None:
        super().__init__(reading, decoder.addresses)
        self._decoder = decoder
        self._plain: Plain = {}
        self.sides.decode = decoder.endpoint

    def rows(self, pieces: Iterable[bytes]) -> Iterator[Row]:  # noqa: C901 - a call costs too much
        """The next messages, decoded; of most no more is looked at than tells them apart."""
        decoder, texts, intern = self._decoder, self.sides.texts, self.sides.intern
        parse, plain = decoder.parse, decoder.plain
        note, at, skip = decoder.seen.note, decoder.seen.at, decoder.seen.skip
        known: Known
        found: Judged | None
        before = number = self.number
        for number, message in enumerate(pieces, before + 1):
            try:
                response = parse(message)
                flow, record = response.flow, None
                raw, other = flow.source, flow.destination
                if not (raw and other):
                    if not raw and not response.HasField("flow"):
                        raise Aside(self._no_flow(response, number))
                    raw, other = told(flow, "source"), told(flow, "destination")

                # When was it, and was it read before?
                ident = flow.uuid
                if skip or not ident:
                    ident = decoder.ident(flow, message)
                time = flow.time
                second, nanos = time.seconds, time.nanos
                stamp = second * GIGA + nanos
                note(ident)
                at(stamp)
                if not (0 < second < LATEST and 0 <= nanos < GIGA):
                    stamp = time_of(response)

                # Which way does it point, and what does it say?
                l4, answer = flow.l4, flow.is_reply
                if not answer:
                    answer = False if flow.HasField("is_reply") else flow.reply or None
                layer7 = decoder.seven(flow.l7) if flow.l7 else NO_LAYER7
                verdict, event, found = flow.verdict, flow.event_type, None
                if l4.HasField("TCP"):
                    part = l4.TCP
                    drop = flow.drop_reason_desc if verdict == DROPPED else 0
                    known = verdict, event, answer, layer7.type, drop, part.flags
                    found = plain.get(known)
                elif l4.HasField("UDP"):
                    part, known = l4.UDP, (verdict, event, answer, layer7.type)
                    found = plain.get(known)
                else:
                    record = decoder.record(flow)
                    found, part = rarer(record, self._plain)
                from_port, to_port = part.source_port, part.destination_port
                if found is None or (from_port | to_port) > PORT:
                    record = decoder.record(flow)  # which refuses such a port
                    found = judged(record, known, plain)

                # Who are the two sides?
                source = texts.get(raw) or intern(raw, ".source")
                destination = texts.get(other) or intern(other, ".destination")
                more = (
                    layer7.dns
                    or flow.destination_service
                    or flow.source_service
                    or flow.destination_names
                    or flow.source_names
                    or flow.aggregate
                )
                if more:
                    record = decoder.rare(record or decoder.record(flow), message)
            except Aside as why:
                self.aside[str(why)] += 1
                continue
            except decoder.error as error:
                self.fail(message, number, Bad("", f"not a message of Hubble: {error}"))
                continue
            except ValueError as error:
                self.fail(message, number, error)
                continue
            yield (
                number,
                message,
                found,
                from_port,
                to_port,
                source,
                destination,
                stamp,
                stamp // HOUR,
                flow.IP,
                record if more else None,
            )
        self.records += number - before
        self.number = number

    def _no_flow(self, response: Message, number: int) -> str:
        """Account for a message without a flow: the reason under which it is counted."""
        where = f"{self.reading.where}:{number}"
        return status(no_flow(response), where, self.reading) or UNKNOWN

    def fail(self, piece: bytes, number: int, error: Exception) -> bool:
        """Hold a message that cannot be used."""
        path = f".flow{error.path}" if isinstance(error, Bad) and error.path else ""
        self.hold(number, path, str(error), error)
        return True
