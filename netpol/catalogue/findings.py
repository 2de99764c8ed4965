"""Findings about policies: what is probably not what their author meant."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["FINDINGS"]

FINDINGS: Final[dict[str, Entry]] = {
    "NP100": Entry(
        title="a namespace and some pods are two peers, not one",
        why="A rule lists a peer that only selects namespaces, and another that only selects pods"
        " of the policy's own namespace. Peers are alternatives: all pods of those namespaces are"
        " allowed, and these pods of the own namespace too. A single '-' makes the difference.",
        what_to_do="If pods with these labels in those namespaces were meant, put podSelector and"
        " namespaceSelector into one list entry. If both were meant, nothing has to be done.",
    ),
    "NP101": Entry(
        title="policyTypes does not say what the rules suggest",
        why="Without policyTypes a policy always isolates ingress, and egress only when it has an"
        " egress rule. So egress rules alone also cut off all clients, and an empty egress list"
        " denies nothing. Rules of a direction that policyTypes leaves out do nothing.",
        what_to_do="Write policyTypes (types in Calico) in every policy, with the directions that"
        " are meant.",
    ),
    "NP102": Entry(
        title="egress is isolated without name resolution",
        why="The pods may connect to some peers, but no egress rule lets them ask a resolver, so"
        " every connection that starts with a name fails.",
        what_to_do="Allow UDP and TCP on the pod port of the resolver (53, on OpenShift 5353).",
    ),
    "NP103": Entry(
        title="the port of a Service is used instead of the port of its pods",
        why="Policies see a connection after the Service was resolved, so their ports are those on"
        " which the pods listen. A rule with the Service's own port allows nothing.",
        what_to_do="Use the targetPort of the Service.",
    ),
    "NP104": Entry(
        title="a rule about requests is defeated by a plainer one",
        why="Cilium allows what any rule allows. Where one rule looks at HTTP requests and another"
        " allows the same peer and port without, every request passes.",
        what_to_do="Narrow or remove the plainer rule, or drop the conditions if they are not"
        " needed.",
    ),
    "NP105": Entry(
        title="a DNS name is allowed and never learned",
        why="Cilium learns the addresses of a name in toFQDNs from the answers that its DNS proxy"
        " sees, and it sees none unless an egress rule to the resolver has rules.dns.",
        what_to_do="Add rules.dns with the name or a pattern to the egress rule for the resolver.",
    ),
    "NP106": Entry(
        title="an address block lies over pods",
        why="Kubernetes leaves it open whether a block matches pods by their address. Some engines"
        " do, so that the block opens pods whoever they are next; others, such as Cilium, never"
        " do, so that it opens none of them.",
        what_to_do="Select pods by labels, and except the ranges of pods from blocks that mean the"
        " world outside.",
    ),
    "NP107": Entry(
        title="a namespace has pods that are not isolated",
        why="A pod that no policy selects in a direction is open to everyone in that direction. No"
        " default deny covers the namespace.",
        what_to_do="Add a policy that selects all pods of the namespace, has both policyTypes and"
        " no rules, after what they need has been allowed.",
    ),
    "NP108": Entry(
        title="only one side of a connection is opened",
        why="A connection needs the egress of its client and the ingress of its server. One of"
        " them has a rule for it; the other is isolated and never allows it.",
        what_to_do="Add the rule on the other side, or remove this one.",
    ),
    "NP109": Entry(
        title="a policy selects no pod",
        why="The inventory has no pod that meets the subject of the policy, so it does nothing: a"
        " label was mistyped, has changed, or the workload is gone or runs on the host's network.",
        what_to_do="Mend the selector or remove the policy. If its workload is not deployed yet,"
        " nothing has to be done.",
    ),
    "NP110": Entry(
        title="a peer matches nobody",
        why="The inventory has no pod that meets the peer's selectors: a label was mistyped, the"
        " pods are in another namespace, or they run on the host's network.",
        what_to_do="Mend or remove the peer. Without namespaceSelector only pods of the policy's"
        " own namespace match.",
    ),
    "NP111": Entry(
        title="a rule is shadowed by others",
        why="With the rule or without it, every pod of the inventory, address and name may do the"
        " same: other rules have decided already.",
        what_to_do="Remove it, or mend what it was meant to add. In a list of rules that deny and"
        " allow, look at their order.",
    ),
    "NP112": Entry(
        title="the engine does not enforce this",
        why="The policy uses a kind, a feature or a label that the engine of this check does not"
        " act upon. Objects are accepted all the same, and nobody says so in the cluster.",
        what_to_do="Say it in what the engine enforces, or check against the engine that will run"
        " it.",
    ),
    "NP113": Entry(
        title="a named port that no pod declares",
        why="A port name in a rule is looked up among the container ports of the server's pods,"
        " with its protocol. None of them declares it, so the rule allows nothing.",
        what_to_do="Declare the port in the pod template, or use its number.",
    ),
}
