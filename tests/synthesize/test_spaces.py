"""Sets of namespaces by a label that the user names: exactly that set, and its price is said."""

from __future__ import annotations

from itertools import chain, combinations

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import TARGETS, inventory, labels, pod
from special_cases import of

from generators import DIALECTS
from netpol.choices import Choices
from netpol.cli import cli
from netpol.cli.proof import dialect_named, prove
from netpol.compare import differences
from netpol.graph import Connection, Evidence
from netpol.inventory import Inventory, Namespace
from netpol.policy import Requirement
from netpol.profile import KUBERNETES
from netpol.synthesize import Options
from netpol.synthesize.spaces import Spaces

TEAMS = {"pay-a": "pay", "pay-b": "pay", "web": "front", "data": "store"}


def scene(teams=TEAMS, unknown=()):
    """An agent in each namespace of ``pay`` calls the collector; so does one more of ``web``."""
    pods = [pod("agent", namespace=name) for name in ("pay-a", "pay-b")]
    pods += [pod("agent", namespace="web"), pod("collector", namespace="data")]
    spaces = {
        name: Namespace(name=name, labels=labels(team=team))
        for name, team in teams.items()
        if name not in unknown
    }
    known = inventory(*pods, namespaces=spaces)
    found = (Connection(one.workload, pods[-1].workload, "TCP", 4317) for one in pods[:2])
    return of(((one, Evidence(records=1)) for one in found), known)


def made(what, target="kubernetes", keys=("team",)):
    said = []
    options = Options(dns=False, namespace_labels=keys)
    return prove(what, dialect_named(target, DIALECTS), options, said.append), said


def peers(proof):
    policy = yaml.safe_load(proof.files["data/collector.yaml"])
    return policy["spec"]["ingress"][0]["from"]


def test_the_label_stands_for_the_names_and_the_certificate_says_what_that_means() -> None:
    proof, said = made(scene())
    assert peers(proof) == [
        {
            "namespaceSelector": {"matchLabels": {"team": "pay"}},
            "podSelector": {"matchLabels": {"app": "agent"}},
        }
    ]
    assert said == []
    (choice,) = [one for one in proof.certificate.choices if one.field == "namespace_label"]
    assert choice.what == (
        "team in (pay) stands for the namespaces pay-a, pay-b; one that is given that label later"
        " is let in, too"
    )
    assert choice.source.text == "chosen with --namespace-label"


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_opens_by_it_in_any_dialect(target) -> None:
    proof, _ = made(scene(), target)
    certificate = proof.certificate
    assert (certificate.denied, certificate.opened, certificate.without_witness) == ((), (), ())
    assert "pay-a" not in proof.files["data/collector.yaml"]


def test_dialects_agree() -> None:
    what = scene()
    assert differences([made(what, one)[0].certificate for one in TARGETS], what) == ()


@pytest.mark.parametrize(
    "what",
    [
        pytest.param(scene({**TEAMS, "web": "pay"}), id="one namespace too many"),
        pytest.param(scene({**TEAMS, "empty": "pay"}), id="one without pods"),
        pytest.param(scene({**TEAMS, "pay-b": "other"}), id="as many values as names"),
        pytest.param(scene(unknown={"web"}), id="labels of another are not known"),
    ],
)
def test_names_where_the_label_is_not_exact_or_no_shorter(what) -> None:
    proof, said = made(what)
    assert "team" not in proof.files["data/collector.yaml"]
    assert [one.code for one in said] == ["NP029"]


def test_without_the_option_it_is_names() -> None:
    proof, _ = made(scene(), keys=())
    assert "team" not in proof.files["data/collector.yaml"]


def test_something_that_is_no_key_is_refused() -> None:
    done = CliRunner().invoke(cli, ["generate", "x", "--namespace-label", "team=pay"])
    assert done.exit_code == 2
    assert "'team=pay' is not the key of a label" in done.stderr


VALUES = st.dictionaries(
    st.sampled_from(("team", "stage")), st.sampled_from(("a", "b", "c")), max_size=2
)


@given(st.lists(VALUES, min_size=2, max_size=5), st.data())
@settings(deadline=None, max_examples=1_000, derandomize=True)
def test_the_shortest_exact_condition_that_there_is(rows, data) -> None:
    names = [f"n{number}" for number in range(len(rows))]
    wanted = data.draw(st.sets(st.sampled_from(names), min_size=1))
    known = Inventory(
        namespaces={
            n: Namespace(name=n, labels=labels(**r)) for n, r in zip(names, rows, strict=True)
        }
    )
    spaces = Spaces(keys=("team", "stage"), inventory=known, choices=Choices(profile=KUBERNETES))
    found = spaces.label(sorted(wanted))
    exact = [
        Requirement(key, "In", values)
        for key in ("team", "stage")
        for values in chain.from_iterable(combinations("abc", size) for size in (1, 2, 3))
        if {n for n, row in zip(names, rows, strict=True) if row.get(key) in values} == wanted
    ]
    shortest = min((len(one.values) for one in exact), default=len(wanted))
    if shortest >= len(wanted):
        assert found is None
    else:
        assert found in exact
        assert len(found.values) == shortest
