"""Notices about policies and inventories that are read."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["MANIFESTS"]

MANIFESTS: Final[dict[str, Entry]] = {
    "NP060": Entry(
        title="a file of manifests could not be read, or not to its end",
        why="Its syntax is broken, it is too large or too deeply nested, its aliases multiply, or"
        " it may not be opened. Reading went on behind it where a document, an element of a list or"
        " a line tells where the next object begins; the notice says what was not read.",
        what_to_do="Mend the named line. Until then whatever was not read is unknown. Large YAML is"
        " better kept as JSON, which is read object by object.",
        each=True,
    ),
    "NP061": Entry(
        title="a document is not a Kubernetes object",
        why="It is a text where an object was expected, a list without items, or it has metadata or"
        " a spec without both apiVersion and kind. Were it meant as a policy, nobody would see it.",
        what_to_do="Remove or mend the document.",
        each=True,
    ),
    "NP062": Entry(
        title="a key is written twice",
        why="Only the last value of a repeated key counts; strict servers refuse the object.",
        what_to_do="Remove one of the two.",
    ),
    "NP063": Entry(
        title="a policy would be refused",
        why="The API server or the policy engine rejects what the named field says, so the policy"
        " would never be in force. It was left out.",
        what_to_do="Mend the field. What the policy was meant to allow or deny is not judged.",
        each=True,
    ),
    "NP064": Entry(
        title="the effect of a policy is undecided",
        why="The policy uses something that netpol does not model yet. It was left out rather than"
        " guessed at: the whole policy, or the one rule that the message names.",
        what_to_do="Judge the named field by hand; verdicts about the pods it selects may differ.",
        each=True,
    ),
    "NP065": Entry(
        title="a kind of policy is not read yet",
        why="The object takes part in network policy, but netpol does not read its kind.",
        what_to_do="Judge it by hand; verdicts about the pods it selects may differ.",
        each=True,
    ),
    "NP066": Entry(
        title="a field is read more loosely than written",
        why="Rules about HTTP, TLS and the like are compared by peers and ports alone, so what they"
        " refuse beyond that counts as allowed.",
        what_to_do="Take the verdict as an upper bound of what is allowed.",
    ),
    "NP067": Entry(
        title="the same object appears twice",
        why="Two documents have the same kind, namespace and name. The later one counts, as it does"
        " when they are applied in order.",
        what_to_do="Remove one of the two.",
    ),
    "NP068": Entry(
        title="a policy is staged",
        why="Calico's staged kinds are evaluated for flow logs only; they never allow or deny.",
        what_to_do="Nothing. To enforce it, write it as the kind without Staged.",
    ),
    "NP069": Entry(
        title="a policy is for host endpoints alone",
        why="With preDNAT or doNotTrack Calico applies the policy to interfaces of nodes, never to"
        " pods.",
        what_to_do="Judge it by hand where traffic enters through nodes.",
    ),
    "NP070": Entry(
        title="a kustomize patch is left out",
        why="A kustomization names the file as a patch: it is a part of an object, and is not read"
        " as one. What it changes about a policy or a workload is not known.",
        what_to_do="Give what `kubectl kustomize DIR` prints in place of the folder.",
        each=True,
    ),
    "NP073": Entry(
        title="a policy is not about pods",
        why="Its selector is for nodes (host firewall) or for endpoints with reserved labels. It"
        " was checked and has no effect on pods.",
        what_to_do="Nothing for pods; judge host policies by hand.",
    ),
    "NP074": Entry(
        title="a selector also matches what is no pod",
        why="All its conditions are negative (NotIn, DoesNotExist), which also hold for nodes and"
        " the world. Cilium from 1.19 limits such peers to pods of the local cluster by default.",
        what_to_do="Add `io.kubernetes.pod.namespace` with `Exists` when only pods are meant.",
    ),
    "NP075": Entry(
        title="a port range ends before it begins",
        why="The `endPort` is below the `port`. Cilium loads the policy and uses `port` alone.",
        what_to_do="Correct `endPort`.",
    ),
    "NP076": Entry(
        title="a field is not one that the kind has",
        why="The API server drops fields that it does not know and only warns; kubectl, which asks"
        " for strict validation, is refused. The policy is read without it. A selector that is"
        " misspelt so selects everything.",
        what_to_do="Mend the spelling or the indentation; what the field was meant to say is not in"
        " force.",
    ),
    "NP077": Entry(
        title="a peer of an unknown type",
        why="Its type is newer than netpol. As the API demands of engines that do not know it, an"
        " Accept rule with such a peer matches nothing, a Deny or Pass rule denies everything.",
        what_to_do="Judge the rule by hand if your engine knows the type.",
    ),
    "NP078": Entry(
        title="two policies have the same priority",
        why="The API leaves open which of them is asked first. netpol asks them by name.",
        what_to_do="Give each its own priority.",
    ),
    "NP079": Entry(
        title="an address block is written in an ambiguous way",
        why="It has host bits, leading zeros or IPv4 in IPv6 clothes. Servers before 1.36 take it"
        " and keep it, later ones refuse it in new objects.",
        what_to_do="Write the block that the notice names.",
    ),
    "NP080": Entry(
        title="an object of the inventory could not be read",
        why="The object does not have the shape that Kubernetes gives its kind: a field has the"
        " wrong type, a name is missing, or an address is none. It was left out; all others were"
        " read.",
        what_to_do="Look at the named document and path. Record the inventory again with kubectl,"
        " or mend the manifest; a pod that is left out may show up as an unknown address.",
    ),
    "NP081": Entry(
        title="the inventory contains Secrets",
        why="A dump of the cluster holds Secret objects. netpol does not look into them and keeps"
        " nothing of them, but the file itself does.",
        what_to_do="Delete them from the file and record only the kinds that an inventory needs; do"
        " not commit the file.",
    ),
    "NP082": Entry(
        title="a path holds nothing that an inventory uses",
        why="It has Kubernetes objects, but no pods, workloads, Services, namespaces or nodes.",
        what_to_do="Check that the right path was given to --inventory.",
    ),
}
