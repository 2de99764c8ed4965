"""Notices about what the user traded: lists of addresses, the internet, staged roll-outs."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["SHAPING"]

SHAPING: Final[dict[str, Entry]] = {
    "NP050": Entry(
        title="a list of addresses is longer than --max-blocks",
        why="Fewer blocks would hold addresses of the cluster or private ones, which are never"
        " opened for the sake of a shorter list. The list is as short as it can be.",
        what_to_do="Nothing has to be done. Where the private networks are yours to open, edit the"
        " written policy; `netpol check` says what it then allows.",
    ),
    "NP052": Entry(
        title="a declared need cannot be written",
        why="An object of the cluster (a webhook, an aggregated API, a route) says that a Service"
        " is called, and no rule of this dialect can allow it: it has no word for the caller, and"
        " nobody told its address. Default deny may cut it off.",
        what_to_do="Give the EndpointSlices of default/kubernetes with --inventory, or choose a"
        " --target that has a word for the API server; --no-declared leaves such needs out.",
    ),
    "NP053": Entry(
        title="metrics are to be fetched, and nobody is known to do it",
        why="A ServiceMonitor, a PodMonitor or annotations say that Prometheus fetches the metrics"
        " of some pods. No Prometheus object of the inventory takes them, and no pod is labelled as"
        " a server (app.kubernetes.io/name, app or k8s-app: prometheus), so who it is is not"
        " guessed: only connections that were seen are allowed.",
        what_to_do="Give the Prometheus objects and their pods with --inventory, or record while"
        " the metrics are fetched; --no-declared leaves such needs out.",
    ),
    "NP051": Entry(
        title="many public addresses called a port that no Service exposes",
        why="So many callers may mean that the port is for the internet, but no Service of type"
        " LoadBalancer or NodePort (or with external addresses) says so. Each address that was seen"
        " is allowed, and no other one: the next caller is denied.",
        what_to_do="Give --allow-world if the port is for everyone, or the Service in --inventory."
        " If it is not, find out how those callers reach it.",
    ),
    "NP055": Entry(
        title="names that differ in one label are not made a pattern",
        why="They stand below a public suffix: a domain under which different people have names of"
        " their own (the buckets of a cloud, the sites of a host). A pattern would let the workload"
        " reach what anybody puts there, so each name that was seen is written.",
        what_to_do="Nothing has to be done. If all of them are yours to open, say so with"
        " --fqdn-pattern, such as --fqdn-pattern '*.s3.eu-west-1.amazonaws.com'.",
    ),
    "NP056": Entry(
        title="a pattern of --fqdn-pattern matches no name",
        why="No workload was seen to call a name that it matches (* stands for characters within"
        " one label, not for dots), or the target has no rules about names. Nothing was written"
        " for it.",
        what_to_do="Compare it with the names in the certificate or in `netpol graph --format"
        " json`; only --target cilium has rules about DNS names.",
    ),
    "NP057": Entry(
        title="a server known by its name alone is open to everybody outside",
        why="The flow log names whom the workload called and gives no address, and no rule of this"
        " target can name it. Only a rule for every address outside the cluster and outside"
        " private networks lets the connection pass, and --allow-world asks for one; without it the"
        " connection is held (NP028).",
        what_to_do="Take --target cilium, learn from a source that gives addresses as well, or"
        " refuse the connection with `netpol decide` and let it go through a proxy.",
    ),
}
