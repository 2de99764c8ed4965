"""What the conntrack tool itself prints of entries that we put into a table of our own."""

from __future__ import annotations

import io
import shutil
import subprocess

import pytest

from capture.conntrack import CONNTRACK
from capture.source import Reading
from netpol.flow import Account

TRANSLATED = (
    "-p tcp -s 10.244.1.7 -d 10.96.12.5 --sport 43512 --dport 80 -r 10.244.2.9 -q 10.244.1.7"
    " --reply-port-src 8080 --reply-port-dst 43512 --state ESTABLISHED -u SEEN_REPLY,ASSURED"
)
ENTRIES = [
    TRANSLATED,
    "-p udp -s 10.244.1.7 -d 10.244.0.12 --sport 51804 --dport 53",
    "-p tcp -s fd00::1 -d fd00::2 --sport 43512 --dport 8080 --state SYN_SENT -w 7",
]
EXPECTED = [
    ("10.244.1.7", "10.244.0.12", "UDP", 53, None, False),
    ("10.244.1.7", "10.244.2.9", "TCP", 8080, 80, True),
    ("fd00::1", "fd00::2", "TCP", 8080, None, False),
]
FORMS = {
    "list": "conntrack -L",
    "extended": "conntrack -L -o extended,id",
    "xml": "conntrack -L -o xml",
    "proc": "cat /proc/net/nf_conntrack",
}


def inside(script: str) -> subprocess.CompletedProcess[bytes]:
    """Run in a network namespace of its own, whose table is empty."""
    return subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, check=False)


@pytest.fixture(scope="module")
def printed() -> dict[str, bytes]:
    """The table in every form, and the events that filled it."""
    if shutil.which("conntrack") is None or shutil.which("unshare") is None:
        pytest.skip("the conntrack tool is not installed")
    if inside("conntrack -L").returncode:
        pytest.skip("no network namespace with connection tracking can be made here (needs root)")
    fill = "\n".join(f"conntrack -I {entry} -t 300 >/dev/null 2>&1" for entry in ENTRIES)
    mark = "=-=-="
    shown = "\n".join(f"echo {mark}; {command} 2>&1" for command in FORMS.values())
    events = "conntrack -E -o timestamp > $out 2>/dev/null & sleep 0.5"
    script = f"out=$(mktemp); {events}\n{fill}\n{shown}\nsleep 0.5; kill $!; echo {mark}; cat $out"
    _, *parts = inside(script + "; rm $out").stdout.split(mark.encode() + b"\n")
    return dict(zip([*FORMS, "events"], parts, strict=True))


@pytest.mark.parametrize("form", [*FORMS, "events"])
def test_the_tools_own_lines_are_read(printed: dict[str, bytes], form: str) -> None:
    if form == "proc" and b"src=" not in printed[form]:
        pytest.skip("this kernel has no /proc/net/nf_conntrack")
    account = Account()
    at = None if form == "events" else 1
    reading = Reading(where=form, tell=lambda _: None, account=account, at=at)
    flows = list(CONNTRACK.read(io.BytesIO(printed[form]), reading))
    found = [
        (f.client.ip, f.server.ip, f.protocol, f.port, f.service_port, "answered" in f.signals)
        for f in flows
    ]
    assert found == EXPECTED, printed[form].decode()
    assert account.folded == len(ENTRIES) and not account.held
    assert CONNTRACK.detect(printed[form]) > 0.9
