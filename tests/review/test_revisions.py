"""OLD and NEW in revisions of a real Git repository."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from review_shop import API, DB, POLICIES, Shop, run

from netpol.errors import NetpolError


def git(*command: str) -> None:
    env = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{who}_{what}": "x"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
    }
    subprocess.run(["git", *command], check=True, env=env, capture_output=True)


@pytest.fixture
def repository(shop: Shop) -> Shop:
    """Policies on main; a branch where the database is closed to the shop."""
    place = shop.place
    (place / "new").rename(place / "policies")
    git("init", "-q", "-b", "main")
    git("add", "policies")
    git("commit", "-q", "-m", "one")
    git("checkout", "-q", "-b", "branch")
    shop.write("policies", {"db.yaml": DB.replace("{app: api}", "{app: apis}")})
    git("commit", "-q", "-a", "-m", "two")
    return shop


def review(*args: str) -> dict:
    result = run("review", *args, "--inventory", "cluster.yaml", "--format", "json")
    assert result.exit_code == 0, result.output
    found: dict = json.loads(result.stdout)
    return found


def test_a_revision_is_as_good_as_a_directory(repository: Shop) -> None:
    expected = review("old", "policies")
    assert len(expected["changes"]) == 1
    for old, new in (("main:policies", "policies"), ("main:policies/", "branch:policies")):
        found = review(old, new)
        (row,) = found["changes"]
        assert row["file"] == f"{new}/db.yaml"
        assert row | {"file": ""} == expected["changes"][0] | {"file": ""}
        assert found["policies"] == expected["policies"]


def test_one_file_a_subdirectory_and_the_whole_revision(
    repository: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert review("main:policies/api.yaml", "policies/api.yaml")["policies"] == []
    assert review("main:", "branch:")["policies"] == review("old", "policies")["policies"]
    monkeypatch.chdir("policies")
    given = ["--inventory", "../cluster.yaml", "--format", "json"]
    (row,) = json.loads(run("review", "main:./", "branch:./", *given).stdout)["changes"]
    assert row["file"] == "branch:policies/db.yaml"
    for old in ("main:policies", "main:./", "main:../policies"):
        found = json.loads(run("review", old, ".", *given).stdout)
        assert len(found["changes"]) == 1, old


@pytest.mark.parametrize("old", ["main:policies", "main:./policies/", "./old", "old/", "old"])
@pytest.mark.parametrize("new", ["policies", "./policies/", "branch:policies", "branch:./policies"])
def test_however_a_side_is_named_files_are_compared_by_their_names(
    repository: Shop, old: str, new: str
) -> None:
    text = run("review", old, new, "--inventory", "cluster.yaml").stdout
    lines = text[text.index("```diff") :].splitlines()
    assert lines[1:3] == ["--- a/db.yaml", "+++ b/db.yaml"]
    assert [line for line in lines if line[:1] == "+"][1:] == [
        "+      podSelector: {matchLabels: {app: apis}}"
    ]


def test_what_is_not_in_the_revision_had_no_policies(repository: Shop) -> None:
    result = run("review", "main:netpol", "policies", "--inventory", "cluster.yaml")
    assert "main:netpol is not in that revision, so there are no policies" in result.stderr
    assert f"{len(POLICIES) + 2} policies change" in result.stdout
    assert "nothing opens" not in result.stdout


def test_a_folder_that_is_removed_opens_everything(repository: Shop) -> None:
    git("rm", "-q", "-r", "policies")
    git("commit", "-q", "-m", "three")
    found = review("main:policies", "branch:policies")
    assert {one["change"] for one in found["policies"]} == {"removed"}
    assert {row["change"] for row in found["changes"]} <= {"opened", "broadened"}


@pytest.mark.parametrize("sides", [["main:policies", "branch:policies"], ["main:", "branch:"]])
def test_sarif_names_files_of_the_repository(repository: Shop, sides: list[str]) -> None:
    given = ["review", *sides, "--inventory", "cluster.yaml"]
    log = json.loads(run(*given, "--format", "sarif").stdout)
    (place,) = {
        location["physicalLocation"]["artifactLocation"]["uri"]
        for result in log["runs"][0]["results"]
        for location in result["locations"]
    }
    assert place == "policies/db.yaml"


def test_attributes_and_the_working_tree_have_no_say(repository: Shop) -> None:
    """`git archive` would leave out what is marked export-ignore; here it is read."""
    (repository.place / ".gitattributes").write_text("* export-ignore\n", encoding="utf-8")
    git("add", ".gitattributes")
    git("commit", "-q", "-m", "three")
    (repository.place / "policies/db.yaml").unlink()
    assert len(review("main:policies", "branch:policies")["changes"]) == 1


def test_links_are_told_and_lead_nowhere(repository: Shop) -> None:
    os.symlink("/etc", repository.place / "policies/etc.yaml")
    git("add", "policies")
    git("commit", "-q", "-m", "three")
    result = run("review", "main:policies", "branch:policies", "--inventory", "cluster.yaml")
    assert "NP143" in result.stderr
    assert "etc.yaml is a symbolic link" in result.stderr


def test_notices_name_the_revision(repository: Shop) -> None:
    repository.write("policies", {"api.yaml": API.replace("8081", "808100"), "x.yaml": "a: ["})
    git("add", "policies")
    git("commit", "-q", "-m", "three")
    result = run("review", "main:policies", "branch:policies", "--inventory", "cluster.yaml")
    assert "branch:policies/x.yaml" in result.stderr
    assert "branch:policies/api.yaml" in result.stderr
    assert "/tmp" not in result.output


@pytest.mark.parametrize(
    ("old", "what"),
    [
        ("nowhere", "there is no such file or directory"),
        ("nobranch:policies", "Git knows no revision 'nobranch'"),
        ("--help:policies", "Git knows no revision '--help'"),
        ("-x:policies", "Git knows no revision '-x'"),
    ],
)
def test_what_is_nowhere_is_an_error(repository: Shop, old: str, what: str) -> None:
    with pytest.raises(NetpolError, match=what):
        run("review", "--inventory", "cluster.yaml", "--", old, "policies")


def test_outside_of_a_repository(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(shop.place.parent))
    with pytest.raises(NetpolError, match="Git says: not a git repository"):
        run("review", "main:policies", "new", "--inventory", "cluster.yaml")
    monkeypatch.setenv("PATH", str(shop.place))
    with pytest.raises(NetpolError, match="not installed"):
        run("review", "main:policies", "new", "--inventory", "cluster.yaml")


def test_nothing_is_left_behind(
    repository: Shop, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr("tempfile.tempdir", str(place))
    review("main:policies", "branch:policies")
    assert list(Path(place).iterdir()) == []
