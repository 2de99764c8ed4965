"""One small valid input per flow source, by the source's name: what tests over all sources read.

A sample holds at least one connection and one record that is none, if the format knows such.
"""

from __future__ import annotations

from typing import Final

import calico_lines as c
import hubble_lines as h
import pcap_files as p

__all__ = ["SAMPLES"]

SAMPLES: Final[dict[str, bytes]] = {
    "hubble": h.text(
        [
            h.wrapped(h.record()),
            h.wrapped(h.record(l4=h.tcp(8080, 43512, **h.SYN_ACK), is_reply=True)),
            {"lost_events": {"num_events_lost": "4"}},
        ]
    ),
    "goldmane": c.text(
        [
            c.emitted(),
            {"id": "1", "flow": c.proto_json(c.emitted(reporter=c.SRC))},
            c.emitted(source_type=c.NET, source_name="pvt", source_namespace="-"),
            c.emitted(source_type=c.HEP, dest_type=c.HEP),
        ]
    ),
    "calico-enterprise": c.text([c.enterprise(), c.enterprise(source_type="hep", dest_type="hep")]),
    "felix": (
        b"Nov  2 09:14:07 node-b kernel: calico-packet: IN=cali7a1c2b3d4e5 OUT=eth0 SRC=10.244.1.7"
        b" DST=198.51.100.7 LEN=60 TTL=63 ID=4711 DF PROTO=TCP SPT=43512 DPT=443 SYN URGP=0\n"
        b"Nov  2 09:14:08 node-b kernel: eth0: link becomes ready\n"
    ),
    "netpol": (
        b'{"netpol":2,"client":{"namespace":"shop","pods":["web-1"]},"server":{"ip":"10.0.0.2"},'
        b'"protocol":"TCP","port":80,"first":"2026-11-02T09:14:07.500000001Z",'
        b'"last":"2026-11-02T09:14:08Z","signals":{"answered":1},"source":"pcap"}\n'
    ),
    "conntrack": (
        b"[1793700047.512345]\t    [NEW] tcp      6 120 SYN_SENT src=10.244.1.7 dst=10.96.12.5"
        b" sport=43512 dport=80 [UNREPLIED] src=10.244.2.9 dst=10.244.1.7 sport=8080 dport=43512\n"
        b"[1793700047.512399]\t [UPDATE] tcp      6 60 SYN_RECV src=10.244.1.7 dst=10.96.12.5"
        b" sport=43512 dport=80 src=10.244.2.9 dst=10.244.1.7 sport=8080 dport=43512\n"
        b"conntrack v1.4.7 (conntrack-tools): 2 flow events have been shown."
    ),
    "aws": (
        b'{"level":"debug","ts":"2026-11-02T09:14:07.512Z","caller":"events/events.go:273","msg":'
        b'"Flow Info: Src IP: 10.0.12.7 Src Port: 43512 Dest IP: 172.20.33.9 Dest Port: 80 Proto '
        b'TCP Verdict ACCEPT Direction egress, Tier NETWORK_POLICY"}\n'
        b'{"level":"info","ts":"2026-11-02T09:14:08.000Z","msg":"Received a new reconcile request"}'
    ),
    "retina": h.text(
        [
            h.wrapped(h.record(extensions={"@type": "type.googleapis.com/utils.RetinaMetadata"})),
            h.wrapped(h.record(verdict=15)),
        ]
    ),
    "pcap": p.pcap([*map(p.ethernet, p.dialogue()), p.ethernet(b"\0\1", 0x0806)]),
}
