"""Notices about the network plugin of a cluster."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["CLUSTERS"]

CLUSTERS: Final[dict[str, Entry]] = {
    "NP120": Entry(
        title="nothing enforces network policies",
        why="No network plugin that acts upon policies shows in the inventory, or it is set not to."
        " The API server accepts policies all the same, and nobody says that they do nothing.",
        what_to_do="Install or switch on what enforces them, then try it: a policy that denies"
        " everything to one pod. If something does enforce them, name it with --cni.",
    ),
    "NP121": Entry(
        title="several network plugins show in the inventory",
        why="More than one of them may enforce policies, and they treat them differently. The first"
        " one is taken; perhaps the other is what a migration left behind.",
        what_to_do="Say with --cni which one enforces policies, and remove what is left of the"
        " other.",
    ),
    "NP122": Entry(
        title="the network plugin does not read these policies",
        why="Policies of this dialect are objects that the plugin of this cluster does not know. If"
        " their definitions are installed they are accepted, and ignored.",
        what_to_do="Write another dialect with --target: every plugin reads kubernetes. netpol"
        " judged the policies as the engine would that the dialect is made for.",
    ),
    "NP123": Entry(
        title="the inventory shows another network plugin than --cni",
        why="What was asked for is used; the objects in the inventory speak of another one.",
        what_to_do="Look at what `netpol doctor` lists. Leave out --cni, or take the inventory of"
        " the cluster that the policies are for.",
    ),
    "NP124": Entry(
        title="it is not known whether policies are enforced",
        why="The network plugin enforces policies only where that is switched on, and the inventory"
        " does not show whether it is: the ConfigMap that says so is not part of it.",
        what_to_do="Add the ConfigMap to the inventory: kubectl get configmap -n kube-system NAME"
        " -o json. Or try a policy that denies everything to one pod.",
    ),
    "NP125": Entry(
        title="the cluster's network plugin would deny some of it",
        why="These policies are not in the dialect of the plugin that the inventory shows, so they"
        " were written and judged as their own specification has it. That plugin does some things"
        " otherwise: Cilium, for one, matches neither nodes nor the API server by address.",
        what_to_do="Write its own dialect with --target, or take --cni to write and judge for it:"
        " what cannot be said is then listed.",
    ),
}
