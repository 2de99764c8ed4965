"""An object as the API server stores it: without the fields that its kind does not have.

Typed kinds are decoded into structs that lack the field, custom kinds are pruned by their schema;
either way the server keeps the rest and warns (kubectl, which asks for strict validation, is
refused). What was meant by such a field is not in force, so it must be said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from netpol.fields import Field

__all__ = ["KEPT", "SELECTOR", "TEXTS", "Shape", "pruned"]

Shape: TypeAlias = "Mapping[str, Shape | None]"
"""The fields of an object, or of each object of a list, by name; None: taken as it is.

A field called :data:`KEPT` says that others are kept too, one called :data:`TEXTS` that this is a
map from any name to a text, or a list of texts.
"""

KEPT: Final = "*"
TEXTS: Final = "<name>"
SELECTOR: Final[Shape] = {
    "matchLabels": {TEXTS: None},
    "matchExpressions": {"key": None, "operator": None, "values": {TEXTS: None}},
}
"""metav1.LabelSelector."""


def pruned(
    field: Field, shape: Shape, dropped: Callable[[Field], None], *, typed: bool = False
) -> Field:
    """The field without what its shape does not have, each told to ``dropped``; paths stay.

    A null among texts is the empty text to a ``typed`` kind; a custom one drops it from a map.
    """
    return Field(_value(field, shape, dropped, typed), field.path)


def _value(
    field: Field, shape: Shape | None, dropped: Callable[[Field], None], typed: bool
) -> object:
    if shape is None:
        return field.value
    if isinstance(field.value, list):
        return [_value(one, shape, dropped, typed) for one in field.entries(nulls=True)]
    if not isinstance(field.value, dict):
        return "" if typed and field.value is None and TEXTS in shape else field.value
    if TEXTS in shape:
        blank = {name: "" for name, value in field.value.items() if value is None and typed}
        return {name: value for name, value in field.value.items() if value is not None} | blank
    kept: dict[str, object] = {}
    for name, value in field.value.items():
        if value is None:
            continue
        if name not in shape and KEPT not in shape:
            dropped(field[name])
        elif (inner := shape.get(name)) is None or not isinstance(value, dict | list):
            kept[name] = value
        else:
            kept[name] = _value(field[name], inner, dropped, typed)
    return kept
