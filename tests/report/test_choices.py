"""What a profile decided, in words."""

from __future__ import annotations

from netpol.profile import CNIS
from netpol.report.choices import choices_text


def test_a_plugin_for_which_nothing_had_to_be_decided_is_no_empty_heading() -> None:
    assert list(choices_text((), CNIS["cilium"], "inventory")) == [
        "\n  For cilium (from the inventory): nothing had to be decided for it"
    ]
    assert list(choices_text((), CNIS["cilium"], "dialect")) == []
