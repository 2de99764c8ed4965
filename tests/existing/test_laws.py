"""Whatever part of a sufficient set is there already: the rest is proposed, and no more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from scenes import app, entity, flow, inventory, learned

from capture.inputs import expand, read
from capture.snapshot import read_inventory
from netpol.certificate import certify
from netpol.eras import eras
from netpol.existing import excesses, missing, together
from netpol.existing.atoms import atoms, joined
from netpol.flow import Account
from netpol.learn import Learned, learn
from netpol.net import PortSet
from netpol.policy import ANY, CidrSelector, PolicySet, Rule, normal
from netpol.profile import CNIS, Profile
from netpol.profile.words import CILIUM_WORDS, KUBERNETES_WORDS
from netpol.synthesize import Options, Synthesis, synthesize

SHOP = Path(__file__).resolve().parents[2] / "samples/shop"


def _quiet(_: object) -> None:
    """Tell nobody."""


@pytest.fixture(scope="module")
def shop() -> tuple[Synthesis, Profile]:
    known = read_inventory([str(SHOP / "cluster")], _quiet)
    account = Account()
    era = eras(known, 0)
    (path,) = expand([str(SHOP / "hubble.jsonl.gz")], every=False, tell=_quiet)
    flows = list(read(path, source=None, tell=_quiet, account=account, era=era, at=None))
    what: Learned = learn(flows, known, account)
    profile = CNIS["cilium"].speaking(CILIUM_WORDS)
    return synthesize(what, profile, Options(), _quiet), profile


def proof(policies: PolicySet, whole: Synthesis, profile: Profile):
    return certify(policies, whole.learned, profile, declared=whole.declared, policed=whole.policed)


def rest(existing: PolicySet, whole: Synthesis, profile: Profile) -> PolicySet:
    return missing(existing, whole.policies, whole.learned, profile, whole.declared)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("number", range(5))
def test_any_part_is_completed_and_every_proposed_rule_has_a_witness(shop, number, share) -> None:
    whole, profile = shop
    seed = Random(number)

    def some(rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        every = [part for rule in rules or () for part in atoms(rule)]
        return None if rules is None else tuple(r for r in every if seed.random() < share)

    kept = [one for one in whole.policies.policies if seed.random() < share]
    existing = replace(
        whole.policies,
        policies=tuple(
            replace(one, ingress=some(one.ingress), egress=some(one.egress)) for one in kept
        ),
    )
    left = rest(existing, whole, profile)
    both = together(existing, left.policies, left)
    found = proof(both, whole, profile)
    assert found.denied == ()
    assert found.allowed == proof(whole.policies, whole, profile).allowed
    names = {(one.namespace, one.name) for one in both.policies}
    assert len(names) == len(both.policies)
    own = tuple(f"{one.namespace}/{one.name} " for one in left.policies)
    # A rule through which names are learned is needed by the one for the name.
    idle = [one for one in found.without_witness if one.startswith(own)]
    assert all("/allow-dns" in one for one in idle)


def test_nothing_there_leaves_the_whole_proposal(shop) -> None:
    whole, profile = shop
    left = rest(PolicySet(), whole, profile)
    assert proof(left, whole, profile).denied == ()
    assert proof(left, whole, profile).allowed == proof(whole.policies, whole, profile).allowed


def test_where_all_is_there_nothing_is_missing_and_nothing_too_broad(shop) -> None:
    whole, profile = shop
    assert rest(whole.policies, whole, profile).policies == ()
    assert list(_excess(whole.policies, whole, profile)) == []


@pytest.mark.parametrize("cni", sorted(CNIS))
def test_what_a_plugin_adds_by_itself_is_no_part_of_a_proposal(cni: str) -> None:
    """Some let every pod reach its own node: the connection needs that, and no rule."""
    profile = CNIS[cni].speaking(KUBERNETES_WORDS)
    flows = [flow(app("web"), entity("host"), 10250), flow(app("web"), app("api"), 8080)]
    what = learned(flows, inventory())
    whole = synthesize(what, profile, Options(), _quiet)
    assert proof(rest(PolicySet(), whole, profile), whole, profile).denied == ()
    assert rest(whole.policies, whole, profile).policies == ()


def _excess(existing: PolicySet, whole: Synthesis, profile: Profile):
    return excesses(existing, whole.policies, whole.learned, profile, whole.declared)


def test_in_place_of_a_rule_for_everybody_the_narrower_one_is_sufficient(shop) -> None:
    whole, profile = shop
    for place, policy in enumerate(whole.policies.policies):
        if policy.name not in ("postgres", "checkout", "payments"):
            continue
        open_to_all = Rule(peers=ANY, ports=policy.ingress[0].ports)
        wide = replace(policy, ingress=(open_to_all, *policy.ingress[1:]))
        every = list(whole.policies.policies)
        every[place] = wide
        (found,) = _excess(replace(whole.policies, policies=tuple(every)), whole, profile)
        assert found.at.rule == open_to_all
        assert found.opens
        every[place] = replace(wide, ingress=(*found.narrower, *wide.ingress[1:]))
        assert proof(PolicySet(policies=tuple(every)), whole, profile).denied == ()


def test_atoms_joined_again_say_the_same(shop) -> None:
    whole, _ = shop
    for policy in whole.policies.policies:
        for rules in (policy.ingress, policy.egress):
            if rules is not None:
                cut = [part for rule in rules for part in atoms(rule)]
                one = replace(policy, ingress=joined(cut, policy), egress=None)
                same = replace(policy, ingress=rules, egress=None)
                assert normal(PolicySet(policies=(one,))) == normal(PolicySet(policies=(same,)))


def test_no_narrower_rule_opens_what_the_rule_does_not(shop) -> None:
    """The proposal opens the port to the internet; what is there, to a part of it."""
    whole, profile = shop
    (place,) = (
        n
        for n, one in enumerate(whole.policies.policies)
        if (one.namespace, one.name) == ("ingress", "ingress-nginx-controller")
    )
    policy = whole.policies.policies[place]
    half = (CidrSelector("128.0.0.0/1"),)
    ports = PortSet.of("TCP", 443)
    there = Rule(peers=half, ports=ports | PortSet.of("UDP", 443))
    every = replace(whole.policies, policies=(replace(policy, ingress=(there,)),))
    found = [one for one in _excess(every, whole, profile) if one.at.direction == "ingress"]
    assert [one.narrower for one in found] == [(Rule(peers=half, ports=ports),)]
    assert all(one.opened == PortSet.of("UDP", 443) for one in found[0].opens)
    exact = replace(policy, ingress=(replace(there, ports=ports),))
    assert list(_excess(replace(every, policies=(exact,)), whole, profile)) == []
