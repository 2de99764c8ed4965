"""Lines that are no flows: lost events, the state of nodes, the agent's own events."""

from __future__ import annotations

from typing import Final

from capture.hubble_orient import AGENT
from capture.hubble_record import Line, LostEvents, NodeStatus
from capture.source import Reading
from netpol.notices import Notice

__all__ = ["status"]

LOST: Final = "lost events"
NODE: Final = "node status"

_STATES: Final = (
    "UNKNOWN_NODE_STATE",
    "NODE_CONNECTED",
    "NODE_UNAVAILABLE",
    "NODE_GONE",
    "NODE_ERROR",
)
"""``relay.NodeState`` by number."""
_BLIND: Final = frozenset({"NODE_UNAVAILABLE", "NODE_GONE", "NODE_ERROR"})
_NODES_SHOWN: Final = 5


def status(line: Line, where: str, reading: Reading) -> str:
    """Account for a line without a flow: the reason under which it is counted.

    Empty when it is none of these lines.
    """
    if line.lost_events is not None:
        _lost(line.lost_events, where, reading)
        return LOST
    if line.node_status is not None:
        _node(line.node_status, where, reading)
        return NODE
    if line.agent_event or line.debug_event:
        return AGENT
    return ""


def _lost(event: LostEvents, where: str, reading: Reading) -> None:
    lost = int(event.num_events_lost)
    reading.account.lost_events += lost
    source = f" in {event.source}" if event.source else ""
    message = f"{lost} event{'' if lost == 1 else 's'} lost{source}"
    reading.tell(Notice(code="NP002", message=message, where=where))


def _node(event: NodeStatus, where: str, reading: Reading) -> None:
    state = event.state_change
    if isinstance(state, int):
        state = _STATES[state] if 0 <= state < len(_STATES) else str(state)
    if state in _BLIND:
        names = ", ".join(event.node_names[:_NODES_SHOWN]) or "a node"
        more = len(event.node_names) - _NODES_SHOWN
        names += f" and {more} more" if more > 0 else ""
        told = f" ({event.message})" if event.message else ""
        reading.tell(Notice(code="NP003", message=f"{names}: {state}{told}", where=where))
