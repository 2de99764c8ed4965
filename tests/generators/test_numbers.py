"""Rules are called by their entries in the object, where these are not rules one to one."""

from __future__ import annotations

from pathlib import Path

import pytest

from generators import parse
from netpol.manifests import load

CALICO = """\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: {name: c, namespace: shop}
spec:
  selector: all()
  types: [Egress]
  egress:
  - {action: Log}
  - {action: Allow, destination: {selector: "a == 'b'"}, source: {selector: "x == 'y' || x == 'z'"}}
  - {action: Log, protocol: UDP}
  - {action: Deny}
"""
CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: c, namespace: shop}
spec:
  endpointSelector: {}
  egress:
  - {}
  - toEndpoints: [{}]
    toPorts: [{ports: [{port: "1"}]}, {ports: [{port: http}]}]
  - toEntities: [world]
"""


@pytest.mark.parametrize(("text", "numbers"), [(CALICO, [2, 2, 4]), (CILIUM, [2, 2, 3])])
def test_a_rule_has_the_number_of_its_entry(tmp_path: Path, text: str, numbers: list[int]) -> None:
    """What only logs is no rule, and what has alternatives is several."""
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    policies, _ = parse(load([path], lambda _: None), lambda _: None)
    (policy,) = policies.policies
    places = range(len(policy.egress or ()))
    assert [policy.number("egress", place) for place in places] == numbers
