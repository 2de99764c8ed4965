"""What is written for each network plugin in a cluster with every special case, and why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml
from special_cases import SEEN

from generators import DIALECTS
from netpol.cli.proof import dialect_named, prove
from netpol.profile import CNIS, Profile
from netpol.report.certificates import opened_rows
from netpol.report.choices import choices_text
from netpol.synthesize import Options


@pytest.mark.parametrize("profile", CNIS.values(), ids=CNIS)
def test_the_policies_of_a_plugin(golden: Callable[[str, str], None], profile: Profile) -> None:
    dialect = dialect_named(profile.words.name, DIALECTS)
    options = Options(namespaces=frozenset({"shop"}))
    proof = prove(SEEN, dialect, options, lambda _: None, profile)
    certificate = proof.certificate
    assert certificate.denied == ()
    assert certificate.without_witness == ()
    text = "\n".join(choices_text(certificate.choices, profile, "--cni")).strip("\n")
    opened = [row for row in opened_rows(certificate) if "declared" not in str(row["reason"])]
    shown = [*text.splitlines(), *(f"opened: {row}" for row in opened)]
    written = [_screen(text) for name, text in proof.files.items() if "/" in name]
    golden(f"profiles/{profile.name}.yaml", "".join([*(f"# {one}\n" for one in shown), *written]))


def _screen(text: str) -> str:
    """The same object, with what is small on one line."""
    shown = {
        key: value for key, value in yaml.safe_load(text).items() if key in ("metadata", "spec")
    }
    return "---\n" + yaml.safe_dump(shown, default_flow_style=None, width=110, sort_keys=False)
