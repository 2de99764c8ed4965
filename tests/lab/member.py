"""A process with a network namespace of its own, and the orders that it takes (``lab.agent``).

A node has its own numbers of processes, too, and its pods' processes are among them: what runs on a
node sees its pods, and nobody else's, under ``/proc``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = ["Member", "child", "environment", "search_path", "within"]

_TESTS = Path(__file__).resolve().parent.parent
_AGENT = (sys.executable, "-S", "-m", "lab.agent")
_ALONE = ("unshare", "--net", "--")
_NODE = ("unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "--")


def search_path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def environment() -> dict[str, str]:
    return {"PATH": search_path(), "PYTHONPATH": str(_TESTS)}


class Member:
    """``on``: the node that it is a pod of. ``node``: whether pods are to be on it."""

    def __init__(self, *, on: Member | None = None, node: bool = False) -> None:
        words = _NODE if node else (*(within(on) if on else ()), *_ALONE)
        self.process = subprocess.Popen(
            (*words, *_AGENT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()
        )
        self.number: int = self.order("number")
        """Of its process, as its node counts."""
        self.pid = child(self.process.pid) if node or on else self.process.pid
        """Of its process, as whoever made it counts."""

    def send(self, do: str, **given: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"do": do, "with": given}).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"an agent ended with {self.process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["told"]

    def order(self, do: str, **given: Any) -> Any:
        self.send(do, **given)
        return self.receive()

    def ip(self, lines: Iterable[str]) -> None:
        self.order("run", argv=["ip", "-batch", "-"], text="\n".join(lines) + "\n")

    def nft(self, text: str) -> str:
        return self.order("run", argv=["nft", "-f", "-"], text=text)

    def end(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def within(node: Member) -> tuple[str, ...]:
    """What comes before a command to run it on a node, beside its pods."""
    return "nsenter", "--target", str(node.pid), "--pid", "--mount", "--"


def child(process: int) -> int:
    """The process that ``nsenter`` or ``unshare`` has started, and waits for."""
    (found,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(found)
