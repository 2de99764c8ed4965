"""Learning that ends by itself when enough was learned."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from xml.etree import ElementTree

import hubble_lines as h
import pytest
from kept import Kept

from netpol.cli.stable import UntilStable
from netpol.inventory import Inventory

NETPOL = [sys.executable, "-c", "from netpol.cli import main; main()"]
BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
HOURS = 48


def log(path: Path, *, steady: bool) -> Path:
    """Two days in which each of 30 clients calls every hour, or each once, one after another."""

    def lines() -> Iterator[object]:
        for hour in range(HOURS):
            for client in range(30) if steady else [hour]:
                time = (BEGIN + timedelta(hours=hour)).isoformat().replace("+00:00", "Z")
                web = h.pod(f"web{client}-6d9c7f8b45-x2k9q")
                yield h.wrapped(h.record(source=web, time=time))
                back = {"source": h.API, "destination": web, "is_reply": True, "time": time}
                yield h.wrapped(h.record(**back, l4=h.tcp(8080, 43512, **h.SYN_ACK)))

    path.write_bytes(h.text(lines()) + b"\n")
    return path


def netpol(*args: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*NETPOL, *map(str, args)], capture_output=True, text=True, check=True)


def test_a_log_that_is_followed_is_enough_when_nothing_new_is_to_be_expected(
    kept: Kept, tmp_path: Path
) -> None:
    flows = log(tmp_path / "flows.log", steady=True)
    found = netpol("learn", flows, "--follow", "--until-stable", "--store", kept.path)
    assert "stable: enough was learned" in found.stderr


def test_what_goes_on_changing_is_not_enough_and_status_says_why(
    kept: Kept, tmp_path: Path
) -> None:
    flows = log(tmp_path / "flows.log", steady=False)
    found = netpol("learn", flows, "--until-stable", "--store", kept.path)
    assert "not stable yet" in found.stderr
    enough = json.loads(netpol("status", "--store", kept.path, "--format", "json").stdout)["enough"]
    assert not enough["stable"]
    assert (enough["unit"], enough["units"], len(enough["curve"])) == ("hour", HOURS, HOURS)
    assert enough["estimate"]["seen_in_one_unit"] == HOURS
    text = netpol("status", "--store", kept.path).stdout
    assert "Enough? Not yet" in text
    assert "half of the unseen would show in" in text


def test_what_is_enough_is_enough_whatever_else_was_given(kept: Kept, tmp_path: Path) -> None:
    """Of files that come after it none is begun: what `status` then says is what was enough."""
    files = [log(tmp_path / "a.log", steady=True), log(tmp_path / "b.log", steady=False)]
    found = netpol("learn", *files, "--until-stable", "--store", kept.path)
    assert "stable: enough was learned" in found.stderr
    status = json.loads(netpol("status", "--store", kept.path, "--format", "json").stdout)
    assert (status["inputs"], status["enough"]["stable"]) == (1, True)


def test_looking_again_waits(kept: Kept, tmp_path: Path) -> None:
    """What is enough is not looked at again within a minute, whatever was learned meanwhile."""
    kept.learn(log(tmp_path / "changing.log", steady=False))
    now, stopped = [0.0], Event()
    watch = UntilStable(kept.path, Inventory(), 0, stopped, clock=lambda: now[0])
    watch.look()
    kept.path.unlink()
    kept.learn(log(tmp_path / "steady.log", steady=True))
    for now[0] in (1.0, 59.0):
        watch.look()
        assert not stopped.is_set()
    now[0] = 61.0
    watch.look()
    assert stopped.is_set()
    assert watch.reached


@pytest.mark.parametrize("name", ["learning.svg", "learning.png"])
def test_how_learning_went_is_drawn(kept: Kept, tmp_path: Path, name: str) -> None:
    kept.learn(log(tmp_path / "flows.log", steady=False))
    picture = tmp_path / name
    netpol("status", "--store", kept.path, "--plot", picture)
    if name.endswith("svg"):
        assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    else:
        assert picture.read_bytes().startswith(b"\x89PNG\r\n")
