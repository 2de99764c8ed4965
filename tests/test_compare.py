"""Where dialects differ, it is said, and nothing else is."""

from __future__ import annotations

import pytest
from scenes import TARGETS, app, flow, learned, proof, world

from netpol.compare import Difference, differences
from netpol.learn import Learned


def found(what: Learned, **options) -> tuple[Difference, ...]:
    return differences((proof(what, t, **options).certificate for t in TARGETS), what)


def said(what: Learned, **options) -> list[tuple[str, str]]:
    return [(one.dialect, str(one.ports)) for one in found(what, **options)]


NAMED = flow(app("web"), world("198.51.100.7", names=frozenset({"api.example.org"})), 443)


def test_plain_connections_are_the_same_everywhere() -> None:
    assert said(learned([flow(app("web"), app("api"), p) for p in (53, 80, 443)])) == []


def test_nothing_differs_in_nothing() -> None:
    assert said(learned([])) == []


@pytest.mark.parametrize(("protocol", "port"), [("ICMP", 2048), ("ICMPv6", 128 * 256)])
def test_icmp_has_no_word_in_kubernetes(protocol: str, port: int) -> None:
    (one,) = found(learned([flow(app("web"), app("api"), port, protocol=protocol)]))
    assert one.dialect == "kubernetes"
    assert "ICMP" in one.reason


def test_names_are_addresses_where_the_dialect_has_no_names() -> None:
    what = learned([NAMED])
    assert said(what) == [("calico", "TCP 443"), ("kubernetes", "TCP 443")]
    assert all("api.example.org" in one.reason for one in found(what))


def test_an_address_without_a_name_is_the_same_everywhere() -> None:
    assert said(learned([flow(app("web"), world("198.51.100.7"), 443)])) == []


def test_the_order_of_certificates_does_not_show() -> None:
    what = learned([NAMED, flow(app("web"), app("api"), 2048, protocol="ICMP")])
    certificates = [proof(what, target).certificate for target in TARGETS]
    assert differences(certificates, what) == differences(reversed(certificates), what)


def test_what_no_policy_speaks_of_is_no_difference() -> None:
    what = learned([NAMED, flow(app("x", "free"), app("y", "free"))])
    assert said(what, exclude=frozenset({"shop"})) == []
