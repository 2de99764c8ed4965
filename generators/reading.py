"""What the readers of all dialects share: objects, their errors, address blocks and port numbers.

A policy that netpol cannot represent is left out whole and said so, with object, field and reason:
NP063 when the API server or the engine would refuse it, NP064 when it means something that the
neutral model has no words for (:class:`UndecidedError`). Half a policy would be a guess; of the
second sort the pods that it would be for are kept, as :class:`netpol.policy.Undecided`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn, TypeAlias

from generators.metadata import checked, name_of, namespace_of
from generators.schema import stored
from generators.schemas import SCHEMAS
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import canonical_cidr, network
from netpol.notices import Notice, Tell
from netpol.policy import (
    DEFAULT_TIER,
    CidrSelector,
    PodSelector,
    Policy,
    PolicySet,
    Undecided,
    in_namespace,
)

__all__ = [
    "PolicyObject",
    "UndecidedError",
    "block",
    "excluding",
    "identity",
    "inside",
    "only",
    "port_range",
    "read",
    "shown_name",
    "taken",
    "title_of",
    "undecided",
    "whole_scope",
]


class UndecidedError(NetpolError):
    """A valid field whose meaning is not modelled: the policy's effect is undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObject:
    """A policy object whose identity has been checked.

    ``namespace`` is empty for a kind of the whole cluster. ``body`` is what the API server keeps of
    a custom object; the reader of a typed one sees to that itself. ``note`` tells, as NP066, of a
    field that is read more loosely than it was written; ``warn`` takes another code first.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    origin: str
    live: bool
    """Whether this was read from a cluster: a server has taken it."""
    body: Field
    note: Callable[[Field, str], None]
    warn: Callable[[str, Field, str], None]


Read: TypeAlias = tuple[Policy | Undecided, ...]
Lower: TypeAlias = Callable[[PolicyObject], Iterable[Policy | Undecided]]
Scope: TypeAlias = Callable[[PolicyObject], Undecided]


def identity(document: Document) -> tuple[str, str]:
    """(apiVersion, kind) of a document; empty texts where they are missing or no texts."""
    version, kind = document.data.get("apiVersion"), document.data.get("kind")
    return version if isinstance(version, str) else "", kind if isinstance(kind, str) else ""


def whole_scope(one: PolicyObject) -> Undecided:
    """All that an object could be about: both directions of every pod of its namespace, or of the
    cluster, from the tier ``default`` on.
    """
    return Undecided(
        subject=PodSelector(in_namespace(one.namespace) if one.namespace else ()),
        directions=("ingress", "egress"),
        tier=DEFAULT_TIER.name,
        reason="",
    )


def read(
    documents: Iterable[Document],
    tell: Tell,
    kinds: frozenset[tuple[str, str]],
    lower: Lower,
    *,
    scope: Scope = whole_scope,
    cluster: Collection[str] = (),
) -> PolicySet:
    """The policies of all documents of these kinds; of equal objects the last counts (NP067).

    ``scope`` gives, for an object whose effect is undecided, the pods, directions and tier that it
    could be about; where it raises NetpolError, it is everything that :func:`whole_scope` says.
    Kinds in ``cluster`` have no namespace.
    """
    found: dict[tuple[str, str, str], Read] = {}
    for document in documents:
        if identity(document) not in kinds:
            continue
        wide = identity(document)[1] in cluster
        title = title_of(document, wide=wide)
        try:
            one = _object(document, tell, wide)
            lowered = _lowered(one, title, tell, document.where, lower, scope)
        except NetpolError as error:
            tell(_left_out(error, title, document.where))
            continue
        key = (one.kind, one.namespace, one.name)
        if key in found:
            message = f"{title} is there twice; the later one counts, as with kubectl"
            tell(Notice(code="NP067", message=message, where=document.where))
        found[key] = lowered
    every = [one for lowered in found.values() for one in lowered]
    return PolicySet(
        policies=tuple(one for one in every if isinstance(one, Policy)),
        undecided=tuple(one for one in every if isinstance(one, Undecided)),
    )


def _lowered(
    one: PolicyObject, title: str, tell: Tell, where: str, lower: Lower, scope: Scope
) -> Read:
    try:
        return tuple(_of_kind(part, one) for part in lower(one))
    except UndecidedError as error:
        tell(_left_out(error, title, where))
        reason = f"{error.where}: {error.what}"
    try:
        return (replace(scope(one), reason=reason, origin=one.origin),)
    except NetpolError:
        return (replace(whole_scope(one), reason=reason, origin=one.origin),)


def _of_kind(part: Policy | Undecided, one: PolicyObject) -> Policy | Undecided:
    return replace(part, kind=part.kind or one.kind) if isinstance(part, Policy) else part


def _left_out(error: NetpolError, title: str, where: str) -> Notice:
    unclear = isinstance(error, UndecidedError)
    end = "the policy is left out" + (", its effect is undecided" if unclear else "")
    message = f"{title}: {error.where}: {error.what}; {end}"
    return Notice(code="NP064" if unclear else "NP063", message=message, where=where)


def taken(document: Document, tell: Tell, *, wide: bool) -> Field:
    """An object as the API server keeps it; what it drops is told (NP076).

    ``wide`` is for kinds of the whole cluster. A typed kind (networking.k8s.io) is checked in its
    metadata alone. Raises NetpolError for what the server refuses.
    """
    body = Field(document.data)

    def dropped(field: Field) -> None:
        _warn(document, wide, tell)(
            "NP076", field, f"{identity(document)[1]} has no such field; it is read without it"
        )

    metadata = checked(body, dropped)
    name_of(metadata)
    if not wide:
        namespace_of(metadata)
    schema = SCHEMAS.get(identity(document))
    return stored(body, schema, dropped) if schema else body


def _warn(document: Document, wide: bool, tell: Tell) -> Callable[[str, Field, str], None]:
    def warn(code: str, field: Field, message: str) -> None:
        text = f"{title_of(document, wide=wide)}: {field.path}: {message}"
        tell(Notice(code=code, message=text, where=document.where))

    return warn


def _object(document: Document, tell: Tell, wide: bool) -> PolicyObject:
    warn = _warn(document, wide, tell)
    body = taken(document, tell, wide=wide)
    version, kind = identity(document)
    metadata = body["metadata"]
    name = name_of(metadata)
    namespace = "" if wide else namespace_of(metadata)
    return PolicyObject(
        api_version=version,
        kind=kind,
        namespace=namespace,
        name=name,
        origin=f"{document.where}, {kind} {shown_name(namespace, name)}",
        live=metadata["uid"].given,
        body=body,
        note=lambda field, message: warn("NP066", field, message),
        warn=warn,
    )


def title_of(document: Document, *, wide: bool) -> str:
    """``Kind ns/name`` as far as the document says; without ``ns/`` for kinds of the cluster."""
    metadata, kind = document.data.get("metadata"), identity(document)[1]
    known = metadata if isinstance(metadata, dict) else {}
    name, namespace = known.get("name"), known.get("namespace", "default")
    texts = [text if isinstance(text, str) else "?" for text in (namespace, name)]
    return f"{kind} {'/'.join(texts[wide:])}"


def shown_name(namespace: str, name: str) -> str:
    """``ns/name``, or ``name`` where there is no namespace."""
    return f"{namespace}/{name}" if namespace else name


def undecided(field: Field, reason: str) -> NoReturn:
    """Raise UndecidedError at this field."""
    raise UndecidedError(reason, where=field.path)


def only(field: Field, known: Iterable[str]) -> None:
    """Raise UndecidedError for the first member that is not among ``known``."""
    names = frozenset(known)
    for name, member in field.children():
        if name not in names:
            undecided(member, "this field is not read")


def block(field: Field, *, bare: bool = False) -> str:
    """A CIDR in canonical text; ``bare`` also takes one address without a length."""
    text = field.text()
    address, slash, length = text.partition("/")
    well_formed = length.isdecimal() and length.isascii() if slash else bare
    if not well_formed or "%" in address:
        field.expected("a CIDR such as 10.0.0.0/8")
    try:
        return canonical_cidr(text)
    except ValueError:
        field.expected("a CIDR such as 10.0.0.0/8")


def inside(inner: str, outer: str) -> bool:
    """Whether a block lies in another one, or is it."""
    small, large = network(inner), network(outer)
    return small.version == large.version and small.subnet_of(large)  # type: ignore[arg-type]


def excluding(cidr: str, excluded: Iterable[str]) -> tuple[CidrSelector, ...]:
    """The block without the excluded ones; nothing when one of them covers it."""
    without = tuple(sorted({one for one in excluded if inside(one, cidr) or inside(cidr, one)}))
    if any(inside(cidr, one) for one in without):
        return ()
    return (CidrSelector(cidr, without),)


def port_range(low: Field, high: Field) -> tuple[int, int]:
    """Two ports from 1 to 65535 that are a range; an absent ``high`` is ``low``."""
    first = low.whole(1, 65535)
    return first, high.whole(first, 65535) if high.present else first
