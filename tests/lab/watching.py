"""Two ways to see the pods' packets: `netpol capture` in every pod, and plain files of packets."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from lab.network import Lab
from lab.play import VETHS

__all__ = ["EYES", "by_files"]

_NETPOL = (sys.executable, "-c", "from netpol.cli import main; main()")


@contextmanager
def by_netpol(lab: Lab, folder: Path) -> Iterator[None]:
    """One `netpol capture` in each pod's namespace, as a sidecar would run; none loses a packet."""
    folder.mkdir()
    with ExitStack() as running:
        eyes = []
        for name, member in lab.pods.items():
            words = "capture", "--netns", str(member.pid), "-o", str(folder / f"{name}.jsonl")
            one = subprocess.Popen((*_NETPOL, *words), stderr=subprocess.PIPE, text=True)
            running.enter_context(one)
            running.callback(one.terminate)
            eyes.append(one)
        for one in eyes:
            assert one.stderr
            line = one.stderr.readline()
            assert line.startswith("capturing"), line + one.stderr.read()
        yield
        for one in eyes:
            one.terminate()
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
    "pcap files": by_files,
}
"""Each sees what happens while its block runs, and leaves files in a folder that it makes."""
