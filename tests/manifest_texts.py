"""Manifests of known policies, in every format that people keep them in."""

from __future__ import annotations

import json
from pathlib import Path

from netpol.manifests import dump, load
from netpol.notices import Notice


def policy(name: str, **spec: object) -> dict[str, object]:
    """A NetworkPolicy."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {"matchLabels": {"app": name}}, **spec},
    }


A, B, C = (policy(name) for name in "abc")


def yamls(*objects: dict[str, object]) -> str:
    """A document each."""
    return "---\n".join(dump(one) for one in objects)


def listed(*objects: object) -> dict[str, object]:
    """As ``kubectl get -o json`` orders it: the kind comes after the items."""
    return {"apiVersion": "v1", "items": list(objects), "kind": "List", "metadata": {}}


def pretty(value: object) -> str:
    """As kubectl indents it."""
    return json.dumps(value, indent=4) + "\n"


def read(folder: Path, text: str | bytes, name: str = "x.yaml") -> tuple[list[str], list[str]]:
    """(names of the policies, what was said) of one file."""
    told: list[Notice] = []
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    names = [str(one.data["metadata"]["name"]) for one in load([file], told.append)]  # type: ignore[index]
    return names, [str(one).replace(str(file), name) for one in told]
