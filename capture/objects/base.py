"""What all objects share: their metadata, and how their fields are spelt."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

__all__ = [
    "Calling",
    "Camel",
    "ConfigMap",
    "LabelPairs",
    "Meta",
    "Object",
    "PortNumber",
    "Protocol",
    "Reference",
]

LabelPairs: TypeAlias = dict[str, str | None]
"""Labels; Kubernetes reads null as the empty string."""
PortNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Protocol: TypeAlias = Literal["TCP", "UDP", "SCTP"]


_MAKERS: Final = frozenset(
    {"CronJob", "DaemonSet", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}
)
"""Kinds that own what they make; other owners may only want it deleted with them."""


class Camel(msgspec.Struct, rename="camel", gc=False, omit_defaults=True):
    """The API's spelling of field names; without cycles, so the collector need not look."""


class Reference(Camel):
    """One of ``ownerReferences``, or a ``workloadRef``."""

    kind: str
    name: str
    controller: bool | None = None


class Meta(Camel):
    """``metadata``; an object that is still to be created may have only a ``generateName``."""

    name: str | None = None
    generate_name: str | None = None
    namespace: str | None = None
    labels: LabelPairs | None = None
    owner_references: list[Reference] | None = None
    uid: str | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def title(self) -> str:
        """The name; empty when the object has none."""
        return self.name or (self.generate_name or "").rstrip("-")

    @property
    def space(self) -> str:
        """The namespace; ``default`` where the object names none."""
        return self.namespace or "default"

    @property
    def controller(self) -> tuple[str, str] | None:
        """(kind, name) of the owner that manages the object.

        Manifests cut down by hand, and Jobs that kubectl made from a CronJob, leave out
        ``controller``: there a sole owner of a kind that makes pods is it.
        """
        owners = self.owner_references or []
        managing = [one for one in owners if one.controller]
        if not managing and len(owners) == 1 and owners[0].controller is None:
            managing = [one for one in owners if one.kind in _MAKERS]
        return (managing[0].kind, managing[0].name) if managing else None


class Object(Camel):
    """What every object has; all there is to a Namespace."""

    metadata: Meta


class Calling(Object):
    """An object that says something of who calls a Service."""


class ConfigMap(Object):
    """A ConfigMap; only those of network plugins are decoded."""

    data: LabelPairs | None = None
