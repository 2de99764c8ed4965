"""Inputs: files, directories, patterns and standard input, and which source reads them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from glob import glob, has_magic
from pathlib import Path
from typing import BinaryIO, Final, cast

from capture import LIVE, SOURCES, WATCHERS
from capture.compressed import decompressed, is_compressed
from capture.live import LiveSource
from capture.live_address import scheme
from capture.mistaken import better
from capture.remote import expanded, is_remote, remote
from capture.source import FlowSource, Reading
from netpol.eras import Era, always
from netpol.errors import NetpolError
from netpol.flow import Account, Flow
from netpol.notices import Notice, Tell
from netpol.store import is_store

__all__ = [
    "blind_spots",
    "detected",
    "expand",
    "head_of",
    "live",
    "named",
    "opened",
    "read",
    "recognise",
]

_HEAD: Final = 64 * 1024
"""So many decompressed bytes are shown to ``detect``."""
_BUFFER: Final = 1 << 17
"""Bytes read at once: few enough to stay in the processor's cache, beside what is known already."""
_NAMED: Final = 10
"""So many files that were left out are named."""


def expand(paths: Iterable[str], *, every: bool, tell: Tell, stores: bool = False) -> list[str]:
    """The inputs that ``paths`` stand for, sorted where one stands for several.

    A directory stands for the files in it, at any depth, and a pattern (``*``, ``?``, ``[…]``,
    ``**``) that the shell did not expand for what it matches. What is found so, and no source
    recognises, is left out and told, unless ``every`` file is wanted; ``stores``: they are wanted
    too. Raises NetpolError for one that stands for nothing.
    """
    found: list[str] = []
    for path in paths:
        several = _several(path)
        if several is None:
            found.append(path)
            continue
        wanted = {one: every or _may_hold_flows(one, stores=stores) for one in several}
        if not any(wanted.values()):
            raise _nothing(path, several)
        if others := [one for one, flows in wanted.items() if not flows]:
            tell(Notice(code="NP009", message=_listed(others), where=path))
        found += [one for one, flows in wanted.items() if flows]
    return found


def _several(path: str) -> list[str] | None:
    """The files that a directory or a pattern stands for; None for what stands for itself."""
    if path == "-" or live(path):
        return None
    if is_remote(path):
        return expanded(path)
    if Path(path).is_dir():
        return _inside(path)
    if not has_magic(path) or Path(path).exists():
        return None
    matches = sorted(glob(path, recursive=True))  # noqa: PTH207 - it may be absolute
    if not matches:
        raise NetpolError(
            "the pattern matches no file", where=path, hint="look at it with `ls`, without quotes"
        )
    return sorted({one for m in matches for one in (_inside(m) if Path(m).is_dir() else [m])})


def _inside(directory: str) -> list[str]:
    """The files in a folder and in those below it, without hidden ones; links are not followed.

    Raises NetpolError for a folder that cannot be read: records in it would be missing in silence.
    """
    found: list[str] = []
    for folder, below, names in os.walk(directory, onerror=_refused):
        below[:] = [name for name in below if name[0] != "."]
        files = (Path(folder, name) for name in names if name[0] != ".")
        found += [str(one) for one in files if one.is_file()]
    return sorted(found)


def _refused(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):
        return  # it went while we looked
    raise NetpolError(
        f"cannot be read: {error.strerror}",
        where=str(error.filename),
        hint="give files and directories that you may read",
    ) from error


def _may_hold_flows(path: str, *, stores: bool) -> bool:
    """Whether a source recognises a file; one that is empty or cannot be opened is not judged."""
    if not Path(path).is_file():
        return True  # what is read once must not be read here
    try:
        if is_store(Path(path)):
            return stores
        head = head_of(path)
    except NetpolError:
        return True
    return not head.strip() or bool(_ranked(head))


def _nothing(path: str, several: list[str]) -> NetpolError:
    if not several:
        return NetpolError(
            "the directory holds no file",
            where=path,
            hint="give the directory that holds the flow logs",
        )
    return NetpolError(
        f"no flow source recognises any of the files: {_listed(several)}",
        where=path,
        hint=f"known are: {_known()}; name one with --from",
    )


def _listed(paths: list[str]) -> str:
    names = [Path(path).name for path in paths]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def live(path: str) -> LiveSource | None:
    """The kind of server that an input is; None for what is none."""
    return next((one for one in LIVE if scheme(path) in one.schemes), None)


def recognise(path: str) -> list[tuple[FlowSource, float]]:
    """The sources that may read an input, and how sure each is; the surest first.

    Raises NetpolError when it cannot be opened.
    """
    return _ranked(head_of(path))


def head_of(path: str) -> bytes:
    """The first bytes of an input, decompressed. Raises NetpolError when it cannot be opened."""
    with opened(path) as raw:
        return io.BufferedReader(decompressed(raw, path, _quiet), _BUFFER).peek(_HEAD)[:_HEAD]


def _quiet(_: Notice) -> None:
    """Tell nobody: who reads the input is told."""


def _ranked(head: bytes) -> list[tuple[FlowSource, float]]:
    sure = [(source, source.detect(head)) for source in SOURCES] if head.strip() else []
    # Of equally sure ones the first in SOURCES: the sort is stable.
    return sorted((one for one in sure if one[1] > 0), key=lambda one: -one[1])


def read(
    path: str,
    *,
    source: str | None,
    tell: Tell,
    account: Account,
    era: Era = always,
    at: int | None = None,
) -> Iterator[Flow]:
    """The flows of one input (``-``: standard input); ``era`` and ``at`` as in :class:`Reading`.

    ``source`` names the kind of flow log; None: it is recognised by content. Raises NetpolError
    when the input cannot be opened or no source knows it.
    """
    with opened(path) as raw:
        stream = _plain(raw) or io.BufferedReader(decompressed(raw, path, tell), _BUFFER)
        chosen = named(source) if source else detected(stream.peek(_HEAD)[:_HEAD], path)
        if chosen is not None:
            account.sources.add(chosen.name)
            reading = Reading(where=path, tell=tell, account=account, era=era, at=at)
            yield from chosen.read(cast("BinaryIO", stream), reading)
    account.blind |= blind_spots(account.sources)


def blind_spots(names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """What flow sources cannot see, by their names."""
    every = (*SOURCES, *WATCHERS)
    return {one.name: one.sight.blind for one in every if one.name in names and one.sight.blind}


def opened(path: str) -> AbstractContextManager[BinaryIO]:
    """The bytes of an input as they are. Raises NetpolError."""
    if path == "-":
        return nullcontext(sys.stdin.buffer)  # not ours to close
    if is_remote(path):
        return remote(path)
    try:
        return Path(path).open("rb", buffering=_BUFFER)
    except OSError as error:
        raise NetpolError(
            f"cannot be opened: {error.strerror}",
            where=path,
            hint="give a file, a directory of files, or - for standard input",
        ) from error


def _plain(raw: BinaryIO) -> io.BufferedReader | None:
    """A file that can be read as it is: one less that every byte goes through."""
    if not (isinstance(raw, io.BufferedReader) and raw.seekable()):
        return None  # what comes bit by bit must be waited for, as Chunks do, to be recognised
    return None if is_compressed(raw.peek()) else raw


def named(name: str) -> FlowSource:
    """The flow source of that name. Raises NetpolError."""
    for source in SOURCES:
        if source.name == name:
            return source
    raise NetpolError(f"there is no flow source {name!r}", hint=f"known are: {_known()}")


def _known() -> str:
    return ", ".join(source.name for source in SOURCES)


def detected(head: bytes, path: str) -> FlowSource | None:
    """The source that is surest of an input; None for an empty one. Raises NetpolError."""
    if not head.strip():
        return None
    ranked = _ranked(head)
    if ranked:
        return ranked[0][0]
    hint = better(head) or f"known are: {_known()}; name one with --from"
    raise NetpolError("no flow source recognises this input", where=path, hint=hint)
