"""Decisions that netpol took on the user's behalf, and things that it could not use.

Every code has one entry in :data:`CATALOGUE`; ``netpol explain CODE`` prints it and the docs page
is made from it. Library code never prints: it is given ``tell`` and calls it with a Notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["CATALOGUE", "Entry", "Notice", "Tell"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One occurrence: which entry of the catalogue, where, and the particulars."""

    code: str
    message: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.where + ': ' if self.where else ''}{self.message}"


Tell: TypeAlias = Callable[[Notice], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a code means: a title, why it happens, and what the reader can do."""

    title: str
    why: str
    what_to_do: str


CATALOGUE: Final[dict[str, Entry]] = {
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
        " kept. Destinations that were resolved after that are known by address only.",
        what_to_do="Look whether the client really needs so many names; a crawler does,"
        " an application rarely.",
    ),
    "NP020": Entry(
        title="a selector uses a label that changes with a release",
        why="No lasting label, present or absent, tells this workload from the others of its"
        " namespace, so a version, chart or hash value is part of its selector.",
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
        why="Its pods share no label that lasts: none at all, only ones that controllers write, or"
        " a different value on each pod. An empty selector would mean everyone, so no rule can be"
        " written for them, and under default deny they are cut off.",
        what_to_do="Label the pod template, or leave the namespace out with --exclude-namespace.",
    ),
    "NP025": Entry(
        title="no selector tells two workloads apart",
        why="Every label that the pods of one workload share is also on pods of the other, so a"
        " rule for the first applies to the second too.",
        what_to_do="Give the workloads a label that differs (app.kubernetes.io/instance, say). The"
        " certificate lists what the shared selector opens.",
    ),
    "NP060": Entry(
        title="a file of manifests could not be read, or not to its end",
        why="Its syntax is broken, it is too large or too deeply nested, its aliases multiply, or"
        " it may not be opened. What comes after that place was not read.",
        what_to_do="Mend the named line. Until then whatever the rest of the file says is unknown.",
    ),
    "NP061": Entry(
        title="a document is not a Kubernetes object",
        why="It is a text or a list where an object with apiVersion and kind was expected.",
        what_to_do="Remove or mend the document.",
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
    ),
    "NP064": Entry(
        title="the effect of a policy is undecided",
        why="The policy uses something that netpol does not model yet. It was left out rather than"
        " guessed at.",
        what_to_do="Judge the named field by hand; verdicts about the pods it selects may differ.",
    ),
    "NP065": Entry(
        title="a kind of policy is not read yet",
        why="The object takes part in network policy, but netpol does not read its kind.",
        what_to_do="Judge it by hand; verdicts about the pods it selects may differ.",
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
