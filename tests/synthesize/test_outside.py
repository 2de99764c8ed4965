"""Peers that are no pods, in what each dialect can say, and never more than was seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from scenes import HOUR, TARGETS, app, entity, flow, inventory, labels, learned, pod, proof, world

from generators import DIALECTS
from netpol.answers import Answer
from netpol.cli.proof import dialect_named, prove
from netpol.inventory import Inventory, Node, Service, ServicePort
from netpol.learn import Learned
from netpol.notices import Notice
from netpol.synthesize import Bound, Options
from netpol.synthesize.outside import WORLD_AFTER

WEB = pod("web-6d9c7f8b45-x2k9q", owner="web")
DNS = app("coredns", "kube-system", labels=labels(**{"k8s-app": "kube-dns"}))


def spec(what: Learned, target: str = "kubernetes", **options) -> dict:
    """The spec of ``shop/web``, of policies that suffice and open nothing."""
    found = proof(what, target, **options)
    assert not found.certificate.denied
    assert not found.certificate.without_witness
    return yaml.safe_load(found.files["shop/web.yaml"])["spec"]


def blocks(rules: list[dict], side: str) -> set[str]:
    return {peer["ipBlock"]["cidr"] for rule in rules for peer in rule[side]}


def public(**more) -> Inventory:
    """The workload ``web`` behind a load balancer, port 443 → 8443."""
    given = {
        "namespace": "shop",
        "name": "lb",
        "type": "LoadBalancer",
        "selector": labels(app="web"),
        "ports": (ServicePort(port=443, target=8443),),
    }
    return inventory(WEB, services={("shop", "lb"): Service(**{**given, **more})})


def clients(*ips: str, port: int = 8443) -> list:
    return [flow(world(ip), app("web"), port) for ip in ips]


# --- destinations


def test_neighbouring_addresses_with_equal_ports_are_one_block() -> None:
    flows = [flow(app("web"), world(f"198.51.100.{n}"), 443) for n in (6, 7)]
    assert blocks(spec(learned(flows))["egress"], "to") == {"198.51.100.6/31"}


def test_neighbouring_addresses_with_other_ports_stay_apart() -> None:
    flows = [flow(app("web"), world(f"198.51.100.{n}"), 440 + n) for n in (6, 7)]
    rules = spec(learned(flows))["egress"]
    assert blocks(rules, "to") == {"198.51.100.6/32", "198.51.100.7/32"}
    assert len(rules) == 2


def test_many_destinations_are_never_the_internet() -> None:
    flows = [flow(app("web"), world(f"198.51.100.{n}"), 443) for n in range(0, 80, 2)]
    assert len(blocks(spec(learned(flows))["egress"], "to")) == 40


@pytest.mark.parametrize("target", TARGETS)
def test_both_families_of_one_destination(target: str) -> None:
    flows = [flow(app("web"), world(ip), 443) for ip in ("198.51.100.7", "2001:db8::7")]
    text = str(spec(learned(flows), target))
    assert "198.51.100.7/32" in text
    assert "2001:db8::7/128" in text


# --- clients


def test_clients_of_an_exposed_port_are_the_internet_but_not_private_networks() -> None:
    (rule,) = spec(learned(clients("198.51.100.7"), public()))["ingress"]
    (peer,) = rule["from"]
    assert peer["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert {"10.0.0.0/8", "169.254.0.0/16"} <= set(peer["ipBlock"]["except"])
    assert rule["ports"] == [{"protocol": "TCP", "port": 8443}]


def test_clients_of_both_families_are_the_internet_of_both() -> None:
    rules = spec(learned(clients("198.51.100.7", "2001:db8::7"), public()))["ingress"]
    assert blocks(rules, "from") == {"0.0.0.0/0", "::/0"}


OFFICES = ("192.0.2.0/24", "198.51.100.0/25", "2001:db8::/32", "10.0.0.0/8")


@pytest.mark.parametrize("target", TARGETS)
def test_clients_that_a_load_balancer_lets_in_are_its_block(target: str) -> None:
    """One customer is as welcome as the other; of networks from which nobody came none is."""
    known = public(source_ranges=OFFICES)
    text = str(spec(learned(clients("198.51.100.7", "203.0.113.9"), known), target))
    assert "198.51.100.0/25" in text
    assert "203.0.113.9/32" in text, "he came by another way, and is one client"
    assert not any(one in text for one in ("0.0.0.0/0", "192.0.2", "2001:db8::", "10.0.0.0"))


def test_who_comes_from_none_of_the_blocks_opens_none() -> None:
    rules = spec(learned(clients("203.0.113.9"), public(source_ranges=OFFICES)))["ingress"]
    assert blocks(rules, "from") == {"203.0.113.9/32"}


def test_a_wide_block_leaves_out_what_is_no_internet() -> None:
    known = public(source_ranges=("128.0.0.0/1",))
    ((peer,),) = (rule["from"] for rule in spec(learned(clients("203.0.113.9"), known))["ingress"])
    assert peer["ipBlock"]["cidr"] == "128.0.0.0/1"
    assert "169.254.0.0/16" in peer["ipBlock"]["except"]
    assert "10.0.0.0/8" not in peer["ipBlock"]["except"]


def test_what_another_service_shows_to_everybody_is_open_to_everybody() -> None:
    known = public(source_ranges=OFFICES)
    other = replace(known.services["shop", "lb"], name="all", source_ranges=())
    known = replace(known, services={**known.services, ("shop", "all"): other})
    rules = spec(learned(clients("198.51.100.7"), known))["ingress"]
    assert blocks(rules, "from") == {"0.0.0.0/0"}


@pytest.mark.parametrize("target", TARGETS)
def test_private_clients_of_a_load_balancer_stay_addresses(target: str) -> None:
    text = str(spec(learned(clients(*(f"10.9.0.{n}" for n in range(40))), public()), target))
    assert "10.9.0.0/27" in text
    assert "0.0.0.0/0" not in text
    assert "world" not in text


@pytest.mark.parametrize(("count", "everyone"), [(WORLD_AFTER, False), (WORLD_AFTER + 1, True)])
def test_a_port_with_many_public_clients_is_open_to_the_internet(
    count: int, everyone: bool
) -> None:
    flows = clients(*(f"198.51.{n}.7" for n in range(count)))
    rules = spec(learned(flows), allow_world=True)["ingress"]
    assert ("0.0.0.0/0" in blocks(rules, "from")) is everyone


def test_not_even_many_clients_are_the_internet_unless_somebody_says_so() -> None:
    flows = clients(*(f"198.51.{2 * n}.7" for n in range(WORLD_AFTER + 1)))
    told: list[Notice] = []
    what = learned(flows)
    made = prove(what, dialect_named("kubernetes", DIALECTS), Options(), told.append)
    rules = yaml.safe_load(made.files["shop/web.yaml"])["spec"]["ingress"]
    assert len(blocks(rules, "from")) == WORLD_AFTER + 1
    assert [one.code for one in told] == ["NP051"]


def test_clients_are_counted_per_port() -> None:
    flows = [
        *clients(*(f"198.51.{n}.7" for n in range(10))),
        *clients(*(f"203.0.{n}.7" for n in range(10)), port=9),
    ]
    assert "0.0.0.0/0" not in blocks(spec(learned(flows))["ingress"], "from")


def test_private_clients_beside_the_internet_keep_their_addresses() -> None:
    flows = clients("10.9.0.1", *(f"198.51.{n}.7" for n in range(20)))
    assert blocks(spec(learned(flows), allow_world=True)["ingress"], "from") == {
        "0.0.0.0/0",
        "10.9.0.1/32",
    }


@pytest.mark.parametrize("target", TARGETS)
def test_a_port_that_no_service_exposes_is_not_opened_to_the_internet(target: str) -> None:
    """One client of the metrics port of a public web server opens it to everybody."""
    text = str(spec(learned(clients("198.51.100.7", port=9100), public()), target))
    assert "198.51.100.7/32" in text
    assert "world" not in text


def test_a_family_in_which_nobody_came_is_not_opened() -> None:
    flows = [*clients(*(f"198.51.{n}.7" for n in range(20))), *clients("2001:db8::7", port=9)]
    assert blocks(spec(learned(flows), allow_world=True)["ingress"], "from") == {
        "0.0.0.0/0",
        "2001:db8::7/128",
    }


def test_the_internet_leaves_out_public_addresses_of_the_cluster() -> None:
    nodes = {"n": Node(name="n", addresses=("203.0.113.9",), pod_cidrs=("198.18.0.0/24",))}
    known = inventory(WEB, nodes=nodes, services=dict(public().services))
    (rule,) = spec(learned(clients("198.51.100.7"), known))["ingress"]
    assert {"203.0.113.9/32", "198.18.0.0/24"} <= set(rule["from"][0]["ipBlock"]["except"])


# --- entities


@pytest.mark.parametrize("name", ["host", "remote-node", "kube-apiserver"])
def test_an_entity_has_its_name_in_cilium(name: str) -> None:
    what = learned([flow(app("web"), entity(name, ip="10.0.0.1"), 6443)])
    (rule,) = spec(what, "cilium")["egress"]
    assert rule["toEntities"] == [name]


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_an_entity_is_its_addresses_elsewhere(target: str) -> None:
    what = learned([flow(app("web"), entity("kube-apiserver", ip="10.0.0.1"), 6443)])
    assert "10.0.0.1/32" in str(spec(what, target))


def test_a_pods_own_node_needs_no_rule() -> None:
    what = learned([flow(entity("host", ip="10.0.0.1"), app("web")), flow(app("web"), app("api"))])
    assert "ingress" not in spec(what)


def test_a_resolver_on_the_node_is_allowed_at_the_address_that_was_asked_and_no_other() -> None:
    nodes = {"n": Node(name="n", addresses=("10.0.0.1",))}
    what = learned(
        [flow(app("web"), entity("host", ip="169.254.20.10"), 53, protocol="UDP")],
        inventory(nodes=nodes),
    )
    assert blocks(spec(what, dns=False)["egress"], "to") == {"169.254.20.10/32"}


# --- names


def called(*names: str, ip: str = "198.51.100.7") -> list:
    asked = [
        flow(
            *(app("web"), DNS, 53),
            protocol="UDP",
            answers=frozenset({Answer(name, ip, HOUR, HOUR)}),
        )
        for name in names
    ]
    return [*asked, flow(app("web"), world(ip), 443)]


def test_a_destination_known_by_name_is_that_name_in_cilium() -> None:
    (rule,) = spec(learned(called("api.example.org")), "cilium")["egress"]
    assert rule["toFQDNs"] == [{"matchName": "api.example.org"}]


def test_dns_is_inspected_where_names_are_allowed() -> None:
    files = proof(learned(called("api.example.org")), "cilium").files
    assert "matchPattern: '*'" in files["shop/allow-dns.yaml"]


@pytest.mark.parametrize("target", ["kubernetes", "calico"])
def test_a_destination_known_by_name_is_its_address_elsewhere(target: str) -> None:
    assert "198.51.100.7/32" in str(spec(learned(called("api.example.org")), target))


@pytest.mark.parametrize("name", ["*", "*.example.org", "**.org"])
def test_a_name_with_a_star_never_opens_a_pattern(name: str) -> None:
    """Any pod may ask for ``*``; what it was answered must not open every name."""
    rules = str(spec(learned(called(name)), "cilium")["egress"])
    assert "matchPattern" not in rules
    assert "198.51.100.7/32" in rules


@pytest.mark.parametrize("name", ["bad name!", "x" * 300, ""])
def test_a_name_that_cilium_does_not_take_is_its_address(name: str) -> None:
    """One odd DNS query must not stop the whole run."""
    assert "198.51.100.7/32" in str(spec(learned(called(name)), "cilium")["egress"])


@pytest.mark.parametrize("options", [{"dns": False}, {}])
def test_where_dns_is_not_inspected_names_are_addresses(options) -> None:
    """Cilium learns the addresses of a name from DNS that passes its proxy, and only from it."""
    flows = called("api.example.org")
    if not options:
        asked = {"answers": flows[0].answers, "protocol": "UDP"}
        flows[0] = flow(app("web"), entity("host", ip="172.18.0.2"), 53, **asked)
    assert "198.51.100.7/32" in str(spec(learned(flows), "cilium", **options)["egress"])


def test_a_client_known_by_name_is_still_an_address() -> None:
    """Cilium has no names in ingress."""
    one = flow(world("198.51.100.7", names=frozenset({"cron.example.org"})), app("web"))
    assert "198.51.100.7/32" in str(spec(learned([one]), "cilium")["ingress"])


def test_an_api_server_on_a_node_that_may_come_in_needs_no_second_rule() -> None:
    node = Node(name="n", addresses=("172.18.0.9",))
    known = inventory(nodes={"n": node}, api_servers=("172.18.0.9",))
    flows = [
        flow(entity("remote-node", ip="172.18.0.9"), app("web"), 8080),
        flow(entity("remote-node", ip="172.18.0.9"), app("web"), 53),
        flow(entity("kube-apiserver", ip="172.18.0.9"), app("web"), 8080),
    ]
    found = proof(learned(flows, known), "cilium").certificate
    assert (found.denied, found.without_witness) == ((), ())


# --- shorter lists


@pytest.mark.parametrize("target", TARGETS)
def test_a_list_is_shortened_within_the_bound_and_the_price_is_told(target: str) -> None:
    flows = [flow(app("web"), world(f"198.51.100.{n}"), 443) for n in (4, 6, 7, 64)]
    made = proof(learned(flows), target, bound=Bound(addresses=1))
    assert "198.51.100.4/30" in made.files["shop/web.yaml"]
    assert "198.51.100.64/32" in made.files["shop/web.yaml"]
    (one,) = made.certificate.widened
    assert (one.addresses, one.direction) == (1, "egress")
    assert one.blocks == ("198.51.100.4/30", "198.51.100.64/32")
    assert not made.certificate.denied


def test_no_address_of_the_cluster_or_of_private_networks_is_opened() -> None:
    seen = ("198.51.100.1", "198.51.100.3", "10.9.0.1", "10.9.0.3")
    node = Node(name="n", addresses=("198.51.100.2",))
    known = inventory(WEB, nodes={"n": node})
    flows = [flow(app("web"), world(one), 443) for one in seen]
    told: list[Notice] = []
    made = prove(
        learned(flows, known),
        dialect_named("kubernetes", DIALECTS),
        Options(bound=Bound(blocks=1)),
        told.append,
    )
    rules = yaml.safe_load(made.files["shop/web.yaml"])["spec"]["egress"]
    assert blocks(rules, "to") == {f"{one}/32" for one in seen}
    assert [one.code for one in told] == ["NP050"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_internet_without_an_address_is_opened_only_when_asked_for(target) -> None:
    flows = [
        flow(app("web"), app("api")),
        flow(app("web"), entity("world"), 443),
        flow(entity("world"), app("web"), 22),
    ]
    made = proof(learned(flows), target)
    assert "0.0.0.0/0" not in "".join(made.files.values())
    assert {one.reason for one in made.synthesis.learned.held} == {
        "somebody on the internet, of whom no address is told"
    }
    assert len(made.synthesis.learned.held) == 2
    asked = proof(learned(flows), target, allow_world=True)
    assert "0.0.0.0/0" in asked.files["shop/web.yaml"]
    assert asked.synthesis.learned.held == ()


def test_who_comes_to_a_service_that_is_shown_to_the_internet_needs_no_address() -> None:
    public = Service(
        namespace="shop",
        name="web",
        type="LoadBalancer",
        selector=(("app", "web"),),
        ports=(ServicePort(port=443, target=8443),),
    )
    known = inventory(pod("web"), services={("shop", "web"): public})
    made = proof(learned([flow(entity("world"), app("web", pod="web"), 8443)], known))
    assert "0.0.0.0/0" in made.files["shop/web.yaml"]
    assert made.synthesis.learned.held == ()
