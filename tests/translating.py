"""A client, a node that translates addresses as kube-proxy does, and a server: namespaces."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from spaces import ip, needs_root

CLIENT, SERVED = ("10.77.1.2", "fd77:1::2"), ("10.77.2.2", "fd77:2::2")
NODE = ("10.77.2.1", "fd77:2::1")
"""Its addresses on the side of the server."""
VIP = ("10.96.0.20", "fd00:96::20")
CABLES = """
link add front type veth peer eth0 netns {client}
link add back type veth peer eth0 netns {server}
addr add 10.77.1.1/24 dev front
addr add 10.77.2.1/24 dev back
addr add fd77:1::1/64 dev front nodad
addr add fd77:2::1/64 dev back nodad
link set front up
link set back up
"""
END = """
addr add 10.77.{n}.2/24 dev eth0
addr add fd77:{n}::2/64 dev eth0 nodad
link set eth0 up
route add default via 10.77.{n}.1
route add default via fd77:{n}::1
"""
TRANSLATED = """
table inet t {{
  chain in {{
    type nat hook prerouting priority dstnat
    ip daddr 10.96.0.20 tcp dport 80 dnat ip to 10.77.2.2:8080
    ip daddr 10.96.0.20 udp dport 99 dnat ip to 10.77.2.2:9999
    ip6 daddr fd00:96::20 tcp dport 80 dnat ip6 to [fd77:2::2]:8080
    ip6 daddr fd00:96::20 udp dport 99 dnat ip6 to [fd77:2::2]:9999
    {more}
  }}
  chain out {{ type nat hook postrouting priority srcnat; {masquerade}; }}
}}
"""


class Node:
    """client — node — server: names of namespaces."""

    def __init__(self) -> None:
        self.client, self.node, self.server = (f"npt{os.getpid()}{one}" for one in "cns")

    def run(self, space: str, *words: str, text: str | None = None) -> None:
        command = ["ip", "netns", "exec", space, *words]
        subprocess.run(command, check=True, input=text, text=True)

    def up(self) -> None:
        for space in (self.client, self.node, self.server):
            ip("netns", "add", space)
            ip("-n", space, "link", "set", "lo", "up")
        cables = CABLES.format(client=self.client, server=self.server)
        self.run(self.node, "ip", "-batch", "-", text=cables)
        for number, space in ((1, self.client), (2, self.server)):
            self.run(space, "ip", "-batch", "-", text=END.format(n=number))
        forwarding = "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"
        self.run(self.node, "sysctl", "-qw", *forwarding)

    def translate(self, masquerade: str = "", more: str = "") -> None:
        text = TRANSLATED.format(masquerade=masquerade, more=more)
        self.run(self.node, "nft", "-f", "-", text=text)

    def down(self) -> None:
        for space in (self.client, self.node, self.server):
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


@contextmanager
def joined() -> Iterator[Node]:
    """Skips where there can be none."""
    needs_root()
    if shutil.which("nft", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("nftables is not installed")
    found = Node()
    try:
        found.up()
        yield found
    finally:
        found.down()
