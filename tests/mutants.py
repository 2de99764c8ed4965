"""Good objects of every kind, and each of them with one place changed, to ask API servers about."""

from collections.abc import Iterator

Path = tuple[str | int, ...]

SOME = {"matchLabels": {"a": "b"}}
SELECTOR = {
    "matchLabels": {"app": "web"},
    "matchExpressions": [
        {"key": "x.org/env", "operator": "In", "values": ["p", "q"]},
        {"key": "y", "operator": "DoesNotExist"},
    ],
}
NAMESPACES, PODS = (
    {"namespaces": SELECTOR},
    {"pods": {"namespaceSelector": {}, "podSelector": SOME}},
)
FAR = {"to": [{"networks": ["10.0.0.0/8", "2001:db8::/32"]}, {"nodes": SOME}]}
NAMED = {"to": [{"domainNames": ["example.org", "*.example.com"]}]}
FIRST_PORTS = [
    {"portNumber": {"protocol": "TCP", "port": 80}},
    {"portRange": {"start": 10, "end": 20}},
    {"namedPort": "http"},
]
SECOND_PORTS = [
    {"tcp": {"destinationPort": {"number": 80}}},
    {"udp": {"destinationPort": {"range": {"start": 10, "end": 20}}}},
    {"destinationNamedPort": "http"},
]
CALICO_RULES = [
    {
        "action": "Allow",
        "protocol": "TCP",
        "ipVersion": 4,
        "source": {
            "selector": "a == 'b'",
            "nets": ["10.0.0.0/8"],
            "serviceAccounts": {"names": ["x"]},
        },
        "destination": {"ports": [80, "90:100", "http"]},
        "http": {"methods": ["GET"], "paths": [{"exact": "/a"}]},
    },
    {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8, "code": 0}, "notICMP": {"type": 3}},
    {"action": "Pass", "destination": {"services": {"name": "s", "namespace": "n"}}},
]
CALICO = {
    "tier": "default",
    "order": 10,
    "selector": "all()",
    "types": ["Ingress", "Egress"],
    "ingress": CALICO_RULES[:2],
    "egress": CALICO_RULES[2:],
}
PORTS = {"ports": [{"port": "80", "protocol": "TCP"}, {"port": "90", "endPort": 99}]}
CILIUM = {
    "endpointSelector": SOME,
    "enableDefaultDeny": {"ingress": False},
    "ingress": [
        {"fromEndpoints": [{}], "toPorts": [PORTS], "authentication": {"mode": "required"}},
        {"fromCIDRSet": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, {"cidrGroupRef": "g"}]},
        {"icmps": [{"fields": [{"family": "IPv4", "type": 8}]}]},
    ],
    "egress": [
        {"toFQDNs": [{"matchName": "a.b"}], "toPorts": [PORTS]},
        {"toEntities": ["world"], "toServices": [{"k8sService": {"serviceName": "s"}}]},
        {"toPorts": [{**PORTS, "rules": {"http": [{"method": "GET", "path": "/"}]}}]},
    ],
}
_ADMIN = "policy.networking.k8s.io"
SPECS = {
    "networking.k8s.io/v1 NetworkPolicy": {
        "podSelector": SELECTOR,
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"podSelector": SOME, "namespaceSelector": {}},
                    {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}},
                ],
                "ports": [{"protocol": "TCP", "port": 80, "endPort": 90}, {"port": "http"}],
            }
        ],
        "egress": [{"to": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}],
    },
    f"{_ADMIN}/v1alpha1 AdminNetworkPolicy": {
        "priority": 10,
        "subject": NAMESPACES,
        "ingress": [{"name": "r", "action": "Allow", "from": [PODS], "ports": FIRST_PORTS}],
        "egress": [{"action": "Pass", **FAR}, {"action": "Allow", **NAMED}],
    },
    f"{_ADMIN}/v1alpha1 BaselineAdminNetworkPolicy": {
        "subject": PODS,
        "ingress": [{"action": "Deny", "from": [NAMESPACES], "ports": FIRST_PORTS}],
        "egress": [{"action": "Deny", **FAR}],
    },
    f"{_ADMIN}/v1alpha2 ClusterNetworkPolicy": {
        "tier": "Admin",
        "priority": 10,
        "subject": PODS,
        "ingress": [{"action": "Accept", "from": [NAMESPACES], "protocols": SECOND_PORTS}],
        "egress": [{"name": "r", "action": "Deny", **FAR}, {"action": "Accept", **NAMED}],
    },
    "projectcalico.org/v3 NetworkPolicy": CALICO,
    "crd.projectcalico.org/v1 GlobalNetworkPolicy": {**CALICO, "namespaceSelector": "all()"},
    "projectcalico.org/v3 StagedGlobalNetworkPolicy": {
        "stagedAction": "Set",
        "applyOnForward": True,
        "preDNAT": True,
        "selector": "all()",
        "ingress": [{"action": "Deny"}],
    },
    "projectcalico.org/v3 Tier": {"order": 10, "defaultAction": "Pass"},
    "projectcalico.org/v3 NetworkSet": {"nets": ["10.0.0.0/8", "2001:db8::/32"]},
    "crd.projectcalico.org/v1 HostEndpoint": {
        "node": "n1",
        "interfaceName": "eth0",
        "expectedIPs": ["10.0.0.1"],
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
    },
    "cilium.io/v2 CiliumNetworkPolicy": CILIUM,
    "cilium.io/v2 CiliumCIDRGroup": {"externalCIDRs": ["10.0.0.0/8"]},
}
"""``apiVersion kind`` → the spec of a good object."""
METADATA = {
    "name": "p",
    "namespace": "ns",
    "generateName": "p-",
    "labels": {"app": "web"},
    "annotations": {"x.org/Note": "any text"},
    "finalizers": ["x.org/y"],
    "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}],
}
GENERIC = (None, "", "x", "X y", 0, -1, 1.5, True, [], {}, [None], ["x"], [{}], {"x": "y"}, 2**40)
TEXTS = (
    *(
        "0",
        "80",
        "65536",
        "80%",
        "http",
        "a" * 16,
        "a" * 64,
        "a" * 101,
        "a" * 256,
        "A",
        "a_b",
        "a.",
    ),
    *("10.0.0.5/8", "010.0.0.0/8", "::ffff:10.0.0.0/104", "10.0.0.0", "10.0.0.0/33", "0.0.0.0/0"),
    *("::/0", "10.1.0.0/16", "Allow", "Deny", "allow", "TCP", "tcp", "In", "Exists", "Ingress"),
    *("Admin", "Egress", "ICMP", "*.a.b", "*", "default", "x/y/z", "a b", "-a", "global()"),
)
NUMBERS = (1, 4, 6, 10, 100, 101, 254, 255, 256, 1000, 1001, 65535, 65536)


def good() -> Iterator[tuple[str, dict[str, object]]]:
    """(``apiVersion kind``, object) of every kind; that of a kind without namespaces has one, too.

    The server takes it away.
    """
    for title, spec in SPECS.items():
        version, kind = title.split()
        metadata: dict[str, object] = dict(METADATA)
        if kind == "BaselineAdminNetworkPolicy":
            metadata["name"] = "default"
        yield title, {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def mutants(whole: dict[str, object]) -> Iterator[dict[str, object]]:
    """The object, and copies of it with one place below metadata and spec changed."""
    yield whole
    for part in ("metadata", "spec"):
        for path in _paths(whole[part], (part,)):
            value = _at(whole, path)
            for new in (*GENERIC, *_others(value)):
                yield _changed(whole, path, new)
            if len(path) > 1:
                yield _changed(whole, path[:-1], _without(_at(whole, path[:-1]), path[-1]))


def _others(value: object) -> Iterator[object]:
    if isinstance(value, str):
        yield from TEXTS
    elif isinstance(value, int) and not isinstance(value, bool):
        yield from NUMBERS
    elif isinstance(value, list):
        yield value + value
        yield from ((value * size)[:size] for size in (25, 26, 40, 41, 100, 101) if value)
    elif isinstance(value, dict):
        yield {**value, "foo": "bar"}
        yield from ({**value, name.upper(): inner} for name, inner in value.items())


def _paths(value: object, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(inner, (*path, key))


def _at(value: object, path: Path) -> object:
    for key in path:
        value = value[key]  # type: ignore[index]
    return value


def _without(value: object, key: str | int) -> object:
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if name != key}
    return [inner for number, inner in enumerate(value) if number != key]  # type: ignore[arg-type]


def _changed(value: object, path: Path, new: object) -> object:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    copy[path[0]] = _changed(copy[path[0]], path[1:], new)
    return copy
