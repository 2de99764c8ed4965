"""Laws of every dialect: what is written can be read back, and the API servers' schemas take it."""

import math
import tempfile
from functools import lru_cache, reduce
from operator import or_
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import generators
from generators import DIALECTS
from generators.generator import files
from generators.selectors import require
from netpol.manifests import load
from netpol.net import ALL_PORTS, PortSet, network
from netpol.policy import (
    NAMESPACE,
    CidrSelector,
    EntitySelector,
    FqdnSelector,
    PodSelector,
    Policy,
    PolicySet,
    Rule,
    in_namespace,
    normal,
)

SCHEMAS = Path(__file__).parents[3] / "shared" / "schemas"
BY_NAME = {dialect.name: dialect for dialect in DIALECTS}
NAMES = tuple(BY_NAME)
NAMESPACES = ("shop", "data", "kube-system", "1e3")

# Strategies: values that the dialect can say, and so must survive


def conjunctions(keys):
    values = st.sampled_from(["web", "y", "443", "1e3", "true", "null", "", "0x1f", "v1.2_3-a"])
    one = st.one_of(
        st.builds(
            require,
            st.sampled_from(keys),
            st.sampled_from(["In", "NotIn"]),
            st.lists(values, min_size=1, max_size=3),
        ),
        st.builds(require, st.sampled_from(keys), st.sampled_from(["Exists", "DoesNotExist"])),
    )
    return st.lists(one, max_size=3).map(lambda found: tuple(sorted(set(found))))


POD_KEYS = ("app", "app.kubernetes.io/name", "k8s-app", "has")
PODS = conjunctions(POD_KEYS)


@st.composite
def pod_selectors(draw, own):
    named = st.builds(
        lambda operator, names: (require(NAMESPACE, operator, names),),
        st.sampled_from(["In", "NotIn"]),
        st.sets(st.sampled_from(NAMESPACES), min_size=1, max_size=2),
    )
    labelled = conjunctions(("team", "env.example.com/stage"))
    mixed = st.builds(lambda a, b: tuple(sorted({*a, *b})), named, labelled)
    namespaces = draw(st.one_of(st.just(in_namespace(own)), named, labelled, mixed))
    return PodSelector(namespaces, draw(PODS))


@st.composite
def cidrs(draw):
    version = draw(st.sampled_from([4, 6]))
    bits = 32 if version == 4 else 128
    length = draw(st.integers(0, bits))
    address = draw(st.ip_addresses(v=version))
    block = network(f"{address}/{length}")
    # IPv4 in IPv6 clothes: API servers refuse it, engines take it for IPv4.
    assume(version == 4 or block.network_address.ipv4_mapped is None)
    inside = []
    for _ in range(draw(st.integers(0, 2)) if length < bits else 0):
        narrow = draw(st.integers(length + 1, bits))
        host = int(block.network_address) + draw(st.integers(0, block.num_addresses - 1))
        inside.append(str(network(f"{type(address)(host)}/{narrow}")))
    return CidrSelector(str(block), tuple(sorted(set(inside))))


ENTITIES = st.sampled_from(["world", "host", "kube-apiserver", "cluster"]).map(EntitySelector)
FQDNS = st.sampled_from(["api.example.org", "*.example.org", "a_b.example.org"]).map(FqdnSelector)
DNS = st.lists(
    st.sampled_from(["*", "api.example.org", "*.example.org"]), min_size=1, max_size=2, unique=True
).map(lambda names: tuple(sorted(names)))


def one_selector(dialect, own, direction):
    kinds = [pod_selectors(own), cidrs()]
    if dialect == "cilium":
        kinds += [ENTITIES, *([FQDNS] if direction == "egress" else [])]
    return st.one_of(kinds)


@st.composite
def one_protocol(draw, dialect):
    protocols = ["TCP", "UDP", "SCTP"]
    if dialect != "kubernetes":
        protocols += ["ICMP", "ICMPv6"]
    if dialect == "calico":
        protocols.append("OTHER")
    protocol = draw(st.sampled_from(protocols))
    if protocol == "OTHER":
        return PortSet.of("OTHER", draw(st.sampled_from([2, 47, 89, 136])))
    if draw(st.booleans()) and draw(st.booleans()):
        return PortSet.of(protocol)
    if protocol.startswith("ICMP"):
        coded = dialect == "calico" and draw(st.booleans())
        return PortSet.icmp(protocol, draw(st.integers(0, 254)), 3 if coded else None)
    low = draw(st.integers(1, 65535))
    return PortSet.of(protocol, low, draw(st.integers(low, min(low + 300, 65535))))


@st.composite
def traffic(draw, dialect):
    """(ports, named ports) that match something."""
    if draw(st.booleans()) and draw(st.booleans()):
        return ALL_PORTS, ()
    ports = PortSet.union(draw(st.lists(one_protocol(dialect), min_size=1, max_size=4)))
    wanted = draw(st.sets(st.sampled_from(["http", "dns", "grpc-8"]), max_size=2))
    open_ = [name for name in ("TCP", "UDP") if not PortSet.of(name) <= ports]
    named = [(draw(st.sampled_from(open_)), name) for name in wanted if open_]
    return ports, tuple(sorted(named))


@st.composite
def allow_rules(draw, dialect, own, direction):
    peers = st.lists(one_selector(dialect, own, direction), max_size=4).map(tuple)
    far = draw(st.one_of(st.none(), peers))
    if dialect == "cilium" and direction == "egress" and draw(st.booleans()):
        numbers = st.builds(
            PortSet.of, st.sampled_from(["TCP", "UDP"]), st.sampled_from([53, 5353])
        )
        ports = reduce(or_, draw(st.lists(numbers, min_size=1, max_size=2)))
        return Rule(peers=far, ports=ports, dns=draw(DNS))
    ports, named = draw(traffic(dialect))
    return Rule(peers=far, ports=ports, named_ports=named)


@st.composite
def ordered_rules(draw, dialect, own, direction, actions):
    """One peer and one protocol: rule lists that deny are compared as they are."""
    far = draw(st.one_of(st.none(), st.tuples(one_selector(dialect, own, direction))))
    if far and isinstance(far[0], FqdnSelector):
        far = None
    ports = draw(st.one_of(st.just(ALL_PORTS), one_protocol(dialect)))
    return Rule(action=draw(st.sampled_from(actions)), peers=far, ports=ports)


@st.composite
def policies(draw, dialect, name):
    own = draw(st.sampled_from(NAMESPACES))
    tier, isolates, order, actions = "default", True, 1000, ()
    if dialect == "calico":
        order = draw(st.sampled_from([1000, 500, 0.5, -3, math.inf]))
        actions = draw(st.sampled_from([(), ("allow", "deny", "pass")]))
    if dialect == "cilium":
        tier = draw(st.sampled_from(["default", "default", "cilium-deny"]))
        actions = ("deny",) if tier == "cilium-deny" else ()
        isolates = tier == "default" and draw(st.booleans())

    def rules(direction):
        one = (
            ordered_rules(dialect, own, direction, actions)
            if actions
            else allow_rules(dialect, own, direction)
        )
        return st.lists(one, max_size=3).map(tuple)

    shape = draw(st.sampled_from(["ingress", "egress", "both"]))
    return Policy(
        name=name,
        namespace=own,
        subject=PodSelector(in_namespace(own), draw(PODS)),
        ingress=None if shape == "egress" else draw(rules("ingress")),
        egress=None if shape == "ingress" else draw(rules("egress")),
        tier=tier,
        order=order,
        isolates=isolates,
    )


def policy_sets(dialect):
    names = ("default-deny", "web.v2", "1e3")
    return (
        st.integers(1, 3)
        .flatmap(lambda n: st.tuples(*(policies(dialect, name) for name in names[:n])))
        .map(lambda found: PolicySet(policies=found))
    )


CASES = st.sampled_from(NAMES).flatmap(lambda name: st.tuples(st.just(name), policy_sets(name)))


def read_back(texts):
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for path, text in texts.items():
            file = Path(folder, path)
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
        found, seen = generators.parse(load([folder], told.append), told.append)
    assert told == []
    return found, seen


# Laws


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_back(name):
    @settings(deadline=None, max_examples=80)
    @given(policy_sets(name))
    def law(policies):
        found, seen = read_back(files(BY_NAME[name], policies))
        assert normal(found) == normal(policies)
        assert seen == {name}

    law()


@settings(deadline=None, max_examples=30)
@given(CASES)
def test_every_file_is_listed_and_texts_do_not_depend_on_the_order(case):
    name, policies = case
    texts = files(BY_NAME[name], policies)
    turned = PolicySet(policies=tuple(reversed(policies.policies)))
    assert files(BY_NAME[name], turned) == texts
    assert sorted(one for one in texts if one != "kustomization.yaml") == [
        line.removeprefix("- ")
        for line in texts["kustomization.yaml"].splitlines()
        if line.startswith("- ")
    ]


@settings(deadline=None, max_examples=30)
@given(policy_sets("kubernetes"))
def test_kubernetes_objects_validate(policies):
    for manifest in BY_NAME["kubernetes"].render(policies):
        for document in manifest.documents:
            kubernetes_validate.validate(
                document, kubernetes_validate.latest_version(), strict=True
            )


CRDS = {
    "calico": "calico/projectcalico.org_v3/projectcalico.org_networkpolicies.yaml",
    "cilium": "cilium/crds_v1.20.0-pre.4/ciliumnetworkpolicies.yaml",
}


def strict(schema):
    """The schema with unknown fields refused, as the API server prunes or refuses them."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
    return closed


@lru_cache
def validator(path):
    (document,) = load([path], pytest.fail)
    (version,) = document.data["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"] = {"type": "object"}
    return jsonschema.Draft202012Validator(strict(schema))


@pytest.mark.parametrize("name", sorted(CRDS))
def test_custom_resources_validate(name):
    path = SCHEMAS / CRDS[name]
    if not path.exists():
        pytest.skip("the CRD schemas are not beside this checkout")
    check = validator(path)

    @settings(deadline=None, max_examples=60)
    @given(policy_sets(name))
    def law(policies):
        for manifest in BY_NAME[name].render(policies):
            for document in manifest.documents:
                check.validate(document)

    law()


def test_the_schema_check_can_fail():
    path = SCHEMAS / CRDS["cilium"]
    if not path.exists():
        pytest.skip("the CRD schemas are not beside this checkout")
    spec = {"endpointSelector": {}, "ingres": [{}], "ingress": [{}]}
    document = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {}}
    with pytest.raises(jsonschema.ValidationError, match="ingres"):
        validator(path).validate({**document, "spec": spec})
