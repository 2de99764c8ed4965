"""Policies onto the disk, and off it again when they are no longer generated."""

from __future__ import annotations

from pathlib import Path

from netpol.errors import NetpolError
from netpol.manifests import resources

__all__ = ["write"]


def write(files: dict[str, str], directory: Path) -> None:
    """Write the files; remove those of an earlier run that are no longer generated.

    Which files an earlier run wrote is read from its kustomization.yaml. Other files stay.
    """
    for old in _earlier(directory) - set(files):
        (directory / old).unlink(missing_ok=True)
    for name, text in files.items():
        path = directory / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise NetpolError(f"cannot write: {error.strerror}", where=str(path)) from error


def _earlier(directory: Path) -> set[str]:
    root = directory.resolve()
    listed = resources(directory / "kustomization.yaml")
    return {name for name in listed if (directory / name).resolve().is_relative_to(root)}
