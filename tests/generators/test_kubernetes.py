"""networking.k8s.io/v1: the API server's defaults and refusals, and what constructs mean."""

import pytest

from generators.kubernetes import parse, render
from netpol.errors import NetpolError
from netpol.manifests import Document
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Requirement,
    Rule,
    in_namespace,
)

HEAD = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: a}
"""
SUBJECT = PodSelector(in_namespace("a"))
EVERYTHING = (Rule(peers=None, ports=ALL_PORTS),)
TCP = (Rule(peers=None, ports=PortSet.of("TCP")),)
ROLE = (Requirement("role", "In", ("x",)),)


@pytest.mark.parametrize(
    ("spec", "ingress", "egress"),
    [
        ("{}", (), None),
        ("{ingress: [], egress: []}", (), None),
        ("{egress: [{}]}", (), EVERYTHING),
        ("{policyTypes: [Egress]}", None, ()),
        ("{policyTypes: [Egress], ingress: [{}], egress: [{}]}", None, EVERYTHING),
        ("{policyTypes: [Ingress, Egress]}", (), ()),
        ("{policyTypes: [Ingress], ingress: [{}], egress: [{}]}", EVERYTHING, None),
        ("{policyTypes: []}", (), None),
        ("{podSelector: null, policyTypes: null, ingress: [null]}", EVERYTHING, None),
    ],
)
def test_defaulting(read, spec, ingress, egress):
    """docs/semantics.md#kubernetes-defaults."""
    (policy,), told = read(f"{HEAD}spec: {spec}")
    assert told == []
    assert (policy.subject, policy.ingress, policy.egress) == (SUBJECT, ingress, egress)
    assert (policy.tier, policy.order, policy.isolates) == ("default", 1000, True)


@pytest.mark.parametrize(
    ("peers", "meaning"),
    [
        ("null", None),
        ("[]", None),
        ("[{podSelector: {}}]", (PodSelector(in_namespace("a")),)),
        ("[{namespaceSelector: {}}]", (PodSelector(),)),
        ("[{podSelector: {matchLabels: {role: x}}}]", (PodSelector(in_namespace("a"), ROLE),)),
        (
            "[{namespaceSelector: {}, podSelector: {matchLabels: {role: x}}}]",
            (PodSelector((), ROLE),),
        ),
        ("[{ipBlock: {cidr: 0.0.0.0/0}}]", (CidrSelector("0.0.0.0/0"),)),
        (
            "[{ipBlock: {cidr: 10.0.0.0/8, except: [10.9.0.0/16]}}]",
            (CidrSelector("10.0.0.0/8", ("10.9.0.0/16",)),),
        ),
        (
            (
                "[{namespaceSelector: {matchLabels: {team: red}}},"
                " {podSelector: {matchLabels: {role: x}}}]"
            ),
            (
                PodSelector((Requirement("team", "In", ("red",)),)),
                PodSelector(in_namespace("a"), ROLE),
            ),
        ),
        (
            "[{podSelector: {matchExpressions: [{key: b, operator: NotIn, values: [y, x, x]},"
            " {key: a, operator: Exists}]}}]".replace("[y,", "['y',"),
            (
                PodSelector(
                    in_namespace("a"),
                    (Requirement("a", "Exists"), Requirement("b", "NotIn", ("x", "y"))),
                ),
            ),
        ),
    ],
)
def test_peers(read, peers, meaning):
    """Peers that are missing, empty and of each kind; docs/semantics.md#one-peer-or-two."""
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{from: {peers}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(peers=meaning, ports=ALL_PORTS),)


@pytest.mark.parametrize(
    ("ports", "numbers", "named"),
    [
        ("[]", ALL_PORTS, ()),
        ("[{}]", PortSet.of("TCP"), ()),
        ("[{protocol: UDP}]", PortSet.of("UDP"), ()),
        ("[{port: 80}]", PortSet.of("TCP", 80), ()),
        ("[{port: 80, endPort: 82}]", PortSet.of("TCP", 80, 82), ()),
        ("[{port: http}]", PortSet(), (("TCP", "http"),)),
        (
            "[{port: http}, {port: 9000, endPort: 9010}, {protocol: UDP, port: 53}]",
            PortSet.of("TCP", 9000, 9010) | PortSet.of("UDP", 53),
            (("TCP", "http"),),
        ),
    ],
)
def test_ports(read, ports, numbers, named):
    """docs/semantics.md#ports."""
    (policy,), told = read(f"{HEAD}spec: {{ingress: [{{ports: {ports}}}]}}")
    assert told == []
    assert policy.ingress == (Rule(peers=None, ports=numbers, named_ports=named),)


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{ingress: [{from: [{}]}]}", ".spec.ingress[0].from[0]: a peer must have"),
        (
            "{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            ".spec.ingress[0].from[0].ipBlock: not together with",
        ),
        ("{ingress: [{from: [{ipBlock: {cidr: 10.0.0.1}}]}]}", ".cidr: expected a CIDR"),
        (
            "{egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}",
            ".spec.egress[0].to[0].ipBlock.except[0]: expected a block strictly inside 10.0.0.0/8",
        ),
        ("{ingress: [{ports: [{protocol: ICMP}]}]}", ".protocol: expected one of TCP, UDP, SCTP"),
        ("{ingress: [{ports: [{port: 0}]}]}", ".port: expected a number from 1 to 65535, found 0"),
        ("{ingress: [{ports: [{port: '80'}]}]}", ".port: expected a port number or a port name"),
        ("{ingress: [{ports: [{port: true}]}]}", ".port: expected a whole number, found true"),
        ("{ingress: [{ports: [{port: http, endPort: 9}]}]}", ".endPort: needs a numeric port"),
        ("{ingress: [{ports: [{port: 9, endPort: 8}]}]}", ".endPort: expected a number from 9"),
        ("{policyTypes: [Ingress, Egress, Egress]}", ".policyTypes: at most two"),
        ("{policyTypes: [ingress]}", ".policyTypes[0]: expected one of Ingress, Egress"),
        ("{podSelector: {matchLabels: {app: 1e3}}}", ".matchLabels.app: expected text"),
        ("{podSelector: {matchLabels: {'a b': x}}}", ".matchLabels: not a label key"),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}]}}",
            ".matchExpressions[0].values: In takes values",
        ),
        # Also in a direction that policyTypes leaves out.
        ("{policyTypes: [Egress], ingress: [{from: [{}]}]}", "a peer must have"),
    ],
)
def test_what_the_api_server_refuses_is_left_out_and_said(read, spec, notice):
    policies, (told,) = read(f"{HEAD}spec: {spec}")
    assert policies == ()
    assert told.startswith("NP063 NetworkPolicy a/p: .spec.")
    assert notice in told
    assert told.endswith("; the policy is left out")


@pytest.mark.parametrize(
    ("spec", "path", "ingress"),
    [
        ("{ingres: [{}]}", ".spec.ingres", ()),
        ("{ingress: [{form: [{podSelector: {}}]}]}", ".spec.ingress[0].form", EVERYTHING),
        ("{ingress: [{ports: null, too: 1}]}", ".spec.ingress[0].too", EVERYTHING),
        ("{ingres: null}", ".spec.ingres", ()),
        ("{podSelector: {app: web}}", ".spec.podSelector.app", ()),
        ("{podSelector: {matchlabels: {app: web}}}", ".spec.podSelector.matchlabels", ()),
        ("{ingress: [{ports: [{name: a}]}]}", ".spec.ingress[0].ports[0].name", TCP),
    ],
)
def test_what_the_api_server_drops_is_dropped_and_said(read, spec, path, ingress):
    """It warns and stores the rest: a selector that is misspelt selects everything."""
    (policy,), told = read(f"{HEAD}spec: {spec}")
    assert (policy.subject, policy.ingress) == (SUBJECT, ingress)
    assert told == [
        f"NP076 NetworkPolicy a/p: {path}: NetworkPolicy has no such field; it is read without it"
    ]


def test_a_peer_of_unknown_fields_alone_is_an_empty_peer(read):
    policies, told = read(f"{HEAD}spec: {{ingress: [{{from: [{{pods: {{}}}}]}}]}}")
    assert policies == ()
    assert [one[:5] for one in told] == ["NP076", "NP063"]


@pytest.mark.parametrize(
    ("cidr", "read_as"),
    [
        ("10.7.0.0/8", "10.0.0.0/8"),
        ("010.001.0.0/16", "10.1.0.0/16"),
        ("10.0.0.0/08", "10.0.0.0/8"),
        ("0.0.0.0/00", "0.0.0.0/0"),
        ("'2001:0db8::/032'", "2001:db8::/32"),
        ("'::ffff:10.1.0.0/112'", "10.1.0.0/16"),
        ("'2001:db8::1/32'", "2001:db8::/32"),
    ],
)
def test_untidy_blocks_are_read_as_older_servers_do(read, cidr, read_as):
    (policy,), (told,) = read(
        f"{HEAD}spec: {{ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}"
    )
    assert policy.ingress[0].peers == (CidrSelector(read_as),)
    assert told.startswith(
        "NP079 NetworkPolicy a/p: .spec.ingress[0].from[0].ipBlock.cidr: read as"
    )
    assert read_as in told


@pytest.mark.parametrize("cidr", ["'2001:DB8:0:0::/32'", "0.0.0.0/0", "'::/0'", "10.0.0.1/32"])
def test_tidy_blocks_are_not_told_of(read, cidr):
    assert read(f"{HEAD}spec: {{ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}")[1] == []


@pytest.mark.parametrize(
    "cidr",
    [
        "10.0.0.0",
        "10.0.0/8",
        "10.0.0.0/33",
        "'::/129'",
        "'fe80::%eth0/64'",
        "300.0.0.0/8",
        "' '",
        "''",
    ],
)
def test_what_is_no_block_is_refused(read, cidr):
    policies, (told,) = read(
        f"{HEAD}spec: {{ingress: [{{from: [{{ipBlock: {{cidr: {cidr}}}}}]}}]}}"
    )
    assert policies == ()
    assert told.startswith("NP063")


LONG = "a" * 63


@pytest.mark.parametrize(
    "metadata",
    [
        "{name: p.q-1}",
        f"{{name: {'a' * 253}}}",
        "{generateName: p-}",
        f"{{name: p, namespace: {LONG}}}",
        f"{{name: p, labels: {{{LONG}: {LONG}, a.example/B_c.d: '', x: null}}}}",
        "{name: p, annotations: {Kubectl/Last-Applied: 'any text: {}', x: ''}}",
        "{name: p, namespace: null, labels: null, creationTimestamp: null}",
    ],
)
def test_metadata_that_the_api_server_takes(read, metadata):
    policies, told = read(HEAD.replace("{name: p, namespace: a}", metadata) + "spec: {}")
    assert (len(policies), told) == (1, [])


@pytest.mark.parametrize(
    "metadata",
    [
        "{}",
        "{name: ''}",
        "{name: P}",
        "{name: a_b}",
        "{name: -a}",
        "{name: a.}",
        f"{{name: {'a' * 254}}}",
        "{name: 1}",
        "[]",
        "{name: p, namespace: a.b}",
        f"{{name: p, namespace: {LONG}a}}",
        "{name: p, labels: {a: 1}}",
        "{name: p, labels: {a: 'x y'}}",
        f"{{name: p, labels: {{a: {LONG}a}}}}",
        f"{{name: p, labels: {{{LONG}a: a}}}}",
        "{name: p, labels: {/a: a}}",
        "{name: p, labels: {a/b/c: a}}",
        "{name: p, annotations: {a: true}}",
        "{name: p, annotations: {a b: 'x'}}",
    ],
)
def test_metadata_that_the_api_server_refuses(read, metadata):
    policies, (told,) = read(HEAD.replace("{name: p, namespace: a}", metadata) + "spec: {}")
    assert policies == ()
    assert told.startswith("NP063 NetworkPolicy ")


@pytest.mark.parametrize(
    "spec",
    [
        "{podSelector: {matchLabels: {app: null}}}",
        "{podSelector: {matchLabels: null, matchExpressions: null}}",
        "{podSelector: {matchExpressions: [{key: a, operator: In, values: [null, '']}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: []}]}}",
        "{podSelector: {matchLabels: {a: ''}, matchExpressions: [{key: a, operator: Exists}]}}",
        f"{{podSelector: {{matchLabels: {{{LONG[:40]}.{LONG}.example/{LONG}: {LONG}}}}}}}",
        "{ingress: [{from: [{podSelector: {}, namespaceSelector: null, ipBlock: null}]}]}",
        "{ingress: [{from: [{podSelector: {}, namespaceSelector: {}}], ports: [null]}]}",
        "{ingress: [{ports: [{port: 80, endPort: 80}, {port: a-1, protocol: SCTP}]}]}",
        "{ingress: [{ports: [{port: 65535, endPort: 65535}, {port: abcdefghijklmno}]}]}",
        "{policyTypes: [Ingress, Ingress]}",
        "null",
    ],
)
def test_what_the_api_server_takes(read, spec):
    policies, told = read(f"{HEAD}spec: {spec}")
    assert (len(policies), told) == (1, [])


@pytest.mark.parametrize(
    "spec",
    [
        "[]",
        "text",
        "{podSelector: []}",
        "{podSelector: app}",
        "{podSelector: {matchLabels: [a]}}",
        "{podSelector: {matchLabels: {app: 1}}}",
        "{podSelector: {matchLabels: {app: true}}}",
        "{podSelector: {matchLabels: {app: -x}}}",
        f"{{podSelector: {{matchLabels: {{app: {LONG}a}}}}}}",
        f"{{podSelector: {{matchLabels: {{{LONG}a: x}}}}}}",
        "{podSelector: {matchLabels: {A.example/x: x}}}",
        f"{{podSelector: {{matchLabels: {{{'a' * 254}/x: x}}}}}}",
        "{podSelector: {matchExpressions: [null]}}",
        "{podSelector: {matchExpressions: {}}}",
        "{podSelector: {matchExpressions: [{key: a}]}}",
        "{podSelector: {matchExpressions: [{operator: Exists}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: exists}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: Equals, values: [a]}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [a]}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: DoesNotExist, values: ['']}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: NotIn, values: []}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: In, values: x}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: In, values: [1]}]}}",
        "{podSelector: {matchExpressions: [{key: a, operator: In, values: ['x y']}]}}",
        "{podSelector: {matchExpressions: [{key: 'a b', operator: Exists}]}}",
        "{policyTypes: Ingress}",
        "{policyTypes: [Ingress, null]}",
        "{policyTypes: ['']}",
        "{ingress: {}}",
        "{ingress: [[]]}",
        "{ingress: [text]}",
        "{ingress: [{from: {podSelector: {}}}]}",
        "{ingress: [{from: [null]}]}",
        "{ingress: [{from: [{podSelector: null}]}]}",
        "{ingress: [{from: [{podSelector: {}, ipBlock: {}}]}]}",
        "{ingress: [{from: [{namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
        "{ingress: [{from: [{ipBlock: {}}]}]}",
        "{ingress: [{from: [{ipBlock: []}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: 10.1.0.0/16}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [null]}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [0.0.0.0/0]}}]}]}",
        "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/16']}}]}]}",
        "{ingress: [{ports: {port: 80}}]}",
        "{ingress: [{ports: [80]}]}",
        "{ingress: [{ports: [{port: 65536}]}]}",
        "{ingress: [{ports: [{port: -1}]}]}",
        "{ingress: [{ports: [{port: 80.5}]}]}",
        "{ingress: [{ports: [{port: [80]}]}]}",
        "{ingress: [{ports: [{port: ''}]}]}",
        "{ingress: [{ports: [{port: HTTP}]}]}",
        "{ingress: [{ports: [{port: a_b}]}]}",
        "{ingress: [{ports: [{port: a--b}]}]}",
        "{ingress: [{ports: [{port: -a}]}]}",
        "{ingress: [{ports: [{port: a-}]}]}",
        "{ingress: [{ports: [{port: abcdefghijklmnop}]}]}",
        "{ingress: [{ports: [{port: '8080'}]}]}",
        "{ingress: [{ports: [{endPort: 80}]}]}",
        "{ingress: [{ports: [{port: 80, endPort: 65536}]}]}",
        "{ingress: [{ports: [{port: 80, endPort: 0}]}]}",
        "{ingress: [{ports: [{port: 80, endPort: '90'}]}]}",
        "{ingress: [{ports: [{protocol: tcp}]}]}",
        "{ingress: [{ports: [{protocol: ''}]}]}",
        "{ingress: [{ports: [{protocol: 6}]}]}",
        # Also where policyTypes leaves the direction out.
        "{policyTypes: [Ingress], egress: [{ports: [{port: 0}]}]}",
    ],
)
def test_what_the_api_server_refuses(read, spec):
    policies, told = read(f"{HEAD}spec: {spec}")
    assert policies == ()
    assert [one[:5] for one in told] == ["NP063"]


def test_what_is_refused_is_not_in_force_and_so_not_undecided():
    told = []
    data = {"metadata": {"name": "p"}, "spec": {"ingress": [{"from": [{}]}]}}
    data |= {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
    found = parse([Document(file="x.yaml", index=1, data=data)], told.append)
    assert (found, [one.code for one in told]) == (PolicySet(), ["NP063"])


def test_the_namespace_defaults_and_the_origin_says_where(read, tmp_path):
    (policy,), _ = read(HEAD.replace(", namespace: a", "") + "spec: {}")
    assert policy.namespace == "default"
    assert policy.subject == PodSelector(in_namespace("default"))
    assert policy.origin == f"{tmp_path}/p.yaml: document 1, line 2, NetworkPolicy default/p"


def test_of_equal_objects_the_last_counts(read):
    first, second = (f"{HEAD}spec: {{policyTypes: [{kind}]}}" for kind in ("Ingress", "Egress"))
    (policy,), told = read(f"{first}\n---\n{second}")
    assert policy.ingress is None
    assert told == ["NP067 NetworkPolicy a/p is there twice; the later one counts, as with kubectl"]


def spec_of(**rules):
    policy = Policy(name="p", namespace="a", subject=SUBJECT, **rules)
    (manifest,) = render(PolicySet(policies=(policy,)))
    return manifest.documents[0]["spec"]


def test_rules_that_match_nothing_are_not_written():
    nobody, nothing = Rule(peers=(), ports=ALL_PORTS), Rule(peers=None, ports=PortSet())
    assert spec_of(ingress=(nobody, nothing), egress=()) == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


def test_port_zero_never_widens_what_is_written():
    without_80 = PortSet.of("TCP") - PortSet.of("TCP", 80)
    spec = spec_of(ingress=(Rule(peers=None, ports=without_80),))
    assert spec["ingress"][0]["ports"] == [
        {"protocol": "TCP", "port": 1, "endPort": 79},
        {"protocol": "TCP", "port": 81, "endPort": 65535},
    ]
    only_zero = Rule(peers=None, ports=PortSet.of("TCP", 0))
    assert "ingress" not in spec_of(ingress=(only_zero,))


@pytest.mark.parametrize(
    "rule",
    [
        Rule(peers=(FqdnSelector("a.example"),), ports=ALL_PORTS),
        Rule(peers=(EntitySelector("world"),), ports=ALL_PORTS),
        Rule(peers=(CidrSelector("::ffff:a00:0/104"),), ports=ALL_PORTS),
        Rule(peers=None, ports=PortSet.icmp("ICMP", 8)),
        Rule(peers=None, ports=ALL_PORTS - PortSet.of("TCP", 80)),
        Rule(action="deny", peers=None, ports=ALL_PORTS),
        Rule(peers=None, ports=ALL_PORTS, without=(PodSelector(),)),
        Rule(peers=None, ports=ALL_PORTS, subject=PodSelector()),
    ],
)
def test_what_it_cannot_say_is_an_error(rule):
    with pytest.raises(NetpolError, match="kubernetes cannot say"):
        spec_of(ingress=(rule,))


@pytest.mark.parametrize(
    "changed",
    [
        {"ingress": None},
        {"tier": "other"},
        {"isolates": False},
        {"subject": PodSelector()},
        {"name": "Not_A_Name"},
        {"name": "a" * 254},
        {"namespace": "a/../b"},
    ],
)
def test_policies_that_it_cannot_say_are_errors(changed):
    whole = {"name": "p", "namespace": "a", "subject": SUBJECT, "ingress": (), **changed}
    with pytest.raises(NetpolError):
        render(PolicySet(policies=(Policy(**whole),)))
