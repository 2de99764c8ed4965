"""Notices about reading flows and about the policies that are made from them."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["LEARNING"]

LEARNING: Final[dict[str, Entry]] = {
    "NP001": Entry(
        title="a record could not be read",
        why="The line is not valid JSON, or a field has the wrong type. It was left out and"
        " counted; the other records of the file were read.",
        what_to_do="Look at the named line. A truncated last line is normal for a file that is"
        " still being written. Use --strict to make this an error.",
    ),
    "NP002": Entry(
        title="the source lost events",
        why="The flow source says that it dropped events before they could be exported, so"
        " connections may be missing from what was learned.",
        what_to_do="Collect longer, narrow the filters of the export, or enlarge the ring buffer of"
        " the source, before you enforce the policies.",
    ),
    "NP003": Entry(
        title="a node was not observed for some time",
        why="The source reported that a node was unavailable. What its pods said in that time was"
        " not seen.",
        what_to_do="Collect again over a window in which every node reports.",
    ),
    "NP004": Entry(
        title="an input is damaged or ends in the middle",
        why="The compressed data cannot be read to its end. Everything before the damage was read;"
        " what came after it is not known.",
        what_to_do="Copy or export the file again. A file that is still being written ends in the"
        " middle quite normally.",
    ),
    "NP005": Entry(
        title="too many outside addresses to keep apart",
        why="More than a thousand distinct outside addresses used one port of one workload. The"
        " first were kept one by one, the others together as the world, so that memory stays"
        " bounded.",
        what_to_do="Check that this port is meant to be open to the internet. If the clients come"
        " from known networks, say so in a policy of your own.",
    ),
    "NP006": Entry(
        title="too many DNS names to keep",
        why="One client was answered more distinct names and addresses over one connection than are"
        " kept (16,384 of an input), or called a server by more names. So many were left out;"
        " destinations that were resolved by them are known by address only.",
        what_to_do="Look whether the client really needs so many names; a crawler does,"
        " an application rarely.",
    ),
    "NP007": Entry(
        title="a pod was seen at an address that was another's",
        why="The flow source named a pod, and the inventory says that somebody else had its address"
        " at that time. The name counts. But the inventory may be of another cluster or another"
        " time, or the source may name pods late.",
        what_to_do="Check that flows and inventory belong together: record the inventory while the"
        " flows are recorded (netpol inventory record).",
    ),
    "NP008": Entry(
        title="clocks of flows and inventory differ",
        why="Pods were seen at their own address before they had it, or after they had lost it, by"
        " more than the guard band. Flows of sides that are known by address alone may then be held"
        " or, near the time at which an address changes hands, be another pod's.",
        what_to_do="Give the difference with --clock-skew, or set the clocks.",
    ),
    "NP009": Entry(
        title="files beside the flows were left out",
        why="A directory or a pattern named them, and no flow source recognises what is in them:"
        " manifests, say, or a README. The others were read.",
        what_to_do="Nothing, if they hold no flows. Otherwise name the file itself, with --from.",
    ),
    "NP010": Entry(
        title="a flow record is of another version",
        why="The line was written by a netpol whose flow records have another shape. It was left"
        " out and counted: what it says may mean something else in this version.",
        what_to_do="Read it with the netpol that wrote it, or a later one.",
    ),
    "NP011": Entry(
        title="records carry no time",
        why="An address is somebody's only at a time, and these records (`conntrack -L`, say) do"
        " not say when they were taken. When the file was written is no evidence of that. They are"
        " held.",
        what_to_do="Say when they were taken with --at (--at now, when they come through a pipe),"
        " or record events with their times: `conntrack -E -o timestamp`, as text: the times in"
        " XML do not tell their zone.",
    ),
    "NP012": Entry(
        title="flows are newer than the inventory",
        why="Sides that are known by address alone were taken to be whoever had the address at the"
        " newest time in the inventory. Since then pods may have gone, and others may have their"
        " addresses.",
        what_to_do="Record the inventory while the flows are recorded (netpol inventory record), or"
        " add a dump that was taken after them.",
    ),
    "NP013": Entry(
        title="a pod of another cluster takes part",
        why="The two sides are pods of two clusters of a mesh (Cilium Cluster Mesh). A pod over"
        " there may have the namespace and labels of one that is here, and a rule for it would open"
        " the one that is here. The records are held.",
        what_to_do="Write these rules by hand, with the label io.cilium.k8s.policy.cluster.",
    ),
    "NP020": Entry(
        title="a selector uses a label that may not last",
        why="No lasting label, present or absent, tells this workload from the others of its"
        " namespace, so a version, chart or hash value is part of its selector, or a value that"
        " differs between its two or three pods.",
        what_to_do="Give its pods a label of their own, in the pod template and in spec.selector;"
        " or generate again with every release.",
    ),
    "NP021": Entry(
        title="a selector may not be the smallest",
        why="The exact search was cut at its bound. The selector matches what it should; fewer"
        " requirements may suffice.",
        what_to_do="Nothing has to be done. A label that is unique to the workload makes the search"
        " trivial.",
    ),
    "NP022": Entry(
        title="a policy may have more rules than needed",
        why="The table of peers and ports was too irregular for the exact search. The rules allow"
        " exactly what was observed; fewer may do.",
        what_to_do="Nothing has to be done. Look whether scans or one-off connections were accepted"
        " for this workload.",
    ),
    "NP023": Entry(
        title="a selector needs an exclusion",
        why="Label values alone match other pods too, so the selector also says which labels its"
        " pods lack, or must have with any value. A newcomer without them would be matched.",
        what_to_do="Give the workload a label of its own.",
    ),
    "NP024": Entry(
        title="no label names the pods of a workload",
        why="Some of its pods have no label that lasts: none at all, only ones that controllers"
        " write, or a different value on each pod. An empty selector would mean everyone, so no"
        " rule can be written for them, and under default deny they are cut off.",
        what_to_do="Label the pod template, or leave the namespace out with --exclude-namespace.",
    ),
    "NP025": Entry(
        title="no selector tells two workloads apart",
        why="Pods of the two have the same labels, so far as a selector may use them, and no set of"
        " selectors is for the first alone: a rule for it applies to the second too. Where their"
        " selectors are the same they share a policy, by the name of one of them.",
        what_to_do="Give the workloads a label that differs (app.kubernetes.io/instance, say). The"
        " certificate lists what the shared selector opens.",
    ),
    "NP026": Entry(
        title="the network plugin enforces no rule about a connection",
        why="Whatever is written, no rule of this dialect allows the connection under this network"
        " plugin: it has no word for the peer, and does not match its address or nobody told which"
        " that is; or it does not know the protocol. The connection is held, and default deny may"
        " cut it off.",
        what_to_do="Choose a --target that has a word for it where the plugin reads one, give the"
        " addresses with --inventory, or leave the namespace out with --exclude-namespace. If the"
        " cluster has another plugin, say so with --cni.",
    ),
    "NP027": Entry(
        title="a workload needs several selectors",
        why="Its pods do not all share labels that no other pod of the namespace has, so each"
        " selector names some of them: peers of one rule, and several subjects with the same rules"
        " (one object in Calico and Cilium, an object each in Kubernetes). No fewer selectors do.",
        what_to_do="Give all of its pods one label of their own, in the pod template and in"
        " spec.selector, and restart those that lack it.",
    ),
    "NP028": Entry(
        title="a connection with somebody on the internet, of whom no address is told, is held",
        why="The flow log tells no more than that the other side is on the internet (or a DNS name,"
        " which no rule of this target can say), and no Service shows this port to it. Only a rule"
        " for every public address would allow the connection,"
        " and nobody asked for one.",
        what_to_do="Learn from a source that gives addresses as well; or give --allow-world, which"
        " opens the port to and from every public address.",
    ),
    "NP029": Entry(
        title="a label of --namespace-label is in no rule",
        why="No rule is for several namespaces that have values of this label which no other known"
        " namespace has; or the labels of some namespace are not known, so that nobody can tell."
        " Namespaces are named one by one instead.",
        what_to_do="Give the Namespace objects with --inventory; compare their labels with"
        " `netpol generate` without the option, which lists the names.",
    ),
    "NP045": Entry(
        title="a decision is about nothing that was seen",
        why="The file of decisions names a connection that is in no flow log and no store that was"
        " read. Either it is gone, or a workload or port was renamed.",
        what_to_do="Take the entry out when the connection is gone; else correct it."
        " `netpol graph --format json` lists what was seen.",
    ),
    "NP046": Entry(
        title="a decision changes nothing",
        why="What was allowed is accepted on its own evidence by now, what was refused is held for"
        " another reason, a later entry is about the same connection, or no policy can name its"
        " protocol.",
        what_to_do="Take the entry out, or leave it if you want it to hold should the evidence"
        " change.",
    ),
    "NP047": Entry(
        title="what was refused by a decision is allowed all the same",
        why="No rule is there for its sake, but one that is needed for others lets it through: the"
        " internet as a whole (with an address of which only one was refused), a coarser --level,"
        " a selector that matches its pods, too, or a policy that was there before.",
        what_to_do="Ask `netpol why` which rule it is. Policies that only allow cannot make an"
        " exception: refuse the others too, or deny it with a policy of an engine that can.",
        each=True,
    ),
}
