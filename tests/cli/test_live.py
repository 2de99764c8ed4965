"""Servers in place of files on the command line."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys

import hubble_lines as h
import pytest
from authority import Authority
from click.testing import CliRunner
from hubble_server import HubbleServer

from netpol.cli import cli, main
from netpol.errors import NetpolError


def run(*args: str):
    return CliRunner().invoke(cli, args, catch_exceptions=False)


def lines(count: int = 9):
    """Openings, every other one followed by its answer."""
    back = {"source": h.API, "destination": h.WEB, "l4": h.tcp(8080, 43512, **h.SYN_ACK)}
    answer = back | {"is_reply": True}
    times = ({"uuid": str(n), "time": f"2026-11-02T09:14:0{n}Z"} for n in range(count))
    return [h.wrapped(h.record(**one, **(answer if n % 2 else {}))) for n, one in enumerate(times)]


def test_a_graph_of_what_a_relay_has_is_that_of_its_file(tmp_path):
    file = tmp_path / "flows.jsonl"
    file.write_bytes(h.text(lines()))
    with HubbleServer(lines()) as server:
        url = f"hubble://localhost:{server.port}"
        asked = run("graph", url, "--plaintext", "--format", "json")
        assert asked.exit_code == 0
        assert json.loads(asked.stdout) == json.loads(
            run("graph", str(file), "--format", "json").stdout
        )
        bounds = ("--since", "2026-11-02T09:14:02Z", "--until", "2026-11-02T09:14:05Z")
        some = run("graph", url, "--plaintext", *bounds, "--format", "json")
        assert json.loads(some.stdout)["records"]["read"] == 4
        last = run("graph", f"{url}?namespace=shop", "--plaintext", "--last", "2", "--since", "9m")
        assert "of 0 records" in last.stderr  # they are of 2026-11-02, and 9m is from now


def test_policies_of_what_a_relay_has(tmp_path):
    with HubbleServer(lines()) as server:
        url = f"hubble://localhost:{server.port}"
        made = run("generate", url, "--plaintext", "-o", str(tmp_path / "policies"))
        assert made.exit_code == 0
        checked = run("check", str(tmp_path / "policies"), url, "--plaintext")
        assert checked.exit_code == 0


def test_a_wrong_authority_is_an_error_with_a_hint(tmp_path_factory, monkeypatch, capsys):
    ours, theirs = (Authority(tmp_path_factory.mktemp("ca")) for _ in range(2))
    with HubbleServer(lines(), credentials=ours.credentials()) as server:
        url = f"hubble://localhost:{server.port}"
        assert run("graph", url, "--tls-ca", ours.pem).exit_code == 0
        monkeypatch.setattr("sys.argv", ["netpol", "graph", url, "--tls-ca", theirs.pem])
        with pytest.raises(SystemExit) as end:
            main()
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert "CERTIFICATE_VERIFY_FAILED" in said and "--tls-ca" in said
    assert "Traceback" not in said


def test_sources_knows_what_a_url_is():
    shown = run("sources", "hubble://relay:4245", "goldmane://goldmane", "--format", "json")
    assert [row["source"] for row in json.loads(shown.stdout)] == ["hubble", "goldmane"]


def test_learn_follows_a_relay_until_it_is_stopped(tmp_path):
    """A process of its own, ended as a supervisor ends it, and begun again."""
    store = str(tmp_path / "kept.db")
    with HubbleServer(lines(5)) as server:
        url = f"hubble://localhost:{server.port}"
        words = ["learn", url, "--plaintext", "--since", "2026-01-01T00:00:00Z", "--store", store]
        words += ["--follow", "--interval", "200ms", "--format", "json"]
        for expected in (5, 4):
            command = [sys.executable, "-c", "from netpol.cli import main; main()", *words]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as learning:
                seen = 0
                while seen < expected:
                    seen += json.loads(learning.stdout.readline())["folded"]
                learning.send_signal(signal.SIGTERM)
            assert (seen, learning.returncode) == (expected, 0)
            server.lines = lines(9)
        shown = run("graph", "--store", store, "--format", "json")
    assert json.loads(shown.stdout)["records"]["read"] >= 9


def test_learning_what_a_relay_has_ends_with_it_however_long_the_interval(tmp_path):
    store = str(tmp_path / "kept.db")
    with HubbleServer(lines()) as server:
        url = f"hubble://localhost:{server.port}"
        made = run("learn", url, "--plaintext", "--interval", "1h", "--store", store)
    assert made.exit_code == 0
    shown = run("graph", "--store", store, "--format", "json")
    assert json.loads(shown.stdout)["records"]["read"] == 9


HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""Who is started in the background ignores SIGINT, and so does what is started by it."""


def test_a_server_that_says_nothing_can_be_left():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"hubble://127.0.0.1:{silent.getsockname()[1]}"
        command = [
            sys.executable,
            "-c",
            f"{HEARS}from netpol.cli import main; main()",
            "graph",
            url,
        ]
        with subprocess.Popen(
            [*command, "--plaintext"], stderr=subprocess.PIPE, text=True
        ) as asking:
            client, _ = silent.accept()
            asking.send_signal(signal.SIGINT)
            said = asking.stderr.read()
        client.close()
    assert (said, asking.returncode) == ("interrupted\n", 130)


@pytest.mark.parametrize("option", [("--since", "10m"), ("--until", "10m"), ("--last", "5")])
def test_what_only_a_server_can_be_asked_is_refused_for_files(tmp_path, option):
    """All of the file would be taken for the part that was asked for."""
    file = tmp_path / "flows.jsonl"
    file.write_bytes(h.text(lines()))
    store = str(tmp_path / "a.db")
    for words in (["graph", str(file)], ["learn", str(file), "--store", store]):
        with pytest.raises(NetpolError, match=f"{option[0]} can only be asked of a server"):
            run(*words, *option)
    assert not (tmp_path / "a.db").exists()
