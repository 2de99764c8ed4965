"""Flows from netpol's own records, see :mod:`capture.records`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

import msgspec
from msgspec.json import Decoder

from capture.fold import shown
from capture.hubble_errors import Bad, fault
from capture.lines import LINE_LIMIT, is_cut, lines, skip_line
from capture.records_shape import VERSION, Gap, Record, Side, Version
from capture.records_write import write
from capture.source import Reading
from capture.times import instant
from netpol.answers import Answer, Answers, bounded, too_many
from netpol.flow import Flow, Sighting, sampled
from netpol.net import canonical_address
from netpol.notices import Notice
from netpol.peers import Endpoint
from netpol.sketch import EMPTY, Sketch

__all__ = ["read"]

_GAP: Final = "not everything was captured"
_OTHER_VERSION: Final = "flow record of another version"
_decode: Final = Decoder(Record).decode


@dataclass(slots=True)
class _Sum:
    """What adds up, of the lines that are otherwise equal."""

    first: int
    last: int
    records: int = 0
    count: int = 0
    distinct: Sketch = EMPTY
    reports: Counter[str] = field(default_factory=Counter)
    hours: set[int] = field(default_factory=set)
    signals: Counter[str] = field(default_factory=Counter)
    answers: Answers = field(default_factory=bounded)
    sightings: set[Sighting] = field(default_factory=set)

    def add(self, flow: Flow) -> None:
        self.first, self.last = min(self.first, flow.first), max(self.last, flow.last)
        self.records += flow.records
        self.count += flow.count
        self.distinct |= flow.distinct
        self.reports.update(dict(flow.reports))
        self.hours |= flow.hours
        self.signals.update(flow.signals)
        self.answers.add(flow.answers)
        self.sightings |= flow.sightings


def read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    """As :class:`capture.source.FlowSource` has it."""
    sums: dict[tuple[Flow, bool, bool, tuple[int, ...]], _Sum] = {}
    for flow in _flows(stream, reading):
        # Counts of reporters do not add up with those of a source that has none, nor sketches.
        key = _bare(flow), bool(flow.reports), bool(flow.distinct), _eras(flow, reading)
        if (known := sums.get(key)) is None:
            known = sums[key] = _Sum(flow.first, flow.last)
        known.add(flow)
    found = [
        replace(
            bare,
            records=one.records,
            count=one.distinct.count or one.count,
            distinct=one.distinct,
            reports=tuple(sorted(one.reports.items())),
            first=one.first,
            last=one.last,
            hours=frozenset(one.hours),
            signals=dict(sorted(one.signals.items())),
            answers=one.answers.found(),
            sightings=frozenset(sampled(one.sightings)),
        )
        for (bare, *_), one in sums.items()
    ]
    for (bare, *_), one in sums.items():
        if one.answers.left_out:
            who = f"{shown(bare.client)} → {shown(bare.server)} {bare.protocol} {bare.port}"
            reading.tell(too_many(who, one.answers.left_out, reading.where))
    # In an order that does not depend on that of the lines.
    texts = list(write(found))
    yield from (found[n] for n in sorted(range(len(found)), key=texts.__getitem__))


def _bare(flow: Flow) -> Flow:
    """The flow without what adds up."""
    return replace(
        flow,
        records=0,
        count=0,
        distinct=EMPTY,
        reports=(),
        first=0,
        last=0,
        hours=frozenset(),
        signals={},
        answers=frozenset(),
        sightings=frozenset(),
    )


def _eras(flow: Flow, reading: Reading) -> tuple[int, ...]:
    """The eras of the sides that have nothing but an address."""
    return tuple(
        reading.stretch(side.ip, time)
        for side in (flow.client, flow.server)
        if side.ip and not (side.namespace or side.entities)
        for time in (flow.first, flow.last)
    )


def _flows(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    """The flow of each line; the others are held."""
    account = reading.account
    for number, line in enumerate(lines(stream), reading.above + 1):
        if line.isspace():
            continue
        try:
            flow = _flow(_decode(line))
        except (ValueError, RecursionError) as error:
            if not _gap(line, number, reading):
                _hold(line, number, error, reading)
            if is_cut(line):
                skip_line(stream)
            continue
        account.read += flow.records
        account.folded += flow.records
        account.sources.add(flow.source)
        yield flow


def _flow(record: Record) -> Flow:
    first, last = (_time(name, getattr(record, name)) for name in ("first", "last"))
    if first > last:
        raise Bad(".last", "it is before the first")
    return Flow(
        client=_endpoint("client", record.client),
        server=_endpoint("server", record.server),
        protocol=record.protocol,
        port=record.port,
        service=record.service,
        service_port=record.service_port,
        certain=record.certain,
        records=record.records,
        count=record.count,
        distinct=_distinct(record.distinct),
        reports=tuple(sorted(dict(record.reports).items())),
        first=first,
        last=last,
        hours=frozenset(record.hours),
        signals=dict(sorted(record.signals.items())),
        answers=frozenset(_answers(record, first, last)),
        sightings=frozenset(
            Sighting(namespace, pod, address, _time("sightings", time))
            for namespace, pod, address, time in record.sightings
        ),
        source=record.source,
    )


def _distinct(data: bytes) -> Sketch:
    try:
        return Sketch.read(data)
    except ValueError as error:
        raise Bad(".distinct", str(error)) from None


def _answers(record: Record, first: int, last: int) -> Iterator[Answer]:
    rows = [(name, address, first, last) for name, address in record.answers]
    for name, address, *held in record.told:
        begun, ended = (_time("told", one) for one in held)
        rows.append((name, address, begun, ended))
    for name, address, begun, ended in rows:
        try:
            yield Answer(name, canonical_address(address), begun, ended)
        except ValueError as error:
            raise Bad(".told" if record.told else ".answers", str(error)) from None


def _time(name: str, text: str) -> int:
    try:
        return instant(text)
    except ValueError as error:
        raise Bad(f".{name}", str(error)) from None


def _endpoint(name: str, side: Side) -> Endpoint:
    try:
        ip = canonical_address(side.ip) if side.ip else ""
    except ValueError as error:
        raise Bad(f".{name}.ip", str(error)) from None
    return Endpoint(
        namespace=side.namespace,
        pods=tuple(sorted(set(side.pods))),
        labels=tuple(sorted(side.labels.items())),
        namespace_labels=tuple(sorted(side.namespace_labels.items())),
        service_account=side.service_account,
        workload=(side.workload.kind, side.workload.name) if side.workload else None,
        ip=ip,
        entities=frozenset(side.entities),
        names=frozenset(side.names),
        called=side.called,
    )


def _gap(line: bytes, number: int, reading: Reading) -> bool:
    """Whether a line says that something was not captured; that is told."""

    try:
        found = msgspec.json.decode(line, type=Gap)
        _time("first", found.first), _time("last", found.last)
    except (ValueError, RecursionError):
        return False
    account = reading.account
    account.read += 1
    account.other[_GAP] = account.other.get(_GAP, 0) + 1
    account.lost_events += found.lost
    lost = f"{found.lost} packets lost" if found.lost else "how much is not known"
    message = f"{found.where}: {found.why}: {lost} from {found.first} to {found.last}"
    where = f"{reading.where}:{number}"
    reading.tell(Notice(code="NP002", message=message, where=where))
    return True


def _hold(line: bytes, number: int, error: Exception, reading: Reading) -> None:
    """Count a line that is no record of ours, or none of this version, and tell it."""

    path, message, code = "", f"longer than {LINE_LIMIT >> 20} MiB", "NP001"
    version = None if is_cut(line) else _version(line)
    if version is not None and not 1 <= version <= VERSION:
        code = "NP010"
        message = f"version {version}, and this netpol reads versions up to {VERSION}"
    elif not is_cut(line):
        path, message = fault(line, error)
    reason = _OTHER_VERSION if code == "NP010" else "unreadable"
    reading.account.read += 1
    reading.account.held[reason] = reading.account.held.get(reason, 0) + 1
    where = f"{reading.where}:{number}" + (f": {path}" if path else "")
    reading.tell(Notice(code=code, message=message, where=where))


def _version(line: bytes) -> int | None:
    try:
        return msgspec.json.decode(line, type=Version).netpol
    except (ValueError, RecursionError):
        return None
