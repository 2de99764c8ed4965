"""conntrack: client, Service and server of one line; what was answered; when it was; zones."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_samples import SAMPLES

from capture.conntrack import CONNTRACK
from capture.source import Reading
from netpol.flow import Account
from netpol.graph import Evidence

AT = 1_793_700_047_512_345_000
STAMP = "[1793700047.512345]\t"
DNAT = (
    "src=10.244.1.7 dst=10.96.12.5 sport=43512 dport=80{} src=10.244.2.9 dst=10.244.1.7"
    " sport=8080 dport=43512"
)
TCP = f"tcp      6 86393 ESTABLISHED {DNAT.format('')} [ASSURED] mark=0 use=1"
UDP = (
    "udp      17 src=10.244.1.7 dst=10.96.0.10 sport=51804 dport=53 src=10.244.0.12"
    " dst=10.244.1.7 sport=53 dport=51804"
)
META = (
    '<meta direction="{}"><layer3 protonum="2" protoname="ipv4"><src>{}</src><dst>{}</dst></layer3>'
)
PART = '<layer4 protonum="6" protoname="tcp"><sport>{}</sport><dport>{}</dport></layer4></meta>'
XML = (
    META.format("original", "10.244.1.7", "10.96.12.5")
    + PART.format(43512, 80)
    + META.format("reply", "10.244.2.9", "10.244.1.7")
    + PART.format(8080, 43512)
    + '<meta direction="independent"><state>ESTABLISHED</state><timeout>99</timeout><mark>0</mark>'
    "<use>1</use><id>979338527</id><assured/>{}</meta>"
)


def read(*texts, at=AT, **more):
    """The flows of some lines, the account and what was told."""
    account, told = Account(), []
    reading = Reading(where="ct", tell=told.append, account=account, at=at, **more)
    data = b"\n".join(t if isinstance(t, bytes) else t.encode() for t in texts)
    flows = list(CONNTRACK.read(io.BytesIO(data), reading))
    assert account.balanced()
    assert sum(flow.records for flow in flows) == account.folded
    return flows, account, [str(notice) for notice in told]


def one(*texts, **more):
    (flow,), account, told = read(*texts, **more)
    assert not told and not account.held
    return flow


def shown(flow):
    ends = f"{flow.client.ip} > {flow.server.ip} {flow.protocol} {flow.port}"
    return f"{ends} ({flow.service_port})" if flow.service_port is not None else ends


@pytest.mark.parametrize(
    "line",
    [
        TCP,
        f"ipv4     2 {TCP} id=979338527",
        f"ipv4     2 {TCP} delta-time=0 [start=Mon Nov  2 09:14:07 2026]",
        TCP.replace("sport=8080", "packets=12 bytes=4096 sport=8080").replace("mark=0", "zone=0"),
        TCP.replace("[ASSURED]", "[ASSURED] [HW_OFFLOAD] secctx=null labels=a,b helper=ftp"),
        f"{STAMP} [UPDATE] tcp      6 60 SYN_RECV {DNAT.format('')}",
        f"{STAMP}    [NEW] {TCP} [USERSPACE] portid=32162 progname=conntrack",
        f'<?xml version="1.0"?>\n<conntrack>\n<flow>{XML.format("")}</flow>\n</conntrack>',
        f'<flow type="new">\n{XML.format("").replace("><", ">  <")}\n</flow> [USERSPACE] portid=3',
    ],
)
def test_one_line_tells_client_service_and_server(line):
    flow = one(line)
    assert shown(flow) == "10.244.1.7 > 10.244.2.9 TCP 8080 (80)"
    assert (flow.first, flow.last, flow.count, flow.certain) == (AT, AT, 1, True)
    assert flow.signals["answered"] == flow.signals["opened"] == 1


@pytest.mark.parametrize(
    ("client", "dialled", "seen"),
    [
        # A client on the internet is under nobody's policies; the pod sees the node in its place.
        ("8.8.8.8", "10.0.0.11", {"10.0.0.11"}),
        ("2a00::8", "2a00::11", {"2a00::11"}),
        # One in a private range may be a pod, whose own policies are about who dialled.
        ("192.168.7.7", "10.0.0.11", {"192.168.7.7", "10.0.0.11"}),
    ],
)
def test_behind_a_node_port_the_pod_sees_the_node(client, dialled, seen):
    server = "fd00::9" if ":" in client else "10.244.2.9"
    line = (
        f"tcp 6 99 ESTABLISHED src={client} dst={dialled} sport=51000 dport=30080"
        f" src={server} dst={dialled} sport=8080 dport=33333 [ASSURED] use=1"
    )
    flows, account, told = read(line)
    assert {one.client.ip for one in flows} == seen
    assert {(one.server.ip, one.port, one.service_port) for one in flows} == {(server, 8080, 30080)}
    assert account.folded == 1
    assert not told


def test_who_is_masqueraded_on_the_way_out_is_the_pod():
    line = (
        "tcp 6 99 ESTABLISHED src=10.244.1.7 dst=8.8.8.8 sport=51000 dport=443"
        " src=8.8.8.8 dst=10.0.0.11 sport=443 dport=33333 [ASSURED] use=1"
    )
    assert shown(one(line)) == "10.244.1.7 > 8.8.8.8 TCP 443"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (UDP.replace("17 src", "17 29 src"), "10.244.1.7 > 10.244.0.12 UDP 53 (53)"),
        (
            (
                "tcp 6 9 TIME_WAIT src=10.244.1.7 dst=10.244.2.9 sport=4000 dport=80 src=10.244.2.9"
                " dst=10.0.0.4 sport=80 dport=61000 [ASSURED]"
            ),
            "10.244.1.7 > 10.244.2.9 TCP 80",
        ),
        (
            (
                "ipv6     10 tcp      6 99 ESTABLISHED src=fd00:0000:0000:0000:0000:0000:0000:0001"
                " dst=fd00::2 sport=43512 dport=8080 src=fd00::2 dst=fd00::1 sport=8080 dport=43512"
            ),
            "fd00::1 > fd00::2 TCP 8080",
        ),
        (
            (
                "icmp     1 29 src=10.244.1.7 dst=10.244.2.9 type=8 code=0 id=77 src=10.244.2.9"
                " dst=10.244.1.7 type=0 code=0 id=77 mark=0 use=1"
            ),
            "10.244.1.7 > 10.244.2.9 ICMP 2048",
        ),
        (
            (
                "icmpv6   58 29 src=fd00::1 dst=fd00::2 type=128 code=0 id=77 src=fd00::2"
                " dst=fd00::1 type=129 code=0 id=77"
            ),
            "fd00::1 > fd00::2 ICMPv6 32768",
        ),
        (
            (
                "sctp     132 99 ESTABLISHED src=10.0.0.1 dst=10.0.0.2 sport=4000 dport=3868"
                " src=10.0.0.2 dst=10.0.0.1 sport=3868 dport=4000"
            ),
            "10.0.0.1 > 10.0.0.2 SCTP 3868",
        ),
        (
            "unknown  47 593 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1",
            "10.0.0.1 > 10.0.0.2 OTHER 47",
        ),
    ],
    ids=["udp", "snat", "ipv6", "icmp", "icmpv6", "sctp", "gre"],
)
def test_protocols_and_translations(line, expected):
    flow = one(line)
    assert shown(flow) == expected
    assert "answered" in flow.signals


@pytest.mark.parametrize(
    ("state", "unreplied", "assured", "expected"),
    [
        ("SYN_SENT", " [UNREPLIED]", "", {"forward", "opened"}),
        ("SYN_RECV", "", "", {"forward", "opened", "answered"}),
        ("CLOSE", "", "", {"forward", "opened", "refused"}),
        ("CLOSE", "", " [ASSURED]", {"forward", "opened", "answered"}),
    ],
)
def test_what_became_of_a_tcp_connection(state, unreplied, assured, expected):
    assert set(one(f"tcp 6 9 {state} {DNAT.format(unreplied)}{assured}").signals) == expected


def test_a_connection_is_one_however_many_events_and_zones_tell_of_it():
    events = [
        f"{STAMP}    [NEW] tcp 6 120 SYN_SENT {DNAT.format(' [UNREPLIED]')}",
        f"{STAMP} [UPDATE] tcp 6 60 SYN_RECV {DNAT.format('')}",
        f"{STAMP} [UPDATE] tcp 6 432000 ESTABLISHED {DNAT.format('')} [ASSURED]",
        f"[1793700999.000000]\t[DESTROY] tcp 6 {DNAT.format('')} [ASSURED]",
    ]
    flow = one(*events, *(line + f" zone={n}" for n in (1, 2) for line in events))
    assert (flow.count, flow.records, flow.first, flow.last) == (1, 12, AT, AT)
    assert flow.signals == {"answered": 9, "forward": 12, "opened": 12}
    again = [line.replace("sport=43512", "sport=43513") for line in events]
    assert one(*events, *again).count == 2
    assert one(TCP, TCP.replace("43512", "43513"), TCP + " zone=3").count == 2


def test_the_answer_of_the_last_event_counts_at_the_time_of_the_first():
    flow = one(
        f"{STAMP}    [NEW] {UDP.replace('53 src', '53 [UNREPLIED] src')}",
        f"[1793709999.0]\t[DESTROY] {UDP}",
    )
    assert (flow.first, flow.last, flow.count) == (AT, AT, 1)
    assert flow.signals["answered"] == 1


def test_an_end_alone_does_not_say_when_the_address_was_used():
    flows, account, _ = read(f"{STAMP}[DESTROY] {UDP}")
    assert not flows
    assert account.held == {"ended, and when it was used is not known": 1}
    flow = one(f"{STAMP}[DESTROY] {UDP} delta-time=40")
    assert (flow.first, flow.last) == (AT - 40 * 10**9, AT)
    flows, account, _ = read(
        f"{STAMP}[DESTROY] {UDP} delta-time=40", era=lambda _, time: time // AT
    )
    assert account.held == {"its address changed hands while the flow was seen": 1}


@pytest.mark.parametrize("line", [TCP, f"[1234.5]\t [NEW] {TCP}", f"<flow>{XML.format('')}</flow>"])
def test_a_listing_is_held_unless_someone_says_when_it_was_taken(line):
    flows, account, told = read(line, at=None)
    assert not flows
    assert account.held == {"no time": 1}
    assert told == ["NP011 ct: 1 records do not say when they were taken"]


def test_the_kernels_own_times_count():
    stamped = XML.format(f"<timestamp><start>{AT}</start></timestamp><deltatime>9</deltatime>")
    flow = one(f"<flow>{stamped}</flow>", at=None)
    assert (flow.first, flow.last) == (AT, AT)


def test_a_connection_picked_up_in_the_middle_is_told_by_its_ports():
    line = (
        "tcp 6 {} src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=43512{}"
        " src=10.0.0.1 dst=10.0.0.2 sport=43512 dport=8080"
    )
    first = line.format("300 ESTABLISHED", " [UNREPLIED]")
    later = [
        f"{STAMP} [UPDATE] {line.format('300 ESTABLISHED', '')} [ASSURED]",
        f"{STAMP}[DESTROY] {line.format('', '')} [ASSURED]",
    ]
    for lines in ([first], [f"{STAMP} [NEW] {first}", *later]):
        flow = one(*lines)
        assert shown(flow) == "10.0.0.1 > 10.0.0.2 TCP 8080"
        assert (flow.certain, flow.count) == (False, 1)


def test_each_service_that_leads_to_a_port_is_told():
    flows, account, _ = read(TCP, TCP.replace("dport=80", "dport=8000", 1))
    assert [(flow.service_port, flow.records, flow.count) for flow in flows] == [
        (80, 1, 1),
        (8000, 1, 1),
    ]
    assert account.read == 2


def test_who_translates_and_who_does_not_tell_of_one_connection():
    beyond = TCP.replace("dst=10.96.12.5", "dst=10.244.2.9").replace("dport=80 ", "dport=8080 ")
    for more in (" zone=3", ""):
        flows, _, _ = read(TCP, beyond + more)
        assert sum(map(Evidence.of, flows), Evidence()).count == 1


def test_what_the_tool_says_is_no_record():
    _, account, told = read(
        "conntrack v1.4.7 (conntrack-tools): 4 flow entries have been shown.",
        "conntrack v1.4.7 (conntrack-tools): WARNING: We have hit ENOBUFS! We are losing events.",
    )
    assert account.other == {"summary of the tool": 1, "lost events": 1}
    assert account.lost_events == 1
    assert told[0].startswith("NP002 ct:2")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("tcp 6 9 CLOSE src=10.0.0.1 dst=10.0.0.2 sport=1 dport=2", "incomplete"),
        ("tcp 6 9 CLOSE src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1", "incomplete"),
        (TCP.replace("10.244.2.9", "10.244.2.999"), "unreadable"),
        (TCP.replace("sport=8080", "sport=99999"), "unreadable"),
        (f"{TCP} delta-time=99999999999", "unreadable"),
        ("dear diary", "incomplete"),
        (b"\xff\xfe\x00", "incomplete"),
        ("<flow><meta></flow>", "unreadable"),
        ("<flow><meta>", "unreadable"),
        ("icmp 1 9 src=10.0.0.1 dst=10.0.0.2 src=10.0.0.2 dst=10.0.0.1", "the port is not known"),
    ],
)
def test_what_cannot_be_read_is_held(line, reason):
    flows, account, told = read(line)
    assert (flows, account.held) == ([], {reason: 1})
    assert (not told) == (reason == "the port is not known")


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_mutation_of_a_line_is_lost(data):
    words = data.draw(st.sampled_from(SAMPLES["conntrack"].decode().split("\n"))).split(" ")
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(words) - 1))
        words[at] = data.draw(
            st.sampled_from([*words, "", "src=", "[NEW]", "x=1", "dport=-1", "<"])
        )
    line = " ".join(words)
    _, account, _ = read(line)
    assert account.read == (not line.isspace() and bool(line))
