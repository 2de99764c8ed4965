"""A workload whose pods share no selector of their own, in every dialect and all the way."""

from __future__ import annotations

import subprocess
from dataclasses import replace

import pytest
import yaml
from scenes import TARGETS, inventory, labels, pod, proof

from generators import DIALECTS, parse
from netpol.catalogue import CATALOGUE
from netpol.cli.keeping import keep
from netpol.cli.output import write
from netpol.cli.proof import dialect_named, prove
from netpol.cli.staging import staged
from netpol.existing import missing
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.learn import Learned, Records
from netpol.manifests import load
from netpol.numbered import object_name
from netpol.peers import Cidr, Workload, label
from netpol.policy import normal
from netpol.profile import CNIS
from netpol.report.rollout import plan_object
from netpol.synthesize import Options

KNOWN = inventory(
    # A template was changed by hand: some pods have the old labels, some the new ones.
    pod("edge-0", owner="edge", labels=labels(app="web", role="main")),
    pod("edge-2", owner="edge", labels=labels(app="web", role="main")),
    pod("edge-1", owner="edge", labels=labels(app="proxy", role="spare")),
    pod("web-0", owner="web", labels=labels(app="web", role="spare")),
    pod("proxy-0", owner="proxy", labels=labels(app="proxy", role="main")),
    pod("api-0", owner="api"),
    pod("db-0", owner="db"),
)


def calls(client: str, server: str, port: int):
    return Connection(
        *(Workload("shop", "Deployment", one) for one in (client, server)), "TCP", port
    )


FOUND = [calls("edge", "api", 8080), calls("api", "edge", 9090), calls("api", "db", 5432)]
WHAT = Learned(
    accepted=ServiceGraph.of((one, Evidence(records=1)) for one in FOUND),
    held=(),
    unattributed=(),
    inventory=KNOWN,
    records=Records(read=3, connections=3, held=0, other=0),
    lost_events=0,
)


@pytest.mark.parametrize("target", TARGETS)
def test_nobody_is_held_and_nothing_else_opens(target) -> None:
    said = []
    made = prove(WHAT, dialect_named(target, DIALECTS), Options(), said.append)
    certificate = made.certificate
    assert (certificate.accepted, certificate.denied) == (3, ())
    assert (certificate.opened, certificate.without_witness) == ((), ())
    assert not made.synthesis.learned.held
    (notice,) = said
    assert (notice.code, notice.where) == ("NP027", "shop/Deployment/edge")
    assert notice.message == "2 selectors: app In proxy, role In spare; app In web, role In main"
    assert "NP027" in CATALOGUE


def objects(files: dict[str, str], path: str) -> list[dict]:
    return list(yaml.safe_load_all(files[path]))


def test_as_few_objects_as_the_dialect_allows() -> None:
    found = {target: objects(proof(WHAT, target).files, "shop/edge.yaml") for target in TARGETS}
    first, second = found["kubernetes"]
    assert [one["metadata"]["name"] for one in (first, second)] == ["edge", "edge.2"]
    assert first["spec"].pop("podSelector")["matchLabels"] == {"app": "proxy", "role": "spare"}
    assert second["spec"].pop("podSelector")["matchLabels"] == {"app": "web", "role": "main"}
    assert first["spec"] == second["spec"]
    (calico,) = found["calico"]
    assert calico["spec"]["selector"] == (
        "(app == 'proxy' && role == 'spare') || (app == 'web' && role == 'main')"
    )
    (cilium,) = found["cilium"]
    assert "spec" not in cilium
    assert [one["endpointSelector"]["matchLabels"] for one in cilium["specs"]] == [
        {"app": "proxy", "role": "spare"},
        {"app": "web", "role": "main"},
    ]


def test_as_a_peer_it_is_several_entries_of_one_rule() -> None:
    (api,) = objects(proof(WHAT).files, "shop/api.yaml")
    (rule,) = api["spec"]["ingress"]
    assert [one["podSelector"]["matchLabels"] for one in rule["from"]] == [
        {"app": "proxy", "role": "spare"},
        {"app": "web", "role": "main"},
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_staged_it_stays_one_file_and_the_plan_makes_it_live(target, tmp_path) -> None:
    made = proof(WHAT, target)
    rolled = staged(made)
    folder = {"kubernetes": "1-allow/"}.get(target, "")
    assert {"shop/edge.yaml"} <= {name.removeprefix(folder) for name in rolled.files}
    (row,) = [
        one
        for one in plan_object(rolled.plan)["stages"]
        if f"{folder}shop/edge.yaml" in one["files"]
    ]
    assert any(one.endswith("/edge") for one in row["workloads"])
    if target == "kubernetes":
        return
    write(rolled.files, tmp_path / "out")
    command = row["apply"].replace("kubectl apply -f -", "cat")
    done = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "live.yaml").write_text(done, encoding="utf-8")
    (tmp_path / "plain.yaml").write_text(made.files["shop/edge.yaml"], encoding="utf-8")
    assert meant(tmp_path / "live.yaml") == meant(tmp_path / "plain.yaml")


def meant(path):
    found, _ = parse(load([str(path)], lambda _: None), lambda _: None)
    return [(one.subject, one.isolates, one.ingress, one.egress) for one in found.policies]


@pytest.mark.parametrize("cni", sorted(CNIS))
def test_for_every_plugin(cni) -> None:
    for dialect in DIALECTS:
        if dialect.name in CNIS[cni].reads:
            profile = CNIS[cni].speaking(dialect.profile.words)
            certificate = prove(WHAT, dialect, Options(), lambda _: None, profile).certificate
            assert (certificate.denied, certificate.opened) == ((), ())
            assert certificate.without_witness == ()


@pytest.mark.parametrize("dialect", DIALECTS, ids=TARGETS)
def test_into_a_folder_that_has_it(dialect, tmp_path) -> None:
    fewer = replace(WHAT, accepted=ServiceGraph.of((one, Evidence(records=1)) for one in FOUND[:1]))
    first, second = (prove(one, dialect, Options(), lambda _: None) for one in (fewer, WHAT))
    kept = [
        keep(made.files, dialect, tmp_path, KNOWN, dialect.profile, lambda _: None, others=True)
        for made in (first, first, second)
    ]
    assert "shop/edge.yaml" in kept[0].written
    assert set(kept[1].same) == set(kept[0].written)
    assert "shop/edge.yaml" in (*kept[2].written, *kept[2].edited)
    found, _ = parse(load([str(tmp_path)], lambda _: None), lambda _: None)
    wanted, _ = parse(load([str(written(second.files, tmp_path / "new"))], _quiet), _quiet)
    assert normal(replace(found, policies=found.policies)) == normal(wanted)


def test_into_a_folder_that_has_one_of_its_objects_elsewhere(tmp_path) -> None:
    made = proof(WHAT)
    first, second = made.files["shop/edge.yaml"].split("---\n")
    mine = first.replace("port: 9090", "port: 9091")
    (tmp_path / "mine.yaml").write_text(mine, encoding="utf-8")
    for _ in range(2):
        keep(made.files, DIALECTS[0], tmp_path, KNOWN, CNIS["generic"], _quiet, others=True)
        assert (tmp_path / "mine.yaml").read_text(encoding="utf-8") == first
        assert (tmp_path / "shop/edge.2.yaml").read_text(encoding="utf-8").endswith(second)
        assert not (tmp_path / "shop/edge.yaml").exists()


@pytest.mark.parametrize("target", TARGETS)
def test_on_top_of_its_own_policies_only_what_is_missing(target, tmp_path) -> None:
    made = proof(WHAT, target)
    edge = {name: text for name, text in made.files.items() if name == "shop/edge.yaml"}
    documents = tuple(load([str(written(edge, tmp_path))], _quiet))
    there, _ = parse(documents, _quiet)
    left = missing(
        there, made.synthesis.policies, WHAT, made.certificate.profile, made.synthesis.declared
    )
    assert {one.name for one in left.policies} == {"api", "db", "default-deny"}
    half = replace(there, policies=there.policies[:1])
    left = missing(
        half, made.synthesis.policies, WHAT, made.certificate.profile, made.synthesis.declared
    )
    (rest,) = (one for one in left.policies if one.name.startswith("edge"))
    assert object_name(rest) == "edge-observed"
    assert rest.subject == there.policies[1].subject


def written(files, where):
    write(files, where)
    return where


def _quiet(_):
    """Tell nobody."""


def test_another_workload_may_be_called_like_its_second_object() -> None:
    other = pod("edge.2-0", owner="edge.2")
    more = Connection(other.workload, FOUND[0].server, "TCP", 8080)
    what = replace(
        WHAT,
        inventory=inventory(*KNOWN.pods.values(), other),
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in (*FOUND, more)),
    )
    made = proof(what)
    assert {"shop/edge.yaml", "shop/edge.2-deployment.yaml"} <= set(made.files)
    assert made.certificate.denied == ()


def test_siblings_that_no_labels_tell_apart_are_reported_by_name() -> None:
    twin = pod("twin-0", owner="twin", labels=labels(app="web", role="main"))
    what = replace(WHAT, inventory=inventory(*KNOWN.pods.values(), twin))
    said = []
    certificate = prove(what, DIALECTS[0], Options(), said.append).certificate
    assert [one.message for one in said if one.code == "NP025"] == [
        "also matches shop/Deployment/twin"
    ]
    assert {(label(one.client), label(one.server), one.reason) for one in certificate.opened} == {
        (
            *pair,
            "no labels tell shop/Deployment/twin from shop/Deployment/edge",
        )
        for pair in (
            ("shop/Deployment/twin", "shop/Deployment/api"),
            ("shop/Deployment/api", "shop/Deployment/twin"),
        )
    }


@pytest.mark.parametrize("target", TARGETS)
def test_siblings_with_the_same_labels_share_a_policy(target) -> None:
    """Blue and green: either would be for the pods of both, so no rule of two would have a need."""
    known = inventory(
        *(pod(f"web-{one}", labels=labels(app="web")) for one in ("blue", "green")), pod("db")
    )
    found = [calls("web-blue", "db", 5432), calls("web-green", "db", 5432)]
    found += [calls("web-green", "web-blue", 8080), calls("web-green", "db", 5433)]
    what = replace(
        WHAT,
        inventory=known,
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in found),
    )
    made = proof(what, target)
    assert {"shop/db.yaml", "shop/web-blue.yaml"} <= set(made.files)
    assert "shop/web-green.yaml" not in made.files
    assert (made.certificate.denied, made.certificate.without_witness) == ((), ())
    assert made.certificate.rules == 4


def test_what_one_pod_of_a_sibling_may_do_outside_is_told() -> None:
    """Others of its pods carry other labels, and may not: a hole counts where one pod has it."""
    carried = labels(app="web", role="main"), labels(app="twin")
    twins = [pod(f"twin-{n}", owner="twin", labels=one) for n, one in enumerate(carried)]
    out = Connection(FOUND[0].client, Cidr("198.51.100.7/32"), "TCP", 443)
    what = replace(
        WHAT,
        inventory=inventory(*KNOWN.pods.values(), *twins),
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in (*FOUND, out)),
    )
    opened = proof(what).certificate.opened
    assert [label(one.client) for one in opened if one.server == out.server] == [
        "shop/Deployment/twin"
    ]


def test_what_a_choice_opens_for_one_of_them_is_explained_for_the_other_too() -> None:
    twin = pod("twin-0", owner="twin", labels=labels(app="web", role="main"))
    found = [*FOUND, calls("edge", "api", 8082)]
    what = replace(
        WHAT,
        inventory=inventory(*KNOWN.pods.values(), twin),
        accepted=ServiceGraph.of((one, Evidence(records=1)) for one in found),
    )
    opened = proof(what, port_gap=1).certificate.opened
    assert {one.reason.partition(" ")[0] for one in opened} == {"max_port_gap:", "no"}
    assert any(one.client.name == "twin" and str(one.ports) == "TCP 8080-8082" for one in opened)
