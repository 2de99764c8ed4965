"""Policies of a live cluster: what it serves of all kinds, and no more."""

from __future__ import annotations

import json

import pytest
from api_server import ApiServer
from click.testing import CliRunner
from watched import obj

from capture.policies import live_policies
from generators import parse
from netpol.cli import cli
from netpol.errors import NetpolError


@pytest.fixture
def api():
    with ApiServer() as server:
        yield server


def policy(name: str, version: str = "networking.k8s.io/v1", kind: str = "NetworkPolicy", **spec):
    made = obj(kind, name, spec=spec or {"podSelector": {}, "policyTypes": ["Ingress"]})
    return {**made, "apiVersion": version}


CALICO = {"selector": "all()", "types": ["Ingress"]}
CILIUM = {"endpointSelector": {}, "ingress": [{}]}


def read(api: ApiServer, tmp_path) -> tuple[list[str], list[str]]:
    told: list[str] = []
    config = str(api.kubeconfig(tmp_path / "config"))
    found = live_policies(lambda one: told.append(one.code), kubeconfig=config)
    policies, _ = parse(found, lambda one: told.append(one.code))
    return sorted(f"{one.kind} {one.name}" for one in policies.policies), told


def test_every_kind_that_is_served_is_read_in_pages(api, tmp_path):
    api.page = 2
    api.apply(*(policy(f"p{number}") for number in range(5)))
    api.apply(policy("c", "projectcalico.org/v3", **CALICO))
    api.apply(policy("x", "cilium.io/v2", "CiliumNetworkPolicy", **CILIUM))
    found, told = read(api, tmp_path)
    expected = [*(f"NetworkPolicy p{number}" for number in range(5)), "NetworkPolicy c"]
    assert found == sorted([*expected, "CiliumNetworkPolicy x"])
    assert told == []


def test_what_calico_serves_twice_is_read_once(api, tmp_path):
    for version in ("projectcalico.org/v3", "crd.projectcalico.org/v1"):
        api.apply(policy("c", version, **CALICO))
    assert read(api, tmp_path) == (["NetworkPolicy c"], [])
    asked = {path for path, _ in api.asked}
    assert "/apis/crd.projectcalico.org/v1/networkpolicies" not in asked


def test_kinds_that_are_not_there_are_no_news_and_forbidden_ones_are(api, tmp_path):
    api.apply(policy("p"))
    api.served = {"/apis/networking.k8s.io/v1/networkpolicies"}
    assert read(api, tmp_path) == (["NetworkPolicy p"], [])
    api.forbidden = {"/apis/cilium.io/v2/ciliumnetworkpolicies"}
    assert read(api, tmp_path) == (["NetworkPolicy p"], ["NP083"])


def test_without_network_policies_it_is_an_error(api, tmp_path):
    api.forbidden = {"/apis/networking.k8s.io/v1/networkpolicies"}
    with pytest.raises(NetpolError, match="cannot be read: 403"):
        read(api, tmp_path)


def test_generate_takes_the_live_ones(api, tmp_path, root, monkeypatch):
    api.apply(policy("default-deny", podSelector={}, policyTypes=["Ingress", "Egress"]))
    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path / "config")))
    flows = str(root / "samples/tiny/flows.jsonl")
    done = CliRunner().invoke(cli, ["generate", flows, "--existing", "cluster", "--format", "json"])
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert (shown["denied"], shown["existing"]["conflicts"]) == (0, [])
    # One of that name is there, and isolates its whole namespace.
    assert "shop/default-deny.yaml" not in shown["files"]
