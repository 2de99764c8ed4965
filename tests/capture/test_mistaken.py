"""What is no flow log, but is given as one: the error says what to give instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from capture.mistaken import better
from netpol.cli import cli
from netpol.errors import NetpolError

PEOPLE = {
    "compact": "Nov 25 10:00:00.123: shop/web-0:43512 (ID:12345) -> shop/api-0:8080 (ID:23456)"
    " to-endpoint FORWARDED (TCP Flags: SYN)\n",
    "a policy's verdict": "Nov 25 10:00:00.123 [node-1]: shop/web-0:43512 (ID:12345) <>"
    " 198.51.100.7:443 (world) policy-verdict:none EGRESS DENIED (TCP Flags: SYN)\n",
    "dict": "  TIMESTAMP: Nov 25 10:00:00.123\n     SOURCE: shop/web-0:43512\n",
    "table": "TIMESTAMP             SOURCE               DESTINATION         TYPE\n",
    "table of several nodes": "TIMESTAMP     NODE      SOURCE         DESTINATION     TYPE\n",
}
PACKETS = {
    "plain": "10:00:00.123456 IP 10.244.1.7.43512 > 10.244.2.9.8080: Flags [S], seq 1\n",
    "of any interface": "10:00:00.123456 eth0  Out IP6 2001:db8::1.43512 > 2001:db8::2.443:"
    " Flags [S]\n",
    "with -tt": "1793610847.123456 IP 10.244.1.7.43512 > 10.244.2.9.53: 4+ A? a.example. (27)\n",
    "with -t": "IP 10.244.1.7.43512 > 10.244.2.9.8080: Flags [S], seq 1, win 64240\n",
}


def said_of(text: str, folder: Path) -> str:
    """The hint for a file with that text, when it is given as a flow log."""
    file = folder / "log.txt"
    file.write_text(text)
    error = CliRunner().invoke(cli, ["graph", str(file)]).exception
    assert isinstance(error, NetpolError)
    assert error.where == str(file)
    return error.hint


@pytest.mark.parametrize("text", PEOPLE.values(), ids=PEOPLE)
def test_flows_as_people_read_them_lead_to_the_option_for_records(text, tmp_path):
    assert "-o jsonpb" in said_of(text, tmp_path)


@pytest.mark.parametrize("text", PACKETS.values(), ids=PACKETS)
def test_packets_as_people_read_them_lead_to_the_option_for_a_capture(text, tmp_path):
    assert "write a capture with -w" in said_of(text, tmp_path)


@pytest.mark.parametrize("text", [b"hello, world\n", b"a -> b\n", b"{}\n", b"IP 10.0.0.1\n"])
def test_of_other_text_nothing_is_made_up(text):
    assert better(text) == ""
