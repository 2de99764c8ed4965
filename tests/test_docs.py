"""The documents say what the program does: README blocks are run, reference pages are generated."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from capture import SOURCES, WATCHERS
from generators import DIALECTS
from netpol.catalogue import CATALOGUE
from netpol.cli import cli
from netpol.cli.sources import SIGHT
from netpol.profile import CNIS, Profile
from netpol.profile.facts import facts

Golden = Callable[[str, str], None]
DOCS = "../../docs/reference/"


def test_command_reference(golden: Golden) -> None:
    golden(DOCS + "commands.md", "".join(_commands()))


def _commands() -> Iterator[str]:
    yield "# Commands\n\nWritten from the code: `make docs`.\n"
    parent = click.Context(cli, info_name="netpol", **cli.context_settings)
    yield from _help(cli, parent)


def _help(group: click.Group, parent: click.Context) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        context = click.Context(command, parent=parent, info_name=name, terminal_width=90)
        yield f"\n## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            yield from _help(command, context)


def test_notice_catalogue(golden: Golden) -> None:
    parts = [
        "# Notices\n\nWritten from the code: `make docs`. `netpol explain CODE` prints an entry.\n"
    ]
    for code, entry in sorted(CATALOGUE.items()):
        parts.append(
            f"\n## {code}: {entry.title}\n\n{entry.why}\n\n**What to do.** {entry.what_to_do}\n"
        )
    golden(DOCS + "notices.md", "".join(parts))


def test_dialect_table(golden: Golden) -> None:
    rows = ["# Dialects\n\nWritten from the code: `make docs`.\n\n"]
    rows.append("| dialect | writes | entities | DNS names | ICMP | CIDRs match pods | … nodes |\n")
    rows.append("| --- | --- | --- | --- | --- | --- | --- |\n")
    for one in DIALECTS:
        p = one.profile
        marks = (
            "yes" if x else "no"
            for x in (p.fqdn, p.icmp, p.cidr_matches_pods, p.cidr_matches_nodes)
        )
        entities = ", ".join(sorted(p.entities)) or "as addresses"
        rows.append(f"| {one.name} | {one.summary} | {entities} | {' | '.join(marks)} |\n")
    golden(DOCS + "dialects.md", "".join(rows))


def test_profile_table(golden: Golden) -> None:
    golden(DOCS + "profiles.md", "".join(_profiles()))


def _profiles() -> Iterator[str]:
    yield "# Profiles\n\nWritten from the code: `make docs`. What a network plugin does.\n"
    yield "`--cni` names one; else it is read from the inventory, see `netpol doctor`.\n"
    yield "**(U)** marks what nobody has verified on a cluster.\n\n"
    names = list(CNIS)
    yield f"| | {' | '.join(names)} |\n|{' --- |' * (len(names) + 1)}\n"
    yield f"| reads policies of | {' | '.join(', '.join(one.reads) for one in CNIS.values())} |\n"
    table = [list(facts(one)) for one in CNIS.values()]
    for row in zip(*table, strict=True):
        cells = (f"{one.value}{'' if one.source.verified else ' (U)'}" for one in row)
        yield f"| {row[0].title} | {' | '.join(cells)} |\n"
    for name, profile in CNIS.items():
        yield f"\n## {name}\n\n{profile.summary[0].upper()}{profile.summary[1:]}. Shows by "
        yield f"{_signs(profile)}.\n\n"
        for one in facts(profile):
            if one.field in profile.sources:
                yield f"- {one.title}: {one.value}. {one.source}\n"
        yield from (f"- {remark}\n" for remark in profile.remarks)


def _signs(profile: Profile) -> str:
    signs = profile.signs
    parts = [f"DaemonSet `{one}`" for one in sorted(signs.workloads)]
    parts += [f"label `{key}={value}`" for key, value in sorted(signs.labels)]
    parts += [f"ConfigMap `{'/'.join(one)}`" for one in sorted(signs.config)]
    parts += [f"node annotations `{one}…`" for one in signs.annotations]
    return ", ".join(parts)


def test_source_table(golden: Golden) -> None:
    golden(DOCS + "sources.md", "".join(_sources()))


def _sources() -> Iterator[str]:
    yield "# Flow sources\n\nWritten from the code: `make docs`. `netpol sources` prints this;\n"
    yield "with files it says which source would read each. `--from` forces one.\n\n"
    yield f"| source | {' | '.join(SIGHT.values())} |\n|{' --- |' * (len(SIGHT) + 1)}\n"
    for one in (*SOURCES, *WATCHERS):
        cells = " | ".join(getattr(one.sight, member) for member in SIGHT)
        yield f"| {one.name} | {cells} |\n"
    for one in (*SOURCES, *WATCHERS):
        yield f"\n## {one.name}\n\n{one.summary}.\n\n"
        yield from (f"- Cannot tell: {text}.\n" for text in one.sight.blind)
        yield "" if one.sight.blind else "- It has no blind spots of its own.\n"


def test_price_table(golden: Golden, root: Path) -> None:
    """Each level in each dialect on samples/shop, as the command prints it."""
    golden(DOCS + "levels.md", "".join(_prices(root)))


def _prices(root: Path) -> Iterator[str]:
    yield "# What each level costs\n\nWritten from the code: `make docs`. The shop of "
    yield "[samples/shop](../../samples/shop/README.md), as\n"
    yield "`netpol generate samples/shop/hubble.jsonl.gz --inventory samples/shop/cluster"
    yield " --target TARGET --prices`\nprints it; what the columns mean is in [levels]"
    yield "(../levels.md).\n\n"
    yield "| target | level | policies | rules | lines of YAML | unobserved tuples open |"
    yield " more to the outside |\n"
    yield "| --- | --- | --- | --- | --- | --- | --- |\n"
    shop = root / "samples" / "shop"
    args = ["generate", str(shop / "hubble.jsonl.gz"), "--inventory", str(shop / "cluster")]
    for target in ("kubernetes", "calico", "cilium"):
        more = ["--target", target, "--prices", "--format", "json"]
        result = CliRunner().invoke(cli, [*args, *more], catch_exceptions=False)
        for row in json.loads(result.stdout)["levels"]:
            cells = (row[key] for key in _PRICE)
            yield f"| {target} | {' | '.join(map(str, cells))} |\n"


_PRICE = ("level", "policies", "rules", "lines", "unobserved", "outside")


def _console_blocks(text: str) -> list[str]:
    blocks = re.findall(r"<!-- console: run by the tests -->\n```console\n(.*?)```", text, re.S)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture(scope="module")
def copy(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The README and the samples somewhere else, as a new user has them."""
    place = tmp_path_factory.mktemp("readme")
    shutil.copytree(root / "samples", place / "samples")
    return place


def test_readme_console_blocks_run(root: Path, copy: Path, monkeypatch) -> None:
    monkeypatch.chdir(copy)
    lines = _console_blocks((root / "README.md").read_text(encoding="utf-8"))
    assert len(lines) >= 3
    for line in lines:
        program, *args = shlex.split(line)
        assert program == "netpol"
        result = CliRunner().invoke(cli, args, catch_exceptions=False)
        assert result.exit_code == 0, f"{line}\n{result.output}"


def test_relative_links_lead_somewhere(root: Path) -> None:
    for page in [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("samples/**/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"
