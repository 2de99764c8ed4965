"""The lines at which the fields of a document stand, for whoever must point at one.

Reading keeps the line of each object alone; this reads the text of one file again, as YAML, of
which JSON is a part.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from netpol.errors import NetpolError
from netpol.manifests.document import Document
from netpol.manifests.files import chunks

__all__ = ["Lines"]

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Node: TypeAlias = Any
"""One of PyYAML's, of whose members its types say nothing."""


class Lines:
    """The lines of one file; what cannot be read has none."""

    def __init__(self, file: Path) -> None:
        self._documents = list(_documents(file))

    def of(self, document: Document, *paths: tuple[str | int, ...]) -> tuple[int, int]:
        """First and last line of the first of ``paths`` that is there, else of the object's first.

        Counted from 1.
        """
        node = self._node(document)
        for path in paths if node is not None else ():
            found = _walk(node, path)
            if found is not None:
                return _span(found, document.line)
        return document.line, document.line

    def entries(self, document: Document, path: tuple[str | int, ...]) -> int:
        """How many elements the list at ``path`` has; 0 where there is none."""
        found = _walk(self._node(document), path)
        return len(found.value) if isinstance(found, yaml.SequenceNode) else 0

    def _node(self, document: Document) -> _Node | None:
        """The node of an object, if it is where reading found it."""
        if document.index > len(self._documents):
            return None
        node = self._documents[document.index - 1]
        if document.item:
            node = _walk(node, ("items", document.item - 1)) or _walk(node, (document.item - 1,))
        there = node is not None and node.start_mark.line + 1 == document.line
        return node if there else None


def _documents(file: Path) -> Iterator[_Node]:
    try:
        yield from yaml.compose_all(b"".join(chunks(file)), Loader=_LOADER)
    except (NetpolError, yaml.YAMLError, RecursionError, ValueError):
        return  # reading has told of it


def _walk(node: _Node | None, path: tuple[str | int, ...]) -> _Node | None:
    for step in path:
        match node, step:
            case yaml.MappingNode(), str():
                node = next((v for k, v in node.value if getattr(k, "value", None) == step), None)
            case yaml.SequenceNode(), int():
                node = node.value[step] if step < len(node.value) else None
            case _:
                return None
    return node


def _span(node: _Node, least: int) -> tuple[int, int]:
    """Its lines, without the comments and empty lines behind it; an alias may point backwards."""
    first = max(node.start_mark.line + 1, least)
    return first, max(first, _last(node))


def _last(node: _Node) -> int:
    """The line of the last scalar, or of the bracket that closes a flow collection."""
    while not isinstance(node, yaml.ScalarNode) and not node.flow_style and node.value:
        end = node.value[-1]
        node = end[1] if isinstance(end, tuple) else end
    line, column = int(node.end_mark.line), int(node.end_mark.column)
    return line + (column > 0)
