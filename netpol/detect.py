"""Which CNI an inventory shows, and which objects say so.

DaemonSets and pods count first: they run. ConfigMaps and annotations of nodes outlive the plugin
that wrote them, so alone they are only looked at where no plugin's pods are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from netpol.inventory import Inventory
from netpol.notices import Notice
from netpol.peers import label
from netpol.profile import CNIS, Profile, Setting

__all__ = ["Detected", "Evidence", "adjusted", "detect", "warnings"]

_BARE: Final = {
    "kindnet": "kindnet, which enforces policies only in newer releases",
    "kube-flannel": "flannel, which enforces no policies",
    "kube-flannel-ds": "flannel, which enforces no policies",
}
"""DaemonSets of networks that enforce nothing, or are not known to."""


_FILTER: Final = Setting(key="labels", value="", field="identity_filter", becomes="")
"""A setting of which every value is one."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Evidence:
    """One object of the inventory, and what it shows."""

    profile: str
    """The profile, or a DaemonSet of :data:`_BARE`."""
    where: str
    shows: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """What an inventory shows of the network plugin."""

    profile: Profile | None
    """The CNI that enforces policies, as it is set; None: none is known of."""
    evidence: tuple[Evidence, ...] = ()
    """Everything that was found, sorted."""
    others: tuple[str, ...] = ()
    """Other profiles of which there is as much to see: it is not clear which one enforces."""
    changed: tuple[tuple[Setting, str], ...] = ()
    """Settings that make the profile differ from its defaults, with the ConfigMap."""
    bare: tuple[str, ...] = ()
    """Networks that were found and enforce nothing."""
    switched: bool | None = True
    """Whether enforcement is switched on, where there is a switch; None: that is not to be seen."""


def detect(inventory: Inventory) -> Detected:
    """The CNI of a cluster; no profile where nothing, or nothing that enforces, shows."""
    running = sorted({*_workloads(inventory)})
    remains = sorted({*_settings(inventory), *_annotations(inventory)})
    seen = {one.profile for one in running if one.profile in CNIS}
    if not any(one.profile for one in running):
        seen = {one.profile for one in remains}
    found = [one for one in CNIS if one in seen and not _beneath(one, seen)]
    evidence = tuple(sorted((*running, *remains)))
    bare = tuple(sorted({_BARE[e.profile] for e in running if e.profile in _BARE}))
    if not found:
        return Detected(profile=None, evidence=evidence, bare=bare)
    profile, changed = adjusted(CNIS[found[0]], inventory)
    return Detected(
        profile=profile,
        evidence=evidence,
        others=tuple(found[1:]),
        changed=changed,
        bare=bare,
        switched=_switched(profile, inventory),
    )


def _beneath(name: str, seen: Iterable[str]) -> bool:
    """Whether another one that was seen has this one's signs too."""
    above = (one for one in seen if name in CNIS[one].signs.beneath)
    return any(one not in CNIS[name].signs.beneath for one in above)


def _workloads(inventory: Inventory) -> Iterable[Evidence]:
    """A DaemonSet by its name; a pod of the plugin by its labels, whatever its owner is called."""
    for workload, pods in inventory.workloads.items():
        labels = {pair for pod in pods for pair in pod.labels}
        system = workload.kind == "DaemonSet"
        for name, profile in CNIS.items():
            signs = profile.signs
            told = sorted(labels & signs.labels)
            if system and workload.name in signs.workloads:
                yield Evidence(profile=name, where=label(workload), shows="its name")
            elif told and (system or any(pod.host_network for pod in pods)):
                shows = "its label " + "=".join(told[0])
                yield Evidence(profile=name, where=label(workload), shows=shows)
        if system and workload.name in _BARE:
            shows = _BARE[workload.name]
            yield Evidence(profile=workload.name, where=label(workload), shows=shows)


def _settings(inventory: Inventory) -> Iterable[Evidence]:
    """A ConfigMap is of the plugin that is named by it, not of one that is made of that."""
    for name, profile in CNIS.items():
        others = {one for below in profile.signs.beneath for one in CNIS[below].signs.config}
        for namespace, config in sorted(
            (profile.signs.config - others) & inventory.settings.keys()
        ):
            where = f"{namespace}/ConfigMap/{config}"
            yield Evidence(profile=name, where=where, shows="it is there")


def _annotations(inventory: Inventory) -> Iterable[Evidence]:
    """One piece of evidence for all nodes: they are many and say the same."""
    for name, profile in CNIS.items():
        signs = profile.signs.annotations
        told = {
            node.name: key
            for node in inventory.nodes.values()
            for key, _ in reversed(node.annotations)
            if key.startswith(signs)
        }
        if told:
            first, *rest = sorted(told)
            where = f"Node/{first}" + (f" and {len(rest)} more" if rest else "")
            yield Evidence(profile=name, where=where, shows=f"the annotation {told[first]}")


def adjusted(
    profile: Profile, inventory: Inventory
) -> tuple[Profile, tuple[tuple[Setting, str], ...]]:
    """The profile as the ConfigMap of its CNI sets it, and what that changes."""
    changes: dict[str, Any] = {}
    told: list[tuple[Setting, str]] = []
    for where, settings in _maps(profile, inventory).items():
        for setting in profile.signs.settings:
            if setting.holds(settings) and getattr(profile, setting.field) != setting.becomes:
                changes[setting.field] = setting.becomes
                told.append((setting, where))
        if profile.identity_labels_only and (custom := settings.get("labels", "").strip()):
            changes["identity_filter"] = custom
            told.append((replace(_FILTER, value=custom, becomes=custom), where))
    if _switched(profile, inventory) is False:
        changes["enforces"] = False
    return replace(profile, **changes), tuple(told)


def _maps(profile: Profile, inventory: Inventory) -> dict[str, Mapping[str, str]]:
    return {
        f"{namespace}/ConfigMap/{name}": inventory.settings[namespace, name]
        for namespace, name in sorted(profile.signs.config)
        if (namespace, name) in inventory.settings
    }


def _switched(profile: Profile, inventory: Inventory) -> bool | None:
    """Whether the switch is on; True where there is none, None where it is not to be seen."""
    if profile.signs.switch is None:
        return True
    key, value = profile.signs.switch
    maps = list(_maps(profile, inventory).values())
    return any(one.get(key) == value for one in maps) if maps else None


def warnings(
    found: Detected, chosen: Profile | None = None, targets: Iterable[str] = ()
) -> Iterable[Notice]:
    """What is wrong between a cluster, the profile that is to be used and the dialects written.

    NP120: nothing enforces policies. NP121: several CNIs. NP122: the CNI does not read the dialect.
    NP123: the inventory shows another CNI than was asked for. NP124: whether it is on is not known.
    """
    profile = chosen or found.profile
    if profile is None and found.bare:
        yield Notice(code="NP120", message=f"the inventory shows {'; '.join(found.bare)}")
    if profile is not None and not profile.enforces:
        why = ", ".join(_why_off(profile, found))
        yield Notice(code="NP120", message=f"{profile.name} is set to enforce nothing: {why}")
    if found.profile is not None and found.others:
        names = ", ".join((found.profile.name, *found.others))
        yield Notice(code="NP121", message=f"the inventory shows {names}")
    for target in sorted(set(targets) - {*profile.reads}) if profile else ():
        assert profile is not None
        message = f"{profile.name} reads policies of {' and '.join(profile.reads)}, not of {target}"
        yield Notice(code="NP122", message=message)
    if chosen and found.profile and found.profile.name != chosen.name:
        message = f"{chosen.name} was asked for, the inventory shows {found.profile.name}"
        yield Notice(code="NP123", message=message)
    if profile is not None and found.profile is not None and found.switched is None:
        (key, value), (_, name) = _switch_of(found.profile), min(found.profile.signs.config)
        message = f"{found.profile.name} enforces only with {key}: {value!r} in ConfigMap {name}"
        yield Notice(code="NP124", message=message)


def _switch_of(profile: Profile) -> tuple[str, str]:
    assert profile.signs.switch is not None
    return profile.signs.switch


def _why_off(profile: Profile, found: Detected) -> Iterable[str]:
    yield from (
        f"{setting.key}: {setting.value} in {where}"
        for setting, where in found.changed
        if setting.field == "enforces"
    )
    if profile.signs.switch and found.switched is False:
        yield "{}: {} is missing".format(*profile.signs.switch)
