"""The rights that netpol asks for are those it uses: to read, and no Secret."""

from pathlib import Path

import yaml

from capture.policies import POLICIES
from capture.resources import RESOURCES
from netpol.settings import CONFIG_MAPS

MANIFEST = Path(__file__).parents[2] / "samples" / "rbac.yaml"
DOCUMENTS = list(yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")))
RULES = [rule for one in DOCUMENTS if one["kind"] == "ClusterRole" for rule in one["rules"]]


def granted():
    return [
        (group, resource, tuple(rule.get("resourceNames", ())))
        for rule in RULES
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]


def test_exactly_what_is_listed_and_watched_is_granted():
    names = tuple(sorted({name for _, name in CONFIG_MAPS}))
    used = {(one.group, one.plural, names if one.name else ()) for one in RESOURCES}
    used |= {(one.group, one.plural, ()) for one in POLICIES}
    assert set(granted()) == used
    assert len(granted()) == len(used)


def test_nothing_but_reading_is_granted():
    assert {tuple(rule["verbs"]) for rule in RULES} == {("get", "list", "watch")}
    assert {key for rule in RULES for key in rule} == {
        "apiGroups",
        "resources",
        "resourceNames",
        "verbs",
    }


def test_no_secret_and_no_star_is_granted():
    text = MANIFEST.read_text(encoding="utf-8")
    assert "*" not in text
    assert not any("secret" in resource for _, resource, _ in granted())
    assert all(names for _, resource, names in granted() if resource == "configmaps")


def test_the_role_is_bound_to_its_account_alone():
    (binding,) = (one for one in DOCUMENTS if one["kind"] == "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == "netpol-inventory"
    assert [one["kind"] for one in binding["subjects"]] == ["ServiceAccount"]
    kinds = {one["kind"] for one in DOCUMENTS}
    assert kinds == {"ClusterRole", "ClusterRoleBinding", "ServiceAccount"}
