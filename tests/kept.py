"""A store in a file, and lines of Hubble to learn."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import hubble_lines as h

from capture.ingest import Ingest
from capture.inputs import read
from netpol import store
from netpol.flow import Account, Flow
from netpol.notices import Notice

LINES = [
    h.text([h.wrapped(h.record(uuid=str(n), source=h.pod(f"web-{n}")))]) + b"\n" for n in range(40)
]


class Kept:
    """A store in a file, and what was told while learning into it."""

    def __init__(self, path: Path, source: str | None = None) -> None:
        self.path, self.source = path, source
        self.told: list[Notice] = []

    def learn(self, *files: Path, piece: int = 1 << 20) -> int:
        """Learn files; how many records were read."""
        with store.opened(self.path, write=True) as kept:
            ingest = Ingest(store=kept, tell=self.told.append, source=self.source, piece=piece)
            found = [fresh for file in files for fresh in ingest.file(str(file))]
            return sum(fresh.account.read for fresh in found)

    @property
    def text(self) -> bytes:
        """All that is in it, as JSON lines."""
        with store.opened(self.path) as kept, kept.snapshot() as db:
            return b"".join(store.exported(db))

    @property
    def flows(self) -> list[Flow]:
        with store.opened(self.path) as kept, kept.snapshot() as db:
            return sorted(store.flows(db), key=repr)

    @property
    def account(self) -> Account:
        with store.opened(self.path) as kept, kept.snapshot() as db:
            return store.account(db)


def directly(*files: Path) -> list[Flow]:
    found: list[Flow] = []
    for file in files:
        found += read(str(file), source=None, tell=lambda _: None, account=Account())
    return sorted(found, key=repr)


def written(path: Path, lines: Iterable[bytes]) -> Path:
    path.write_bytes(b"".join(lines))
    return path
