"""Network namespaces of a node: which there are, by the processes in them, and going into one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from netpol.errors import NetpolError

__all__ = ["NAMED", "NODE", "found", "inside", "place_of"]

NAMED: Final = Path("/run/netns")
"""Where ``ip netns`` keeps names."""
NODE: Final = Path("/proc/1/ns/net")
"""That of the node, where its processes are seen."""
_NETWORK: Final = 0x40000000
"""``CLONE_NEWNET``."""


def place_of(text: str) -> Path:
    """The file of a namespace that is given by its name, a path, or the number of a process."""
    if text.isdecimal():
        return Path("/proc", text, "ns", "net")
    return Path(text) if "/" in text else NAMED / text


def found(proc: Path = Path("/proc")) -> dict[int, Path]:
    """A file of each namespace, by its number, but for this process's own and the node's.

    The first process of a pod that is found stands for its namespace. What may not be looked at,
    or has gone meanwhile, is passed over: it is looked for again.
    """
    own = {_number(proc / one / "ns" / "net") for one in ("self", "1")}
    spaces: dict[int, Path] = {}
    numbers = (int(one.name) for one in proc.iterdir() if one.name.isdecimal())
    for process in sorted(numbers):
        place = proc / str(process) / "ns" / "net"
        number = _number(place)
        if number and number not in own:
            spaces.setdefault(number, place)
    return spaces


def _number(place: Path) -> int:
    """The inode: the same for the same namespace; 0 where it cannot be seen."""
    with suppress(OSError):
        return place.stat().st_ino
    return 0


@contextmanager
def inside(place: Path) -> Iterator[None]:
    """Be in a network namespace for a while: this thread alone. Raises NetpolError."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(place)
        try:
            yield
        finally:
            _set(own)
    finally:
        os.close(own)


def _enter(place: Path) -> None:
    try:
        there = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NetpolError(
            f"no such network namespace: {error.strerror}",
            where=str(place),
            hint="`ip netns` and `lsns -t net` list them; or give the number of a process",
        ) from error
    try:
        _set(there)
    except OSError as error:
        raise NetpolError(
            f"cannot enter this network namespace: {error.strerror}",
            where=str(place),
            hint="it needs CAP_SYS_ADMIN, and a file of a network namespace",
        ) from error
    finally:
        os.close(there)


def _set(file: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(file, _NETWORK):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
