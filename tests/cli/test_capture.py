"""``netpol capture``: its manifests and options; what it captures is in capture/test_sniff.py."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner, Result
from source_samples import SAMPLES

from capture.records_write import gap
from netpol.cli import cli
from netpol.cli.deploying import MANIFESTS

VERSIONS = ("1.31", kubernetes_validate.latest_version())
IMAGE = "registry.example/netpol:1"


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, ["capture", *words])


def printed(name: str) -> list[Any]:
    result = run("--print-manifest", name, "--image", IMAGE)
    assert result.exit_code == 0, result.output
    return list(yaml.safe_load_all(result.stdout))


def container(name: str) -> dict[str, Any]:
    last = printed(name)[-1]
    return last if name == "ephemeral" else last["spec"]["template"]["spec"]["containers"][0]


def test_without_a_word_it_is_the_daemonset() -> None:
    assert run("--print-manifest").stdout == run("--print-manifest", "daemonset").stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_the_daemonset_is_valid(version: str) -> None:
    kinds = printed("daemonset")
    assert [one["kind"] for one in kinds] == ["Namespace", "ServiceAccount", "DaemonSet"]
    for one in kinds:
        kubernetes_validate.validate(one, version, strict=True)
    labels = kinds[2]["spec"]["template"]["metadata"]["labels"]
    assert kinds[2]["spec"]["selector"]["matchLabels"].items() <= labels.items()


@pytest.mark.parametrize("version", VERSIONS)
def test_the_ephemeral_container_is_valid(version: str) -> None:
    (part,) = printed("ephemeral")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {
            "containers": [{"name": "web", "image": "web:1"}],
            "ephemeralContainers": [{"name": "netpol-capture", **part}],
        },
    }
    kubernetes_validate.validate(pod, version, strict=True)


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_it_asks_for_no_more_than_it_needs(name: str) -> None:
    found = container(name)
    assert found["image"] == IMAGE
    context = found["securityContext"]
    more = ["NET_ADMIN", "SYS_ADMIN", "SYS_PTRACE"] if name == "daemonset" else []
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW", *more]}
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["privileged"] is False
    assert "volumeMounts" not in found


def test_the_daemonset_has_an_account_without_a_token() -> None:
    _, account, daemonset = printed("daemonset")
    pod = daemonset["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert pod["automountServiceAccountToken"] is account["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {"hostNetwork", "hostIPC", "volumes"}.isdisjoint(pod)
    assert container("daemonset")["resources"]["limits"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("name", sorted(MANIFESTS))
def test_what_its_comment_keeps_of_a_log_is_the_records(name: str) -> None:
    """A pod's log has both streams in it."""
    text = run("--print-manifest", name).stdout
    assert max(map(len, text.splitlines())) <= 100
    (kept,) = re.findall(r"\| (grep \S+)", text)
    record = SAMPLES["netpol"].decode()
    lost = gap(3, "no room in the ring", "all interfaces", (1, 2)).decode()
    log = f"capturing all pods, with connection tracking\n{record}NP002 lost\n{lost}captured 1\n"
    done = subprocess.run(kept, shell=True, input=log, text=True, capture_output=True, check=True)
    assert done.stdout == record + lost


def test_its_command_is_one_that_there_is() -> None:
    command = container("daemonset")["command"]
    assert command[0] == "netpol"
    cli.commands["capture"].make_context("capture", command[2:])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pods", "-i", "eth0"), "--pods goes without"),
        (("--pods", "--netns", "shop"), "--pods goes without"),
        (("--promiscuous",), "needs --interface"),
        (("--max-rate", "0"), "max-rate"),
        (("--interval", "soon"), "is no duration"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.output
