"""NP108: traffic that one side allows and the other never does."""

from __future__ import annotations

CLIENT = """
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: web, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: web}}
      policyTypes: [Egress]
      egress:
      - to: [{podSelector: {matchLabels: {app: api}}}]
        ports: [{port: 9000}]
"""
SERVER = """
    ---
    apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: api, namespace: shop}
    spec:
      podSelector: {matchLabels: {app: api}}
      policyTypes: [Ingress]
      ingress:
      - from: [{podSelector: {matchLabels: {app: web}}}]
        ports: [{port: 8080}]
"""


def test_each_side_opens_another_port(look) -> None:
    """docs/semantics.md#both-sides."""
    client, server = look("NP108", CLIENT + SERVER)
    assert client == (
        "shop/web: egress rule 1: TCP 9000 with pods with app=api in namespace shop is opened on"
        " the client's side only: ingress of the server denies it (default deny: shop/api); allow"
        " it there too, or remove it here"
    )
    assert server == (
        "shop/api: ingress rule 1: TCP 8080 with pods with app=web in namespace shop is opened on"
        " the server's side only: egress of the client denies it (default deny: shop/web); allow"
        " it there too, or remove it here"
    )


def test_both_sides_agree(look) -> None:
    assert look("NP108", CLIENT.replace("9000", "8080") + SERVER) == []


def test_a_side_that_is_not_isolated_denies_nothing(look) -> None:
    assert look("NP108", CLIENT) == []
    assert look("NP108", SERVER) == []


def test_a_frame_of_which_something_works_is_no_mistake(look) -> None:
    frame = CLIENT.replace("matchLabels: {app: api}", "").replace(
        "        ports: [{port: 9000}]\n", ""
    )
    assert look("NP108", frame + SERVER) == []


def test_one_of_two_ports_is_named(look) -> None:
    (message,) = look("NP108", CLIENT.replace("9000", "8080}, {port: 9000") + SERVER)
    assert "TCP 9000 with" in message


def test_names_of_ports_count(look) -> None:
    assert look("NP108", CLIENT.replace("9000", "http") + SERVER) == []
    (message, _) = look("NP108", CLIENT.replace("9000", "stats") + SERVER)
    assert "TCP stats with" in message
