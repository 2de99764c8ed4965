"""Laws of reading: nothing gets lost unsaid, and what is wrong with one object stays there.

A policy that was wrecked, in its text or in its tree, is read, undecided or said; its neighbours
are read as if nothing had happened.
"""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_texts import listed, policy, pretty, yamls

import generators
from capture.snapshot import read_inventory
from netpol.errors import NetpolError
from netpol.manifests import load

PEERS = [{"podSelector": {"matchLabels": {"app": "x"}}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]
PORTS = [{"protocol": "TCP", "port": 80, "endPort": 90}, {"port": "http"}]
FIVE = [
    policy("one", ingress=[{"from": PEERS, "ports": PORTS}], policyTypes=["Ingress"]),
    policy("two", egress=[{"to": PEERS}], policyTypes=["Egress"]),
    {
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": "three"},
        "spec": {
            "selector": "app == 'x'",
            "types": ["Ingress"],
            "ingress": [{"action": "Allow", "protocol": "TCP", "destination": {"ports": [80]}}],
        },
    },
    {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "four"},
        "spec": {
            "endpointSelector": {"matchLabels": {"app": "x"}},
            "ingress": [{"fromEntities": ["world"], "toPorts": [{"ports": [{"port": "80"}]}]}],
        },
    },
    policy("five", ingress=[{}], policyTypes=["Ingress"]),
]
NAMES = [one["metadata"]["name"] for one in FIVE]
FORMATS = {
    "documents.yaml": lambda objects: "---\n".join(yamls(one) for one in objects),
    "list.yaml": lambda objects: yamls(listed(*objects)),
    "list.json": lambda objects: pretty(listed(*objects)),
    "lines.json": lambda objects: "".join(f"{json.dumps(one)}\n" for one in objects),
    "compact.json": lambda objects: json.dumps(listed(*objects)),
}
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("laws")


def outcome(folder, name, text):
    """(names of policies read or undecided, everything that was said) of one file."""
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    told = []
    found, _ = generators.parse(load([file], told.append), told.append)
    names = {one.name for one in found.policies}
    names |= {one.origin.rpartition("/")[2].rpartition(" ")[2] for one in found.undecided}
    assert all(str(one).isprintable() or "\n" not in str(one) for one in told)
    try:
        read_inventory([str(file)], told.append)
    except NetpolError as error:
        assert "no Kubernetes object" in error.what
    return names, told


# Trees


def places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))


def wrecked(one, path, act, value):
    """The object with the node at ``path`` dropped, replaced or doubled."""
    if not path:
        return value if act == "replace" else one
    one = copy.deepcopy(one)
    holder = one
    for step in path[:-1]:
        holder = holder[step]
    if act == "replace":
        holder[path[-1]] = value
    elif act == "drop":
        del holder[path[-1]]
    elif isinstance(holder, list):
        holder.insert(path[-1], holder[path[-1]])
    else:
        holder[f"{path[-1]}2"] = holder[path[-1]]
    return one


@settings(deadline=None, max_examples=400)
@given(
    data=st.data(),
    which=st.sampled_from(range(5)),
    form=st.sampled_from(sorted(FORMATS)),
    act=st.sampled_from(["drop", "replace", "double"]),
)
def test_a_wrecked_tree_is_read_undecided_or_said(folder, data, which, form, act):
    path = data.draw(st.sampled_from([one for one in places(FIVE[which]) if one != ("kind",)]))
    value = data.draw(VALUES)
    objects = list(FIVE)
    objects[which] = wrecked(FIVE[which], path, act, value)
    names, told = outcome(folder, form, FORMATS[form](objects))
    assert {name for name in NAMES if name != NAMES[which]} <= names
    gone = isinstance(objects[which], dict) and not objects[which].keys() & {"spec", "metadata"}
    assert NAMES[which] in names or told or gone or objects[which] is None or len(names) == 5


# Texts


@settings(deadline=None, max_examples=400)
@given(
    data=st.data(),
    which=st.sampled_from(range(5)),
    form=st.sampled_from(["documents.yaml", "list.json", "lines.json", "list.yaml"]),
    act=st.sampled_from(["drop", "replace", "insert"]),
    byte=st.sampled_from([bytes([one]) for one in b"{}[],:\"'#&*!|>-? \t\n\r\0ax\\\xff\x80"]),
)
def test_a_wrecked_text_is_read_undecided_or_said(folder, data, which, form, act, byte):
    text = FORMATS[form](FIVE).encode()
    start, end = extent(form, which)
    at = data.draw(st.integers(start, end - 1))
    text = text[:at] + (b"" if act == "drop" else byte) + text[at + (act != "insert") :]
    names, told = outcome(folder, form, text)
    said = [one for one in told if one.code != "NP082"]
    others = set(NAMES) - {NAMES[which]}
    assert NAMES[which] in names or said or len(names) == 5
    if form == "documents.yaml":
        assert others <= names
        return
    assert others <= names or any(one.code == "NP060" for one in said)
    if form != "list.yaml":  # one YAML document, and its parser looks ahead
        assert set(NAMES[:which]) <= names
        assert len(others - names) <= 1


def extent(form, which):
    """Where an object stands in the text."""
    before, after = FORMATS[form](FIVE[:which]), FORMATS[form](FIVE[: which + 1])
    if form == "documents.yaml":
        return (len(before) + 4 if which else 4), len(after) - 1
    if form == "lines.json":
        return len(before) + (0 if which else 4), len(after) - 1
    text = FORMATS[form](FIVE)
    start = text.index(f'"{NAMES[which]}"' if form == "list.json" else f"name: {NAMES[which]}")
    first = text.rindex("apiVersion", 0, start)
    later = text.find("apiVersion", start)
    return first, (later if later > 0 else len(text)) - 30


# Anything


@settings(deadline=None, max_examples=300)
@given(
    raw=st.one_of(
        st.binary(max_size=80),
        st.text("ab:-[]{}&*!<>|'\"#,? \n\t1%@.", max_size=60).map(str.encode),
        VALUES.map(lambda one: json.dumps(one).encode()),
        st.lists(VALUES, max_size=3).map(lambda some: json.dumps(listed(*some)).encode()),
    ),
    name=st.sampled_from(["x.yaml", "x.json", "x"]),
)
def test_any_bytes_are_documents_or_notices(folder, raw, name):
    outcome(folder, name, raw)
