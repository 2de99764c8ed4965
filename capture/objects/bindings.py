"""Who is given rights in the API of the cluster: what runs as such an account calls it.

Source: rbac.authorization.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Iterator

from capture.objects.base import Camel, Object

__all__ = ["RBAC", "Binding"]

RBAC = "rbac.authorization.k8s.io"
"""The API group."""


class _Subject(Camel):
    kind: str
    name: str
    namespace: str | None = None


class Binding(Object):
    """A RoleBinding or ClusterRoleBinding."""

    subjects: list[_Subject] | None = None

    @property
    def accounts(self) -> Iterator[tuple[str, str]]:
        """(namespace, ServiceAccount).

        Groups of accounts have rights, too (to pull images, say), which says of nobody that he uses
        them.
        """
        for one in self.subjects or ():
            if one.kind == "ServiceAccount":
                yield one.namespace or self.metadata.space, one.name
