"""Reading policies from YAML text."""

import textwrap

import pytest

import generators
from netpol.manifests import load


@pytest.fixture
def read(tmp_path):
    """Text → (policies, notices as text without their place)."""

    def reader(text):
        told = []
        (tmp_path / "p.yaml").write_text(textwrap.dedent(text))
        found, _ = generators.parse(load([tmp_path / "p.yaml"], told.append), told.append)
        return found.policies, [f"{one.code} {one.message}" for one in told]

    return reader
