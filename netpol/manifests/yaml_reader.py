"""YAML documents, each read on its own: what is wrong with one does not touch the others."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import Any, Final

import yaml

from netpol.errors import NetpolError
from netpol.manifests.bounds import BrokenError
from netpol.manifests.document import Entry
from netpol.manifests.listing import Listing
from netpol.manifests.yaml_builder import Builder
from netpol.notices import Notice, Tell

__all__ = ["entries"]

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MARK: Final = re.compile(rb"(?m)^---(?=[ \t\r\n]|\Z)")
"""Where a document begins, also inside of texts in quotes and in blocks: YAML forbids it there."""
_DIRECTIVES: Final = re.compile(rb"(?:\A|(?<=\n)\.\.\.[^\n]*\n)((?:[ \t]*\r?\n|[#%][^\n]*\n)+)\Z")
"""Comments, ``%YAML`` and the like before a document, which are part of it."""


def entries(raw: bytes, file: str, index: int, above: int, tell: Tell) -> Iterator[Entry]:
    """The objects of a text with ``index`` documents and ``above`` lines before it.

    A document that cannot be read, or not to its end, is told as NP060.
    """
    for piece in _pieces(raw):
        index = yield from _documents(piece, file, index, above, tell)
        above += piece.count(b"\n")


def listed(raw: bytes) -> bool:
    """Whether a document of a text that can be read is a list, and no object.

    Raises NetpolError where JSON follows on JSON, which is no YAML.
    """
    events = yaml.parse(raw, Loader=_LOADER)
    try:
        return any(
            type(one) is yaml.DocumentStartEvent and type(next(events)) is yaml.SequenceStartEvent
            for one in events
        )
    except yaml.YAMLError as error:
        raise NetpolError("expected one YAML document, found several") from error


def _pieces(raw: bytes) -> Iterator[bytes]:
    """The text cut where documents begin."""
    begun = 0
    directed = raw.startswith(b"%") or b"\n%" in raw
    for mark in _MARK.finditer(raw):
        head = _DIRECTIVES.search(raw, begun, mark.start()) if directed else None
        end = head.start(1) if head else mark.start()
        if end > begun:
            yield raw[begun:end]
            begun = end
    yield raw[begun:]


def _documents(
    piece: bytes, file: str, index: int, above: int, tell: Tell
) -> Generator[Entry, None, int]:
    """The objects of one piece, which has one document or, after ``...``, several."""
    listing = Listing(file, index + 1, above + 1, tell)

    def twice(line: int, key: str) -> None:
        message = f"line {line}: the key {key!r} is written twice"
        tell(Notice(code="NP062", message=message, where=listing.where))

    try:
        event = _LOADER(piece).get_event
        while type(begin := event()) is not yaml.StreamEndEvent:
            if type(begin) is yaml.DocumentStartEvent:
                first = event()
                builder = Builder(event, above, twice)
                listing = Listing(file, index + 1, builder.line(first), tell)
                yield from builder.document(first, listing)
            elif type(begin) is yaml.DocumentEndEvent:
                index += 1
                listing = Listing(file, index + 1, builder.line(begin), tell)
    except (BrokenError, yaml.YAMLError) as error:
        what = error.what if isinstance(error, BrokenError) else _reason(error, piece, above)
        message = f"{what}; the rest of the document is not read"
        tell(Notice(code="NP060", message=message, where=listing.where))
        return index + 1
    return index


def _reason(error: yaml.YAMLError, piece: bytes, above: int) -> str:
    """Where and why, in one line."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark: Any = error.problem_mark or error.context_mark
        line, why = mark.line if mark else 0, error.problem or error.context
    else:  # bytes that are no text
        line = piece.count(b"\n", 0, getattr(error, "position", 0))
        why = str(error).splitlines()[0]
    return f"line {above + line + 1}: not readable as YAML: {why}"
