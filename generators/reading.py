"""What the readers of all dialects share: objects, their errors, address blocks and port numbers.

A policy that netpol cannot represent is left out whole and said so, with object, field and reason:
NP063 when the API server or the engine would refuse it, NP064 when it means something that the
neutral model has no words for (:class:`UndecidedError`). Half a policy would be a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn, TypeAlias

from generators.generator import is_name
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.manifests import Document
from netpol.net import canonical_cidr, network
from netpol.notices import Notice, Tell
from netpol.policy import CidrSelector, Policy, PolicySet

__all__ = [
    "PolicyObject",
    "UndecidedError",
    "block",
    "excluding",
    "identity",
    "inside",
    "numbered",
    "only",
    "port_range",
    "read",
    "undecided",
]


class UndecidedError(NetpolError):
    """A valid field whose meaning is not modelled: the policy's effect is undecided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObject:
    """A namespaced policy object whose identity has been checked.

    ``note`` tells, as NP066, of a field that is read more loosely than it was written.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    origin: str
    body: Field
    note: Callable[[Field, str], None]


Lower: TypeAlias = Callable[[PolicyObject], Iterable[Policy]]


def identity(document: Document) -> tuple[str, str]:
    """(apiVersion, kind) of a document; empty texts where they are missing or no texts."""
    version, kind = document.data.get("apiVersion"), document.data.get("kind")
    return version if isinstance(version, str) else "", kind if isinstance(kind, str) else ""


def read(
    documents: Iterable[Document], tell: Tell, kinds: frozenset[tuple[str, str]], lower: Lower
) -> PolicySet:
    """The policies of all documents of these kinds; of equal objects the last counts (NP067)."""
    found: dict[tuple[str, str, str], tuple[Policy, ...]] = {}
    for document in documents:
        if identity(document) not in kinds:
            continue
        policies = _lowered(document, tell, lower)
        if policies is None:
            continue
        key, lowered = policies
        if key in found:
            message = f"{_title(document)} is there twice; the later one counts, as with kubectl"
            tell(Notice(code="NP067", message=message, where=document.where))
        found[key] = lowered
    return PolicySet(policies=tuple(one for policies in found.values() for one in policies))


def _lowered(
    document: Document, tell: Tell, lower: Lower
) -> tuple[tuple[str, str, str], tuple[Policy, ...]] | None:
    """(identity, policies) of one object; None, and a notice, when it is left out."""
    title = _title(document)

    def note(field: Field, message: str) -> None:
        text = f"{title}: {field.path}: {message}"
        tell(Notice(code="NP066", message=text, where=document.where))

    try:
        one = _object(document, note)
        return (one.kind, one.namespace, one.name), tuple(lower(one))
    except NetpolError as error:
        tell(_left_out(error, title, document.where))
    return None


def _left_out(error: NetpolError, title: str, where: str) -> Notice:
    unclear = isinstance(error, UndecidedError)
    end = "the policy is left out" + (", its effect is undecided" if unclear else "")
    message = f"{title}: {error.where}: {error.what}; {end}"
    return Notice(code="NP064" if unclear else "NP063", message=message, where=where)


def _object(document: Document, note: Callable[[Field, str], None]) -> PolicyObject:
    body = Field(document.data)
    metadata = body["metadata"]
    name, namespace = metadata["name"].text(), metadata["namespace"].text("default")
    for text, field in ((name, metadata["name"]), (namespace, metadata["namespace"])):
        if not is_name(text):
            field.expected("a DNS name")
    version, kind = identity(document)
    return PolicyObject(
        api_version=version,
        kind=kind,
        namespace=namespace,
        name=name,
        origin=f"{document.where}, {kind} {namespace}/{name}",
        body=body,
        note=note,
    )


def _title(document: Document) -> str:
    """``Kind ns/name`` as far as the document says."""
    metadata = document.data.get("metadata")
    known = metadata if isinstance(metadata, dict) else {}
    name, namespace = known.get("name"), known.get("namespace", "default")
    texts = [text if isinstance(text, str) else "?" for text in (namespace, name)]
    return f"{identity(document)[1]} {'/'.join(texts)}"


def undecided(field: Field, reason: str) -> NoReturn:
    """Raise UndecidedError at this field."""
    raise UndecidedError(reason, where=field.path)


def only(field: Field, known: Iterable[str]) -> None:
    """Raise UndecidedError for the first member that is not among ``known``."""
    names = frozenset(known)
    for name, member in field.children():
        if name not in names:
            undecided(member, "this field is not read")


def numbered(policies: Iterable[Policy]) -> tuple[Policy, ...]:
    """Policies that one object became, told apart as ``name``, ``name#2``… (no DNS name)."""
    return tuple(
        one if number == 1 else replace(one, name=f"{one.name}#{number}")
        for number, one in enumerate(policies, 1)
    )


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
