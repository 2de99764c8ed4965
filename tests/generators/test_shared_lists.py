"""Lists of addresses that several policies have are objects of their own, and mean the same."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from scenes import app, flow, inventory, learned, pod, proof, world

from generators import DIALECTS, parse
from generators.generator import files
from netpol.cli.proof import dialect_named
from netpol.cli.staging import staged
from netpol.manifests import Document
from netpol.net import PortSet
from netpol.policy import CidrSelector, PodSelector, Policy, PolicySet, Rule, in_namespace, normal

LISTS = (
    ("192.0.2.1/32", "192.0.2.3/32", "198.51.100.0/30"),
    ("192.0.2.1/32", "192.0.2.3/32"),
    ("203.0.113.0/32", "203.0.113.9/32", "203.0.113.64/26", "203.0.113.128/25"),
)
KINDS = {"calico": "GlobalNetworkSet", "cilium": "CiliumCIDRGroup"}
SETS = pytest.mark.parametrize("target", sorted(KINDS))


def documents(texts: dict[str, str]) -> list[Document]:
    found = [one for text in texts.values() for one in yaml.safe_load_all(text)]
    return [Document(file="x.yaml", index=place, data=one) for place, one in enumerate(found, 1)]


def policy(name: str, ingress: list[int], egress: list[int]) -> Policy:
    def rules(chosen: list[int]) -> tuple[Rule, ...]:
        return tuple(
            Rule(
                peers=tuple(map(CidrSelector, LISTS[one])),
                # Of two protocols: where a dialect has a rule for each, both have the list.
                ports=PortSet.of("TCP", 443 + place) | PortSet.of("UDP", 443),
            )
            for place, one in enumerate(chosen)
        )

    return Policy(
        name=name,
        namespace="shop",
        subject=PodSelector(in_namespace("shop")),
        ingress=rules(ingress),
        egress=rules(egress),
    )


CHOICE = st.lists(st.integers(0, len(LISTS) - 1), max_size=2)


@SETS
@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.lists(st.tuples(CHOICE, CHOICE), min_size=1, max_size=4))
def test_read_back_they_are_the_blocks(target: str, chosen: list) -> None:
    wanted = PolicySet(policies=tuple(policy(f"p{n}", *one) for n, one in enumerate(chosen)))
    told: list[object] = []
    texts = files(dialect_named(target, DIALECTS), wanted)
    found, _ = parse(documents(texts), told.append)
    assert not told
    assert normal(found) == normal(wanted)
    users = [{n for side in one for n in side} for one in chosen]
    shared = [n for n in (0, 2) if sum(n in one for one in users) > 1]
    assert sum(name.startswith("lists/") for name in texts) == len(shared)


def seen(*places: int) -> list:
    return [
        flow(app(name), world(f"198.51.100.{n}"), 443) for name in ("web", "api") for n in places
    ]


KNOWN = inventory(pod("web"), pod("api"))


@SETS
def test_the_name_stays_when_an_address_is_added(target: str) -> None:
    before = proof(learned(seen(1, 3, 5), KNOWN), target)
    after = proof(learned(seen(1, 3, 5, 7), KNOWN), target)
    name = "lists/shop-api-outside.yaml"
    assert yaml.safe_load(before.files[name])["kind"] == KINDS[target]
    assert before.files[name] != after.files[name]
    assert before.files["shop/web.yaml"] == after.files["shop/web.yaml"]
    assert not after.certificate.denied


@SETS
def test_staged_policies_refer_to_lists_too(target: str) -> None:
    found = staged(proof(learned(seen(1, 3, 5), KNOWN), target)).files
    assert yaml.safe_load(found["lists/shop-api-outside.yaml"])["kind"] == KINDS[target]
