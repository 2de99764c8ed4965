"""The service graph as JSON rows and as pictures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from scenes import UNANSWERED, app, entity, flow, learned, world

from netpol.learn import Learned
from netpol.peers import Endpoint
from netpol.report.graphs import dot, graph_object, mermaid

SHOP = learned(
    [
        flow(world("198.51.100.7"), app("web"), 8443),
        flow(app("web"), app("api")),
        flow(app("web"), app("api"), 9090),
        flow(app("api"), app("db", "data", "db-0"), 5432),
        flow(app("api"), app("web"), 2048, protocol="ICMP"),
        flow(app("api"), entity("kube-apiserver", ip="10.0.0.1"), 6443),
        flow(app("api"), world("198.51.100.8", names=frozenset({"api.example.org"})), 443),
        flow(app("web"), app("db", "data", "db-0"), 5432, signals=UNANSWERED),
        flow(Endpoint(ip="203.0.113.1"), app("web"), 8443),
    ]
)


def named(name: str, namespace: str = "shop") -> Learned:
    """A graph with a pod of any name."""
    return learned([flow(app("x", namespace, pod=name), app("y", namespace))])


# --- JSON


def test_json_of_the_graph(golden: Callable[[str, str], None]) -> None:
    golden("graphs/shop.json", json.dumps(graph_object(SHOP), indent=2) + "\n")


def test_rows_are_sorted_and_balance() -> None:
    shown = graph_object(SHOP)
    keys = [(r["client"], r["server"], r["protocol"], r["ports"]) for r in shown["connections"]]
    assert keys == sorted(keys)
    assert shown["records"]["read"] == 9
    assert len(shown["held"]) == 2


def test_nothing_learned_is_an_empty_graph() -> None:
    shown = graph_object(learned([]))
    assert (shown["connections"], shown["held"], shown["attributed_share"]) == ([], [], 1.0)


def test_icmp_reads_alike_in_every_row() -> None:
    def ping(client: Endpoint) -> dict:
        what = learned([flow(client, app("web"), 2048, protocol="ICMP", signals=UNANSWERED)])
        return graph_object(what)["held"][0]

    assert ping(Endpoint(ip="203.0.113.1"))["ports"] == ping(app("api"))["ports"] == "8"


# --- pictures


def test_dot_of_the_graph(golden: Callable[[str, str], None]) -> None:
    golden("graphs/shop.dot", dot(SHOP.accepted))


def test_mermaid_of_the_graph(golden: Callable[[str, str], None]) -> None:
    golden("graphs/shop.mmd", mermaid(SHOP.accepted))


def test_pictures_of_nothing() -> None:
    empty = learned([]).accepted
    assert dot(empty).endswith("}\n")
    assert mermaid(empty) == "flowchart LR\n"


@pytest.mark.parametrize("name", ['a"b', "a\\", 'a\\"b'])
def test_dot_quotes_what_names_contain(name: str) -> None:
    """Every line is made of quoted texts with nothing odd between them."""
    for line in dot(named(name).accepted).splitlines():
        rest = re.sub(r'"(\\.|[^"\\])*"', "", line)
        assert '"' not in rest


@pytest.mark.parametrize("name", ['a"]b', 'a"];click n0 "https://example.org'])
def test_mermaid_quotes_what_names_contain(name: str) -> None:
    lines = mermaid(named(name).accepted).splitlines()
    assert all(line.count('"') in (0, 2) for line in lines)


def test_mermaid_ids_of_namespaces_and_nodes_differ() -> None:
    lines = mermaid(named("x-0", namespace="n0").accepted).splitlines()
    groups = {m[1] for line in lines if (m := re.match(r'\s*subgraph "?([^"\[ ]+)', line))}
    nodes = {m[1] for line in lines if (m := re.match(r"\s*(n\d+)\[", line))}
    assert not groups & nodes


def test_graphml_is_xml_with_every_connection() -> None:
    root = ElementTree.fromstring(SHOP.accepted.graphml())
    assert sum(element.tag.endswith("}edge") for element in root.iter()) == len(SHOP.accepted)


def test_graphml_is_xml_whatever_names_contain() -> None:
    ElementTree.fromstring(named("a\x1bb").accepted.graphml())
