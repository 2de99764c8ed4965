"""What was seen of a cluster, one sighting after the other, becomes an Inventory with dates.

Sightings come from snapshots, each of which shows what was there at one time, and from a watch,
which tells of every change. Where nobody watched, it stays open when a state ended: it is known to
have held until it was last seen (``Dated.sure``). What nobody saw end is taken to be still there.

An address is a pod's from the last time it was seen without it (else from when the pod says that it
started) until it was seen to be finished, deleted, at another address, or succeeded by another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from typing import Generic, TypeAlias, TypeVar

from netpol.inventory import ALWAYS, Dated, EndpointSlice, Holder, Node, Pod, Service
from netpol.peers import Workload

__all__ = ["History", "Key", "Timeline"]

_Thing = TypeVar("_Thing")
Key: TypeAlias = tuple[str, ...]


@dataclass(slots=True)
class _Stay(Generic[_Thing]):
    """One state of a thing, see :class:`netpol.inventory.Dated`."""

    thing: _Thing
    start: int
    seen: int
    """When it was last seen; 0 for sightings without a date."""
    end: int = ALWAYS
    sure: int = ALWAYS
    begun: int = 0

    def dated(self) -> Dated[_Thing]:
        """The same as a value."""
        return Dated(self.thing, self.start, self.end, self.sure, self.begun)


@dataclass(slots=True)
class History(Generic[_Thing]):
    """The states that things were in, by key, oldest first.

    ``since``: nobody watched between there and ``at``, so it was so at any time in between, and
    perhaps no longer at ``at``; None: somebody watched all the time.
    """

    stays: defaultdict[Key, list[_Stay[_Thing]]] = field(default_factory=lambda: defaultdict(list))

    def see(
        self,
        key: Key,
        thing: _Thing,
        at: int,
        *,
        start: int = 0,
        begun: int = 0,
        since: int | None = None,
    ) -> None:
        """It is so at ``at``, and has been since ``start`` if it is not known to have been else.

        It may not have been before ``begun``.
        """
        states = self.stays[key]
        last = states[-1] if states and states[-1].end == ALWAYS else None
        if last is not None and (last.thing == thing or not at):
            last.thing, last.seen, last.sure = thing, max(last.seen, since or at), ALWAYS
            return
        if last is not None:
            self.end(key, at, since=since)
        if last is not None:
            # In a gap it was as before or as now.
            start = max(start, at if since is None else min(max(last.seen, since), at))
        states.append(_Stay(thing, start, since or at, begun=begun))

    def end(self, key: Key, at: int, *, since: int | None = None) -> None:
        """It is no longer so at ``at``."""
        states = self.stays.get(key)
        if states and states[-1].end == ALWAYS:
            last = states[-1]
            last.end = max(at, last.start)
            last.sure = last.end if since is None else min(max(last.seen, since), last.end)

    def miss(self, key: Key) -> None:
        """It has ended since it was seen, nobody knows when."""
        states = self.stays.get(key)
        if states and states[-1].end == ALWAYS:
            states[-1].sure = min(states[-1].sure, states[-1].seen)

    def changed(self) -> tuple[Dated[_Thing], ...]:
        """Every state of the things of which it is not known that they were always the same."""
        found = (s for s in self.stays.values() if len(s) > 1 or s[0].start or s[0].end != ALWAYS)
        return tuple(one.dated() for states in found for one in states)

    def dated(self) -> Iterator[tuple[Key, Dated[_Thing]]]:
        """Every state, by key and time."""
        for key, states in self.stays.items():
            for one in states:
                yield key, one.dated()


@dataclass(slots=True)
class Timeline:
    """Sightings in, the dated parts of an Inventory out.

    Times are nanoseconds since the epoch; 0 is a sighting without a date. Sightings of one thing
    must come in the order of their times. ``since`` as in :class:`History`.
    """

    pods: dict[Key, Pod] = field(default_factory=dict)
    """The latest state of every pod that was ever seen, by (namespace, name, uid)."""
    nodes: dict[Key, Node] = field(default_factory=dict)
    """The same of nodes, by ("", name, "")."""
    services: History[Service] = field(default_factory=History)
    slices: History[EndpointSlice] = field(default_factory=History)
    _addresses: History[Key] = field(default_factory=History)
    """Who has an address, by address and holder."""
    _held: dict[Key, set[str]] = field(default_factory=dict)
    """The addresses that a pod or node was last seen with."""
    _seen: dict[Key, int] = field(default_factory=dict)
    """When that was."""
    _first: dict[Key, int] = field(default_factory=dict)
    """When a pod or node was first seen, of those sightings that have a date."""
    _latest: dict[Key, Key] = field(default_factory=dict)
    """Of the pods that had one name the one that was seen last."""

    def pod(self, pod: Pod, at: int = 0, *, since: int | None = None) -> None:
        """A pod as it is at ``at``; one that is finished may still tell the address it had."""
        key = pod.namespace, pod.name, pod.uid
        self._succeed(pod, key)
        if at:
            self._first.setdefault(key, at)
        if key in self.pods and self.pods[key].finished and pod.finished:
            return  # nothing that matters can change any more
        known = not pod.finished or pod.ended != ALWAYS
        if not known and self._held.get(key, set()).issuperset(pod.addresses):
            pass  # it still shows the address that it had, and may have lost long ago
        elif not pod.host_network:
            alive = at if known else max(self._seen.get(key, 0), pod.running, pod.started)
            self._hold(key, pod.addresses, alive, (pod.started, pod.running or alive), since)
        if pod.finished:
            self._release(key, pod.ended if known else at, None if known else since)
            pod = replace(pod, addresses=())
        self.pods[key] = pod

    def node(self, node: Node, at: int = 0, *, started: int = 0, since: int | None = None) -> None:
        """A node as it is at ``at``."""
        key = "", node.name, ""
        self.nodes[key] = node
        if at:
            self._first.setdefault(key, at)
        self._hold(key, node.addresses, at, (started, 0), since)

    def deleted(self, key: Key, at: int, *, since: int | None = None) -> None:
        """The pod ``(namespace, name, uid)`` or the node ``("", name, "")`` is gone at ``at``."""
        pod = self.pods.get(key)
        if pod is not None and not pod.finished:
            self.pods[key] = replace(pod, addresses=(), finished=True, ended=at)
        self._release(key, at, since)

    def missing(
        self, spaces: Collection[str], kept: Collection[Key], *, everywhere: bool = False
    ) -> None:
        """A list of the pods of some namespaces does not have those that are not in ``kept``.

        Nodes are of the namespace "". ``everywhere``: it is a list of the pods of all namespaces.
        """
        for key, pod in self.pods.items():
            if (everywhere or key[0] in spaces) and key not in kept and not pod.finished:
                self._miss(key, pod)
        for key in self.nodes if "" in spaces else ():
            if key not in kept:
                self._lose(key)

    def before(self, at: int) -> set[Key]:
        """The pods and nodes that were seen before ``at``."""
        return {key for key, first in self._first.items() if first < at}

    def _succeed(self, pod: Pod, key: Key) -> None:
        """Another pod of that name has gone before this one came."""
        name = pod.namespace, pod.name
        before = self._latest.get(name, key)
        if before != key and not self.pods[before].finished:
            self._miss(before, self.pods[before])
        self._latest[name] = key

    def _miss(self, key: Key, pod: Pod) -> None:
        self.pods[key] = replace(pod, addresses=(), finished=True)
        self._lose(key)

    def _lose(self, key: Key) -> None:
        for address in self._held.pop(key, ()):
            self._addresses.miss((address, *key))

    def _hold(
        self,
        key: Key,
        addresses: tuple[str, ...],
        at: int,
        begin: tuple[int, int],
        since: int | None,
    ) -> None:
        held = self._held.get(key, set())
        for address in held.difference(addresses):
            self._addresses.end((address, *key), at, since=since)
        # An address that it did not have when it was last seen, or watched, has come since.
        start = max(begin[0], self._seen.get(key, 0), since or 0)
        begun = 0 if since is None else begin[1]
        for address in addresses:
            one = address, *key
            self._addresses.see(one, key, at, start=start, begun=begun, since=since)
        self._held[key], self._seen[key] = set(addresses), since or at

    def _release(self, key: Key, at: int, since: int | None) -> None:
        for address in self._held.pop(key, ()):
            self._addresses.end((address, *key), at, since=since)

    def settle(self, workload: Callable[[Pod], Workload]) -> None:
        """Give every pod its workload, now that all owners are known."""
        for key, pod in self.pods.items():
            found = workload(pod)
            if found != pod.workload:
                self.pods[key] = replace(pod, workload=found)

    def current(self) -> tuple[dict[tuple[str, str], Pod], tuple[Pod, ...]]:
        """Of each name the pod that was seen last, and the pods that had that name before."""
        latest = set(self._latest.values())
        now = {(key[0], key[1]): self.pods[key] for key in self._latest.values()}
        return now, tuple(pod for key, pod in self.pods.items() if key not in latest)

    def holders(self) -> dict[str, tuple[Dated[Holder], ...]]:
        """Who had each address when, by start."""
        groups: dict[str, list[_Stay[Key]]] = defaultdict(list)
        for (address, *_), states in self._addresses.stays.items():
            groups[address] += states
        return {address: tuple(self._succeeded(group)) for address, group in groups.items()}

    def _succeeded(self, group: list[_Stay[Key]]) -> Iterator[Dated[Holder]]:
        """The holders of one address: the first sight of the next ends whose end nobody saw."""
        group.sort(key=lambda one: (one.start, one.end))
        for number, one in enumerate(group, 1):
            start, end, sure = one.start, one.end, one.sure
            unseen = end == ALWAYS or sure < end
            # Who came and went before it had the address is no successor.
            known = max(one.begun, one.seen)
            later = (other for other in group[number:] if unseen and other.end > known)
            after = next(later, None)
            if after is not None and start < after.start < end:
                end, sure = after.start, min(sure, max(one.seen, start), after.start)
            key = one.thing
            holder = self.pods[key] if key in self.pods else self.nodes[key]
            yield Dated(holder, start, end, sure, one.begun)
