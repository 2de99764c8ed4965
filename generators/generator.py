"""What a reader is, and a dialect: a reader with what its engine does and a writer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from generators.naming import is_name, is_namespace
from netpol.choices import Named
from netpol.errors import NetpolError
from netpol.manifests import Document, about, commented, dump
from netpol.net import contains, network
from netpol.notices import Tell
from netpol.numbered import object_name
from netpol.policy import Policy, PolicySet, Requirement, in_namespace
from netpol.profile import Profile

__all__ = ["Dialect", "Manifest", "Reader", "cannot_say", "files", "manifest", "subject", "united"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One file to write: its path relative to the output directory, and its objects."""

    path: str
    documents: tuple[dict[str, object], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Policy kinds that can be read.

    ``parse`` reads the documents whose (apiVersion, kind) is in ``kinds``, with the help of those
    in ``context``, and no others; what it cannot read or model it tells, leaves out and never
    guesses. The tiers of its PolicySet are those that its policies are in, and may hold more.
    """

    name: str
    summary: str
    kinds: frozenset[tuple[str, str]]
    parse: Callable[[Iterable[Document], Tell], PolicySet]
    context: frozenset[tuple[str, str]] = frozenset()
    """Kinds that are no policies and that policies refer to; several readers may want one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Reader):
    """One way to write policies, for an engine that behaves as ``profile`` says.

    ``render`` raises NetpolError ("<name> cannot say …") rather than write something else than was
    meant.
    """

    profile: Profile
    render: Callable[[PolicySet], tuple[Manifest, ...]]


def files(dialect: Dialect, policies: PolicySet, named: Iterable[Named] = ()) -> dict[str, str]:
    """Path → text of every file of a policy set, with the ``kustomization.yaml`` that lists them.

    ``named``: who is behind blocks of addresses, told in comments.
    Raises NetpolError when the dialect cannot say something, or two policies would be one object.
    """
    written: dict[str, str] = {}
    named = tuple(named)
    names: set[tuple[object, ...]] = set()
    for one in dialect.render(policies):
        mine = {_identity(document) for document in one.documents}
        if one.path in written or names & mine or len(mine) < len(one.documents):
            raise NetpolError("two policies have the same namespace and name", where=one.path)
        names |= mine
        own = one.path.rpartition("/")[2].removesuffix(".yaml")
        written[one.path] = "---\n".join(_text(each, own, named) for each in one.documents)
    kustomization: dict[str, object] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(written),
    }
    return {"kustomization.yaml": dump(kustomization), **dict(sorted(written.items()))}


def _text(document: dict[str, object], name: str, named: Iterable[Named]) -> str:
    """One object as YAML, with the names behind its blocks; those of all policies in a list.

    ``name``: of its policy, which may be several objects.
    """
    _, namespace, _ = _identity(document)
    known = [one for one in named if namespace is None or one.policy == (namespace, name)]
    return commented(dump(document), lambda block: _names(block, known))


def _names(block: str, named: Iterable[Named]) -> str:
    """What is known of a block; of "everyone" those of whom no address is known."""
    everyone = network(block).prefixlen == 0
    found = [
        one
        for one in named
        if (not one.block if everyone else one.block and contains(block, one.block))
    ]
    return about(name for one in found for name in one.names)


def _identity(document: dict[str, object]) -> tuple[object, ...]:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return document["kind"], metadata.get("namespace"), metadata["name"]


def united(
    parts: Iterable[tuple[Policy, dict[str, object]]], api_version: str, kind: str
) -> Manifest:
    """One file for policies that are one to people, an object each: ``name``, ``name.2`` …"""
    found = []
    for place, (one, spec) in enumerate(parts, 1):
        name = object_name(one) if place == 1 else f"{object_name(one)}.{place}"
        found.append(manifest(replace(one, name=name), api_version, kind, spec))
    return replace(found[0], documents=tuple(d for one in found for d in one.documents))


def manifest(policy: Policy, api_version: str, kind: str, spec: dict[str, object]) -> Manifest:
    """The file of one policy object. Raises NetpolError for a name that Kubernetes refuses."""
    if not is_name(policy.name):
        raise NetpolError("not a name that Kubernetes takes", where=repr(policy.name))
    if not is_namespace(policy.namespace):
        raise NetpolError("not a namespace that Kubernetes takes", where=repr(policy.namespace))
    document: dict[str, object] = {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": policy.name, "namespace": policy.namespace},
        "spec": spec,
    }
    return Manifest(path=f"{policy.namespace}/{policy.name}.yaml", documents=(document,))


def cannot_say(dialect: str, policy: Policy, what: str) -> NetpolError:
    """The error for something of the neutral model that a dialect has no words for."""
    return NetpolError(f"{dialect} cannot say {what}", where=f"{policy.namespace}/{policy.name}")


def subject(dialect: str, policy: Policy) -> tuple[Requirement, ...]:
    """The pod requirements of a policy's subject, which lies in the policy's own namespace.

    Raises NetpolError for any other subject, and for a policy that restricts no direction: written
    out it would restrict one.
    """
    if policy.subject.namespaces != in_namespace(policy.namespace):
        raise cannot_say(dialect, policy, "a subject outside the policy's own namespace")
    if policy.ingress is None and policy.egress is None:
        raise cannot_say(dialect, policy, "a policy for no direction")
    return policy.subject.pods
