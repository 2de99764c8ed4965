"""Kustomizations among manifests: what they list as resources, and what as patches.

A patch looks like an object but is a part of one. Read as a whole it would take the place of the
object that it patches, and a policy would be judged by the few fields that an overlay changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from netpol.manifests.document import Entry
from netpol.manifests.files import files
from netpol.notices import Notice, Tell

__all__ = ["KUSTOMIZATIONS", "listed", "objects_in"]

KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml")

Read: TypeAlias = Callable[[Path], list[Entry]]
"""What is in a file, as far as it can be read."""


def objects_in(given: Path | str, read: Read, tell: Tell) -> Iterator[Path]:
    """The files of a path (:func:`netpol.manifests.files.files`) that have whole objects.

    A patch is told (NP070), and left out unless it is the path itself.
    """
    every = list(files(given, tell))
    patches = {
        (one.parent / name).resolve()
        for one in every
        if one.name in KUSTOMIZATIONS
        for name in _patches(read(one))
    }
    for file in every:
        if patches and file != Path(given) and file.resolve() in patches:
            message = (
                "is a kustomize patch, a part of an object: give what `kubectl kustomize` says"
            )
            tell(Notice(code="NP070", message=message, where=str(file)))
        else:
            yield file


def listed(found: Iterable[Entry], key: str) -> Iterator[object]:
    """The elements of a list in kustomizations."""
    for one in found:
        names = one.body.get(key) if isinstance(one.body, dict) else None
        yield from names if isinstance(names, list) else ()


def _patches(found: list[Entry]) -> Iterator[str]:
    """Paths of files; a patch may also stand in the kustomization itself."""
    for key in ("patches", "patchesJson6902", "patchesStrategicMerge"):
        for one in listed(found, key):
            path = one.get("path") if isinstance(one, dict) else one
            if isinstance(path, str) and "\n" not in path and len(path) < 1_000:
                yield path
