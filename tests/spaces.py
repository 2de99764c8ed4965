"""Network namespaces joined by cables, for tests with real packets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_NUMBERS = count()


def needs_root() -> None:
    """Skip where network namespaces cannot be made."""
    if not sys.platform.startswith("linux") or os.geteuid():
        pytest.skip("network namespaces are made by root on Linux")
    if shutil.which("ip") is None:
        pytest.skip("iproute2 is not installed")
    name = f"np{os.getpid()}t"
    tried = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"no network namespaces here: {tried.stderr.strip()}")
    ip("netns", "del", name)


def ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


class Pair:
    """Two namespaces and a cable; ``sides`` are addresses of client and server in each family.

    Tests that run at the same time have others: a capture of all namespaces sees them, too.
    """

    def __init__(self) -> None:
        process = os.getpid() & 0xFFFF
        self.four = f"10.{process >> 8}.{process & 0xFF}."
        self.six = f"fd77:{process:x}::"
        self.sides = [(net + "1", net + "2") for net in (self.four, self.six)]
        number = f"{os.getpid()}n{next(_NUMBERS)}"
        self.client, self.server = f"npc{number}", f"nps{number}"

    def lay(self, kind: str = "eth0") -> None:
        ip(
            "-n",
            self.client,
            "link",
            "add",
            kind,
            "type",
            "veth",
            "peer",
            kind,
            "netns",
            self.server,
        )
        for last, space in ((1, self.client), (2, self.server)):
            ip("-n", space, "addr", "add", f"{self.four}{last}/24", "dev", kind)
            ip("-n", space, "addr", "add", f"{self.six}{last}/64", "dev", kind, "nodad")
            ip("-n", space, "link", "set", kind, "up")

    def run(self, space: str, code: str, *words: str) -> subprocess.Popen[str]:
        """Python code in a namespace."""
        command = ["ip", "netns", "exec", space, sys.executable, "-c", code, *words]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextmanager
def pair() -> Iterator[Pair]:
    found = Pair()
    spaces = found.client, found.server
    try:
        for space in spaces:
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        found.lay()
        yield found
    finally:
        for space in spaces:
            if Path("/run/netns", space).exists():
                ip("netns", "del", space)


@contextmanager
def running(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that is ended afterwards."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
