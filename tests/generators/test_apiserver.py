"""Objects that a real API server took or refused are read or refused.

``verdicts/apiserver.json`` holds what kube-apiserver of the release named there, with the CRDs of
network-policy-api, Calico and Cilium, said of the objects of ``mutants``: one bit each, in order.
"""

import json
from pathlib import Path

import pytest
from mutants import good, mutants

import generators
from netpol.manifests import Document

RECORDED = json.loads((Path(__file__).parent / "verdicts" / "apiserver.json").read_text())["kinds"]
REFUSED = {"NP063", "NP079"}
"""NP079 is for spellings that servers from 1.36 on refuse, and this was one."""
STRICTER = ("projectcalico.org", "cilium.io")
"""Engines that refuse more than their CRDs say."""


def refused(whole):
    told = []
    generators.parse([Document(file="x.yaml", index=1, data=whole)], told.append)
    return bool({one.code for one in told} & REFUSED)


@pytest.mark.parametrize(("title", "whole"), [pytest.param(*one, id=one[0]) for one in good()])
def test_what_the_server_refuses_is_refused(title, whole):
    count, bits = RECORDED[title]["count"], int(RECORDED[title]["accepted"], 16)
    asked = list(mutants(whole))
    assert len(asked) == count
    wrong = []
    for number, one in enumerate(asked, 1):
        accepted = bool(bits >> (count - number) & 1)
        more = accepted and any(engine in title for engine in STRICTER)
        if refused(one) == accepted and not more:
            wrong.append((accepted, one))
    print(f"\n{title}: {count - len(wrong)} of {count} agree")
    assert wrong[:3] == []
