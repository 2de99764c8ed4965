"""Paths that may be in a Git revision: ``origin/main:policies``.

Git is asked for the objects themselves, never for a checkout: nothing in the repository, no
attribute and no hook has a say in what is read, and the working tree stays as it is.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from netpol.errors import NetpolError
from netpol.notices import Notice, Tell

__all__ = ["Tree", "tree"]

_ENDINGS: Final = (".yaml", ".yml", ".json", ".gz")
"""Only these are ever read as manifests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A file or directory, and how it is called."""

    path: Path
    shown: str
    """In a revision ``REVISION:PATH``, the path from the root of the repository."""
    missing: bool = False
    """It is not in the revision, so there are no policies."""

    @property
    def revised(self) -> bool:
        """Whether it is in a Git revision."""
        return str(self.path) != self.shown

    def name(self, text: str) -> str:
        """A text with the place of this tree called by its name."""
        if not self.revised:
            return text
        within = self.shown if self.shown.endswith(":") else f"{self.shown}/"
        return text.replace(f"{self.path}/", within).replace(str(self.path), self.shown)

    def telling(self, tell: Tell) -> Tell:
        """``tell``, with the place of this tree called by its name."""
        return lambda notice: tell(
            replace(notice, where=self.name(notice.where), message=self.name(notice.message))
        )


@contextmanager
def tree(text: str, tell: Tell) -> Iterator[Tree]:
    """What ``text`` names: a path, or ``REVISION:PATH``. Raises NetpolError."""
    revision, colon, path = text.partition(":")
    if not colon or not revision or Path(text).exists():
        yield Tree(path=Path(text), shown=str(Path(text)))
        return
    with TemporaryDirectory(prefix="netpol-") as directory:
        place = Path(directory).resolve() / "tree"
        yield _extracted(revision, path, text, place, tell)


def _extracted(revision: str, path: str, text: str, place: Path, tell: Tell) -> Tree:
    top = _git(["rev-parse", "--show-toplevel", "--show-prefix"], text).decode().split("\n")
    root, prefix = Path(top[0]), top[1] if len(top) > 1 else ""
    commit = _commit(revision, text)
    where = _within(path, prefix)
    inside = "" if where == "." else where
    spec, shown = f"{commit}:{inside}", f"{revision}:{inside}"
    entry = _git(["ls-tree", "-z", commit, "--", where], text, root).split(b"\t")[0].split()
    kind = "tree" if where == "." else entry[1].decode() if entry else ""
    if not kind:
        place.mkdir()
        return Tree(path=place, shown=shown, missing=True)
    if kind == "blob":
        place.write_bytes(_git(["cat-file", "blob", spec], text, root))
        return Tree(path=place, shown=shown)
    place.mkdir()
    one = Tree(path=place, shown=shown)
    _write(_listed(spec, one, root, tell), one, root)
    return one


def _within(path: str, prefix: str) -> str:
    """A path from the root of the repository; as with Git, ``./`` is the current directory."""
    parts: list[str] = []
    whole = PurePosixPath(prefix, path) if path.startswith(("./", "../")) else PurePosixPath(path)
    for part in whole.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts) or "."


def _commit(revision: str, text: str) -> str:
    asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"]
    found = _git(asked, text, check=False).decode().strip()
    if not found:
        raise NetpolError(
            f"there is no such path, and Git knows no revision {revision!r}",
            where=text,
            hint="fetch it first (git fetch origin main), or give a directory",
        )
    return found


def _listed(spec: str, one: Tree, root: Path, tell: Tell) -> Iterator[tuple[str, str]]:
    """(object, path) of every file that may be a manifest."""
    listing = _git(["ls-tree", "-r", "-z", spec], one.shown, root).decode(errors="surrogateescape")
    for entry in filter(None, listing.split("\0")):
        (mode, kind, name), path = entry.partition("\t")[0].split(), entry.partition("\t")[2]
        if ".." in PurePosixPath(path).parts or path.startswith("/"):
            raise NetpolError("a path in this revision leads out of it", where=one.shown)
        if mode == "120000" or kind != "blob":
            what = "a symbolic link" if kind == "blob" else "a submodule"
            tell(Notice(code="NP143", message=f"{path} is {what}", where=one.shown))
        elif path.lower().endswith(_ENDINGS):
            yield name, path


def _write(objects: Iterable[tuple[str, str]], one: Tree, root: Path) -> None:
    wanted = list(objects)
    asked = "".join(f"{name}\n" for name, _ in wanted).encode()
    out = _git(["cat-file", "--batch"], one.shown, root, given=asked)
    at = 0
    for _, path in wanted:
        end = out.index(b"\n", at)
        size = int(out[at:end].split()[2])
        file = one.path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(out[end + 1 : end + 1 + size])
        at = end + 2 + size


def _git(
    command: list[str],
    where: str,
    root: Path | None = None,
    *,
    check: bool = True,
    given: bytes = b"",
) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - no shell; revisions cannot be taken for options
            ["git", *command],  # noqa: S607 - whichever git the user has
            cwd=root,
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise NetpolError(
            "there is no such path, and Git, which could look for a revision, is not installed",
            where=where,
            hint="install Git, or give a directory",
        ) from error
    if check and done.returncode:
        said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise NetpolError(
            f"Git says: {said.splitlines()[0] if said else 'nothing'}",
            where=where,
            hint="REVISION:PATH is read in a Git repository; give a directory elsewhere",
        )
    return done.stdout
