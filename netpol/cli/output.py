"""Policies onto the disk, and off it again when they are no longer generated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from netpol.errors import NetpolError
from netpol.manifests import resources

__all__ = ["MARK", "earlier", "ours", "refuse_foreign", "write", "writing"]

MARK: Final = "# Written by netpol: the next run may change or remove this file.\n"
"""First line of every file; only files that begin with it are ever overwritten or removed."""


def write(files: dict[str, str], directory: Path) -> None:
    """Write the files; remove those of an earlier run that are no longer generated.

    What an earlier run wrote is listed in its kustomization.yaml. Files that netpol did not write
    stay; NetpolError when one of them is in the way.
    """
    with writing(directory):
        refuse_foreign(directory / name for name in files)
        for old in earlier(directory) - set(files):
            (directory / old).unlink()
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(MARK + text, encoding="utf-8")


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Whatever the system refuses becomes a NetpolError."""
    try:
        yield
    except OSError as error:
        raise NetpolError(
            f"cannot write: {error.strerror}",
            where=str(error.filename or directory),
            hint="choose another directory with -o",
        ) from error


def refuse_foreign(paths: Iterable[Path]) -> None:
    """Raise NetpolError for a file that netpol did not write."""
    for path in paths:
        if path.exists() and not ours(path):
            raise NetpolError(
                "this file is in the way, and netpol did not write it",
                where=str(path),
                hint="move it, or write to another directory",
            )


def earlier(directory: Path) -> set[str]:
    """Files of an earlier run that are still there, inside the directory, and unchanged in kind."""
    root = directory.resolve()
    # The plan of a roll-out is no resource.
    names = (*resources(directory / "kustomization.yaml"), "README.md")
    return {name for name in names if _is_inside(root, name)}


def _is_inside(root: Path, name: str) -> bool:
    try:
        path = (root / name).resolve()
        return path.is_relative_to(root) and path.is_file() and ours(path)
    except (OSError, ValueError):
        return False  # no name that a file can have


def ours(path: Path) -> bool:
    """Whether netpol wrote a file: by its first line."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(MARK)) == MARK.encode()
    except IsADirectoryError:
        return False
