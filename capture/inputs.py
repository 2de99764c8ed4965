"""Inputs: files, directories and standard input, and which source reads them."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO, Final, cast

from capture import SOURCES
from capture.compressed import decompressed
from capture.source import FlowSource, Reading
from netpol.eras import Era, always
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.notices import Tell

__all__ = ["expand", "read"]

_HEAD: Final = 64 * 1024
"""So many decompressed bytes are shown to ``detect``."""
_BUFFER: Final = 1 << 20


def expand(paths: Iterable[str]) -> list[str]:
    """The inputs that ``paths`` stand for: a directory gives its regular files, sorted."""
    found: list[str] = []
    for path in paths:
        if path != "-" and Path(path).is_dir():
            inside = sorted(p for p in Path(path).iterdir() if p.is_file() and p.name[0] != ".")
            if not inside:
                raise NetpolError(
                    "the directory holds no file",
                    where=path,
                    hint="give the directory that holds the flow logs",
                )
            found += map(str, inside)
        else:
            found.append(path)
    return found


def read(
    path: str, *, source: str | None, tell: Tell, account: Account, era: Era = always
) -> Iterator[Flow]:
    """The flows of one input (``-``: standard input); ``era`` as in :class:`Reading`.

    ``source`` names the kind of flow log; None: it is recognised by content. Raises NetpolError
    when the input cannot be opened or no source knows it.
    """
    with _opened(path) as raw:
        stream = io.BufferedReader(decompressed(raw, path, tell), _BUFFER)
        chosen = _named(source) if source else _detected(stream.peek(_HEAD)[:_HEAD], path)
        if chosen is not None:
            account.sources.add(chosen.name)
            reading = Reading(where=path, tell=tell, account=account, era=era)
            yield from chosen.read(cast("BinaryIO", stream), reading)


def _opened(path: str) -> AbstractContextManager[BinaryIO]:
    if path == "-":
        return nullcontext(sys.stdin.buffer)  # not ours to close
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise NetpolError(
            f"cannot be opened: {error.strerror}",
            where=path,
            hint="give a file, a directory of files, or - for standard input",
        ) from error


def _named(name: str) -> FlowSource:
    for source in SOURCES:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in SOURCES)
    raise NetpolError(f"there is no flow source {name!r}", hint=f"known are: {known}")


def _detected(head: bytes, path: str) -> FlowSource | None:
    """The source that is surest of an input; None for an empty one."""
    if not head.strip():
        return None
    best = max(SOURCES, key=lambda source: source.detect(head))
    if best.detect(head) > 0:
        return best
    known = ", ".join(source.name for source in SOURCES)
    raise NetpolError(
        "no flow source recognises this input",
        where=path,
        hint=f"known are: {known}; name one with --from",
    )
