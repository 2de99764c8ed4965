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
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

import yaml
from lab.member import Member, child, within
from lab.network import Lab
from lab.play import VETHS

from netpol.cli.deploying import MANIFESTS

__all__ = ["EYES", "by_files"]

_UNSHARED = ("unshare", "--net", "--mount", "--")
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
    """On each node the DaemonSet's container: its command, its privileges, and no file to write."""
    folder.mkdir()
    with ExitStack() as files:
        logs = [files.enter_context(open(folder / name, "wb")) for name in lab.nodes]
        commands = ((*within(node), *_contained()) for node in lab.nodes.values())
        eyes = files.enter_context(_capturing(commands, logs))
        for one in eyes:
            status = Path(f"/proc/{child(one.pid)}/status").read_text()
            assert "CapBnd:\t0000000000283000" in status, "what the manifest asks for, no more"
            assert "CapPrm:\t0000000000000000" in status, "all is given up once it captures"
        for member in lab.pods.values():
            _watched(member)
        yield
        _finished(eyes)


@contextmanager
def _capturing(
    commands: Iterable[tuple[str, ...]], logs: Iterable[BinaryIO | None] = ()
) -> Iterator[list[subprocess.Popen[str]]]:
    with ExitStack() as running:
        eyes = []
        for command, log in zip_longest(commands, logs):
            one = subprocess.Popen(command, stdout=log, stderr=subprocess.PIPE, text=True)
            running.enter_context(one)
            running.callback(one.terminate)
            eyes.append(one)
        for one in eyes:
            assert one.stderr
            line = one.stderr.readline()
            assert line.startswith("capturing"), line + one.stderr.read()
        yield eyes


def _contained() -> tuple[str, ...]:
    """As the container runtime starts it: a network of its own, nothing to write to, and of root's
    privileges those alone that the manifest asks for."""
    *_, daemonset = yaml.safe_load_all(MANIFESTS["daemonset"].format(image="netpol"))
    (container,) = daemonset["spec"]["template"]["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    added = container["securityContext"]["capabilities"]["add"]
    kept = "".join(f",+{one.lower()}" for one in added)
    privileges = "--no-new-privs", f"--bounding-set=-all{kept}", "--inh-caps=-all"
    still = "for at in $(cut -d' ' -f2 /proc/mounts); do mount -o remount,bind,ro $at; done"
    tried = "if touch /lab-was-here /tmp/lab-was-here; then exit 3; fi"
    shell = "sh", "-c", f'{{ {still}; {tried}; }} 2>/dev/null; exec "$@"', "sh"
    netpol, capture, *words = container["command"]
    assert (netpol, capture) == ("netpol", "capture")
    return (*_UNSHARED, *shell, "setpriv", *privileges, *_NETPOL, *words)


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
