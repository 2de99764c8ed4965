"""What a review says about a change; the rules of its SARIF."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["REVIEWS"]

_LOOK: Final = (
    "Look at the evidence beside it. If it is needed, say in the pull request what for; else narrow"
    " the rule that the review names."
)

REVIEWS: Final[dict[str, Entry]] = {
    "NP130": Entry(
        title="a connection opens",
        why="The new policies allow what the old ones denied, and it was observed.",
        what_to_do=_LOOK,
    ),
    "NP131": Entry(
        title="a connection opens that was never observed",
        why="The new policies allow what the old ones denied, and nothing of it is in the flows"
        " that were given. It may be new, or come rarely; or the rule is wider than needed.",
        what_to_do=_LOOK,
    ),
    "NP132": Entry(
        title="a connection opens that was seen only once",
        why="One connection in the whole window may be a need that comes rarely, or somebody who"
        " tried something.",
        what_to_do=_LOOK,
    ),
    "NP133": Entry(
        title="a connection opens between two teams",
        why="Client and server are in namespaces that belong to different teams: by the label of"
        " the namespace (--team-label), or by `teams` in the rules file.",
        what_to_do="Have somebody of the other team look at the change.",
    ),
    "NP134": Entry(
        title="an admin port opens",
        why="Through this port somebody may control a machine, a container runtime, the cluster or"
        " a process that is being debugged.",
        what_to_do=_LOOK,
    ),
    "NP135": Entry(
        title="a database port opens",
        why="Databases listen here by default, and many of them trust whoever reaches them.",
        what_to_do="Allow exactly the workloads that read or write the data.",
    ),
    "NP136": Entry(
        title="it opens to the internet at large",
        why="The rule covers as much of the public address space as an IPv4 /8 or more, or the"
        " entity world.",
        what_to_do="Name the addresses or DNS names that are needed. For a public entry allow the"
        " ingress controller or the load balancer alone.",
    ),
    "NP137": Entry(
        title="the metadata address of the cloud opens",
        why="At 169.254.169.254 (AWS also fd00:ec2::254) a cloud hands out the credentials of the"
        " node to whoever asks. A rule for every address covers it, too.",
        what_to_do="Except the address from the block: except: [169.254.169.254/32].",
    ),
    "NP138": Entry(
        title="a connection closes",
        why="The new policies deny what the old ones allowed. Where flows were given, nothing that"
        " was observed is part of it.",
        what_to_do="Nothing, if it is not needed; not seen is not the same as not needed.",
    ),
    "NP139": Entry(
        title="observed traffic would be denied",
        why="The connection is in the flows, the old policies allow it and the new ones deny it.",
        what_to_do="Allow it in the policy that the review names, or make sure that it is not"
        " needed any more.",
    ),
    "NP140": Entry(
        title="it cannot be decided what changes",
        why="It depends on something in the policies that could not be read or modelled.",
        what_to_do="Look at the notices NP063 to NP065 about these policies.",
    ),
    "NP141": Entry(
        title="a rule of the team is broken",
        why="The new policies allow what the rules file forbids, or deny what it demands. The"
        " connection that is named shows it.",
        what_to_do="Mend the policy, or change the rule where the whole team can see it.",
    ),
    "NP142": Entry(
        title="a rule of the team is about nobody",
        why="No workload of the inventory matches one side of it, so it is kept whatever policies"
        " say. Often a name is misspelt, or the inventory is that of another cluster.",
        what_to_do="Mend the names in the rules file, or remove the rule.",
    ),
    "NP143": Entry(
        title="something in the revision is not read",
        why="A symbolic link or a submodule stands among the policies of a Git revision. What it"
        " leads to is not part of that revision.",
        what_to_do="Put the file itself there, or check the revision out and give the directory.",
    ),
}
