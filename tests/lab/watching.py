"""Ways to see the pods' packets: `netpol capture` in every pod, or on every node for all its pods,
and plain files of packets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from lab.member import Member, child, within
from lab.network import Lab
from lab.play import VETHS

__all__ = ["EYES", "by_files"]

_NETPOL = (sys.executable, "-c", "from netpol.cli import main; main()", "capture")


@contextmanager
def by_netpol(lab: Lab, folder: Path) -> Iterator[None]:
    """One `netpol capture` in each pod's namespace, as a sidecar would run; none loses a packet."""
    folder.mkdir()
    with _capturing(
        (*_NETPOL, "--netns", str(member.pid), "-o", str(folder / f"{name}.jsonl"))
        for name, member in lab.pods.items()
    ) as eyes:
        yield
        _finished(eyes)


@contextmanager
def by_nodes(lab: Lab, folder: Path) -> Iterator[None]:
    """One `netpol capture --pods` on each node, in a pod of its own as the DaemonSet runs it."""
    folder.mkdir()
    with _capturing(
        (*within(node), "unshare", "--net", "--", *_NETPOL, "--pods", "-o", str(folder / name))
        for name, node in lab.nodes.items()
    ) as eyes:
        for member in lab.pods.values():
            _watched(member)
        yield
        _finished(eyes)


@contextmanager
def _capturing(commands: Iterable[tuple[str, ...]]) -> Iterator[list[subprocess.Popen[str]]]:
    with ExitStack() as running:
        eyes = []
        for command in commands:
            one = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
            running.enter_context(one)
            running.callback(one.terminate)
            eyes.append(one)
        for one in eyes:
            assert one.stderr
            line = one.stderr.readline()
            assert line.startswith("capturing"), line + one.stderr.read()
        yield eyes


def _watched(pod: Member) -> None:
    """Wait until somebody captures in a pod: pods are found one after the other."""
    while len(Path(f"/proc/{pod.pid}/net/packet").read_text().splitlines()) < 2:
        time.sleep(0.01)


def _finished(eyes: Iterable[subprocess.Popen[str]]) -> None:
    """Let all of them write what they have; none of them lost a packet."""
    for one in eyes:
        os.kill(child(one.pid) if "nsenter" in one.args else one.pid, signal.SIGTERM)
    for one in eyes:
        _, said = one.communicate()
        assert one.returncode == 0, said
        found = re.search(r"captured ([\d,]+) packets.* (\d+) were lost", said)
        assert found and found[2] == "0", said


@contextmanager
def by_files(lab: Lab, folder: Path) -> Iterator[None]:
    """Every packet on the pods' cables, into pcap files, as tcpdump would write them."""
    folder.mkdir()
    for node, veths in VETHS.items():
        files = {veth: str(folder / f"{veth}.pcap") for veth in veths.values()}
        lab.of(node).order("watch", files=files)
    yield
    for node in VETHS:
        lost = lab.of(node).order("close_eye")
        assert not any(lost.values()), lost


EYES: dict[str, Callable[[Lab, Path], AbstractContextManager[None]]] = {
    "netpol capture": by_netpol,
    "netpol capture --pods": by_nodes,
    "pcap files": by_files,
}
"""Each sees what happens while its block runs, and leaves files in a folder that it makes."""
