"""What Goldmane's key of a flow says of a connection."""

from __future__ import annotations

from typing import Final, TypeVar

from capture.calico_fold import Said
from capture.calico_policies import ACTIONS, Hit, signals
from capture.calico_sides import KINDS, NETWORK, party, protocol
from capture.goldmane_record import Enum, HitRecord, KeyRecord, Trace
from capture.hubble_errors import Bad, Incomplete

__all__ = ["meaning"]

_T = TypeVar("_T", str, int)

_PROFILE, _END_OF_TIER = 9, 10
_IMPLICIT: Final = frozenset({_PROFILE, _END_OF_TIER, "profile", "endoftier"})
"""Kinds of hits that are no rule somebody wrote."""
_REPORTERS: Final = ("", "src", "dst")


def meaning(key: KeyRecord) -> Said:
    """The connection that a key is about. Raises :class:`Bad`."""
    spaces = (key.source_namespace or key.sourceNamespace, key.dest_namespace or key.destNamespace)
    names = key.source_name or key.sourceName, key.dest_name or key.destName
    if not any(names):
        raise Incomplete(".source_name")
    service = _service(
        key.dest_service_namespace or key.destServiceNamespace,
        key.dest_service_name or key.destServiceName,
    )
    trace = key.policies or Trace()
    action = _action(key.action, ".action")
    name = protocol(key.proto)
    return Said(
        client=party(_kind(key.source_type or key.sourceType, ".source_type"), spaces[0], names[0]),
        server=party(
            _kind(key.dest_type or key.destType, ".dest_type"), spaces[1], names[1], service=service
        ),
        protocol=name,
        port=(key.dest_port or key.destPort or None) if name in ("TCP", "UDP", "SCTP") else None,
        reporter=_reporter(key.reporter),
        signals=signals(
            action,
            _hits(trace.enforced_policies or trace.enforcedPolicies or trace.enforced),
            _hits(trace.pending_policies or trace.pendingPolicies or trace.pending),
        ),
        service=service,
        service_port=(key.dest_service_port or key.destServicePort or None) if service else None,
    )


def _service(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace not in ("", "-") and name not in ("", "-") else ""


def _kind(value: Enum, path: str) -> int:
    if isinstance(value, int) and 0 <= value <= NETWORK:
        return value
    kind = KINDS.get(str(value).lower())
    if kind is None:
        raise Bad(path, f"expected a type of endpoint, found {value!r}")
    return kind


def _action(value: Enum, path: str) -> str:
    if isinstance(value, int):
        value = ACTIONS[value] if 0 <= value < len(ACTIONS) else str(value)
    text = value.lower()
    if text in ACTIONS:
        return text
    if text in ("actionunspecified", "unspecified"):
        return ""
    raise Bad(path, f"expected Allow, Deny or Pass, found {value!r}")


def _reporter(value: Enum) -> str:
    """Who reports; of an unknown one it is enough that it is another."""
    if isinstance(value, int) and 0 <= value < len(_REPORTERS):
        return _REPORTERS[value]
    return str(value).lower()


def _hits(hits: list[HitRecord] | None) -> tuple[Hit, ...]:
    return tuple(map(_hit, hits or ()))


def _hit(hit: HitRecord) -> Hit:
    kind = hit.kind.lower() if isinstance(hit.kind, str) else hit.kind
    explicit = kind not in _IMPLICIT and min(hit.rule_index, hit.ruleIndex) >= 0
    return Hit(_action(hit.action, ".policies"), explicit=explicit)
