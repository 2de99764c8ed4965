"""What reading gives: one Kubernetes object, as it stands in its file or as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

__all__ = ["Document", "Entry"]

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One Kubernetes object of a file. ``data`` is shared where YAML aliases are: do not change it.

    ``index`` counts the file's documents from 1, ``item`` the elements of a ``List`` document from
    1 (0: not from a list). ``line`` is where the object starts, from 1.
    """

    file: str
    index: int
    line: int = 1
    data: dict[str, object] = field(default_factory=dict)
    item: int = 0

    @property
    def where(self) -> str:
        """``file: document n, item m, line l``: the item for an element of a list alone, the line

        where it is not the first.
        """
        return where(self.file, self.index, self.item, self.line)


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object before anybody needs all of it; ``kind`` and ``version`` may be empty.

    Inventories have tens of thousands of these, of which a few fields each are of use. A struct,
    because a frozen dataclass takes four times as long to make.
    """

    file: str
    index: int
    line: int
    item: int = 0
    kind: str = ""
    version: str = ""
    body: bytes | dict[str, object]
    """JSON text of an object, or the object."""

    @property
    def where(self) -> str:
        """As :attr:`Document.where`."""
        return where(self.file, self.index, self.item, self.line)

    def located(self) -> Entry:
        """Its place alone, for who needs no more of its body."""
        return msgspec.structs.replace(self, body=b"")

    def into(self, shape: type[Shape]) -> Shape:
        """The fields of ``shape``, numbers also from texts. Raises ``msgspec.ValidationError``."""
        if isinstance(self.body, bytes):
            return msgspec.json.decode(self.body, type=shape, strict=False)
        return msgspec.convert(self.body, shape, strict=False)


def where(file: str, index: int, item: int = 0, line: int = 1) -> str:
    """The place of an object, as notices name it; what goes without saying is left out."""
    of_list = f", item {item}" if item else ""
    return f"{file}: document {index}{of_list}{f', line {line}' if line > 1 else ''}"
