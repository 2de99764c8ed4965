"""Cilium's endpoint selectors: which pods, entities and everything else a label selector means.

A key carries the source of the label: ``k8s:app``, ``any:app`` or plain ``app`` are labels of pods,
``reserved:host`` is an entity, labels of other sources are on no pod. A peer without a namespace of
its own means the policy's namespace, in a policy of the whole cluster every pod; a selector with a
``reserved:`` label is taken as it is. Negative conditions hold for whatever lacks the label, so a
selector of nothing else also matches nodes and the world. Sources: Cilium "Layer 3" page,
``pkg/policy/api/selector.go``, ``pkg/k8s/apis/cilium.io/utils/utils.go``, ``pkg/labels/labels.go``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from generators.reading import UndecidedError, undecided
from generators.selectors import label_key, positive, requirements
from netpol.fields import Field
from netpol.peers import ENTITIES
from netpol.policy import (
    ANY,
    NAMESPACE,
    SERVICE_ACCOUNT,
    EntitySelector,
    PodSelector,
    Requirement,
    Selector,
    in_namespace,
)

__all__ = [
    "ACCOUNT",
    "IN_SOME_NAMESPACE",
    "LABELS_OF_NAMESPACE",
    "LOCAL_CLUSTER",
    "NAMED",
    "POD_NAMESPACE",
    "Far",
    "at_most",
    "meant",
    "selects_init",
    "subject",
]

POD_NAMESPACE: Final = "io.kubernetes.pod.namespace"
LABELS_OF_NAMESPACE: Final = "io.cilium.k8s.namespace.labels."
LOCAL_CLUSTER: Final = "default"
"""The name of a cluster that was given none; the names of others cannot be known."""
_CLUSTER: Final = "io.cilium.k8s.policy.cluster"
ACCOUNT: Final = "io.cilium.k8s.policy.serviceaccount"
"""The label with the name of a pod's service account."""
NAMED: Final = (*ENTITIES, "unmanaged")
"""Entities that are one reserved label each."""
_POSITIVE: Final = ("In", "Exists")
_ELSEWHERE: Final = ("cidr", "cidrgroup", "fqdn", "node")
"""Sources of labels that outside addresses and nodes have and pods do not."""
IN_SOME_NAMESPACE: Final = Requirement(NAMESPACE, "Exists")


@dataclass(frozen=True, slots=True)
class Far:
    """Peers, :data:`netpol.policy.ANY` for everyone, and those among them that are not meant.

    With a ``doubt`` it is not known who among them is meant.
    """

    peers: tuple[Selector, ...] | None
    without: tuple[Selector, ...] = ()
    doubt: UndecidedError | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """A conjunction by what its keys are about."""

    pods: tuple[Requirement, ...]
    namespaces: tuple[Requirement, ...]
    foreign: tuple[Requirement, ...]
    """Conditions on labels of other sources, which no pod has."""
    entities: frozenset[str]
    """Entities that it asks for."""
    others: frozenset[str]
    """Entities that it rules out."""
    impossible: bool
    """It asks for a reserved label that no endpoint has."""

    @property
    def of_pods(self) -> bool:
        """Whether it asks for a label that only pods have."""
        return positive(self.pods) or positive(self.namespaces)


# Whole selectors


def subject(field: Field, namespace: str) -> PodSelector | None:
    """The pods that a policy is for; None when it is for other endpoints only.

    A policy of a namespace stays in it: its own ``k8s:`` label of the namespace is put in the place
    of another one under ``matchLabels``, and is asked for beside any other condition.
    """
    parts = _parts(field, _without_namespace(field) if namespace else field)
    if parts.entities or parts.impossible or positive(parts.foreign):
        return None
    spaces = {*parts.namespaces, *(in_namespace(namespace) if namespace else ())}
    return _pods(replace(parts, namespaces=tuple(spaces)))


def meant(field: Field, namespace: str, *, init: bool = False) -> tuple[Far, ...]:
    """Whom a peer selector of a policy in ``namespace`` means; nobody for an empty tuple.

    ``init``: the policy's own subject has the label ``reserved:init``, which switches the limit to
    pods off in policies of the whole cluster.
    """
    parts = _parts(field, field)
    if parts.impossible:
        return ()
    keys = [one.key for one in requirements(field, _key)]
    plain = not any(key.startswith("reserved:") for key in keys)
    if plain:
        parts = _scoped(parts, keys, namespace, init)
    if parts.entities:
        return _entity(field, parts)
    if parts.of_pods:
        return () if positive(parts.foreign) else (Far((_pods(parts),)),)
    _check_foreign(field, parts)
    if positive(parts.foreign):
        return ()
    return _of_this_cluster(field, parts) if plain else (_all_but(parts),)


def at_most(field: Field) -> Far:
    """Whom a peer selector could mean that is not read: who has the labels it asks for."""
    asked = [one.key for one in requirements(field, _key) if one.operator in _POSITIVE]
    named = {key.removeprefix("reserved:") for key in asked if key.startswith("reserved:")}
    if named:
        # The two halves of the world are labels of their own in clusters with both IP versions.
        whole = {"world" if name.startswith("world") else name for name in named}
        return Far(_entities(whole & {*NAMED}))
    if any(key.startswith(("k8s:", "any:")) for key in asked):
        return Far((PodSelector(),))
    return Far(ANY)


def selects_init(field: Field) -> bool:
    """Whether a selector says anything of ``reserved:init``."""
    return any(one.key == "reserved:init" for one in requirements(field, _key))


def _without_namespace(field: Field) -> Field:
    table = dict(field.table())
    labels = field["matchLabels"].table()
    table["matchLabels"] = {k: v for k, v in labels.items() if k != f"k8s:{POD_NAMESPACE}"}
    return Field(table, field.path)


def _scoped(parts: _Parts, keys: Iterable[str], namespace: str, init: bool) -> _Parts:
    """The namespace that a peer without one means; in a policy of a namespace, a condition on the
    labels of namespaces is one, too.
    """
    own = {key.partition(":")[2] for key in keys if key.startswith(("k8s:", "any:"))}
    by_label = any(key.startswith(LABELS_OF_NAMESPACE) for key in own)
    if POD_NAMESPACE in own or (namespace and by_label) or (init and not namespace):
        return parts
    added = in_namespace(namespace) if namespace else (IN_SOME_NAMESPACE,)
    return replace(parts, namespaces=(*parts.namespaces, *added))


def _pods(parts: _Parts) -> PodSelector:
    spaces = {*parts.namespaces} - {IN_SOME_NAMESPACE}
    return PodSelector(tuple(sorted(spaces)), tuple(sorted(parts.pods)))


def _all_but(parts: _Parts) -> Far:
    """Everyone but who has what the negative conditions rule out."""
    without: list[Selector] = [PodSelector((), (_turned(one),)) for one in sorted(parts.pods)]
    for one in sorted(parts.namespaces):
        turned = {_turned(one)} - {IN_SOME_NAMESPACE}
        without.append(PodSelector(tuple(turned)))
    return Far(ANY, (*without, *_entities(parts.others)))


def _of_this_cluster(field: Field, parts: _Parts) -> tuple[Far, ...]:
    """Pods that nothing rules out, and maybe all that is no pod.

    A selector without ``reserved:`` labels keeps to this cluster's pods since Cilium 1.19; before,
    and with ``policy-default-local-cluster`` off, it also meets nodes and the world.
    """
    pods: tuple[Far, ...] = ()
    if not any(one.operator == "DoesNotExist" and one.key == NAMESPACE for one in parts.namespaces):
        pods = (Far((_pods(parts),)),)
    reason = "whether it means nodes and the world, too, depends on policy-default-local-cluster"
    doubt = UndecidedError(reason, where=field.path)
    return (*pods, Far(ANY, (PodSelector(),), doubt))


def _turned(one: Requirement) -> Requirement:
    """The positive condition that a negative one rules out."""
    return replace(one, operator="In" if one.operator == "NotIn" else "Exists")


def _entity(field: Field, parts: _Parts) -> tuple[Far, ...]:
    """An entity by its label; it has no labels of pods, so it meets what is negative about them."""
    if parts.of_pods:
        return ()
    _check_foreign(field, parts)
    if len(parts.entities) > 1:
        undecided(field, "two reserved labels at once are not read")
    if positive(parts.foreign) or parts.entities & parts.others:
        return ()
    return (Far(_entities(parts.entities), _entities(parts.others)),)


def _entities(names: Iterable[str]) -> tuple[Selector, ...]:
    return tuple(EntitySelector(name) for name in sorted(names))


def _check_foreign(field: Field, parts: _Parts) -> None:
    for one in parts.foreign:
        if one.key.partition(":")[0] in _ELSEWHERE:
            undecided(field, f"{one.key[:60]}: labels of what is no pod are not read")


# Conditions by what they are about


def _parts(field: Field, shown: Field) -> _Parts:
    """The conditions of ``shown``, having checked those of ``field``."""
    requirements(field, _key)
    pods, namespaces, foreign = list[Requirement](), list[Requirement](), list[Requirement]()
    reserved = list[Requirement]()
    for one in requirements(shown, _key):
        source, _, key = one.key.partition(":")
        if source == "reserved":
            reserved.append(replace(one, key=key))
        elif source not in ("k8s", "any"):
            foreign.append(one)
        elif key == _CLUSTER:
            pods.append(_cluster(field, one))
        elif key == POD_NAMESPACE:
            namespaces.append(replace(one, key=NAMESPACE))
        elif key.startswith(LABELS_OF_NAMESPACE):
            namespaces.append(replace(one, key=key.removeprefix(LABELS_OF_NAMESPACE)))
        else:
            pods.append(replace(one, key=SERVICE_ACCOUNT if key == ACCOUNT else key))
    asked = [one for one in reserved if one.operator in _POSITIVE]
    return _Parts(
        pods=tuple(pods),
        namespaces=tuple(namespaces),
        foreign=tuple(foreign),
        entities=frozenset(_name(field, one) for one in asked),
        others=frozenset(_name(field, one) for one in reserved if _rules_out(one)) & {*NAMED},
        impossible=any(one.key not in NAMED or _never(one) for one in asked),
    )


def _name(field: Field, one: Requirement) -> str:
    if one.key in ("world-ipv4", "world-ipv6"):
        undecided(field, f"whether endpoints have the label reserved:{one.key} is not known")
    return one.key


def _rules_out(one: Requirement) -> bool:
    """Whether a condition rules out who has a reserved label; the value of all of them is empty."""
    return one.operator == "DoesNotExist" or (one.operator == "NotIn" and "" in one.values)


def _never(one: Requirement) -> bool:
    return one.operator == "In" and "" not in one.values


def _cluster(field: Field, one: Requirement) -> Requirement:
    """What a condition on the name of the cluster says of pods: all are of the local one.

    Every pod has a service account, which stands for the label here.
    """
    if one.values and LOCAL_CLUSTER not in one.values:
        undecided(field, f"the name of the cluster is not known ({_CLUSTER})")
    return Requirement(SERVICE_ACCOUNT, "Exists" if one.operator in _POSITIVE else "DoesNotExist")


def _key(field: Field, name: str) -> str:
    """``source:key`` of a label as written; the API server checks it as ``source.key``."""
    if name.startswith(("$", "reserved.")):
        source, key = "reserved", name.removeprefix("$").removeprefix("reserved.")
    else:
        before, colon, after = name.partition(":")
        source, key = (before or "any", after) if colon else ("any", name)
    key = key.partition("=")[0]
    label_key(field, f"{source}.{key}")
    return f"{source}:{key}"
