"""The other documents that a Cilium policy refers to: CIDR groups and Services.

Sources: Cilium "CIDRGroup" and "Services based" pages, ``pkg/policy/k8s/{service,
cilium_cidr_group}.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from generators.endpoints import KINDS, Backends, backends
from generators.metadata import name_of
from generators.reading import block, identity, taken, title_of, undecided
from generators.selectors import label_key, positive, requirements
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import overlaps
from netpol.notices import Notice, Tell
from netpol.policy import PodSelector, Requirement, Selector, in_namespace

__all__ = ["CONTEXT", "Around", "Group", "Service", "around"]

_GROUPS: Final = (("cilium.io/v2", "CiliumCIDRGroup"), ("cilium.io/v2alpha1", "CiliumCIDRGroup"))
_SERVICE: Final = ("v1", "Service")
CONTEXT: Final = frozenset({*_GROUPS, _SERVICE, *KINDS})
"""(apiVersion, kind) of the objects that are no policies and that policies refer to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A CiliumCIDRGroup; ``blocks`` is None where it could not be read."""

    name: str
    labels: Mapping[str, str]
    blocks: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A Service; with an empty selector somebody else keeps its endpoints."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What was found among the documents."""

    groups: Mapping[str, Group]
    services: Mapping[tuple[str, str], Service]
    backends: Mapping[tuple[str, str], Backends]
    """Addresses of the Services whose endpoints somebody else keeps."""

    def blocks(self, entry: Field) -> tuple[str, ...]:
        """The blocks that a ``cidrGroupRef`` or ``cidrGroupSelector`` means, sorted.

        Raises UndecidedError when that is not known: a group that is not there or not readable.
        """
        reference, selector = entry["cidrGroupRef"], entry["cidrGroupSelector"]
        if reference.given:
            name = reference.text()
            if name not in self.groups:
                undecided(reference, "this CiliumCIDRGroup is not among the documents")
            return _known(reference, [self.groups[name]])
        wanted = requirements(selector, label_key)
        if not positive(wanted):
            undecided(selector, "without a label that must be there it means more than groups")
        if not self.groups:
            undecided(selector, "there is no CiliumCIDRGroup among the documents")
        if len(wanted) > 1 and self._overlap:
            undecided(selector, "blocks of several groups overlap, and so have the labels of all")
        found = [one for one in self.groups.values() if _meets(one.labels, wanted)]
        return _known(selector, found)

    @property
    def _overlap(self) -> bool:
        """Whether some address is in two groups: it has the labels of both."""
        every = [one.blocks or () for one in self.groups.values()]
        return any(
            overlaps(a, b) for left, right in combinations(every, 2) for a in left for b in right
        )

    def behind(self, entry: Field) -> tuple[Selector, ...]:
        """Who is behind the Services of one ``toServices`` entry: their pods, or addresses.

        Raises UndecidedError when that is not known: no such Service, or one without a selector
        whose endpoints are not among the documents.
        """
        selector, reference = entry["k8sServiceSelector"], entry["k8sService"]
        if selector.present:
            wanted, where = requirements(selector["selector"], _service_key), selector
            found = [one for one in self.services.values() if _meets(one.labels, wanted)]
        else:
            name, where = reference["serviceName"].text(""), reference
            found = [one for one in self.services.values() if one.name == name]
        namespace = where["namespace"].text("")
        found = [one for one in found if namespace in ("", one.namespace)]
        if not found:
            undecided(where, "there is no such Service among the documents")
        return tuple(dict.fromkeys(peer for one in found for peer in self._of(one, where)))

    def _of(self, one: Service, where: Field) -> tuple[Selector, ...]:
        if one.selector:
            return (_pods(one),)
        key = one.namespace, one.name
        if key not in self.backends:
            undecided(where, f"the endpoints of Service {'/'.join(key)} are not known")
        return self.backends[key].addresses


def _known(field: Field, groups: list[Group]) -> tuple[str, ...]:
    found = set[str]()
    for one in groups:
        if one.blocks is None:
            undecided(field, f"CiliumCIDRGroup {one.name} could not be read")
        found.update(one.blocks)
    return tuple(sorted(found))


def _pods(one: Service) -> PodSelector:
    wanted = (Requirement(key, "In", (value,)) for key, value in one.selector.items())
    return PodSelector(in_namespace(one.namespace), tuple(sorted(wanted)))


def _service_key(field: Field, name: str) -> str:
    """The source of a label says nothing of a Service's labels."""
    return label_key(field, name.rpartition(":")[2])


def _meets(labels: Mapping[str, str], wanted: Iterable[Requirement]) -> bool:
    return all(one.holds(labels.get(one.key)) for one in wanted)


# Reading


def around(documents: Iterable[Document], tell: Tell) -> Around:
    """The CIDR groups and Services among the documents, with the addresses of these.

    A group that cannot be read is told (NP063); a Service that cannot be read is as if it were not
    there, which the reader of inventories says.
    """
    groups: dict[str, Group] = {}
    services: dict[tuple[str, str], Service] = {}
    documents = list(documents)
    for document in documents:
        kind, body = identity(document), Field(document.data)
        try:
            if kind in _GROUPS:
                group = _group(document, tell)
                if group.name in groups:
                    message = f"CiliumCIDRGroup {group.name} is there twice; the later one counts"
                    tell(Notice(code="NP067", message=message, where=document.where))
                groups[group.name] = group
            elif kind == _SERVICE:
                service = _service(body)
                services[service.namespace, service.name] = service
        except NetpolError:
            continue
    return Around(groups=groups, services=services, backends=backends(documents))


def _group(document: Document, tell: Tell) -> Group:
    try:
        body = taken(document, tell, wide=True)
        blocks = tuple(block(entry) for entry in body["spec"]["externalCIDRs"].entries())
        labels = _texts(body["metadata"]["labels"])
        return Group(name=name_of(body["metadata"]), labels=labels, blocks=blocks)
    except NetpolError as error:
        title = title_of(document, wide=True)
        message = f"{title}: {error.where}: {error.what}; the group is left out"
        tell(Notice(code="NP063", message=message, where=document.where))
        # Raises NetpolError for a group that nobody can refer to.
        name = Field(document.data)["metadata"]["name"].text()
        return Group(name=name, labels={}, blocks=None)


def _service(body: Field) -> Service:
    metadata = body["metadata"]
    return Service(
        namespace=metadata["namespace"].text("") or "default",
        name=metadata["name"].text(),
        labels=_texts(metadata["labels"]),
        selector=_texts(body["spec"]["selector"]),
    )


def _texts(field: Field) -> dict[str, str]:
    return {name: member.text() for name, member in field.children()}
