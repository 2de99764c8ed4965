"""Calico policies against a plain reading of them: labels, IP sets, first match, tier by tier.

Nothing here knows the neutral model. An endpoint has the labels that Calico gives it, a selector is
the set of addresses of whatever has matching labels, and a rule looks at two addresses and a port.
"""

import ipaddress
import math
from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators import kubernetes
from generators.calico import CALICO
from generators.calico_grammar import All, And, Compare, Global, Has, Not, Or, tree
from netpol.evaluate import Judge
from netpol.graph import Connection
from netpol.inventory import ContainerPort, Inventory, Namespace, Pod
from netpol.manifests import Document
from netpol.net import host_cidr
from netpol.peers import Cidr, Workload
from netpol.policy import NAMESPACE, PolicySet
from netpol.profile import CALICO as PROFILE
from netpol.world import world

SPACES = {"a": {"team": "red"}, "b": {"team": "blue"}, "c": {}}
PODS = {
    ("a", "web"): ("10.0.0.1", {"app": "web"}, "default"),
    ("a", "db"): ("10.0.0.2", {"app": "db", "env": "prod"}, "robot"),
    ("b", "web"): ("10.0.0.3", {"app": "web", "env": "dev"}, "robot"),
    ("b", "api"): ("10.0.1.4", {"app": "api"}, "default"),
    ("c", "job"): ("10.0.1.5", {}, "default"),
}
PODS_AT = {address: pod for pod, (address, _, _) in PODS.items()}
SETS = [
    ("NetworkSet", "a", {"app": "web"}, ["192.0.2.0/25"]),
    ("NetworkSet", "b", {"env": "prod"}, ["10.0.1.0/24"]),
    ("GlobalNetworkSet", "", {"env": "prod"}, ["192.0.2.128/25"]),
]
OUTSIDE = ("192.0.2.1", "192.0.2.200", "198.51.100.7")
PORTS = {("TCP", "http"): 8080, ("UDP", "dns"): 53}
TRAFFIC = [("TCP", 8080), ("TCP", 443), ("UDP", 53), ("ICMP", 8 * 256)]
TIERS = {"first": (1, "Pass"), "second": (2, "Deny"), "default": (1_000_000, "Deny")}


# Calico, plainly


def labels_of(space, own, account=None):
    found = dict(own)
    if space:
        found["projectcalico.org/namespace"] = space
        known = {**SPACES[space], "projectcalico.org/name": space, NAMESPACE: space}
        found.update({f"pcns.{key}": value for key, value in known.items()})
    if account:
        found["projectcalico.org/serviceaccount"] = account
        found["projectcalico.org/orchestrator"] = "k8s"
    return found


def endpoints():
    """(labels, blocks) of everything that has labels."""
    for (space, _), (address, own, account) in PODS.items():
        yield labels_of(space, own, account), [f"{address}/32"]
    for _, space, own, nets in SETS:
        yield labels_of(space, own), nets


def holds(node, labels, prefix=""):
    match node:
        case All():
            return not prefix or "projectcalico.org/namespace" in labels
        case Global():
            return "projectcalico.org/namespace" not in labels
        case Has(key):
            return prefix + key in labels
        case Compare(key, operator, values):
            value = labels.get(prefix + key)
            return (
                value is not None
                and {
                    "in": value in values,
                    "contains": values[0] in value if values else False,
                    "starts with": value.startswith(values),
                    "ends with": value.endswith(values),
                }[operator]
            )
        case Not(part):
            return not holds(part, labels, prefix)
        case And(parts):
            return all(holds(part, labels, prefix) for part in parts)
        case Or(parts):
            return any(holds(part, labels, prefix) for part in parts)


def within(address, blocks):
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(one) for one in blocks)


def wanted(entity, space):
    """The positive conditions on labels, as functions; none: any address will do."""
    found = []
    if entity.get("selector"):
        found.append(lambda labels: holds(tree(entity["selector"]), labels))
    names = entity.get("serviceAccounts", {}).get("names")
    if names:
        found.append(lambda labels: labels.get("projectcalico.org/serviceaccount") in names)
    if entity.get("namespaceSelector"):
        found.append(lambda labels: holds(tree(entity["namespaceSelector"]), labels, "pcns."))
    elif space and (found or entity.get("notSelector")):
        found.append(lambda labels: labels.get("projectcalico.org/namespace") == space)
    return found


def is_at(entity, space, address):
    conditions = wanted(entity, space)
    if conditions and not any(
        within(address, blocks) and all(one(labels) for one in conditions)
        for labels, blocks in endpoints()
    ):
        return False
    if entity.get("notSelector") and any(
        within(address, blocks) and holds(tree(entity["notSelector"]), labels)
        for labels, blocks in endpoints()
    ):
        return False
    if entity.get("nets") and not within(address, entity["nets"]):
        return False
    return not within(address, entity.get("notNets", []))


def on_port(entries, protocol, port, server):
    for one in entries:
        if isinstance(one, str) and ":" in one:
            low, high = map(int, one.split(":"))
            if low <= port <= high:
                return True
        elif one == port or (PORTS.get((protocol, one)) == port and server in PODS_AT):
            return True
    return False


def is_protocol(written, protocol):
    return protocol in (written, {6: "TCP", "17": "UDP", "tcp": "TCP"}.get(written))


def matches(rule, space, client, server, protocol, port, own_port):
    to, of = rule.get("destination", {}), rule.get("source", {})
    return (
        is_protocol(rule.get("protocol", protocol), protocol)
        and not is_protocol(rule.get("notProtocol"), protocol)
        and rule.get("ipVersion", 4) == 4
        and (protocol != "ICMP" or rule.get("icmp", {"type": 8}) == {"type": 8})
        and (protocol != "ICMP" or rule.get("notICMP") != {"type": 8})
        and ("ports" not in of or on_port(of["ports"], protocol, own_port, None))
        and not on_port(of.get("notPorts", []), protocol, own_port, None)
        and ("ports" not in to or on_port(to["ports"], protocol, port, server))
        and not on_port(to.get("notPorts", []), protocol, port, server)
        and is_at(rule.get("source", {}), space, client)
        and is_at(to, space, server)
    )


def selects(policy, pod):
    _, own, account = PODS[pod]
    space, spec = policy["metadata"].get("namespace"), policy["spec"]
    labels = labels_of(pod[0], own, account)
    return (
        (space is None or space == pod[0])
        and holds(tree(spec.get("selector", "")), labels)
        and holds(tree(spec.get("namespaceSelector", "")), labels, "pcns.")
    )


def one_text(policy):
    """What breaks ties: ``-`` and ``.`` in a name sort before the ``/`` at its end."""
    metadata = policy["metadata"]
    return f"{metadata['name']}/{metadata.get('namespace', '')}/{policy['kind']}"


def passes(policies, direction, pod, *flow):
    for tier in sorted(TIERS, key=lambda name: (TIERS[name][0], name)):
        mine = [
            one
            for one in policies
            if one["spec"]["tier"] == tier
            and direction.title() in one["spec"]["types"]
            and selects(one, pod)
        ]
        mine.sort(key=lambda one: (one["spec"].get("order", math.inf), one_text(one)))
        verdict = first(mine, direction, flow) or (TIERS[tier][1] if mine else "Pass")
        if verdict != "Pass":
            return verdict == "Allow"
    return True


def first(policies, direction, flow):
    for policy in policies:
        for rule in policy["spec"].get(direction, []):
            if rule["action"] != "Log" and matches(
                rule, policy["metadata"].get("namespace"), *flow
            ):
                return rule["action"]
    return None


# Random policies

SELECTORS = st.sampled_from(
    [
        *("all()", "app == 'web'", "app != 'web'", "has(env)", "!has(env)", "env in {'prod', 'x'}"),
        *("app not in {'db'}", "app contains 'e'", "env starts with 'd'", "app ends with 'b'"),
        *("!(app contains 'e')", "!(env starts with 'd') && has(env)", "!app ends with 'b'"),
        *("app == 'web' || has(env)", "!(app == 'web' && has(env))", "a in {}"),
        *("projectcalico.org/namespace == 'a'", "projectcalico.org/serviceaccount == 'robot'"),
        *("has(projectcalico.org/namespace) && app == 'api'", "pcns.team == 'red'"),
        "projectcalico.org/orchestrator != 'k8s'",
    ]
)
SCOPES = st.sampled_from(
    [
        *("all()", "global()", "team == 'red'", "team != 'red'", "!has(team)", "has(team)"),
        *("projectcalico.org/name == 'b'", "has(projectcalico.org/name) && team != 'red'"),
        *("kubernetes.io/metadata.name not in {'a'}", "!all()", "team == 'blue' || !has(team)"),
    ]
)
NETS = st.lists(
    st.sampled_from(
        ["10.0.0.0/24", "10.0.0.0/16", "192.0.2.0/24", "192.0.2.128/25", "0.0.0.0/0", "10.0.1.4/32"]
    ),
    min_size=1,
    max_size=2,
    unique=True,
)
ACCOUNTS = st.just({"names": ["robot"]})


def random_three(words):
    """At most three of the words, not always the same."""
    return sorted(words, key=lambda word: hash_of(words, word))[:3]


def hash_of(words, word):
    return sum(map(ord, f"{sorted(words)}{word}")) % 7, word


def entities():
    words = {"selector": SELECTORS, "notSelector": SELECTORS, "namespaceSelector": SCOPES}
    words |= {"serviceAccounts": ACCOUNTS, "nets": NETS, "notNets": NETS}
    return st.fixed_dictionaries({}, optional=words).map(
        lambda one: {key: one[key] for key in random_three(one)}
    )


NEAR = st.one_of(st.just({}), st.just({}), entities())


CLIENT_PORTS = st.sampled_from([["1024:65535"], ["1:65535"], [1000, "2000:3000"], ["30000:32767"]])


@st.composite
def rules(draw, direction):
    sides = {
        "source": dict(draw(entities() if direction == "ingress" else NEAR)),
        "destination": dict(draw(NEAR if direction == "ingress" else entities())),
    }
    rule = {"action": draw(st.sampled_from(["Allow", "Allow", "Deny", "Pass", "Log"]))}
    protocol = draw(st.sampled_from([None, "TCP", "UDP", "ICMP"]))
    if protocol:
        spelled = {"TCP": ["TCP", "tcp", 6], "UDP": ["UDP", "17"], "ICMP": ["ICMP"]}
        rule["protocol"] = draw(st.sampled_from(spelled[protocol]))
    if protocol in ("TCP", "UDP") and draw(st.booleans()):
        sides["source"][draw(st.sampled_from(["ports", "notPorts"]))] = draw(CLIENT_PORTS)
    if protocol in ("TCP", "UDP") and draw(st.booleans()):
        numbers = st.sampled_from([8080, 443, 53, "400:9000", "1:100"])
        names = st.sampled_from(["http", "dns"])
        name = draw(st.sampled_from(["ports", "ports", "notPorts"]))
        entries = st.one_of(numbers, names) if name == "ports" else numbers
        sides["destination"][name] = draw(st.lists(entries, min_size=1, max_size=2))
    if protocol == "ICMP" and draw(st.booleans()):
        name = draw(st.sampled_from(["icmp", "notICMP"]))
        rule[name] = {"type": draw(st.sampled_from([8, 3]))}
    if protocol is None and draw(st.booleans()):
        rule["notProtocol"] = draw(st.sampled_from(["TCP", "UDP"]))
    if draw(st.integers(0, 5)) == 0:
        rule["ipVersion"] = 4 if protocol == "ICMP" else draw(st.sampled_from([4, 4, 6]))
        if rule["ipVersion"] == 6:
            for side in sides.values():
                side.pop("nets", None), side.pop("notNets", None)
    return {**rule, **{name: side for name, side in sides.items() if side}}


@st.composite
def policies(draw, name):
    space = draw(st.sampled_from([None, "a", "b"]))
    whom = draw(st.one_of(st.just("all()"), SELECTORS))
    spec = {"tier": draw(st.sampled_from(sorted(TIERS))), "selector": whom}
    if draw(st.booleans()):
        spec["order"] = draw(st.sampled_from([1, 2.5]))
    if space is None and draw(st.booleans()):
        spec["namespaceSelector"] = draw(SCOPES.filter(lambda one: "global" not in one))
    spec["types"] = draw(st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
    for direction in ("ingress", "egress"):
        if direction.title() in spec["types"]:
            spec[direction] = draw(st.lists(rules(direction), min_size=1, max_size=4))
    kind = "NetworkPolicy" if space else "GlobalNetworkPolicy"
    metadata = {"name": name, **({"namespace": space} if space else {})}
    return {
        "apiVersion": "projectcalico.org/v3",
        "kind": kind,
        "metadata": metadata,
        "spec": spec,
    }


NAMES = st.permutations(["a", "a-b", "a.b", "ab"])
SOME = st.tuples(NAMES, st.integers(1, 3)).flatmap(
    lambda drawn: st.tuples(*(policies(name) for name in drawn[0][: drawn[1]]))
)


# The same through the neutral model


def everyone():
    pods = {}
    for (space, name), (address, own, account) in PODS.items():
        pods[space, name] = Pod(
            namespace=space,
            name=name,
            workload=Workload(space, "Pod", name),
            labels=tuple(sorted(own.items())),
            addresses=(address,),
            service_account=account,
            ports=tuple(ContainerPort(name=n, protocol=p, port=o) for (p, n), o in PORTS.items()),
        )
    spaces = {
        name: Namespace(name=name, labels=tuple(sorted({**own, NAMESPACE: name}.items())))
        for name, own in SPACES.items()
    }
    return world(Inventory(pods=pods, namespaces=spaces))


def around():
    version = "projectcalico.org/v3"
    for name, (order, action) in TIERS.items():
        spec = {"order": order, "defaultAction": action}
        yield {"apiVersion": version, "kind": "Tier", "metadata": {"name": name}, "spec": spec}
    for number, (kind, space, own, nets) in enumerate(SETS):
        metadata = {"name": f"s{number}", "labels": own, **({"namespace": space} if space else {})}
        yield {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": {"nets": nets}}
    for name, own in SPACES.items():
        metadata = {"name": name, "labels": own}
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def parsed(objects, parse=CALICO.parse):
    told = []
    documents = [Document(file="x", index=n, data=data) for n, data in enumerate(objects, 1)]
    return parse(documents, told.append), told


WORLD = everyone()


def peer(address):
    for (space, name), (own, _, _) in PODS.items():
        if own == address:
            return Workload(space, "Pod", name)
    return Cidr(host_cidr(address))


OWN_PORTS = (500, 1000, 2500, 31000, 60000)
"""One from every range that ``CLIENT_PORTS`` tell apart."""


def test_policies_mean_what_they_say(capsys):
    seen = Counter()

    @settings(deadline=None, max_examples=300, derandomize=True)
    @given(SOME)
    def law(some):
        found, told = parsed([*around(), *some])
        assert found.undecided == ()
        assert {one.code for one in told} <= {"NP064"}
        assert found.certain or told
        judge = Judge(policies=found, world=WORLD, profile=PROFILE)
        pairs = product((*PODS_AT, *OUTSIDE), repeat=2)
        for client, server in pairs:
            if client == server or not {client, server} & set(PODS_AT):
                continue
            for protocol, port in TRAFFIC:
                flow = client, server, protocol, port
                decision = judge.decide(Connection(peer(client), peer(server), protocol, port))
                seen["connections"] += 1
                for step, me in (decision.egress, client), (decision.ingress, server):
                    verdicts = {
                        me not in PODS_AT
                        or passes(some, step.direction, PODS_AT[me], *flow, own_port)
                        for own_port in (OWN_PORTS if told else OWN_PORTS[:1])
                    }
                    if step.undecided:
                        seen["undecided"] += 1
                        seen["undecided, of one verdict in truth"] += len(verdicts) == 1
                    else:
                        assert verdicts == {step.allowed}, (step.direction, flow)
                        seen["certain, where some rule is in doubt"] += bool(told)

    law()
    with capsys.disabled():
        print(f"\ncalico, read plainly: {dict(seen)}")
    assert seen["connections"] > 50_000
    assert seen["undecided"] > 200
    assert seen["certain, where some rule is in doubt"] > 10 * seen["undecided"]


# What tiers do to each other: docs/semantics.md#calico-tiers


def policy(name, spec, space=None, version="projectcalico.org/v3", kind=None):
    kind = kind or ("NetworkPolicy" if space else "GlobalNetworkPolicy")
    metadata = {"name": name, **({"namespace": space} if space else {})}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def judge_of(calico, native):
    ours, told = parsed(calico)
    theirs, more = parsed(native, kubernetes.parse)
    assert told == more == []
    both = PolicySet(policies=(*ours.policies, *theirs.policies), tiers=ours.tiers)
    return Judge(policies=both, world=WORLD, profile=PROFILE)


def allowed(judge, client, server, port):
    return judge.decide(Connection(peer(client), peer(server), "TCP", port)).allowed


WEB, DB, OTHER = "10.0.0.1", "10.0.0.2", "10.0.0.3"


@pytest.mark.parametrize("passing", [True, False])
def test_truth_example_c1(passing):
    """A platform tier that denies one address, and passes the rest on — or forgets to."""
    rules = [{"action": "Deny", "destination": {"nets": ["169.254.169.254/32"]}}]
    rules += [{"action": "Pass"}] if passing else []
    spec = {"tier": "platform", "selector": "all()", "namespaceSelector": "all()"}
    tier = policy("platform", {"order": 500}, kind="Tier")
    native = {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [
            {
                "to": [{"podSelector": {"matchLabels": {"app": "db"}}}],
                "ports": [{"protocol": "TCP", "port": 5432}],
            }
        ],
    }
    judge = judge_of(
        [tier, policy("p", {**spec, "types": ["Egress"], "egress": rules})],
        [policy("np", native, "a", "networking.k8s.io/v1")],
    )
    assert not allowed(judge, WEB, "169.254.169.254", 80)
    assert allowed(judge, WEB, DB, 5432) == passing
    assert not allowed(judge, WEB, DB, 80)
    assert allowed(judge, OTHER, "198.51.100.7", 443) == passing


def test_truth_example_c2():
    """A Deny before Kubernetes' own policies; ``!=`` holds where the label is absent."""
    rule = {"action": "Deny", "source": {"selector": "env != 'prod'"}}
    spec = {"order": 100, "selector": "app == 'web'", "types": ["Ingress"], "ingress": [rule]}
    native = {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]}
    judge = judge_of(
        [policy("np1", spec, "b")], [policy("np", native, "b", "networking.k8s.io/v1")]
    )
    assert not allowed(judge, "10.0.1.4", OTHER, 80)  # no env at all
    assert not allowed(judge, DB, OTHER, 80)  # another namespace, whatever its env
    assert not allowed(judge, "198.51.100.7", OTHER, 80)
    prod = {**spec, "ingress": [{"action": "Deny", "source": {"selector": "app != 'api'"}}]}
    judge = judge_of(
        [policy("np1", prod, "b")], [policy("np", native, "b", "networking.k8s.io/v1")]
    )
    assert allowed(judge, "10.0.1.4", OTHER, 80)  # not denied first, so Kubernetes allows


@pytest.mark.parametrize(
    ("allowing", "denying", "verdict"),
    [
        # As one text "web-a/…" comes before "web/…", and "web.a/…" too; "weba/…" comes after it.
        (("web", "b"), ("web-a", "b"), False),
        (("web", "b"), ("web.a", "b"), False),
        (("web", "b"), ("weba", "b"), True),
        (("web", "b"), ("web", None), False),
        (("b", "b"), ("a", None), False),
        (("a", "b"), ("b", None), True),
    ],
)
def test_ties_of_order_are_broken_by_name_and_namespace_as_one_text(allowing, denying, verdict):
    """The releases since the end of 2025; an alternative (``||``) does not change the place."""
    spec = {"order": 7, "selector": "app == 'web' || env == 'dev'", "types": ["Ingress"]}
    objects = [
        policy(allowing[0], {**spec, "ingress": [{"action": "Allow"}]}, allowing[1]),
        policy(denying[0], {**spec, "ingress": [{"action": "Deny"}]}, denying[1]),
    ]
    for some in (objects, objects[::-1]):
        assert allowed(judge_of(some, []), WEB, OTHER, 80) is verdict


def test_truth_example_c3():
    """A staged default deny alone enforces nothing."""
    found, told = parsed([policy("deny", {"types": ["Egress"]}, kind="StagedGlobalNetworkPolicy")])
    assert [one.code for one in told] == ["NP068"]
    assert allowed(Judge(policies=found, world=WORLD, profile=PROFILE), WEB, OTHER, 80)
