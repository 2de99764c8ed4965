"""The plan of a roll-out: the README that lies beside staged policies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from netpol.peers import Workload, label
from netpol.rollout import Step

__all__ = ["plan_text"]

_HOW: Final = {
    "calico": """\
Every policy here is of a Staged kind: Calico evaluates it and writes what it would do into flow
logs (`policies.pending`); no packet is dropped.

1. `kubectl apply -k .`
2. Watch flow logs for pending denials; learn what is needed and write this folder again.
3. Enforce one workload after the other, in the order below, its policy together with the one that
   ends in `.names` (so that it can resolve names; not every policy has one), each by
   `sed -e 's/^kind: Staged/kind: /' -e '/stagedAction: Set/d' FILE | kubectl apply -f -`
4. When all workloads of a namespace are done, do the same with its `allow-dns` and `default-deny`.
   They are for every pod of the namespace, also for those without a policy of their own.
5. `kubectl delete -k .` takes the staged copies away.

Roll back: `sed -e 's/^kind: Staged/kind: /' FILE | kubectl delete -f -`. When the last policy that
selects a pod goes, the pod is open.
""",
    "cilium": """\
Every policy here has `enableDefaultDeny: false`: its rules are in place, and nothing is isolated by
them. (Where `allow-dns` inspects names, DNS passes Cilium's proxy from the first step on.)

1. `kubectl apply -k .`
2. Hold new traffic against the policies that are written without `--staged`: `netpol check`.
3. Enforce one workload after the other, in the order below:
   `sed -E 's/^( +(in|e)gress): false$/\\1: true/' FILE | kubectl apply -f -`
   Leave `allow-dns` as it is meanwhile: its rules count for every pod, and it isolates none.
4. When all workloads of a namespace are done, do the same with its `allow-dns` and `default-deny`.
   They are for every pod of the namespace, also for those without a policy of their own.

Roll back: `kubectl apply -f FILE` puts the file of this folder in its place again.
""",
    "kubernetes": """\
Kubernetes has no dry run for policies: what is applied is enforced. So there are two steps.

1. `1-allow` isolates only workloads that have a policy. Apply one after the other, in the order
   below, its policy together with the one that ends in `.names` (so that it can resolve names; not
   every policy has one): `kubectl apply -f 1-allow/FILE`
   Policies that end in `-serve-dns` are for the pods that answer everybody: apply them last.
2. `2-default-deny` closes the rest: `kubectl apply -R -f 2-default-deny`. What the first step
   allows stays allowed. The policies that end in `.names` may go then, `allow-dns` says the same.

Roll back: `kubectl delete -f FILE` for a workload, `kubectl delete -R -f 2-default-deny` for the
second step. When the last policy that selects a pod goes, the pod is open.
""",
}


def plan_text(
    target: str,
    steps: Iterable[Step],
    files: Iterable[tuple[Step, str]],
    silent: Iterable[Workload],
) -> str:
    """How to apply, in which order, and how to go back; ``files``: the policy of each step."""
    where = dict(files)
    lines = [f"# Rolling out these policies, safest first\n\n{_HOW[target]}\n"]
    lines.append(
        "| order | workload | policy | clients | servers | seen once |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    lines += [
        f"| {number} | {label(one.workload)} | {where.get(one, '')} | {one.clients} |"
        f" {one.servers} | {one.seen_once} |\n"
        for number, one in enumerate(steps, 1)
    ]
    lines.append(
        "\nSafest: no connection was seen a single time only, and few partners. *Clients* and"
        " *servers* are distinct peers.\n"
    )
    names = ", ".join(label(one) for one in silent)
    if names:
        lines.append(f"\n**No traffic was seen** of {names}: the default deny cuts them off.\n")
    return "".join(lines)
