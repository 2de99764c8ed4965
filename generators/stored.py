"""A typed object as the API server stores it: without the fields that its kind does not have.

The server decodes it into a struct that lacks the field, keeps the rest and warns (kubectl, which
asks for strict validation, is refused). What was meant by such a field is not in force, so it must
be said. Custom objects are checked by ``schema``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from netpol.fields import Field

__all__ = ["SELECTOR", "TEXTS", "Shape", "pruned"]

Shape: TypeAlias = "Mapping[str, Shape | None]"
"""The fields of an object, or of each object of a list, by name; None: taken as it is.

A field called :data:`TEXTS` says that this is a map from any name to a text, or a list of texts.
"""

TEXTS: Final = "<name>"
SELECTOR: Final[Shape] = {
    "matchLabels": {TEXTS: None},
    "matchExpressions": {"key": None, "operator": None, "values": {TEXTS: None}},
}
"""metav1.LabelSelector."""


def pruned(field: Field, shape: Shape, dropped: Callable[[Field], None]) -> Field:
    """The field without what its shape does not have, each told to ``dropped``; paths stay.

    A null among texts is the empty text.
    """
    return Field(_value(field, shape, dropped), field.path)


def _value(field: Field, shape: Shape | None, dropped: Callable[[Field], None]) -> object:
    if shape is None:
        return field.value
    if isinstance(field.value, list):
        return [_value(one, shape, dropped) for one in field.entries(nulls=True)]
    if not isinstance(field.value, dict):
        return "" if field.value is None and TEXTS in shape else field.value
    if TEXTS in shape:
        return {name: "" if value is None else value for name, value in field.value.items()}
    kept: dict[str, object] = {}
    for name, value in field.value.items():
        if name not in shape:
            dropped(field[name])
        elif value is None:
            continue
        elif (inner := shape.get(name)) is None or not isinstance(value, dict | list):
            kept[name] = value
        else:
            kept[name] = _value(field[name], inner, dropped)
    return kept
