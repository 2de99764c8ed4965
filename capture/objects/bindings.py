"""Who is given rights in the API of the cluster: what runs as such an account calls it.

Source: rbac.authorization.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Iterator

from capture.objects.base import Camel, Object

__all__ = ["RBAC", "Binding"]

RBAC = "rbac.authorization.k8s.io"
"""The API group."""
_ACCOUNTS = "system:serviceaccounts:"
"""The group of all accounts of a namespace."""


class _Subject(Camel):
    kind: str
    name: str
    namespace: str | None = None


class Binding(Object):
    """A RoleBinding or ClusterRoleBinding."""

    subjects: list[_Subject] | None = None

    @property
    def accounts(self) -> Iterator[tuple[str, str]]:
        """(namespace, ServiceAccount); without a name: all of the namespace.

        The groups of everybody have rights, too; they say of nobody that he uses them.
        """
        for one in self.subjects or ():
            if one.kind == "ServiceAccount":
                yield one.namespace or self.metadata.space, one.name
            elif one.kind == "Group" and one.name.startswith(_ACCOUNTS):
                yield one.name.removeprefix(_ACCOUNTS), ""
