"""YAML and JSON documents in and out: the one door of PyYAML.

Reading is safe and bounded: the events of the C parser are built into plain dicts, lists and
scalars here, so that nesting, aliases and size are counted before anything grows. Plain scalars
mean what they mean to kubectl (``sigs.k8s.io/yaml``: YAML 1.1 booleans, no timestamps, no base-60
numbers), and :func:`dump` quotes every text that some YAML reader takes for something else.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from netpol.errors import NetpolError
from netpol.notices import Notice, Tell
from netpol.scalars import meaning

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "dump", "load", "resources"]

MAX_BYTES: Final = 64 * 1024 * 1024
"""Largest file that is read, in bytes."""
MAX_NODES: Final = 1_000_000
"""Most values that the aliases of one YAML document may stand for, were they written out."""
MAX_DEPTH: Final = 64
"""Deepest nesting of objects and lists in one document."""

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml")
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SAFE_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One Kubernetes object of a file. ``data`` is shared where YAML aliases are: do not change it.

    ``index`` counts the file's documents from 1, ``item`` the elements of a ``List`` document from
    1 (0: not from a list). ``line`` is where the document starts, from 1.
    """

    file: str
    index: int
    line: int = 1
    data: dict[str, object] = field(default_factory=dict)
    item: int = 0

    @property
    def where(self) -> str:
        """``file: document n``, with ``, item m`` for an element of a list."""
        item = f", item {self.item}" if self.item else ""
        return f"{self.file}: document {self.index}{item}"


def load(paths: Iterable[Path | str], tell: Tell) -> Iterator[Document]:
    """Every object in the files and, recursively, in the directories; lists are flattened.

    Directories give their ``*.yaml``, ``*.yml`` and ``*.json`` in sorted order, without hidden
    ones; kustomizations are left out. A file that cannot be read, or not to its end, is one notice
    (NP060), and reading goes on with the next. Raises NetpolError for a path that does not exist.
    """
    for path in map(Path, paths):
        if not path.exists():
            raise NetpolError(
                "there is no such file or directory",
                where=str(path),
                hint="give a file, or a directory with *.yaml, *.yml or *.json",
            )
        for file in _files(path):
            yield from _documents(file, tell)


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, below, names in os.walk(path):
        below[:] = sorted(name for name in below if not name.startswith("."))
        wanted = (n for n in sorted(names) if n.endswith(_SUFFIXES) and not n.startswith("."))
        yield from (file for name in wanted if (file := Path(folder, name)).is_file())


def _documents(file: Path, tell: Tell) -> Iterator[Document]:
    """The objects of one file; whatever is wrong with it becomes a notice."""
    try:
        raw = _bytes(file)
        start = Document(file=str(file), index=1)
        values = _json(raw, start) if file.suffix == ".json" else _yaml(raw, start, tell)
        for place, data in values:
            if data is None or (file.name in _KUSTOMIZATIONS and _is_kustomization(data)):
                continue
            yield from _objects(place, data, tell)
    except NetpolError as error:
        tell(Notice(code="NP060", message=error.what, where=error.where or str(file)))


def resources(kustomization: Path) -> tuple[str, ...]:
    """The texts under ``resources`` of a kustomization; empty for a file that is none or absent."""
    start = Document(file=str(kustomization), index=1)
    try:
        values = [data for _, data in _yaml(_bytes(kustomization), start, lambda _: None)]
    except NetpolError:
        return ()
    listed = [data.get("resources") for data in values if isinstance(data, dict)]
    return tuple(
        one for names in listed if isinstance(names, list) for one in names if isinstance(one, str)
    )


def _is_kustomization(data: object) -> bool:
    return isinstance(data, dict) and data.get("kind", "Kustomization") == "Kustomization"


def _bytes(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise NetpolError(f"cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise NetpolError(f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
    return raw


def _objects(place: Document, data: object, tell: Tell) -> Iterator[Document]:
    """The object itself, or the elements of a ``List``."""
    if not isinstance(data, dict):
        message = f"line {place.line}: expected a Kubernetes object, found something else"
        tell(Notice(code="NP061", message=message, where=place.where))
        return
    kind, items = data.get("kind"), data.get("items")
    if not (isinstance(kind, str) and kind.endswith("List") and isinstance(items, list)):
        yield replace(place, data=data)
        return
    # Elements of typed lists (PodList) leave out what the list already says.
    known = {"apiVersion": data.get("apiVersion"), "kind": kind.removesuffix("List")}
    for number, item in enumerate(items, 1):
        bare = known["kind"] and isinstance(item, dict) and "kind" not in item
        yield from _objects(replace(place, item=number), {**known, **item} if bare else item, tell)


def _failed(place: Document, line: int, reason: str) -> NetpolError:
    return NetpolError(
        f"line {line}: {reason}; the rest of the file is not read", where=place.where
    )


# JSON


def _json(raw: bytes, place: Document) -> Iterator[tuple[Document, object]]:
    try:
        data = msgspec.json.decode(raw.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError) as error:
        found = re.search(r"\(byte (\d+)\)", str(error))
        line = raw.count(b"\n", 0, int(found[1])) + 1 if found else 1
        raise _failed(place, line, f"not readable as JSON: {error}") from error
    if _deeper(data, MAX_DEPTH):
        raise _failed(place, 1, f"nested deeper than {MAX_DEPTH}")
    yield place, data


def _deeper(data: object, depth: int) -> bool:
    """Level by level: the cheapest walk over a decoded value, and no recursion."""
    level: list[Any] = [data] if isinstance(data, dict | list) else []
    for _ in range(depth):
        level = [
            value
            for holder in level
            for value in (holder.values() if type(holder) is dict else holder)
            if type(value) is dict or type(value) is list
        ]
    return bool(level)


# YAML


def _yaml(raw: bytes, place: Document, tell: Tell) -> Iterator[tuple[Document, object]]:
    events = iter(yaml.parse(raw, Loader=_LOADER))
    index = 0
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                index += 1
                first = next(events)
                place = replace(place, index=index, line=_line(first))
                yield place, _Builder(events, place, tell).build(first)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else place.line
        reason = f"not readable as YAML: {error.problem or error.context}"
        raise _failed(replace(place, index=max(index, 1)), line, reason) from error
    except yaml.YAMLError as error:  # bytes that are no text
        reason = f"not readable as YAML: {str(error).splitlines()[0]}"
        raise _failed(replace(place, index=max(index, 1)), place.line, reason) from error


class _Builder:
    """Builds the value of one document out of its events, counting as it goes."""

    def __init__(self, events: Iterator[yaml.Event], place: Document, tell: Tell) -> None:
        self._events = events
        self._place = place
        self._tell = tell
        self._nodes = 0
        self._copied = 0
        self._anchors: dict[str, tuple[object, int, int]] = {}

    def build(self, event: yaml.Event, depth: int = 0) -> object:
        """The value that starts with ``event``; raises NetpolError when it breaks a bound."""
        return self._value(event, depth)[0]

    def _value(self, event: yaml.Event, depth: int) -> tuple[object, int]:
        """The value and its height (0 for a scalar)."""
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        self._nodes += 1
        before, height = self._nodes, 0
        value: object
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif depth >= MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.SequenceStartEvent):
            value, height = self._list(event, depth + 1)
        elif isinstance(event, yaml.MappingStartEvent):
            value, height = self._table(event, depth + 1)
        else:
            raise self._error(event, f"unexpected {type(event).__name__}")
        if event.anchor:
            self._anchors[event.anchor] = (value, self._nodes - before + 1, height)
        return value, height

    def _alias(self, event: yaml.AliasEvent, depth: int) -> tuple[object, int]:
        # An anchor is known only once its value is complete, so no value can contain itself.
        if event.anchor not in self._anchors:
            raise self._error(
                event, f"the alias *{_short(str(event.anchor))} is unknown or inside itself"
            )
        value, size, height = self._anchors[event.anchor]
        self._nodes += size
        self._copied += size
        if self._copied > MAX_NODES:
            raise self._error(event, f"its aliases stand for more than {MAX_NODES:,} values")
        if depth + height > MAX_DEPTH:
            raise self._error(event, f"nested deeper than {MAX_DEPTH}")
        return value, height

    def _list(self, start: yaml.SequenceStartEvent, depth: int) -> tuple[list[object], int]:
        self._only(start, "seq")
        values: list[object] = []
        height = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            value, below = self._value(event, depth)
            values.append(value)
            height = max(height, below)
        return values, height + 1

    def _table(self, start: yaml.MappingStartEvent, depth: int) -> tuple[dict[str, object], int]:
        self._only(start, "map")
        table: dict[str, object] = {}
        merged: list[object] = []
        height = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            merging = isinstance(event, yaml.ScalarEvent) and _is_merge(event)
            key = self._key(event, depth)
            value, below = self._value(next(self._events), depth)
            height = max(height, below)
            if merging:
                merged.extend(value if isinstance(value, list) else [value])
                continue
            if key in table:
                self._twice(event, key)
            table[key] = value
        for one in merged:
            if not isinstance(one, dict):
                raise self._error(event, "'<<' takes an object or a list of objects")
            table = {**one, **table}
        return table, height + 1

    def _twice(self, event: yaml.Event, key: str) -> None:
        message = f"line {_line(event)}: the key {_short(key)!r} is written twice"
        self._tell(Notice(code="NP062", message=message, where=self._place.where))

    def _key(self, event: yaml.Event, depth: int) -> str:
        """A key as JSON would have it: numbers and booleans as their text."""
        key, _ = self._value(event, depth)
        match key:
            case str():
                return key
            case bool():
                return "true" if key else "false"
            case None | int() | float():
                return "null" if key is None else str(key)
            case _:
                raise self._error(event, "an object or a list cannot be a key")

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        plain, tag = event.implicit[0], event.tag
        if tag in (None, "!", "tag:yaml.org,2002:str"):
            return meaning(event.value) if plain and tag is None else event.value
        value = meaning(event.value)
        name = str(tag).removeprefix("tag:yaml.org,2002:")
        if type(value).__name__ != {"null": "NoneType"}.get(name, name):
            raise self._error(event, f"the tag {_short(tag)} is not supported here")
        return value

    def _only(self, event: yaml.CollectionStartEvent, name: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{name}"):
            raise self._error(event, f"the tag {_short(event.tag)} is not supported here")

    def _error(self, event: yaml.Event, reason: str) -> NetpolError:
        return _failed(self._place, _line(event), reason)


def _line(event: yaml.Event) -> int:
    mark: Any = event.start_mark
    return int(mark.line) + 1


def _is_merge(event: yaml.ScalarEvent) -> bool:
    return event.value == "<<" and bool(event.implicit[0])


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


# Writing


class _Dumper(_SAFE_DUMPER):  # type: ignore[misc]
    """The C dumper, without aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _write_text(dumper: yaml.representer.SafeRepresenter, text: str) -> yaml.ScalarNode:
    # The dumper quotes by PyYAML's own rules; kubectl also takes `1e3` and `y` for other things.
    style = None if isinstance(meaning(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def dump(document: dict[str, object]) -> str:
    """One document as YAML: block style, keys as given, no aliases, quotes only where needed."""
    text: str = yaml.dump(
        document,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=2**31 - 1,
    )
    return text
