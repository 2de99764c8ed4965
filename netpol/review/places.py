"""Where policies and their rules stand: file and lines, as a code review wants to point at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netpol.manifests import Document
from netpol.manifests.lines import Lines
from netpol.policy import DENY_TIER, Policy

__all__ = ["Place", "Places"]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Lines of a file, counted from 1; ``file`` as it is shown to people."""

    file: str
    line: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Places:
    """The places of what was read from ``documents``."""

    documents: tuple[Document, ...]
    """As they were given to the readers: ``file`` is how the file is called."""
    files: dict[str, Path]
    """The file behind each such name."""

    def of(self, origin: str) -> Place | None:
        """The object that an origin (``file: document n, Kind ns/name``) speaks of.

        Where there is none, because it could not be read, the line that the origin names.
        """
        document = self._document(origin)
        if document is None:
            file, lined, line = origin.partition(": ")[0], *origin.rpartition(", line ")[1:]
            number = int(line) if lined and line.isdecimal() else 1
            return Place(file=file, line=number, end=number) if file else None
        return Place(file=document.file, line=document.line, end=document.line)

    def rule(self, policy: Policy, direction: str, number: int) -> Place | None:
        """A rule, by its place in the policy's list from 0.

        Its own lines where it is known which entry of the section it was, or each became one rule;
        else those of the section, else the first of the object.
        """
        document = self._document(policy.origin)
        if document is None:
            return None
        section = f"{direction}Deny" if policy.tier == DENY_TIER.name else direction
        at: tuple[str | int, ...] = ("spec", section)
        lines = self._lines(document.file)
        rules = policy.rules(direction) or ()
        told = any(one.entry for one in rules) or lines.entries(document, at) == len(rules)
        paths = [(*at, policy.number(direction, number) - 1), at] if told else [at]
        first, last = lines.of(document, *paths)
        return Place(file=document.file, line=first, end=last)

    def _document(self, origin: str) -> Document | None:
        return self._by_origin.get(origin.rpartition(", ")[0])

    @cached_property
    def _by_origin(self) -> dict[str, Document]:
        return {one.where: one for one in self.documents}

    def _lines(self, file: str) -> Lines:
        if file not in self._read:
            self._read[file] = Lines(self.files.get(file, Path(file)))
        return self._read[file]

    @cached_property
    def _read(self) -> dict[str, Lines]:
        return {}
