"""metav1.LabelSelector ↔ requirements: the selector of Kubernetes, and of Cilium beneath its keys.

Source: ``LabelSelectorAsSelector`` and the label validation of k8s.io/apimachinery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from generators.naming import is_label_key, is_label_value
from generators.reading import only
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.policy import Operator, Requirement

__all__ = ["label_key", "label_selector", "positive", "require", "requirements"]

_OPERATORS: Final[tuple[Operator, ...]] = ("In", "NotIn", "Exists", "DoesNotExist")


def require(key: str, operator: Operator, values: Iterable[str] = ()) -> Requirement:
    """A requirement in canonical form: values sorted, each once."""
    return Requirement(key, operator, tuple(sorted(set(values))))


def label_selector(wanted: Iterable[Requirement]) -> dict[str, object]:
    """The shortest LabelSelector for a conjunction: ``matchLabels`` as far as it goes.

    Raises NetpolError for an In or NotIn without values, which no LabelSelector can be.
    """
    labels: dict[str, object] = {}
    expressions: list[object] = []
    for one in sorted(wanted):
        if one.operator in ("In", "NotIn") and not one.values:
            raise NetpolError(f"a selector cannot say {one.operator} without values", where=one.key)
        if one.operator == "In" and len(one.values) == 1 and one.key not in labels:
            labels[one.key] = one.values[0]
            continue
        values = {"values": list(one.values)} if one.values else {}
        expressions.append({"key": one.key, "operator": one.operator, **values})
    selector: dict[str, object] = {}
    if labels:
        selector["matchLabels"] = labels
    if expressions:
        selector["matchExpressions"] = expressions
    return selector


def requirements(field: Field, key: Callable[[Field, str], str]) -> tuple[Requirement, ...]:
    """The conjunction that a LabelSelector is; absent and empty hold for everything.

    ``key`` checks a label key as written and gives it as it is meant. Raises NetpolError for what
    the API server refuses.
    """
    only(field, ("matchLabels", "matchExpressions"))
    labels = field["matchLabels"]
    found = {
        require(key(labels, name), "In", (_label_value(labels[name]),)) for name in labels.table()
    }
    found.update(_expression(one, key) for one in field["matchExpressions"].entries())
    return tuple(sorted(found))


def positive(wanted: Iterable[Requirement]) -> bool:
    """Whether a conjunction needs some label to be there, so that only what has labels meets it.

    Calico and Cilium match namespaces by labels of the pods themselves; a conjunction of negative
    conditions then also holds for what is in no namespace (nodes, the world).
    """
    return any(one.operator in ("In", "Exists") for one in wanted)


def _expression(field: Field, key: Callable[[Field, str], str]) -> Requirement:
    only(field, ("key", "operator", "values"))
    name = key(field["key"], field["key"].text())
    operator: Operator = field["operator"].choice(_OPERATORS)  # type: ignore[assignment]
    values = [_label_value(one) for one in field["values"].entries()]
    if bool(values) != (operator in ("In", "NotIn")):
        field["values"].refuse(f"{operator} takes {'no values' if values else 'values'}")
    return require(name, operator, values)


def label_key(field: Field, name: str) -> str:
    """A label key as the API server takes it."""
    if not is_label_key(name):
        field.refuse("not a label key")
    return name


def _label_value(field: Field) -> str:
    text = field.text()
    if not is_label_value(text):
        field.expected("a label value")
    return text
