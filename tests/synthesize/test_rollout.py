"""At no stage of a roll-out, there or back, is a connection denied that was accepted."""

from __future__ import annotations

import random
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from scenes import TARGETS, app, flow, inventory, labels, learned, pod, proof, world

from generators import parse
from generators.staging import is_whole
from netpol.certificate import denied_under, judge_of
from netpol.cli.console import Notices
from netpol.cli.existing import on_top, read_existing
from netpol.cli.output import write
from netpol.cli.proof import Proof
from netpol.cli.run import Referred
from netpol.cli.staging import staged
from netpol.existing import together
from netpol.learn import Learned
from netpol.manifests import Document
from netpol.policy import Policy, PolicySet
from netpol.report.rollout import plan_object

DNS = app("dns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))
TWINS = inventory(
    *(pod(name, labels=labels(app="twin")) for name in ("a", "b")),
    pod("web"),
    pod("idle"),
    pod("dns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"})),
)


def twin(name: str) -> Any:
    return app(name, pod=name, labels=labels(app="twin"))


def addresses(client: Any) -> list:
    return [flow(client, world(f"192.0.2.{2 * n}"), 443) for n in range(3)]


WHAT = learned(
    [
        flow(app("web", pod="web"), twin("a")),
        flow(twin("b"), app("web", pod="web"), 9000),
        *(flow(one, DNS, 53, protocol="UDP") for one in (twin("a"), app("web", pod="web"))),
        flow(app("x", "other"), DNS, 53, protocol="UDP"),
        *addresses(app("web", pod="web")),
        *addresses(app("x", "other")),
    ],
    TWINS,
)


class Cluster:
    """What the commands of a plan leave in a cluster; a shell runs them, with a kubectl that notes
    what it is given."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.calls = folder, scratch / "calls"
        self.calls.mkdir(parents=True)
        script = scratch / "bin" / "kubectl"
        script.parent.mkdir()
        script.write_text(
            '#!/bin/sh\nn=$(ls "$CALLS" | wc -l)\nprintf "%s\\n" "$*" > "$CALLS/$n"\n'
            'case "$*" in *" -") echo ---; cat;; esac >> "$CALLS/$n"\n'
        )
        script.chmod(0o755)
        self.env = {"PATH": f"{script.parent}:/usr/bin:/bin", "CALLS": str(self.calls)}
        self.objects: dict[tuple[str, ...], dict[str, Any]] = {}

    def run(self, commands: str) -> None:
        seen = {one.name for one in self.calls.iterdir()}
        subprocess.run(["sh", "-ec", commands], cwd=self.folder, env=self.env, check=True)
        for call in sorted(self.calls.iterdir(), key=lambda one: int(one.name)):
            if call.name not in seen:
                self._call(*call.read_text(encoding="utf-8").partition("\n")[::2])

    def _call(self, arguments: str, given: str) -> None:
        verb, *rest = shlex.split(arguments)
        assert verb in ("apply", "delete"), arguments
        for one in self._documents(rest, given):
            meta = one["metadata"]
            key = one["apiVersion"], one["kind"], meta.get("namespace", ""), meta["name"]
            if verb == "apply":
                self.objects[key] = one
            else:
                del self.objects[key]  # as kubectl says "not found"

    def _documents(self, arguments: list[str], given: str) -> Iterator[dict[str, Any]]:
        assert set(arguments[::2]) <= {"-f", "-k", "-R"} or arguments[0] == "-R"
        names = [one for one in arguments if not one.startswith("-") or one == "-"]
        texts = [given] if names == ["-"] else []
        for name in names if names != ["-"] else ():
            path = self.folder / name
            if "-k" in arguments:
                listed = yaml.safe_load((path / "kustomization.yaml").read_text())["resources"]
                texts += [(path / one).read_text() for one in listed]
            elif path.is_dir():
                texts += [one.read_text() for one in sorted(path.rglob("*.yaml"))]
            else:
                texts.append(path.read_text())
        return (one for text in texts for one in yaml.safe_load_all(text) if one)

    @property
    def policies(self) -> PolicySet:
        """What its engine enforces."""
        found = [
            Document(file="cluster", index=n, data=one)
            for n, one in enumerate(self.objects.values())
        ]
        return parse(found, lambda _: None)[0]


def denied(policies: PolicySet, made: Proof) -> tuple:
    return denied_under(policies, made.synthesis.learned, made.certificate.profile)


@pytest.mark.parametrize("target", TARGETS)
def test_the_commands_of_the_readme_work_and_deny_nothing_at_any_stage(
    target: str, tmp_path: Path
) -> None:
    made = proof(WHAT, target)
    rolled = staged(made)
    write(rolled.files, tmp_path / "out")
    cluster = Cluster(tmp_path / "out", tmp_path)
    blocks = re.findall(r"```sh\n(.*?)\n```", rolled.files["README.md"], re.S)
    plan = plan_object(rolled.plan)
    rows = [*plan["stages"], *plan["namespaces"]]
    said = [plan["before"], *(row[one] for row in rows for one in ("apply", "roll_back"))]
    assert [one for one in (*said, plan["after"]) if one] == blocks
    if plan["before"]:
        cluster.run(plan["before"])
    begun = dict(cluster.objects)
    for row in rows:
        cluster.run(row["apply"])
        assert denied(cluster.policies, made) == (), row
    for row in reversed(rows):
        cluster.run(row["roll_back"])
        assert denied(cluster.policies, made) == (), row
    assert cluster.objects == begun
    for row in rows:
        cluster.run(row["apply"])
    if plan["after"]:
        cluster.run(plan["after"])
    judge = judge_of(cluster.policies, made.synthesis.learned, made.certificate.profile)
    allowed = {(client, server): ports for client, server, ports in judge.connections()}
    assert allowed == made.certificate.allowed
    assert denied(cluster.policies, made) == ()


def test_workloads_that_share_a_selector_come_together() -> None:
    plan = staged(proof(WHAT, "kubernetes")).plan
    assert plan is not None
    assert {tuple(w.name for w in one.workloads) for one in plan.stages} >= {("a", "b"), ("web",)}


def test_who_answers_everybody_comes_last_with_all_its_policies() -> None:
    plan = staged(proof(WHAT, "kubernetes")).plan
    assert plan is not None
    assert [name for _, name in plan.stages[-1].policies if name.endswith("-serve-dns")]
    assert [one.name for one in plan.stages[-1].workloads] == ["dns"]


def some(seed: int) -> Learned:
    """A few workloads that call each other, the outside and a resolver by chance."""
    chance = random.Random(seed)
    names = [(f"w{n}", chance.choice(["shop", "data"])) for n in range(6)]
    pods = [
        pod(name, space, labels=labels(app=name if chance.random() < 0.7 else "same"))
        for name, space in names
    ]
    ends = [app(one.name, one.namespace, pod=one.name, labels=one.labels) for one in pods]
    flows = [flow(one, DNS, 53, protocol="UDP") for one in ends if chance.random() < 0.8]
    for _ in range(10):
        client, server = chance.sample(ends, 2)
        flows.append(flow(client, server, chance.choice([80, 81, 443])))
    flows += [flow(chance.choice(ends), world(f"198.51.100.{n}"), 443) for n in range(3)]
    return learned(flows, inventory(*pods))


def before_and_after(
    made: Proof, target: str, standing: PolicySet | None = None
) -> Iterator[tuple[Policy, ...]]:
    """The policies that are enforced at each stage, by their names in the plan."""
    from generators.staging import first_step

    every = {(one.namespace, one.name): one for one in made.synthesis.policies.policies}
    every |= {
        (one.namespace, one.name): one for one in first_step(made.synthesis.policies).policies
    }
    plan = staged(made, standing).plan
    assert plan is not None
    loose = [replace(one, isolates=False) for one in made.synthesis.policies.policies]
    active: dict[tuple[str, str], Policy] = {}
    if target == "cilium":
        active = {(one.namespace, one.name): one for one in loose}
    yield tuple(active.values())
    for names in (*(one.policies for one in plan.stages), *plan.whole.values()):
        active |= {name: every[name] for name in names}
        yield tuple(active.values())
    assert {name for name in active if not name[1].endswith(".names")} == {
        (one.namespace, one.name) for one in made.synthesis.policies.policies
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", ["workload", "app", "namespace"])
def test_no_stage_denies_anything_in_any_cluster(target: str, level: str) -> None:
    for seed in range(12):
        made = proof(some(seed), target, level=level)
        for policies in before_and_after(made, target):
            assert denied(replace(made.synthesis.policies, policies=policies), made) == (), seed


@pytest.mark.parametrize("target", TARGETS)
def test_stages_have_no_pod_in_common(target: str) -> None:
    for seed in range(12):
        made = staged(proof(some(seed), target))
        assert made.plan is not None
        workloads = [one for stage in made.plan.stages for one in stage.workloads]
        assert len(workloads) == len(set(workloads))


def test_what_is_for_a_whole_namespace_is_known_by_more_than_its_name() -> None:
    made = proof(WHAT, "kubernetes")
    whole = [one for one in made.synthesis.policies.policies if is_whole(one)]
    assert {one.name for one in whole} == {"default-deny", "allow-dns"}
    assert is_whole(replace(whole[0], name=f"{whole[0].name}-observed"))
    named: Iterable[Policy] = [
        replace(one, name="default-deny-x")
        for one in made.synthesis.policies.policies
        if one not in whole
    ]
    assert not any(map(is_whole, named))


@pytest.mark.parametrize("target", TARGETS)
def test_on_top_of_what_is_there_no_stage_denies_what_is_not_denied_today(
    target: str, tmp_path: Path
) -> None:
    for seed in range(6):
        whole = proof(some(seed), target)
        chance = random.Random(seed)
        names = sorted(set(whole.files) - {"kustomization.yaml"})
        there = {name: whole.files[name] for name in chance.sample(names, len(names) * 2 // 3)}
        write(there, tmp_path / str(seed))
        (tmp_path / str(seed) / "kustomization.yaml").unlink(missing_ok=True)
        standing = read_existing(str(tmp_path / str(seed)), None, Notices(), Referred(()))
        inventory_there = whole.synthesis.learned.inventory
        made, _ = on_top(whole, standing, inventory_there, lambda _: None)
        today = set(denied(standing.policies, made))
        if not made.files:
            assert not today
            continue
        plan = staged(made, standing.policies).plan
        assert plan is not None
        for policies in before_and_after(made, target, standing.policies):
            every = together(standing.policies, policies, made.synthesis.policies)
            assert set(denied(every, made)) <= today, seed
        assert denied(every, made) == ()
