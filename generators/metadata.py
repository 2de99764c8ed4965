"""The metadata of an object, as the API server checks it.

Most of it says nothing about policies, but with something wrong in it the object is refused.
Sources: ``ObjectMeta`` of k8s.io/apimachinery and ``pkg/api/validation/objectmeta.go`` there; for
finalizers without a domain ``ValidateFinalizerName`` of kubernetes/kubernetes.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from generators.naming import is_label_key, is_label_value, is_name, is_namespace
from generators.schema import ANY, FLAG, WHOLE, Dropped, listed, mapped, stored, table, text
from netpol.fields import Field

__all__ = ["checked", "name_of", "namespace_of"]

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[-+]\d\d:\d\d)", re.ASCII)
_MAX_ANNOTATIONS: Final = 256 * 1024
_GENERATED: Final = 63 - 5
"""Characters of a generateName that the server keeps in front of the five it makes up."""
_TYPED: Final = "networking.k8s.io/"
_STANDARD_FINALIZERS: Final = frozenset({"kubernetes", "orphan", "foregroundDeletion"})


def _is_time(value: str) -> bool:
    if not _RFC3339.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


_TIME: Final = text(rules=(("", "a time such as 2026-01-31T08:00:00Z is expected", _is_time),))
_OWNER: Final = table(
    {
        **dict.fromkeys(("apiVersion", "kind", "name", "uid"), text()),
        "controller": FLAG,
        "blockOwnerDeletion": FLAG,
    }
)
_MANAGED: Final = table(
    {
        **dict.fromkeys(
            ("manager", "operation", "apiVersion", "fieldsType", "subresource"), text()
        ),
        "time": _TIME,
        "fieldsV1": ANY,
    }
)
_METADATA: Final = table(
    {
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid"), text()),
        "resourceVersion": text(),
        "generation": WHOLE,
        "creationTimestamp": _TIME,
        "deletionTimestamp": _TIME,
        "deletionGracePeriodSeconds": WHOLE,
        "labels": mapped(text()),
        "annotations": mapped(text()),
        "ownerReferences": listed(_OWNER),
        "finalizers": listed(text()),
        "managedFields": listed(_MANAGED),
    }
)


def checked(body: Field, dropped: Dropped) -> Field:
    """The metadata of an object, without the fields that there are not (told to ``dropped``).

    Raises NetpolError for what the API server refuses.
    """
    metadata = stored(Field(body["metadata"].table(), body["metadata"].path), _METADATA, dropped)
    _check_labels(metadata)
    _check_owners(metadata["ownerReferences"])
    _check_finalizers(metadata["finalizers"], body["apiVersion"].text("").startswith(_TYPED))
    return metadata


def name_of(metadata: Field) -> str:
    """The name; for ``generateName`` alone one of those that the API server could make up."""
    name, prefix = metadata["name"], metadata["generateName"]
    if prefix.text("") and not is_name(_masked(prefix.text())):
        prefix.expected("the beginning of a DNS name")
    made = f"{prefix.text('')[:_GENERATED]}xxxxx" if prefix.text("") else ""
    found = name.text("") or made
    if not is_name(found):
        (name if name.text("") or not made else prefix).expected("a DNS name")
    return found


def _masked(prefix: str) -> str:
    """A prefix may end in a dash (``maskTrailingDash``)."""
    return f"{prefix[:-2]}a" if len(prefix) > 1 and prefix.endswith("-") else prefix


def namespace_of(metadata: Field) -> str:
    """The namespace of an object that is in one."""
    found = metadata["namespace"].text("") or "default"
    if not is_namespace(found):
        metadata["namespace"].expected("a namespace, which is a DNS label")
    return found


def _check_labels(metadata: Field) -> None:
    for name, one in metadata["labels"].children():
        if not is_label_key(name):
            one.refuse("not a label key")
        if not is_label_value(one.text()):
            one.expected("a label value")
    size = 0
    for name, one in metadata["annotations"].children():
        if not is_label_key(name.lower()):
            one.refuse("not a key of an annotation")
        size += len(name.encode()) + len(one.text().encode())
    if size > _MAX_ANNOTATIONS:
        metadata["annotations"].refuse(f"more than {_MAX_ANNOTATIONS} bytes")


def _check_owners(owners: Field) -> None:
    controllers = set[str]()
    for one in owners.entries():
        for name in ("apiVersion", "kind", "name", "uid"):
            if not one[name].text(""):
                one[name].refuse("is required")
        version = one["apiVersion"].text()
        if version.count("/") > 1 or version.endswith("/"):
            one["apiVersion"].refuse("not the version of an API")
        if (version, one["kind"].value) == ("v1", "Event"):
            one.refuse("an Event owns nothing")
        if one["controller"].flag(False):
            controllers.add(one["uid"].text())
    if len(controllers) > 1:
        owners.refuse("only one owner may be the controller")


def _check_finalizers(finalizers: Field, typed: bool) -> None:
    for one in finalizers.entries():
        if not is_label_key(one.text()):
            one.refuse("not the name of a finalizer")
        if typed and "/" not in one.text() and one.text() not in _STANDARD_FINALIZERS:
            one.refuse("a finalizer of one's own needs a domain and a slash in front")
    if {"orphan", "foregroundDeletion"} <= {one.value for one in finalizers.entries()}:
        finalizers.refuse("not orphan and foregroundDeletion at once")
