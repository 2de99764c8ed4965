"""Inputs by URL, from real web servers."""

from __future__ import annotations

import gzip
import re
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hubble_lines as h
import pytest
import trustme
from click.testing import CliRunner

from capture.remote import expanded, remote
from netpol import store
from netpol.cli import cli
from netpol.errors import NetpolError

LINES = h.text(
    [
        h.wrapped(h.record(uuid=str(n), source=h.pod(f"web-{n % 9}"), destination=h.pod("api-1")))
        for n in range(9_000)
    ]
)
"""More than a storage would ask for at once."""


class Web(BaseHTTPRequestHandler):
    """Gives parts below ``/parts/`` only, and breaks off in the midst of ``/torn/``."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        data, code = self.content(), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked and self.path.startswith("/parts/"):
            start, end = int(asked[1]), int(asked[2] or len(data) - 1) + 1
            place = f"bytes {start}-{min(end, len(data)) - 1}/{len(data)}"
            data, code = data[start:end], 206
        self.send_response(code if data else 404)
        if code == 206:
            self.send_header("Content-Range", place)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        torn = self.path.startswith("/torn/")
        if body:
            self.wfile.write(data[: len(data) // 2] if torn else data)
        self.close_connection = torn

    def content(self) -> bytes:
        match self.path.rpartition("/")[2]:
            case "flows.jsonl":
                return LINES
            case "flows.jsonl.gz":
                return gzip.compress(LINES)
            case "":
                links = ("flows.jsonl", "flows.jsonl.gz", "other.txt")
                return "".join(f'<a href="{one}">{one}</a>' for one in links).encode()
        return b""


@pytest.fixture(scope="module")
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("local") / "flows.jsonl"
    path.write_bytes(LINES)
    return path


def learned(path: Path, *words: str) -> list[bytes]:
    """What a store then holds, but for the names of files."""
    done = CliRunner().invoke(cli, ["learn", *words, "--store", str(path)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    with store.opened(path) as kept, kept.snapshot() as db:
        lines = b"".join(store.exported(db)).splitlines()
    return [re.sub(rb'"name":"[^"]*flows\.jsonl[^"]*"', b"", line) for line in lines]


@pytest.mark.parametrize("place", ["parts", "whole"])
@pytest.mark.parametrize("name", ["flows.jsonl", "flows.jsonl.gz", "*.jsonl"])
@pytest.mark.parametrize("more", [(), ("--jobs", "2")])
def test_a_web_server_gives_what_the_disk_gives(web, local, tmp_path, place, name, more) -> None:
    """Whether it can give parts of a file, or all of it alone."""
    found = learned(tmp_path / "web.db", f"{web}/{place}/{name}", *more)
    assert found == learned(tmp_path / "disk.db", str(local))


def test_a_pattern_names_what_the_server_lists(web) -> None:
    found = [f"{web}/whole/flows.jsonl", f"{web}/whole/flows.jsonl.gz"]
    assert expanded(f"{web}/whole/*.jsonl*") == found
    assert expanded(found[0]) == found[:1]
    with pytest.raises(NetpolError, match="matches no file"):
        expanded(f"{web}/whole/*.pcap")


def test_only_what_lets_readers_seek_is_seekable(web, local) -> None:
    with remote(f"{web}/parts/flows.jsonl") as streamed, remote(f"file://{local}") as file:
        assert (streamed.seekable(), file.seekable()) == (False, True)
        file.seek(len(LINES) - 9)
        assert file.read() == LINES[-9:]
        assert streamed.read(9) == LINES[:9]


def test_what_breaks_off_is_an_error(web, tmp_path) -> None:
    with pytest.raises(NetpolError, match=r"torn/flows.jsonl: cannot be read to its end: .*not"):
        learned(tmp_path / "torn.db", f"{web}/torn/flows.jsonl")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://127.0.0.1:1/flows.jsonl", "cannot be opened: Cannot connect to host 127.0.0.1:1"),
        ("nope://bucket/flows.jsonl", "Protocol not known"),
        ("file:///nowhere/flows.jsonl", "No such file"),
    ],
)
def test_what_cannot_be_opened_is_said(url: str, says: str) -> None:
    with pytest.raises(NetpolError, match=says) as error:
        remote(url)
    assert error.value.where == url


def test_what_a_server_does_not_have_is_said(web) -> None:
    with pytest.raises(NetpolError, match="cannot be opened: 404"):
        remote(f"{web}/whole/nothing.jsonl")


@pytest.mark.skipif(find_spec("s3fs") is not None, reason="the package for S3 is installed")
def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(NetpolError, match="s3fs") as error:
        remote("s3://bucket/flows.jsonl")
    assert "to be installed" in error.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "https://me:hush@logs.example/flows.jsonl",
        "https://logs.example/flows.jsonl?X-Amz-Date=1&X-Amz-Signature=hush",
        "https://logs.example/flows.jsonl?X-Goog-Credential=hush",
        "https://logs.example/flows.jsonl?sv=2&sig=hush",
        "https://logs.example/*.jsonl?token=hush",
    ],
)
def test_a_secret_in_a_url_is_neither_kept_nor_shown(url: str, tmp_path) -> None:
    with pytest.raises(NetpolError, match="secret in the URL") as error:
        learned(tmp_path / "s.db", url)
    assert "hush" not in str(error.value)
    assert "logs.example/" in error.value.where


@pytest.mark.parametrize("url", ["file:///a:b@c/flows?part=1", "memory://a@b/c", "memory://sig/"])
def test_other_urls_have_no_secret(url: str) -> None:
    with pytest.raises(NetpolError, match="cannot be opened"):
        remote(url)


def test_a_certificate_that_nobody_trusts_is_refused() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(NetpolError, match="certificate verify failed"):
            remote(f"https://127.0.0.1:{server.server_port}/whole/flows.jsonl")
        server.shutdown()
