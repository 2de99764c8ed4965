"""The schemas of custom kinds say what the CRDs say, and are checked as the API server does."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from generators.schema import SELECTOR, listed, mapped, stored, table, text, union, whole
from generators.schemas import SCHEMAS
from netpol.errors import NetpolError
from netpol.fields import Field

SHARED = Path(__file__).parents[3] / "shared" / "schemas"
TYPES = {"string": "text", "integer": "whole", "boolean": "flag", "array": "list"}
SIZES = {
    "least": ("minLength", "minItems", "minimum", "minProperties"),
    "most": ("maxLength", "maxItems", "maximum", "maxProperties"),
}


def crds():
    if not SHARED.exists():
        return
    files = [*SHARED.glob("calico/*/*.yaml"), *SHARED.glob("cilium/crds*/*.yaml")]
    files += SHARED.glob("network-policy-api/*/experimental/*.yaml")
    for file in sorted(files):
        spec = yaml.safe_load(file.read_text())["spec"]
        for version in spec["versions"]:
            kind = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
            yield pytest.param(kind, version["schema"]["openAPIV3Schema"], id=" ".join(kind))


CRDS = list(crds())
needs_crds = pytest.mark.skipif(not CRDS, reason=f"{SHARED} is not here")


@dataclass(kw_only=True)
class Differences:
    """Where a schema of ours is not that of a CRD."""

    found: list[str] = field(default_factory=list)

    def compare(self, ours, theirs, path=""):
        if ours.type == "any":
            return
        kind = TYPES.get(theirs.get("type"), theirs.get("type"))
        if theirs.get("x-kubernetes-int-or-string"):
            kind = "port"
        self.check(path, "type", ours.type, kind)
        members = theirs.get("properties", {})
        self.check(path, "members", sorted(ours.members), sorted(members))
        self.sizes(ours, theirs, path)
        self.check(path, "unique", ours.unique, theirs.get("x-kubernetes-list-type") == "set")
        self.check(path, "among", set(ours.among), set(theirs.get("enum", ())))
        self.check(path, "default", ours.default, theirs.get("default"))
        # What has a default is never missing.
        required = {one for one in theirs.get("required", ()) if "default" not in members[one]}
        self.check(path, "required", set(ours.required), required)
        for name in set(ours.members) & set(members):
            self.compare(ours.members[name], members[name], f"{path}.{name}")
        inner = theirs.get("items") or theirs.get("additionalProperties")
        if ours.of and inner:
            self.compare(ours.of, inner, f"{path}[]")

    def sizes(self, ours, theirs, path):
        if ours.one_of and not theirs.get("oneOf"):
            limits = {"minProperties": 1, "maxProperties": 1}
            self.check(path, "union", limits, {name: theirs.get(name) for name in limits})
            return
        if ours.members and theirs.get("minProperties") == 1 == len(theirs["properties"]):
            return
        for side, names in SIZES.items():
            limit = next((theirs[name] for name in names if name in theirs), None)
            self.check(path, side, getattr(ours, side) or None, limit or None)
        choices = [one["required"][0] for one in theirs.get("oneOf", ())]
        self.check(path, "one_of", set(ours.one_of), set(choices))

    def check(self, path, what, ours, theirs):
        if ours != theirs:
            self.found.append(f"{path} {what}: {ours!r}, not {theirs!r}")


MORE = (
    # Left to the readers, who know more of them.
    *(".from[] least", ".to[] least", "Requires[]", ".spec one_of", ".specs[] one_of"),
    # Without a port there is nothing else in it.
    *(".tcp required", ".udp required", ".sctp required"),
    # Of Calico Enterprise.
    *(".source members", ".destination members", ".spec members: ['allowedEgressDomains', 'nets']"),
    # Said with allOf.
    ".defaultAction among",
    # Of releases before 1.20, and what the agent wants in deny rules as in others.
    *(".rules members", ".rules one_of", ".protocol among", "Deny[].toPorts[].ports most"),
)


@needs_crds
@pytest.mark.parametrize(("kind", "crd"), CRDS)
def test_a_schema_is_that_of_its_crd(kind, crd):
    differences = Differences()
    differences.compare(SCHEMAS[kind], crd)
    left = [one for one in differences.found if not any(known in one for known in MORE)]
    assert left == []


@needs_crds
def test_every_crd_has_a_schema():
    assert {one.values[0] for one in CRDS} <= SCHEMAS.keys()


def kept(value, schema):
    dropped = []
    return stored(Field(value), schema, lambda one: dropped.append(one.path)).value, dropped


@pytest.mark.parametrize(
    ("value", "schema", "result", "dropped"),
    [
        ({"a": "x", "b": 1}, table({"a": text()}), {"a": "x"}, [".b"]),
        ({"a": None, "b": None}, table({"a": text()}), {}, [".b"]),
        ({}, table({"a": text(default="x")}), {"a": "x"}, []),
        ({"a": None}, table({"a": text(default="x")}), {"a": "x"}, []),
        ({"a": None, "b": "x"}, mapped(text()), {"b": "x"}, []),
        ([{"a": 1}], listed(table({})), [{}], ["[0].a"]),
        ({"matchLabels": {"a": "b"}, "x": {}}, SELECTOR, {"matchLabels": {"a": "b"}}, [".x"]),
        ("é" * 3, text(3, 3), "é" * 3, []),
        (80.0, whole(0, 80), 80.0, []),
    ],
)
def test_what_is_kept(value, schema, result, dropped):
    assert kept(value, schema) == (result, dropped)


@pytest.mark.parametrize(
    ("value", "schema", "where"),
    [
        ({"a": 1}, table({"a": text()}), ".a"),
        ({"a": True}, table({"a": whole()}), ".a"),
        ({"a": -1}, table({"a": whole(0)}), ".a"),
        ({"a": 1.5}, table({"a": whole()}), ".a"),
        ({"a": "xyz"}, table({"a": text(most=2)}), ".a"),
        ({"a": "x\n"}, table({"a": text(pattern="^x$")}), ".a"),
        ({"a": "y"}, table({"a": text(among=("x",))}), ".a"),
        ({"b": "y"}, table({"a": text()}, "a"), ".a"),
        ([None], listed(text()), "[0]"),
        (["x", "x"], listed(text(), unique=True), "."),
        ([], listed(text(), 1), "."),
        ({"c": 1}, union({"a": text(), "b": text()}), "."),
        ({"a": "", "b": ""}, union({"a": text(), "b": text()}), "."),
        ({"a": ["x"]}, table({"a": text()}), ".a"),
        ("x", table({}), "."),
    ],
)
def test_what_is_refused(value, schema, where):
    with pytest.raises(NetpolError) as caught:
        kept(value, schema)
    assert caught.value.where == where


def test_rules_come_after_all_types():
    """A rule may look anywhere below its place without a care."""
    rule = ("a.b", "less than c", lambda value: value["a"]["b"] < value["c"])
    schema = table({"a": table({"b": whole()}), "c": whole()}, rules=(rule,))
    for value, where in (({"a": {"b": 1}, "c": "x"}, ".c"), ({"a": {"b": 2}, "c": 2}, ".a.b")):
        with pytest.raises(NetpolError) as caught:
            kept(value, schema)
        assert caught.value.where == where
