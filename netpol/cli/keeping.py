"""Generated policies into a folder that has some already: only what must change changes.

An object that is there (of the same kind, namespace and name; else the only one of that kind and
namespace for the same pods) keeps its file, its name and the rest of its text. A file that netpol
did not write is edited, never replaced; one that has nothing to do with them stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from netpol.cli.merging import Alike, Object, meaning, merged
from netpol.cli.output import MARK, earlier, ours, refuse_foreign, write, writing
from netpol.lint.who import who
from netpol.manifests import commented, comments, cut, dump, edited, files, parsed
from netpol.policy import PodSelector

if TYPE_CHECKING:
    from generators.generator import Dialect
    from netpol.inventory import Inventory
    from netpol.profile import Profile

__all__ = ["Kept", "keep", "kept_anew"]

_LIST: Final = "kustomization.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of the files, by path in the folder."""

    written: tuple[str, ...]
    """New ones, and those of netpol that were written anew."""
    edited: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """An object in a text."""

    path: str
    piece: int
    value: Object


@dataclass(kw_only=True)
class _Folder:
    root: Path
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The pieces of every YAML file."""
    places: list[_Place] = field(default_factory=list)

    def read(self) -> None:
        """All objects in it that could be edited."""
        for file in files(self.root, lambda _: None) if self.root.is_dir() else ():
            if file.suffix in (".yaml", ".yml"):
                try:
                    text = file.read_bytes().decode("utf-8")
                except UnicodeDecodeError:
                    continue
                path = str(file.relative_to(self.root))
                self.texts[path] = cut(text)
                self.places += self._objects(path)

    def _objects(self, path: str) -> Iterator[_Place]:
        for number, piece in enumerate(self.texts[path]):
            node = None if "\n..." in piece else parsed(piece)
            if node is not None and isinstance(node.value, dict) and node.value.get("kind"):
                yield _Place(path=path, piece=number, value=node.value)


def keep(
    made: dict[str, str],
    dialect: Dialect,
    root: Path,
    inventory: Inventory,
    profile: Profile,
    prove: Callable[[Path], None],
    *,
    others: bool,
) -> Kept:
    """Bring the generated files into a folder; NetpolError where a file of others is in the way.

    Selectors that select the same pods of the inventory say the same. ``prove`` is given a folder
    with the files as they will be, and raises where they may not be so. ``others``: whether
    policies that netpol did not write may be edited.
    """
    with writing(root):
        folder = _Folder(root=root)
        folder.read()
        places = [one for one in folder.places if others or ours(root / one.path)]
        wanted, said = _wanted(made)
        alike = _alike(
            (one for _, one in wanted), (one.value for one in places), inventory, profile
        )
        matched = dict(_matched(wanted, places, alike))
        made = {**made, **_apart(wanted, said, matched)}
        fresh = {path for n, (path, _) in enumerate(wanted) if n not in matched}
        found = {n: place for n, place in matched.items() if wanted[n][0] not in fresh}
        texts = {path: "".join(pieces) for path, pieces in folder.texts.items()}
        after = {**texts, **_edited(found, wanted, said, folder, dialect, alike)}
        after.update({path: MARK + made[path] for path in fresh})
        listed = {*fresh, *(place.path for place in found.values())}
        refuse_foreign(root / path for path in fresh)
        if not _is_listing(texts.get(_LIST)):
            refuse_foreign([root / _LIST])
        gone = earlier(root) - listed - {_LIST}
        after[_LIST] = _listing(texts.get(_LIST), made[_LIST], listed, gone)
        _proved({path: after[path] for path in listed}, prove)
        return _put(root, texts, after, {*listed, _LIST}, gone)


def kept_anew(made: dict[str, str], root: Path) -> Kept:
    """Write a roll-out, whose plan names its files: what an earlier run left goes.

    Raises NetpolError where a file of others is in the way.
    """
    before = {name: _bytes(root / name) for name in {*made, *earlier(root)}}
    write(made, root)
    same = {name for name in made if before[name] == _bytes(root / name)}
    return Kept(
        written=tuple(sorted(made.keys() - same)),
        edited=(),
        same=tuple(sorted(same)),
        removed=tuple(sorted(before.keys() - made.keys())),
    )


def _bytes(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


def _wanted(made: dict[str, str]) -> tuple[list[tuple[str, Object]], list[dict[str, str]]]:
    """The generated objects with their paths, and what the text of each says of blocks."""
    found = [
        ((path, node.value), comments(piece))
        for path, text in made.items()
        if path != _LIST
        for piece in cut(text)
        if (node := parsed(piece)) is not None and isinstance(node.value, dict)
    ]
    return [one for one, _ in found], [about for _, about in found]


def _apart(
    wanted: list[tuple[str, Object]], said: list[dict[str, str]], matched: dict[int, _Place]
) -> dict[str, str]:
    """Objects of a file of which others are in other files by now: they get files of their own.

    Their paths in ``wanted`` are changed to these.
    """
    moved = {wanted[n][0] for n, place in matched.items() if place.path != wanted[n][0]}
    found = {}
    for number, (path, value) in enumerate(wanted):
        if number not in matched and path in moved:
            own = str(Path(path).with_name(f"{value['metadata']['name']}.yaml"))
            found[own] = commented(dump(value), partial(_said, said[number]))
            wanted[number] = own, value
    return found


def _said(about: dict[str, str], block: str) -> str:
    return about.get(block, "")


def _proved(texts: dict[str, str], prove: Callable[[Path], None]) -> None:
    with TemporaryDirectory(prefix="netpol-") as directory:
        for path, text in texts.items():
            file = Path(directory) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        prove(Path(directory))


def _put(
    root: Path, before: dict[str, str], after: dict[str, str], all_of: set[str], gone: set[str]
) -> Kept:
    for path in gone:
        (root / path).unlink()
    changed = [path for path in sorted(all_of) if before.get(path) != after[path]]
    written = [path for path in changed if path not in before or ours(root / path)]
    for path in changed:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(after[path].encode())
    return Kept(
        written=tuple(written),
        edited=tuple(path for path in changed if path not in written),
        same=tuple(sorted(all_of - set(changed))),
        removed=tuple(sorted(gone)),
    )


def _alike(
    made: Iterable[Object], there: Iterable[Object], inventory: Inventory, profile: Profile
) -> Alike:
    """For selectors that are there the generated one that selects the same pods.

    Not for those of all pods of a namespace: that is another thing to say, whoever is there now.
    """
    new, old = (
        {selector for one in some for selector in _selectors(one)} for some in (made, there)
    )
    pods = who(sorted(new | old), inventory, (), profile)
    known = {(one.namespaces, pods[one]): one for one in sorted(new, reverse=True) if pods[one]}
    found = {one: known.get((one.namespaces, pods[one])) for one in old - new}
    return {one: other for one, other in found.items() if other is not None}


def _selectors(one: Object) -> Iterator[PodSelector]:
    said = meaning(one)
    for policy in said.policies if said else ():
        rules = (*(policy.ingress or ()), *(policy.egress or ()))
        for selector in (policy.subject, *(peer for rule in rules for peer in rule.peers or ())):
            if isinstance(selector, PodSelector) and selector.pods:
                yield selector


def _edited(
    found: dict[int, _Place],
    wanted: list[tuple[str, Object]],
    said: list[dict[str, str]],
    folder: _Folder,
    dialect: Dialect,
    alike: Alike,
) -> dict[str, str]:
    pieces = {path: list(texts) for path, texts in folder.texts.items()}
    for number, place in found.items():
        target = merged(place.value, wanted[number][1], dialect, alike)
        before = pieces[place.path][place.piece]
        pieces[place.path][place.piece] = _retold(before, edited(before, target), said[number])
    return {path: "".join(texts) for path, texts in pieces.items()}


def _retold(before: str, after: str, said: dict[str, str]) -> str:
    """Where something changed, blocks have the comments that are right now."""
    if after == before:
        return before
    told = commented(after, partial(_said, said))
    one, other = parsed(told), parsed(after)
    # A text within the object may look like a list of blocks.
    return told if one is not None and other is not None and one.value == other.value else after


def _matched(
    wanted: list[tuple[str, Object]], places: list[_Place], alike: Alike
) -> Iterator[tuple[int, _Place]]:
    """For generated objects, by number, the one that is there."""
    named = {_name(one.value): one for one in reversed(places)}
    direct = {n: named[_name(one)] for n, (_, one) in enumerate(wanted) if _name(one) in named}
    yield from direct.items()
    taken = {(one.path, one.piece) for one in direct.values()}
    free = [one for one in places if (one.path, one.piece) not in taken]
    subjects = _by_subject(
        ((n, one) for n, (_, one) in enumerate(wanted) if n not in direct), alike
    )
    others = _by_subject(enumerate(one.value for one in free), alike)
    for subject, numbers in subjects.items():
        there = others.get(subject, [])
        if len(numbers) == len(there) == 1:
            yield numbers[0], free[there[0]]


_Name = tuple[str, str, str, str]


def _name(one: Object) -> _Name:
    metadata = one.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    group = str(one.get("apiVersion", "")).rpartition("/")[0]
    space = str(known.get("namespace", "default"))
    return group, str(one.get("kind")), space, str(known.get("name"))


def _by_subject(
    some: Iterable[tuple[int, Object]], alike: Alike
) -> dict[tuple[_Name, PodSelector], list[int]]:
    found: dict[tuple[_Name, PodSelector], list[int]] = {}
    for number, one in some:
        said = meaning(one, alike)
        if said is not None and len(said.policies) == 1:
            key = (*_name(one)[:3], ""), said.policies[0].subject
            found.setdefault(key, []).append(number)
    return found


def _listing(before: str | None, made: str, listed: set[str], gone: set[str]) -> str:
    """The kustomization: what it listed and still is, and what is new."""
    node = parsed(before) if before is not None else None
    if before is None or node is None or not isinstance(node.value, dict):
        node = parsed(made)
        assert node is not None and isinstance(node.value, dict)
        return MARK + dump({**node.value, "resources": sorted(listed)})
    value = node.value.get("resources")
    old = [str(one) for one in value] if isinstance(value, list) else []
    stays = [one for one in old if one not in gone]
    more = sorted(one for one in listed if not _lists(old, one))
    return edited(before, {**node.value, "resources": _ordered(stays, more)})


def _is_listing(text: str | None) -> bool:
    """Whether it is a kustomization that can be added to."""
    node = parsed(text) if text is not None else None
    if node is None or not isinstance(node.value, dict):
        return False
    resources = node.value.get("resources", [])
    return isinstance(resources, list) and all(isinstance(one, str) for one in resources)


def _lists(old: list[str], path: str) -> bool:
    """Whether a kustomization has a file, by itself or by a folder that it is in."""
    names = {one.removeprefix("./").rstrip("/") for one in old}
    return any(str(one) in names for one in (Path(path), *Path(path).parents))


def _ordered(stays: list[str], more: list[str]) -> list[str]:
    """New ones in their places where the others are sorted, else behind them."""
    return sorted([*stays, *more]) if stays == sorted(stays) else [*stays, *more]
