"""Calico's other kinds: tiers, sets, Services, staged policies; what is refused or undecided."""

import math
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.calico import CALICO, CONTEXT, STAGED, staged
from netpol.manifests import Document, load
from netpol.net import ALL_PORTS, PortSet
from netpol.policy import (
    DEFAULT_TIER,
    NAMESPACE,
    CidrSelector,
    EntitySelector,
    PodSelector,
    Requirement,
    Rule,
    Tier,
    in_namespace,
)

HEAD = """
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: p, namespace: ns}
"""
GLOBAL = """
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: g}
"""
OWN = in_namespace("ns")
APP = (Requirement("app", "In", ("x",)),)


@pytest.fixture
def read(tmp_path):
    """Texts of documents → (policy set, notices as text without their place)."""

    def reader(*texts, parse=CALICO.parse):
        told = []
        whole = "\n---\n".join(map(textwrap.dedent, texts))
        (tmp_path / "p.yaml").write_text(whole)
        found = parse(load([tmp_path / "p.yaml"], told.append), told.append)
        return found, [f"{one.code} {one.message}" for one in told]

    return reader


def tier(name, spec, group="projectcalico.org/v3"):
    return f"{{apiVersion: {group}, kind: Tier, metadata: {{name: {name}}}, spec: {spec}}}"


def network_set(nets, labels="{s: t}", namespace=None):
    kind = "NetworkSet" if namespace else "GlobalNetworkSet"
    place = f", namespace: {namespace}" if namespace else ""
    return (
        f"{{apiVersion: projectcalico.org/v3, kind: {kind}, spec: {{nets: {nets}}},"
        f" metadata: {{name: s, labels: {labels}{place}}}}}"
    )


def host(addresses, labels="{s: t}"):
    return (
        "{apiVersion: projectcalico.org/v3, kind: HostEndpoint, "
        f"metadata: {{name: h, labels: {labels}}}, "
        f"spec: {{node: n1, interfaceName: eth0, expectedIPs: {addresses}}}}}"
    )


def namespace(name, labels):
    return f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}, labels: {labels}}}}}"


def service(spec, name="s", space="ns"):
    return (
        f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}, namespace: {space}}},"
        f" spec: {spec}}}"
    )


# Tiers


def test_tiers(read):
    policy = f"{HEAD}spec: {{tier: platform, order: 5}}"
    for group in ("projectcalico.org/v3", "crd.projectcalico.org/v1"):
        found, told = read(policy, tier("platform", "{order: 100, defaultAction: Pass}", group))
        assert told == []
        assert found.undecided == ()
        assert Tier(100, "platform", "pass") in found.tiers
        assert DEFAULT_TIER in found.tiers
        assert [(one.tier, one.order) for one in found.policies] == [("platform", 5)]
    found, _ = read(tier("last", "{}"), tier("first", "{order: -1.5, defaultAction: Deny}"))
    assert found.tiers[0] == Tier(-1.5, "first", "deny")
    assert found.tiers[-1] == Tier(math.inf, "last", "deny")


@pytest.mark.parametrize(
    ("name", "order", "default"),
    [
        ("default", 1_000_000, "deny"),
        ("kube-admin", 1_000, "pass"),
        ("kube-baseline", 10_000_000, "pass"),
        ("adminnetworkpolicy", 1_000, "pass"),
        ("baselineadminnetworkpolicy", 10_000_000, "pass"),
    ],
)
def test_tiers_that_calico_makes_itself(read, name, order, default):
    """Tiers that are there without an object: docs/semantics.md#tiers-and-order."""
    found, told = read(f"{HEAD}spec: {{tier: {name}}}")
    assert told == []
    assert Tier(order, name, default) in found.tiers
    assert found.policies[0].tier == name
    action = default.title()
    _, told = read(tier(name, f"{{order: {order}, defaultAction: {action}}}"))
    assert told == []
    for spec in (
        f"{{order: 7, defaultAction: {action}}}",
        f"{{order: {order}, defaultAction: {'Deny' if action == 'Pass' else 'Pass'}}}",
    ):
        found, (notice,) = read(tier(name, spec), f"{HEAD}spec: {{tier: {name}}}")
        assert notice.startswith(f"NP063 Tier {name}: .spec.")
        assert notice.endswith("the tier is left out")
        assert Tier(order, name, default) in found.tiers


def test_a_tier_that_nobody_declares_is_undecided_from_the_first_one_on(read):
    found, (told,) = read(
        f"{HEAD}spec: {{tier: secret, selector: app == 'x', types: [Egress]}}",
        tier("early", "{order: 1}"),
    )
    assert told.startswith("NP064 NetworkPolicy ns/p: .spec.tier: the Tier secret is not among")
    assert found.policies == ()
    (doubt,) = found.undecided
    assert (doubt.subject, doubt.directions) == (PodSelector(OWN, APP), ("egress",))
    assert doubt.tier == "early"
    assert doubt.origin.endswith("NetworkPolicy ns/p")


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        (tier("a.b", "{}"), "NP063 Tier a.b: .metadata.name: expected a DNS label"),
        (tier("a", "{defaultAction: Allow}"), "NP063 Tier a: .spec.defaultAction: expected one of"),
        (tier("a", "{order: x}"), "NP063 Tier a: .spec.order: expected a number"),
        (tier("a", "{ordr: 1}"), "NP076 Tier a: .spec.ordr: Tier has no such field"),
        (network_set("[10.0.0.0/33]"), "NP063 GlobalNetworkSet s: .spec.nets[0]: expected a CIDR"),
        (
            network_set("[10.0.0.1]", "{projectcalico.org/namespace: x}"),
            "not a label that a set may have",
        ),
        (network_set("[10.0.0.1]", "{'a b': x}"), ".metadata.labels"),
    ],
)
def test_broken_context_is_said(read, text, notice):
    _, (told,) = read(text)
    assert notice in told


def test_the_last_of_two_tiers_counts(read):
    found, (told,) = read(tier("a", "{order: 1}"), tier("a", "{order: 2}"))
    assert told == "NP067 Tier a is there 2 times; the last one counts"
    assert Tier(2, "a", "deny") in found.tiers


# Sets


@pytest.mark.parametrize(
    ("head", "source", "own", "whole"),
    [
        # (NetworkSet of ns, NetworkSet of another namespace, GlobalNetworkSet)
        (HEAD, "{selector: s == 't'}", "n", True),
        (HEAD, "{selector: all()}", "n", True),
        (HEAD, "{selector: s == 't', namespaceSelector: all()}", "no", True),
        (HEAD, "{namespaceSelector: projectcalico.org/name == 'other'}", "o", True),
        (HEAD, "{namespaceSelector: team == 'red'}", "o", True),
        (HEAD, "{namespaceSelector: team != 'red'}", "ngh", True),
        (HEAD, "{namespaceSelector: has(projectcalico.org/name) && team != 'red'}", "n", True),
        (HEAD, "{selector: s == 't', namespaceSelector: global()}", "gh", False),
        (HEAD, "{namespaceSelector: '!all()'}", "gh", False),
        (HEAD, "{serviceAccounts: {names: [x]}}", "", True),
        (GLOBAL, "{selector: s == 't'}", "nogh", True),
        (GLOBAL, "{selector: all()}", "nogh", True),
        (GLOBAL, "{selector: s != 't'}", "", True),
        (GLOBAL, "{namespaceSelector: all()}", "no", True),
        (GLOBAL, "{selector: projectcalico.org/namespace == 'ns'}", "n", True),
        (GLOBAL, "{selector: pcns.team == 'red'}", "o", True),
    ],
)
def test_which_sets_a_selector_ranges_over(read, head, source, own, whole):
    """docs/semantics.md#calico-peers, row by row, and the sentences below."""
    nets = {"n": "192.0.2.1/32", "o": "192.0.2.2/32", "g": "192.0.2.3/32", "h": "192.0.2.4/32"}
    found, told = read(
        f"{head}spec: {{ingress: [{{action: Allow, source: {source}}}]}}",
        network_set("[192.0.2.1]", namespace="ns"),
        network_set("[192.0.2.2/32]", namespace="other"),
        network_set("[192.0.2.3/32]"),
        host("[192.0.2.4]"),
        namespace("ns", "{}"),
        namespace("other", "{team: red}"),
    )
    assert told == []
    (rule,) = found.policies[0].ingress or (Rule(peers=(), ports=ALL_PORTS),)
    blocks = {one.cidr for one in rule.peers if isinstance(one, CidrSelector)}
    assert blocks == {nets[one] for one in own}
    assert any(isinstance(one, PodSelector) for one in rule.peers) == whole


def test_sets_in_exceptions(read):
    found, told = read(
        f"{GLOBAL}spec: {{ingress: [{{action: Allow, source: {{notSelector: s == 't'}}}}]}}",
        network_set("[192.0.2.0/24]"),
    )
    assert told == []
    (rule,) = found.policies[0].ingress
    assert rule.peers is None
    assert set(rule.without) == {
        CidrSelector("192.0.2.0/24"),
        PodSelector((), (Requirement("s", "In", ("t",)),)),
    }


def test_what_is_not_known_of_a_set_makes_who_may_mean_it_undecided(read):
    red = (
        f"{HEAD}spec: {{ingress: [{{action: Deny, source: {{namespaceSelector: team == 'red'}}}}]}}"
    )
    found, (told,) = read(red, network_set("[192.0.2.0/24]", namespace="other"))
    assert "whether NetworkSet other/s is meant depends on its namespace's labels" in told
    (doubtful,) = found.policies[0].ingress
    assert (doubtful.action, doubtful.peers, bool(doubtful.unsure)) == ("deny", None, True)
    domains = network_set("[]").replace("nets: []", "allowedEgressDomains: [x.org]")
    some = f"{GLOBAL}spec: {{egress: [{{action: Allow, destination: {{selector: s == 't'}}}}]}}"
    found, told = read(some, domains)
    assert [one[:5] for one in told] == ["NP064", "NP064"]
    assert "GlobalNetworkSet s is not read" in told[1]
    assert [bool(one.unsure) for one in found.policies[0].egress] == [True]
    found, told = read(some.replace("'t'", "'u'"), domains)
    assert [bool(one.unsure) for one in found.policies[0].egress] == [False]


# Services


@pytest.mark.parametrize(
    ("spec", "ports", "named"),
    [
        ("{selector: {app: x}, ports: [{port: 80}]}", PortSet.of("TCP", 80), ()),
        (
            "{selector: {app: x}, ports: [{port: 1, targetPort: 8080}, {port: 53, protocol: UDP}]}",
            PortSet.of("TCP", 8080) | PortSet.of("UDP", 53),
            (),
        ),
        (
            "{selector: {app: x}, ports: [{port: 8, targetPort: http}, {port: 80, targetPort: 9}]}",
            PortSet.of("TCP", 9),
            (("TCP", "http"),),
        ),
    ],
)
def test_services_as_destinations(read, spec, ports, named):
    rule = "egress: [{action: Allow, destination: {services: {name: s}}}]"
    found, told = read(f"{HEAD}spec: {{{rule}}}", service(spec))
    assert told == []
    assert found.policies[0].egress == (
        Rule(peers=(PodSelector(OWN, APP),), ports=ports, named_ports=named),
    )


def test_services_as_sources_say_nothing_of_ports(read):
    found, told = read(
        f"{GLOBAL}spec: {{ingress: [{{action: Allow, protocol: TCP, destination: {{ports: [1]}},"
        " source: {services: {name: s, namespace: ns}}}]}",
        service("{selector: {app: x}, ports: [{port: 80}]}"),
    )
    assert told == []
    assert found.policies[0].ingress == (
        Rule(peers=(PodSelector(OWN, APP),), ports=PortSet.of("TCP", 1)),
    )


def test_the_api_server_is_a_service(read):
    rule = "destination: {services: {name: kubernetes, namespace: default}}"
    found, told = read(
        f"{HEAD}spec: {{egress: [{{action: Allow, {rule}}}]}}",
        service("{ports: [{port: 443, targetPort: 6443}]}", "kubernetes", "default"),
    )
    assert told == []
    assert found.policies[0].egress == (
        Rule(peers=(EntitySelector("kube-apiserver"),), ports=PortSet.of("TCP", 6443)),
    )


SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: x-1, namespace: NS, labels: {kubernetes.io/service-name: NAME}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.7]}]
ports: [{port: 6443}, {port: 53, protocol: UDP}]
"""


@pytest.mark.parametrize(
    ("space", "name", "known"),
    [("ns", "s", ()), ("default", "kubernetes", (EntitySelector("kube-apiserver"),))],
)
def test_services_without_a_selector_are_the_addresses_that_others_keep(read, space, name, known):
    rule = f"protocol: TCP, destination: {{services: {{name: {name}, namespace: {space}}}}}"
    found, told = read(
        f"{HEAD}spec: {{egress: [{{action: Allow, {rule}}}]}}",
        service("{ports: [{port: 443, targetPort: 8443}]}", name, space),
        SLICE.replace("NS", space).replace("NAME", name),
    )
    assert told == []
    peers = (*known, CidrSelector("192.0.2.7/32"))
    assert found.policies[0].egress == (Rule(peers=peers, ports=PortSet.of("TCP", 6443)),)


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ([], "the Service ns/s is not among the objects that were read"),
        ([service("{ports: [{port: 1}]}")], "the endpoints of the Service ns/s are not known"),
        ([service("{type: ExternalName, selector: {a: b}}")], "are not known"),
        ([service("{ports: x}")], "is not among the objects"),
    ],
)
def test_services_that_are_not_known_are_undecided(read, others, reason):
    rule = "egress: [{action: Allow, destination: {services: {name: s}}}]"
    found, (told,) = read(f"{HEAD}spec: {{{rule}}}", *others)
    assert told.startswith("NP064 NetworkPolicy ns/p: .spec.egress[0].destination.services: ")
    assert reason in told
    (rule,) = found.policies[0].egress
    assert reason in rule.unsure
    assert (rule.peers, rule.ports) == (None, ALL_PORTS)


# What is refused, undecided, or noted


@pytest.mark.parametrize(
    ("rule", "path", "peers", "ports"),
    [
        (
            "protocol: TCP, source: {ports: [80], selector: a == 'b'}, destination: {ports: [1]}",
            "source.ports",
            (PodSelector(OWN, (Requirement("a", "In", ("b",)),)),),
            PortSet.of("TCP", 1),
        ),
        (
            "protocol: UDP, source: {notPorts: ['1:1023'], nets: [192.0.2.0/24]}",
            "source.notPorts",
            (CidrSelector("192.0.2.0/24"),),
            PortSet.of("UDP"),
        ),
        ("protocol: TCP, source: {ports: [http]}", "source.ports", None, PortSet.of("TCP")),
        (
            "protocol: TCP, destination: {notPorts: [http]}",
            "destination.notPorts",
            None,
            PortSet.of("TCP"),
        ),
        (
            "protocol: TCP, destination: {ports: [http], notPorts: [80]}",
            "destination.notPorts",
            None,
            PortSet.of("TCP"),
        ),
        ("notICMP: {type: 8}", "notICMP", None, ALL_PORTS),
        ("source: {domains: [x.org]}", "source.domains", None, ALL_PORTS),
    ],
)
@pytest.mark.parametrize("action", ["Allow", "Deny", "Pass"])
def test_what_is_not_modelled_of_a_rule_is_a_doubt(read, action, rule, path, peers, ports):
    spec = f"{{ingress: [{{action: {action}, {rule}}}, {{action: Deny}}]}}"
    found, (told,) = read(f"{HEAD}spec: {spec}")
    assert told.startswith(f"NP064 NetworkPolicy ns/p: .spec.ingress[0].{path}: ")
    assert told.endswith("what the rule could change is undecided")
    assert found.undecided == ()
    first, last = found.policies[0].ingress
    assert first.unsure.startswith(f".spec.ingress[0].{path}: ")
    assert (first.action, first.peers, first.ports) == (action.lower(), peers, ports)
    assert not first.named_ports
    assert last == Rule(action="deny", peers=None, ports=ALL_PORTS)


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("{ports: ['1:65535']}", 1),
        ("{ports: ['1:80', '81:65535']}", 1),
        ("{ports: [80], notPorts: [80]}", 0),
        ("{notPorts: ['1:65535']}", 0),
    ],
)
def test_client_ports_that_leave_all_or_none(read, source, rules):
    found, told = read(
        f"{HEAD}spec: {{ingress: [{{action: Allow, protocol: TCP, source: {source}}}]}}"
    )
    assert told == []
    assert found.policies[0].ingress == (Rule(peers=None, ports=PortSet.of("TCP")),) * rules


def test_client_ports_of_egress_are_those_of_the_policed_pod(read):
    spec = "{egress: [{action: Deny, protocol: TCP, source: {ports: [80]}}]}"
    found, (told,) = read(f"{HEAD}spec: {spec}")
    assert ".spec.egress[0].source.ports: the port of the client is not looked at" in told
    assert [one.unsure != "" for one in found.policies[0].egress] == [True]


def test_what_is_refused_counts_before_what_is_in_doubt(read):
    spec = (
        "{ingress: [{action: Allow, protocol: TCP, source: {ports: [80]}},"
        " {action: Allow, source: {nets: [x]}}]}"
    )
    found, told = read(f"{HEAD}spec: {spec}")
    assert found.policies == found.undecided == ()
    assert told[-1].startswith("NP063 NetworkPolicy ns/p: .spec.ingress[1].source.nets[0]: ")


def test_a_field_of_another_kind_is_dropped_and_said(read):
    """As the API server does it, which warns."""
    found, (told,) = read(f"{HEAD}spec: {{applyOnForward: true}}")
    assert len(found.policies) == 1
    assert told.startswith("NP076 NetworkPolicy ns/p: .spec.applyOnForward: ")


ALLOW = "action: Allow"


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{selector: a = 'b'}", ".spec.selector: selector: cannot read character 3"),
        ("{selector: global()}", ".spec.selector: global() is for the namespaceSelector"),
        ("{serviceAccountSelector: global()}", ".spec.serviceAccountSelector: global()"),
        ("{types: [ingress]}", ".spec.types[0]: expected one of Ingress, Egress"),
        ("{types: [Ingress, Ingress]}", ".spec.types: an entry is there twice"),
        ("{ingress: [{}]}", ".spec.ingress[0].action: expected one of Allow, Deny, Pass, Log"),
        ("{ingress: [{action: allow}]}", ".spec.ingress[0].action: expected one of"),
        ("{ingress: [null]}", ".spec.ingress[0]: is required"),
        ("{types: [Egress], ingress: [{action: No}]}", ".spec.ingress[0].action"),
        ("{order: .inf}", ".spec.order: expected a finite number"),
        ("{performanceHints: [Fast]}", ".spec.performanceHints[0]: expected one of"),
    ],
)
def test_what_calico_refuses_is_left_out_and_said(read, spec, notice):
    found, (told,) = read(f"{HEAD}spec: {spec}")
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 NetworkPolicy ns/p: ")
    assert notice in told


@pytest.mark.parametrize(
    ("rule", "notice"),
    [
        ("destination: {ports: [80]}", "ports need the protocol TCP, UDP or SCTP"),
        ("protocol: ICMP, destination: {notPorts: [80]}", "ports need the protocol"),
        ("protocol: UDPLite, source: {ports: [80]}", "ports need the protocol"),
        ("protocol: TCP, icmp: {type: 8}", ".icmp: needs the protocol ICMP"),
        ("icmp: {type: 8}", ".icmp: needs the protocol ICMP"),
        ("protocol: ICMP, icmp: {code: 8}", ".icmp.code: needs a type"),
        ("protocol: ICMP, icmp: {type: 255}", ".icmp.type: expected a number from 0 to 254"),
        ("protocol: ICMP, ipVersion: 6", ".ipVersion: does not go with protocol ICMP"),
        ("notProtocol: 58, ipVersion: 4", ".ipVersion: does not go with notProtocol"),
        ("ipVersion: 5", ".ipVersion: expected one of 4, 6"),
        ("protocol: FOO", ".protocol: expected a protocol, found 'FOO'"),
        ("protocol: 0", ".protocol: expected a number from 1 to 255"),
        ("source: {nets: [x]}", ".source.nets[0]: expected a CIDR"),
        ("source: {nets: [10.0.0.1]}", ".source.nets[0]: expected a CIDR"),
        ("source: {nets: [10.0.0.1/8]}", "expected a block without host bits, such as 10.0.0.0/8"),
        (
            "source: {nets: [10.0.0.0/8, '::/0']}",
            ".nets[1]: the addresses of a rule must be of one",
        ),
        (
            "source: {nets: [10.0.0.0/8]}, destination: {notNets: ['::/0']}",
            ".destination.notNets[0]: the addresses of a rule must be of one IP version",
        ),
        ("ipVersion: 6, source: {nets: [10.0.0.0/8]}", "must be of one IP version"),
        ("protocol: TCP, destination: {ports: ['9:8']}", "expected a number from 9 to 65535"),
        ("protocol: TCP, destination: {ports: [0]}", "expected a number from 1 to 65535"),
        ("protocol: TCP, destination: {ports: [HTTP]}", "a range such as '8000:8010' or a port"),
        ("protocol: TCP, destination: {ports: [a-name-of-16-chr]}", "or a port name"),
        ("source: {selector: has(a}", ".source.selector: selector: expected ')'"),
        ("source: {selector: global()}", ".source.selector: global() is for"),
        (
            "source: {namespaceSelector: global() || has(a)}",
            ".source.namespaceSelector: global() cannot be combined",
        ),
        ("destination: {services: {name: s}}", ".destination.services: may be named only for"),
        ("source: {services: {name: ''}}", ".source.services.name: is required"),
        ("source: {services: {name: s}, selector: all()}", ".source.selector: not together with"),
        ("source: {services: {name: s}, serviceAccounts: {}}", "not together with services"),
        ("source: {services: {name: s}, nets: [10.0.0.0/8]}", ".nets: not together with services"),
        ("protocol: UDP, http: {methods: [GET]}", ".http: needs the protocol TCP, or none"),
        (
            f"source: {{nets: [{', '.join(f'10.{i}.0.0/16' for i in range(256))}, 11.0.0.0/8]}}",
            "256",
        ),
        (f"protocol: TCP, destination: {{ports: {list(range(1, 52))}}}", "at most 50 entries"),
    ],
)
def test_rules_that_calico_refuses(read, rule, notice):
    """``validateRule`` and ``validateEntityRule``, and the rules of the CRDs."""
    found, (told,) = read(f"{HEAD}spec: {{ingress: [{{action: Allow, {rule}}}]}}")
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 NetworkPolicy ns/p: .spec.ingress[0].")
    assert notice in told


@pytest.mark.parametrize(
    ("rule", "notice"),
    [
        ("source: {services: {name: s}}", ".source.services: may be named only for the peers"),
        ("destination: {services: {name: s}, ports: [1]}", ".ports: not together with services"),
        ("http: {methods: [GET]}", ".http: is for Allow rules of ingress alone"),
    ],
)
def test_rules_of_egress_that_calico_refuses(read, rule, notice):
    _, (told,) = read(f"{HEAD}spec: {{egress: [{{action: Allow, {rule}}}]}}")
    assert told.startswith("NP063 ")
    assert notice in told


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{preDNAT: true, doNotTrack: true, applyOnForward: true}", "not together with doNotTrack"),
        ("{preDNAT: true}", ".spec.applyOnForward: must be true"),
        ("{doNotTrack: true, applyOnForward: false}", ".spec.applyOnForward: must be true"),
        (
            "{preDNAT: true, applyOnForward: true, types: [Egress]}",
            ".spec.preDNAT: not together with egress",
        ),
        ("{namespaceSelector: global()}", ".spec.namespaceSelector: global() is for"),
        (
            "{egress: [{action: Allow, destination: {services: {name: s}}}]}",
            ".services.namespace: is required in a global policy",
        ),
    ],
)
def test_global_policies_that_calico_refuses(read, spec, notice):
    found, (told,) = read(f"{GLOBAL}spec: {spec}")
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP063 GlobalNetworkPolicy g: ")
    assert notice in told


def test_policies_for_hosts_alone_have_no_effect_on_pods(read):
    for flag in ("preDNAT", "doNotTrack"):
        client = "{action: Deny, protocol: TCP, source: {ports: [1]}}"
        spec = f"{{{flag}: true, applyOnForward: true, ingress: [{client}]}}"
        found, (told,) = read(f"{GLOBAL}spec: {spec}")
        assert (found.policies, found.undecided) == ((), ())
        assert told.startswith("NP069 GlobalNetworkPolicy g: .spec: this is for host endpoints")
    found, told = read(f"{GLOBAL}spec: {{applyOnForward: true, ingress: [{{action: Deny}}]}}")
    assert (len(found.policies), told) == (1, [])


def test_what_a_rule_that_logs_is_about_does_not_matter(read):
    rules = "{action: Log, protocol: TCP, source: {ports: [1]}}, {action: Deny}"
    found, told = read(f"{HEAD}spec: {{ingress: [{rules}]}}")
    assert told == []
    assert [one.action for one in found.policies[0].ingress] == ["deny"]
    _, (told,) = read(f"{HEAD}spec: {{ingress: [{{action: Log, source: {{nets: [x]}}}}]}}")
    assert told.startswith("NP063 ")


def test_the_ip_version_counts_for_pods_beside_sets(read):
    spec = "{ingress: [{action: Allow, ipVersion: 4, source: {selector: s == 't'}}]}"
    found, told = read(f"{GLOBAL}spec: {spec}", network_set("['2001:db8::/32', 192.0.2.0/24]"))
    assert told == []
    (rule,) = found.policies[0].ingress
    assert [one for one in rule.peers if isinstance(one, CidrSelector)] == [
        CidrSelector("192.0.2.0/24")
    ]
    assert rule.without == (CidrSelector("::/0"),)
    found, _ = read(f"{GLOBAL}spec: {spec}", network_set("['2001:db8::/32']"))
    assert found.policies[0].ingress[0].without == (CidrSelector("::/0"),)


def test_http_is_kept_at_l4_and_said(read):
    found, (told,) = read(f"{HEAD}spec: {{ingress: [{{action: Allow, http: {{methods: [GET]}}}}]}}")
    assert found.policies[0].ingress == (Rule(peers=None, ports=ALL_PORTS),)
    assert told.startswith("NP066 NetworkPolicy ns/p: .spec.ingress[0].http: HTTP is not modelled")


TEN = CidrSelector("10.0.0.0/8")
LABELLED = PodSelector(OWN, (Requirement("s", "In", ("t",)),))
OTHERS = PodSelector((), (Requirement("s", "NotIn", ("t",)),))


@pytest.mark.parametrize(
    ("destination", "near"),
    [
        ("{nets: [10.0.0.0/8]}", {(None, (TEN,))}),
        ("{nets: [10.0.0.0/8, 0.0.0.0/0]}", {(None, None)}),
        (
            "{nets: [10.0.0.0/8], notNets: [10.1.0.0/16]}",
            {(None, (CidrSelector("10.0.0.0/8", ("10.1.0.0/16",)),))},
        ),
        ("{notNets: [10.0.0.0/8]}", {(None, (CidrSelector("0.0.0.0/0", ("10.0.0.0/8",)),))}),
        ("{nets: [10.0.0.0/8], notNets: [10.0.0.0/7]}", set()),
        (
            "{selector: s == 't', nets: [172.16.0.0/12]}",
            {(LABELLED, (CidrSelector("172.16.0.0/12"),))},
        ),
    ],
)
def test_addresses_of_the_policed_pods(read, destination, near):
    spec = f"{{ingress: [{{action: Deny, destination: {destination}}}]}}"
    found, told = read(f"{HEAD}spec: {spec}")
    assert told == []
    assert {(one.subject, one.at) for one in found.policies[0].ingress} == near


@pytest.mark.parametrize(
    ("destination", "near"),
    [
        ("{selector: s == 't'}", {(LABELLED, None), (None, (TEN,))}),
        (
            "{selector: s == 't', nets: [10.1.0.0/16]}",
            {(LABELLED, (CidrSelector("10.1.0.0/16"),)), (None, (CidrSelector("10.1.0.0/16"),))},
        ),
        (
            "{selector: s == 't', nets: [8.0.0.0/6], notNets: [10.1.0.0/16]}",
            {
                (LABELLED, (CidrSelector("8.0.0.0/6", ("10.1.0.0/16",)),)),
                (None, (CidrSelector("10.0.0.0/8", ("10.1.0.0/16",)),)),
            },
        ),
        (
            "{notSelector: s == 't', namespaceSelector: all()}",
            {(OTHERS, (CidrSelector("0.0.0.0/0", ("10.0.0.0/8",)), CidrSelector("::/0")))},
        ),
    ],
)
def test_a_network_set_on_the_policed_side_matches_pods_by_their_address(read, destination, near):
    spec = f"{{ingress: [{{action: Deny, destination: {destination}}}]}}"
    found, told = read(f"{HEAD}spec: {spec}", network_set("[10.0.0.0/8]", namespace="ns"))
    assert told == []
    assert {(one.subject, one.at) for one in found.policies[0].ingress} == near
    # A set of the whole cluster is not in the policy's namespace.
    found, told = read(f"{HEAD}spec: {spec}", network_set("[10.0.0.0/8]"))
    assert {one.subject for one in found.policies[0].ingress} <= {LABELLED, OTHERS}


def test_global_policies_have_no_namespace(read):
    found, told = read(f"{GLOBAL}spec: {{}}", f"{GLOBAL}spec: {{order: 3}}")
    assert told == [
        "NP067 GlobalNetworkPolicy g is there twice; the later one counts, as with kubectl"
    ]
    (policy,) = found.policies
    assert (policy.namespace, policy.order) == ("", 3)
    assert policy.origin.endswith("GlobalNetworkPolicy g")


# Staged


def as_staged(text, kind):
    return text.replace(f"kind: {kind}", f"kind: Staged{kind}")


@pytest.mark.parametrize(
    "text",
    [
        as_staged(f"{HEAD}spec: {{stagedAction: Set, types: [Egress]}}", "NetworkPolicy"),
        as_staged(f"{GLOBAL}spec: {{types: [Egress]}}", "GlobalNetworkPolicy"),
        HEAD.replace("kind: NetworkPolicy", "kind: StagedKubernetesNetworkPolicy")
        + "spec: {stagedAction: Set, podSelector: {}, policyTypes: [Egress]}",
    ],
)
def test_staged_policies_are_read_and_not_enforced(read, text):
    """A staged default deny alone denies nothing."""
    found, (told,) = read(text)
    assert (found.policies, found.undecided) == ((), ())
    assert told.startswith("NP068 Staged")
    assert told.endswith(".spec: this is staged (stagedAction Set) and not enforced")
    (policy,) = read(text, parse=staged)[0].policies
    assert (policy.ingress, policy.egress) == (None, ())
    assert policy.kind.startswith("Staged")


@pytest.mark.parametrize("action", ["Delete", "Ignore"])
def test_staged_actions_that_make_no_policy(read, action):
    text = as_staged(f"{HEAD}spec: {{stagedAction: {action}, tier: x}}", "NetworkPolicy")
    found, told = read(text, parse=staged)
    assert found.policies == ()
    assert [one[:5] for one in told] == ["NP068"]


@pytest.mark.parametrize(
    ("spec", "notice"),
    [
        ("{stagedAction: Delete, order: 1}", ".spec.order: not together with stagedAction Delete"),
        ("{stagedAction: Drop}", ".spec.stagedAction: expected one of"),
        ("{ingress: [{action: x}]}", ".spec.ingress[0].action"),
    ],
)
def test_broken_staged_policies_are_said(read, spec, notice):
    found, told = read(as_staged(f"{HEAD}spec: {spec}", "NetworkPolicy"))
    assert (found.policies, found.undecided) == ((), ())
    assert told[-1].startswith("NP063 StagedNetworkPolicy ns/p: ")
    assert notice in told[-1]


def test_a_staged_policy_of_kubernetes_is_left_out_once(read):
    _, told = read(
        """
        apiVersion: projectcalico.org/v3
        kind: StagedKubernetesNetworkPolicy
        metadata: {name: p, namespace: ns}
        spec: {podSelector: {}, ingress: [{from: [{}]}]}
        """
    )
    assert told[-1].count("the policy is left out") == 1


def test_names_of_the_storage_group(read):
    """``<tier>.<name>``: each group by its own name."""
    text = f"{HEAD}spec: {{tier: platform}}".replace("name: p", "name: platform.p")
    found, told = read(text, tier("platform", "{}"))
    assert (found.policies[0].name, told) == ("platform.p", [])
    text = text.replace("projectcalico.org/v3", "crd.projectcalico.org/v1")
    found, told = read(text, tier("platform", "{}"))
    assert (found.policies[0].name, told) == ("p", [])
    assert found.policies[0].subject == PodSelector(((Requirement(NAMESPACE, "In", ("ns",))),))


# Anything in place of an object

WORDS = """
apiVersion kind metadata name namespace labels spec tier order selector namespaceSelector nets
serviceAccountSelector types ingress egress action source destination notSelector notNets ports
notPorts services serviceAccounts names protocol notProtocol icmp notICMP type code ipVersion http
preDNAT doNotTrack applyOnForward stagedAction defaultAction expectedIPs targetPort port s ns
podSelector performanceHints
"""
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(
        ["TCP", "Allow", "Deny", "10.0.0.0/8", "::/0", "80", "1:2", "all()", "a == 'b'"]
    ),
    st.sampled_from(["global()", "Ingress", "Set", "Delete", "http", "s", "ns", "9" * 5000]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(WORDS.split()), inner, max_size=4),
    ),
    max_leaves=10,
)
KINDS = sorted(CALICO.kinds | CONTEXT | STAGED)
GOOD = {
    "tier": "t",
    "selector": "app == 'x' || has(y)",
    "ingress": [
        {
            "action": "Deny",
            "protocol": "TCP",
            "source": {
                "selector": "s == 't'",
                "notSelector": "a contains 'b'",
                "namespaceSelector": "team != 'red'",
                "notNets": ["10.0.0.0/8"],
                "serviceAccounts": {"names": ["a"], "selector": "has(r)"},
            },
            "destination": {"ports": [80, "1:2", "http"], "selector": "all()"},
        }
    ],
    "egress": [{"action": "Allow", "destination": {"services": {"name": "s", "namespace": "ns"}}}],
}
AROUND = [
    ("projectcalico.org/v3", "Tier", {"name": "t"}, {"order": 3}),
    ("projectcalico.org/v3", "GlobalNetworkSet", {"name": "s"}, {"nets": ["192.0.2.0/24"]}),
    ("projectcalico.org/v3", "HostEndpoint", {"name": "h"}, {"expectedIPs": ["192.0.2.1"]}),
    ("v1", "Service", {"name": "s", "namespace": "ns"}, {"selector": {"a": "b"}, "ports": []}),
]


def parsed(objects):
    told = []
    documents = [
        Document(
            file="x",
            index=number,
            data={"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec},
        )
        for number, (version, kind, metadata, spec) in enumerate(objects, 1)
    ]
    staged(documents, told.append)
    return CALICO.parse(documents, told.append), told


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def replaced(value, path, new):
    if not path:
        return new
    holder = dict(value) if isinstance(value, dict) else list(value)
    holder[path[0]] = replaced(value[path[0]], path[1:], new)
    return holder


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(KINDS), JSON, JSON), max_size=3))
def test_any_objects(objects):
    named = [(version, kind, metadata, spec) for (version, kind), metadata, spec in objects]
    parsed([*AROUND, *named, ("projectcalico.org/v3", "GlobalNetworkPolicy", {"name": "g"}, GOOD)])


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_good_objects_with_one_broken_place(data):
    objects = [*AROUND, ("projectcalico.org/v3", "GlobalNetworkPolicy", {"name": "g"}, GOOD)]
    assert len(parsed(objects)[0].policies) == 2
    which = data.draw(st.integers(0, len(objects) - 1))
    version, kind, metadata, spec = objects[which]
    path = data.draw(st.sampled_from(sorted(places(spec), key=repr)))
    objects[which] = (version, kind, metadata, replaced(spec, path, data.draw(JSON)))
    found, told = parsed(objects)
    codes = {one.code for one in told}
    assert not (found.policies and found.undecided)
    if not found.policies:
        assert codes & {"NP063", "NP064", "NP069"} or kind == "GlobalNetworkPolicy"
