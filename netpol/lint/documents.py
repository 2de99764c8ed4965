"""Policy objects as they were written, for findings about what reading makes disappear."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from netpol.lint.finding import Finding
from netpol.manifests import Document

__all__ = ["Written", "entries", "objects"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A document that says what it is. ``spec`` is empty where it has none of the right shape."""

    document: Document
    group: str
    """The API group; empty for the core one."""
    kind: str
    title: str
    """``namespace/name``, as far as the document says."""
    spec: Mapping[str, object]

    def finding(self, code: str, message: str) -> Finding:
        """A finding about this object."""
        origin = f"{self.document.where}, {self.kind} {self.title}"
        return Finding(code=code, policy=self.title, origin=origin, message=message)


def objects(documents: Iterable[Document]) -> Iterator[Written]:
    """The documents that are Kubernetes objects."""
    for one in documents:
        match one.data:
            case {"apiVersion": str(version), "kind": str(kind)}:
                spec = one.data.get("spec")
                yield Written(
                    document=one,
                    group=version.partition("/")[0] if "/" in version else "",
                    kind=kind,
                    title=_title(one.data, kind),
                    spec=spec if isinstance(spec, dict) else {},
                )


def _title(data: Mapping[str, object], kind: str) -> str:
    metadata = data.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    name, namespace = known.get("name"), known.get("namespace")
    if not isinstance(namespace, str):
        # Kinds that are global are named so; all others land in the default namespace.
        namespace = "" if "Global" in kind or "Cluster" in kind or "Admin" in kind else "default"
    return f"{namespace}/{name if isinstance(name, str) else '?'}".removeprefix("/")


def entries(value: object) -> list[dict[str, object]]:
    """The objects of a list; nothing where it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
