"""The truth table of a condition on a label: metav1.LabelSelector, and Calico's operators."""

from __future__ import annotations

import pytest

from netpol.policy import OPPOSITE, Operator, Requirement

TABLE: dict[Operator, tuple[bool, bool, bool]] = {
    # the values are "api" and "web"; of: no label, "web", "web-2"
    "In": (False, True, False),
    "Exists": (False, True, True),
    "Contains": (False, True, True),
    "StartsWith": (False, True, True),
    "EndsWith": (False, True, False),
    "NotIn": (True, False, True),
    "DoesNotExist": (True, False, False),
    "NotContains": (True, False, False),
    "NotStartsWith": (True, False, False),
    "NotEndsWith": (True, False, True),
}


@pytest.mark.parametrize("operator", OPPOSITE)
def test_when_it_holds(operator: Operator) -> None:
    one = Requirement("app", operator, ("api", "web"))
    assert tuple(one.holds(value) for value in (None, "web", "web-2")) == TABLE[operator]
