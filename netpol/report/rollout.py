"""The plan of a roll-out: the README that lies beside staged policies, and the same as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any, Final

from netpol.peers import Workload, label
from netpol.rollout import Plan, Stage

__all__ = ["plan_object", "plan_text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """How one target is rolled out. The commands are for one stage, in the folder of the README."""

    about: str
    first: str
    """The folder with the policies of workloads, with a slash; empty: the namespaces' own."""
    second: str
    """The same for those of whole namespaces."""
    begin: str
    """What is applied before anything is enforced; empty where nothing can be."""
    apply: str
    back: str
    end: str = ""
    """When all is done; ``{namespaces}`` are folders, lists of addresses not among them."""

    def files(self, policies: Iterable[tuple[str, str]], folder: str) -> list[str]:
        return [f"{folder}{namespace}/{name}.yaml" for namespace, name in policies]


_RUN: Final = """\
Run the commands in this folder, one after the other, and go on when all still works. Each stage has
the command that takes it back, in the reverse order: while the default deny of its namespace is
there, a workload without its policies can do nothing; when the last policy that selects a pod goes,
the pod is open. Netpol has evaluated the stages: none denies a connection that was accepted.
"""
_EACH: Final = "for f in {files}; do sed %s \"$f\"; echo '---'; done | kubectl %s -f -"
"""What ``sed`` makes of each file, as documents of their own."""
_ENFORCED: Final = "-e 's/^kind: Staged/kind: /' -e '/stagedAction: Set/d'"
_ISOLATING: Final = r"-E 's/^( +(in|e)gress): false$/\1: true/'"

_WORDS: Final = {
    "calico": _Words(
        about="""\
Every policy here is of a Staged kind: Calico evaluates it and writes what it would do into flow
logs (`policies.pending`); no packet is dropped. Watch flow logs for pending denials before anything
is enforced: learn what is needed, and write this folder again.
""",
        first="",
        second="",
        begin="kubectl apply -k .",
        apply=_EACH % (_ENFORCED, "apply"),
        back=_EACH % (_ENFORCED, "delete"),
        end="kubectl delete -R{namespaces}",
    ),
    "cilium": _Words(
        about="""\
Every policy here has `enableDefaultDeny: false`: its rules are in place, and nothing is isolated by
them. (Where `allow-dns` inspects names, DNS passes Cilium's proxy from the first step on.) Hold new
traffic against the policies that are written without `--staged` before anything is enforced:
`netpol check`.
""",
        first="",
        second="",
        begin="kubectl apply -k .",
        apply=_EACH % (_ISOLATING, "apply"),
        back="kubectl apply{files}",
    ),
    "kubernetes": _Words(
        about="""\
Kubernetes has no dry run for policies: what is applied is enforced. So there are two steps.
`1-allow` has the policies of workloads, one after the other: they isolate these alone. Those that
end in `.names` let a workload resolve names meanwhile. `2-default-deny` closes the rest of each
namespace.
""",
        first="1-allow/",
        second="2-default-deny/",
        begin="",
        apply="kubectl apply{files}",
        back="kubectl delete{files}",
    ),
}


def plan_text(plan: Plan, silent: Iterable[Workload]) -> str:
    """How to apply, in which order, and how to go back, with the commands of every stage."""
    words = _WORDS[plan.target]
    return "".join(
        (
            f"# Rolling out these policies, safest first\n\n{words.about}\n",
            _RUN,
            *_table(plan.stages),
            *_silent(silent),
            *_stages(plan, words),
        )
    )


def _table(stages: Iterable[Stage]) -> Iterator[str]:
    yield (
        "\n| stage | workload | clients | servers | seen once |\n| --- | --- | --- | --- | --- |\n"
    )
    for number, one in enumerate(stages, 1):
        yield f"| {number} | {one.title} | {one.clients} | {one.servers} | {one.seen_once} |\n"
    yield (
        "\nSafest: no connection was seen a single time only, and few partners. *Clients* and"
        " *servers* are\ndistinct peers. Workloads that share a stage are selected by one policy.\n"
    )


def _silent(silent: Iterable[Workload]) -> Iterator[str]:
    names = ", ".join(label(one) for one in silent)
    if names:
        yield (
            f"\n**No traffic was seen** of {names}: the default deny of their namespaces cuts them"
            " off.\n"
        )


def _stages(plan: Plan, words: _Words) -> Iterator[str]:
    if words.begin:
        yield f"\n## Before\n\n```sh\n{words.begin}\n```\n"
    yield "\n## Workload by workload\n"
    for number, row in enumerate(_rows(plan, words), 1):
        if number == len(plan.stages) + 1:
            yield (
                "\n## Namespace by namespace\n\nEach when all its workloads are done: these are for"
                " every pod, also for those without a policy of\ntheir own.\n"
            )
        title = row.get("namespace") or ", ".join(row["workloads"]) or row["files"][0]
        yield f"\n### {number}. {title}\n\n```sh\n{row['apply']}\n```\n"
        yield f"\nBack:\n\n```sh\n{row['roll_back']}\n```\n"
    if end := _end(plan, words):
        yield (
            "\n## In the end\n\nWhen all namespaces are done, what was there for the time between"
            f" may go.\n\n```sh\n{end}\n```\n"
        )


def _end(plan: Plan, words: _Words) -> str:
    """What takes away what was there for the time between.

    Not by the kustomization: lists of addresses stay, for policies refer to them.
    """
    namespaces = {name for one in plan.stages for name, _ in one.policies} | set(plan.whole)
    between = _commands(words, words.files(plan.between, words.first))["roll_back"]
    lines = [between] if plan.between else []
    if words.end:
        lines.append(words.end.format(namespaces="".join(f" -f {n}" for n in sorted(namespaces))))
    return "\n".join(lines)


def plan_object(plan: Plan) -> dict[str, Any]:
    """The same for programs: ``generate --staged --format json``."""
    words = _WORDS[plan.target]
    rows = list(_rows(plan, words))
    cut = len(plan.stages)
    return {
        "before": words.begin,
        "stages": rows[:cut],
        "namespaces": rows[cut:],
        "after": _end(plan, words),
    }


def _rows(plan: Plan, words: _Words) -> Iterator[dict[str, Any]]:
    """Every stage, then every namespace, with its files and commands."""
    for one in plan.stages:
        yield {
            "workloads": [label(workload) for workload in one.workloads],
            **_commands(words, words.files(one.policies, words.first)),
            "clients": one.clients,
            "servers": one.servers,
            "seen_once": one.seen_once,
        }
    for namespace, policies in sorted(plan.whole.items()):
        found = _commands(words, words.files(policies, words.second))
        yield {"namespace": namespace, **found}


def _commands(words: _Words, files: list[str]) -> Mapping[str, Any]:
    quoted = list(map(quote, files))
    many = " ".join(quoted)
    each = "".join(f" -f {one}" for one in quoted)
    apply, back = (
        text.replace("{files}", many if text.startswith("for ") else each)
        for text in (words.apply, words.back)
    )
    return {"files": files, "apply": apply, "roll_back": back}
