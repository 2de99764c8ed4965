"""The certificate of larger clusters: nothing unobserved, and a witness for every rule."""

from __future__ import annotations

import pytest
from grown_clusters import CLUSTERS, grown

from generators import DIALECTS
from netpol.cli.proof import prove
from netpol.compare import differences
from netpol.synthesize import Options


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_unobserved_tuple_and_a_witness_for_every_rule(name):
    what, said = grown(name), []
    certificates = []
    for dialect in DIALECTS:
        certificate = prove(what, dialect, Options(), said.append).certificate
        certificates.append(certificate)
        assert certificate.accepted == len(list(what.accepted)) > 600
        assert certificate.denied == ()
        assert certificate.opened == ()
        assert certificate.without_witness == ()
        assert certificate.rules > 200
    assert differences(certificates, what) == ()
    # Neither search was cut, and no two workloads were taken for each other.
    assert {one.code for one in said} <= {"NP020", "NP023"}
