"""From paths to objects, whatever format each file has.

What is in a file is told by how it begins, never by its name: people keep YAML in ``.json`` files,
JSON after ``---``, and dumps one after the other in one file.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from netpol.errors import NetpolError
from netpol.manifests import json_reader, yaml_reader
from netpol.manifests.bounds import MAX_BYTES, BrokenError, short
from netpol.manifests.document import Document, Entry
from netpol.manifests.files import chunks
from netpol.manifests.kustomize import KUSTOMIZATIONS, listed, objects_in
from netpol.manifests.listing import Listing
from netpol.manifests.text import Text
from netpol.notices import Notice, Tell

__all__ = ["files", "load", "resources", "scan", "whole"]

_JSON: Final = (b"{", b"[")
_MEMBERS: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "specs"})


def load(
    paths: Iterable[Path | str], tell: Tell, only: Container[tuple[str, str]] | None = None
) -> Iterator[Document]:
    """Every object in the files and, recursively, in the directories; lists are flattened.

    ``only``: the (apiVersion, kind) of those that are wanted; others stay undecoded.

    Directories give their ``*.yaml``, ``*.yml`` and ``*.json`` (also with ``.gz``) in sorted order,
    without hidden ones; kustomizations and their patches are left out. ``-`` is standard input.
    What cannot be read, or not to its end, is told (NP060), and reading goes on after it where that
    is possible. Raises NetpolError for a path that does not exist.
    """
    for entry in scan(paths, tell):
        wanted = only is None or (entry.version, entry.kind) in only
        if wanted and (data := _plain(entry, tell)) is not None:
            yield Document(
                file=entry.file, index=entry.index, line=entry.line, item=entry.item, data=data
            )


def whole(path: Path | str, tell: Tell) -> list[Document]:
    """As :func:`load`, of a file of which no part may be missing: half of what people decided is

    not what they decided. Raises NetpolError for what could not be read.
    """
    told: list[Notice] = []
    found = list(load([path], told.append))
    for one in told:
        if one.code in ("NP060", "NP061"):
            raise NetpolError(one.message, where=one.where)
        tell(one)
    # The elements of a list are of no kind, so loading passes over them.
    if Path(path).is_file() and yaml_reader.listed(b"".join(chunks(Path(path)))):
        raise NetpolError("expected an object, found a list", where=str(path))
    return found


def scan(paths: Iterable[Path | str], tell: Tell) -> Iterator[Entry]:
    """As :func:`load`, but JSON stays text until somebody asks for some of its fields."""
    for path in paths:
        for file in files(path, tell):
            yield from _entries(file, tell)


def files(given: Path | str, tell: Tell) -> Iterator[Path]:
    """The file itself, or those of a folder that have whole objects in them."""
    return objects_in(given, _quietly, tell)


def resources(kustomization: Path) -> tuple[str, ...]:
    """The texts under ``resources`` of a kustomization; empty for a file that is none or absent."""
    found = listed(_quietly(kustomization), "resources")
    return tuple(one for one in found if isinstance(one, str))


def _quietly(kustomization: Path) -> list[Entry]:
    try:
        return list(_objects(kustomization, lambda _: None))
    except NetpolError:
        return []


def _entries(file: Path, tell: Tell) -> Iterator[Entry]:
    """The objects of one file; whatever is wrong with it becomes a notice."""
    try:
        for entry in _objects(file, tell):
            if file.name in KUSTOMIZATIONS and entry.kind in ("", "Component", "Kustomization"):
                continue
            if not (entry.kind and entry.version) and _almost(entry):
                message = "expected apiVersion and kind, both texts"
                tell(Notice(code="NP061", message=message, where=entry.where))
            yield entry
    except NetpolError as error:
        tell(Notice(code="NP060", message=error.what, where=error.where or str(file)))


def _almost(entry: Entry) -> bool:
    """Whether an object without apiVersion or kind is one of Kubernetes in all other respects."""
    if not isinstance(entry.body, bytes):
        return not _MEMBERS.isdisjoint(entry.body)
    try:
        return not _MEMBERS.isdisjoint(msgspec.json.decode(entry.body, type=dict[str, msgspec.Raw]))
    except ValueError:
        return True


def _plain(entry: Entry, tell: Tell) -> dict[str, object] | None:
    """The object as plain values, where it can be had."""
    if not isinstance(entry.body, bytes):
        return entry.body
    try:
        data, repeated = json_reader.plain(entry.body)
    except (ValueError, RecursionError, NetpolError) as error:
        why = error.what if isinstance(error, NetpolError) else f"not readable as JSON: {error}"
        message = f"{why}; this object is not read"
        tell(Notice(code="NP060", message=message, where=entry.where))
        return None
    for key in repeated:
        message = f"the key {short(key)!r} is written twice in it"
        tell(Notice(code="NP062", message=message, where=entry.where))
    return data


def _objects(file: Path, tell: Tell) -> Iterator[Entry]:
    """JSON documents until something else comes, which is YAML from there to the end."""
    text, index, may_be_yaml = Text(chunks(file)), 0, True
    while first := text.peek():
        if text.separator():
            may_be_yaml = True
        elif may_be_yaml and first not in _JSON and ".json" not in file.suffixes:
            above = text.line - 1
            yield from yaml_reader.entries(text.rest(MAX_BYTES), str(file), index, above, tell)
        else:
            index += 1
            text = yield from _json(text, file, index, may_be_yaml, tell)
            may_be_yaml = False


def _json(
    text: Text, file: Path, index: int, may_be_yaml: bool, tell: Tell
) -> Generator[Entry, None, Text]:
    """The objects of the next document, and the text behind it."""
    line, indent = text.line, text.indent() or b""
    listing = Listing(str(file), index, line, tell)
    try:
        text.keep()
        if text.peek() not in _JSON:
            raise BrokenError(line, "not readable as JSON: expected an object")
        yield from json_reader.document(text, listing, tell)
    except BrokenError as error:
        if text.back() and may_be_yaml:
            try:
                raw = text.rest(MAX_BYTES)
            except BrokenError:
                what = f"{error.what}; the rest of the file is not read"
                raise NetpolError(what, where=listing.where) from None
            if (found := _as_yaml(raw, file, index, line - 1, tell)) is not None:
                yield from found
                return text
            text = Text(iter((raw,)), line)
        json_reader.go_on(text, error, indent, listing.where, tell)
    return text


def _as_yaml(raw: bytes, file: Path, index: int, above: int, tell: Tell) -> list[Entry] | None:
    """What begins like JSON and is none, where it can be read as YAML or claims to be that."""
    told: list[Notice] = []
    found = list(yaml_reader.entries(raw, str(file), index - 1, above, told.append))
    if ".json" in file.suffixes and any(one.code == "NP060" for one in told):
        return None
    for one in told:
        tell(one)
    return found
