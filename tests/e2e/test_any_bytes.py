"""Whatever stands in place of the input: an error or a complete account, never a traceback."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netpol.cli import main

FLOW = (
    b'{"flow":{"time":"2026-11-02T09:14:07Z","verdict":"FORWARDED","IP":{"source":"10.0.0.1",'
    b'"destination":"10.0.0.2"},"l4":{"TCP":{"source_port":40000,"destination_port":80,'
    b'"flags":{"ACK":true}}},"source":{"namespace":"a","pod_name":"c-0","labels":["k8s:app=c"]},'
    b'"destination":{"namespace":"a","pod_name":"s-0","labels":["k8s:app=s"]},"Type":"L3_L4",'
    b'"event_type":{"type":4},"is_reply":false}}\n'
)


def outcome(path: Path, *command: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of the program itself, error handling included."""
    import click

    @click.command(context_settings={"ignore_unknown_options": True})
    @click.argument("args", nargs=-1, type=click.UNPROCESSED)
    def program(args: tuple[str, ...]) -> None:
        import sys

        sys.argv = ["netpol", *args]
        main()

    result = CliRunner().invoke(program, [*command, str(path)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def judged(path: Path) -> None:
    code, out, err = outcome(path, "graph", "--format", "json")
    assert "Traceback" not in out + err
    if code == 2:
        assert err.startswith("error: ") or "\nerror: " in err
        return
    assert code == 0
    r = json.loads(out)["records"]
    assert r["read"] == r["connections"] + r["held"] + r["other"]


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=300))
def test_any_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(content)
    judged(path)


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=300), at=st.integers(0, 2 * len(FLOW)))
def test_any_bytes_among_good_ones(content: bytes, at: int, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes((FLOW * 2)[:at] + content + (FLOW * 2)[at:])
    judged(path)


@pytest.mark.parametrize("cut", [1, 5, 20, 60])
def test_a_truncated_gzip(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(gzip.compress(FLOW * 50)[:-cut])
    judged(path)


def test_no_file(tmp_path: Path) -> None:
    code, out, err = outcome(tmp_path / "absent", "graph")
    assert (code, out) == (2, "")
    assert "hint:" in err
