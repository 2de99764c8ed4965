"""The desk: exit codes, what goes to stdout and stderr, what becomes of the output directory."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from netpol.catalogue import CATALOGUE
from netpol.cli import cli, main
from netpol.cli.output import MARK

TARGETS = ("kubernetes", "calico", "cilium")


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


def run(*args: object) -> Run:
    """The program itself, in this process, error handling included."""
    out, err = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["netpol", *map(str, args)]
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
            main()
    finally:
        sys.argv = before
    code = end.value.code
    return Run(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())


def line(client: str, server: str, port: int = 8080, **more: object) -> str:
    """One answered connection between two pods, as Hubble writes it."""

    def pod(name: str) -> dict[str, object]:
        return {"namespace": "shop", "pod_name": f"{name}-0", "labels": [f"k8s:app={name}"]}

    record = {
        "time": "2026-11-02T09:14:07Z",
        "verdict": "FORWARDED",
        "IP": {"source": "10.244.0.1", "destination": "10.244.0.2"},
        "l4": {"TCP": {"source_port": 40000, "destination_port": port, "flags": {"ACK": True}}},
        "source": pod(client),
        "destination": pod(server),
        "Type": "L3_L4",
        "event_type": {"type": 4},
        "is_reply": False,
    }
    return json.dumps({"flow": {**record, **more}}) + "\n"


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    path = tmp_path / "flows.jsonl"
    path.write_text(line("web", "api") + line("api", "db", 5432), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def tree(directory: Path) -> set[str]:
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file()}


WRITTEN = {
    "kustomization.yaml",
    "shop/api.yaml",
    "shop/db.yaml",
    "shop/default-deny.yaml",
    "shop/web.yaml",
}


# --- help


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_the_help_of_every_command_has_an_example_that_its_options_allow(name: str) -> None:
    result = run(name, "--help")
    assert (result.code, result.err) == (0, "")
    examples = re.findall(r"^ +netpol (.*)$", result.out.split("Example")[1], re.MULTILINE)
    assert examples
    for example in examples:
        words = re.split(r"[|<>]", example)[0].split()
        assert words[0] == name
        cli.commands[name].make_context(name, words[1:], resilient_parsing=True)


def test_the_version_is_that_of_the_package() -> None:
    result = run("--version")
    assert (result.code, result.err) == (0, "")
    assert re.fullmatch(r"netpol, version \S+\n", result.out)


@pytest.mark.parametrize(
    "args", [(), ("nonsense",), ("graph",), ("generate",), ("graph", "--nope")]
)
def test_wrong_usage_is_trouble_and_said_on_stderr(args: tuple[str, ...]) -> None:
    result = run(*args)
    assert (result.code, result.out) == (2, "")
    assert result.err


# --- explain


def test_every_notice_is_explained() -> None:
    for code, entry in CATALOGUE.items():
        result = run("explain", code.lower())
        assert result.code == 0
        assert entry.title in result.out
        assert entry.what_to_do in result.out


def test_the_list_of_notices() -> None:
    assert len(run("explain").out.splitlines()) == len(CATALOGUE)
    assert json.loads(run("explain", "--format", "json").out).keys() == CATALOGUE.keys()


def test_an_unknown_notice_is_trouble_with_a_hint() -> None:
    result = run("explain", "NP999")
    assert (result.code, result.out) == (2, "")
    assert "hint:" in result.err


# --- inputs


@pytest.mark.parametrize(
    "args",
    [
        ("graph", "missing"),
        ("generate", "missing"),
        ("check", "missing", "FLOWS"),
        ("check", "FLOWS", "missing"),
        ("graph", "FLOWS", "--inventory", "missing"),
        ("graph", "EMPTYDIR"),
        ("graph", "BINARY"),
        ("graph", "FLOWS", "--from", "nonsense"),
        ("check", "EMPTYDIR", "FLOWS"),
    ],
)
def test_inputs_that_are_not_there_are_trouble(
    args: tuple[str, ...], flows: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 10)
    places = {
        "FLOWS": flows,
        "missing": tmp_path / "missing",
        "EMPTYDIR": tmp_path / "empty",
        "BINARY": tmp_path / "binary",
    }
    result = run(*(places.get(word, word) for word in args))
    assert (result.code, result.out) == (2, "")
    assert "error: " in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    "args", [("graph", "FLOWS", "--inventory", "missing"), ("graph", "EMPTYDIR")]
)
def test_every_trouble_with_inputs_has_a_hint(args, flows: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    places = {"FLOWS": flows, "missing": tmp_path / "missing", "EMPTYDIR": tmp_path / "empty"}
    assert "hint: " in run(*(places.get(word, word) for word in args)).err


@pytest.mark.parametrize("name", ["a\nerror: forged", "a\x1b[2Jb", "a\x07b\rc", "\udcc1d"])
@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("graph", "NAME"), 2),
        (("graph", "flows.jsonl", "--inventory", "NAME"), 2),
        (("connections", "NAME", "--inventory", "samples/shop/cluster"), 2),
        (("status", "--store", "NAME"), 2),
        (("decide", "NAME"), 2),
        (("learn", "EMPTY", "--store", "kept.db"), 0),
        (("learn", "BROKEN", "--store", "kept.db"), 0),
        (("graph", "BROKEN"), 0),
    ],
)
def test_no_name_of_a_file_steers_a_terminal(
    name: str, command: tuple[str, ...], code: int, flows: Path, tmp_path: Path
) -> None:
    empty, broken = tmp_path / f"{name}-empty", tmp_path / f"{name}-broken"
    empty.touch()
    broken.write_text(flows.read_text() + "{\n")
    places = {
        "NAME": tmp_path / name,
        "EMPTY": empty,
        "BROKEN": broken,
        "flows.jsonl": flows,
        "kept.db": tmp_path / "kept.db",
    }
    result = run(*(places.get(word, word) for word in command))
    assert result.code == code
    assert "a\nerror" not in result.err
    assert all(line.isprintable() for line in result.err.split("\n"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_input_is_trouble(flows: Path) -> None:
    flows.chmod(0)
    result = run("graph", flows)
    assert (result.code, result.out) == (2, "")
    assert "ermission" in result.err


@pytest.mark.parametrize("command", ["graph", "generate"])
@pytest.mark.parametrize("target", TARGETS)
def test_no_records_are_no_trouble(command: str, target: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.touch()
    options = ("--target", target) if command == "generate" else ()
    result = run(command, empty, *options)
    assert result.code == 0
    assert "0 of 0 records" in result.err


def test_standard_input(flows: Path) -> None:
    code = "from netpol.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "graph", "-", "--format", "json"],
        stdin=flows.open("rb"),
        capture_output=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["connections"]) == 2


def test_several_inputs_add_up(flows: Path) -> None:
    shown = json.loads(run("graph", flows, flows, "--format", "json").out)
    assert shown["records"]["read"] == 4
    assert len(shown["connections"]) == 2


# --- stdout is the result


def with_trouble(flows: Path) -> Path:
    flows.write_text(flows.read_text(encoding="utf-8") + "{nonsense\n", encoding="utf-8")
    return flows


@pytest.mark.parametrize("command", ["graph", "generate", "check"])
def test_json_on_stdout_is_json_even_with_notices(command: str, flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    args = (out, with_trouble(flows)) if command == "check" else (with_trouble(flows),)
    result = run(command, *args, "--format", "json")
    assert result.code == 0
    assert json.loads(result.out)["records"]["read"] == 3
    assert "NP001" in result.err


@pytest.mark.parametrize("command", ["graph", "generate", "check"])
def test_strict_makes_notices_a_failure(command: str, flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    places = (out,) if command == "check" else ()
    assert run(command, *places, flows, "--strict").code == 0
    assert run(command, *places, with_trouble(flows), "--strict").code == 1
    assert run(command, *places, flows).code == 0


@pytest.mark.parametrize("target", TARGETS)
def test_generate_prints_the_policies_alone(target: str, flows: Path) -> None:
    result = run("generate", flows, "--target", target)
    found = list(yaml.safe_load_all(result.out))
    assert sorted(one["metadata"]["name"] for one in found) == ["api", "db", "default-deny", "web"]
    assert "sufficient" in result.err


@pytest.mark.parametrize("form", ["table", "json", "dot", "mermaid", "graphml"])
def test_every_form_of_the_graph(form: str, flows: Path) -> None:
    result = run("graph", flows, "--format", form)
    assert result.code == 0
    assert "StatefulSet" in result.out
    assert "Learned from" not in result.out
    assert "Learned from 2 of 2 records" in result.err


def test_a_label_that_kubernetes_refuses_is_not_called_a_bug(flows: Path) -> None:
    """Only a file made by hand has one; say so, and do not lose the rest."""
    flows.write_text(line("a b", "api") + line("web", "api"), encoding="utf-8")
    assert "bug in netpol" not in run("generate", flows).err


# --- check


def test_check_of_what_was_generated_has_nothing_to_report(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    result = run("check", out, flows)
    assert result.code == 0
    assert "2 of 2 accepted connections are allowed" in result.out


def test_check_reports_denied_traffic_with_exit_1(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    (out / "shop/db.yaml").unlink()
    result = run("check", out, flows, "--format", "json")
    assert result.code == 1
    (denied,) = json.loads(result.out)["denied"]
    assert (denied["client"], denied["server"]) == ("shop/StatefulSet/api", "shop/StatefulSet/db")


def test_check_refuses_two_engines_at_once(flows: Path, out: Path) -> None:
    for target in ("calico", "cilium"):
        run("generate", flows, "--target", target, "-o", out / target)
    result = run("check", out, flows)
    assert (result.code, result.out) == (2, "")


# --- the output directory


def test_generate_writes_a_file_per_policy(flows: Path, out: Path) -> None:
    result = run("generate", flows, "-o", out / "deep" / "er")
    assert result.code == 0
    assert tree(out / "deep" / "er") == WRITTEN


def test_generating_again_changes_nothing(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    before = {name: (out / name).read_bytes() for name in tree(out)}
    run("generate", flows, "-o", out)
    assert {name: (out / name).read_bytes() for name in tree(out)} == before


def test_files_of_an_earlier_run_go_and_foreign_ones_stay(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    (out / "shop/mine.yaml").write_text("kind: Mine\n", encoding="utf-8")
    (out / "README.md").write_text("mine\n", encoding="utf-8")
    flows.write_text(line("web", "api"), encoding="utf-8")
    run("generate", flows, "-o", out)
    assert tree(out) == WRITTEN - {"shop/db.yaml"} | {"shop/mine.yaml", "README.md"}


def listing(out: Path, *resources: str) -> None:
    """An older kustomization.yaml with these resources."""
    out.mkdir(exist_ok=True)
    text = yaml.safe_dump({"kind": "Kustomization", "resources": list(resources)})
    (out / "kustomization.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("way", ["../precious", "shop/../../precious", "ABSOLUTE", "link/precious"])
def test_an_old_kustomization_cannot_delete_outside(
    way: str, flows: Path, out: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("x", encoding="utf-8")
    listing(out, str(precious) if way == "ABSOLUTE" else way)
    listed = (out / "kustomization.yaml").read_text(encoding="utf-8")
    (out / "kustomization.yaml").write_text(MARK + listed, encoding="utf-8")
    (out / "link").symlink_to(tmp_path)
    assert run("generate", flows, "-o", out).code == 0
    assert precious.exists()


def test_a_kustomization_that_netpol_did_not_write_costs_no_file(flows: Path, out: Path) -> None:
    """Somebody keeps an application in DIR and asks for policies beside it."""
    listing(out, "deployment.yaml")
    (out / "deployment.yaml").write_text("kind: Deployment\n", encoding="utf-8")
    run("generate", flows, "-o", out)
    assert (out / "deployment.yaml").exists()


def test_a_resource_that_somebody_added_by_hand_stays(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    listing(out, *sorted(WRITTEN - {"kustomization.yaml"}), "extra.yaml")
    (out / "extra.yaml").write_text("kind: ConfigMap\n", encoding="utf-8")
    run("generate", flows, "-o", out)
    assert (out / "extra.yaml").exists()


@pytest.mark.parametrize("odd", [".", "shop", "a\0b", "x" * 5000])
def test_an_odd_old_kustomization_is_no_traceback(odd: str, flows: Path, out: Path) -> None:
    (out / "shop").mkdir(parents=True)
    listing(out, odd)
    assert run("generate", flows, "-o", out).code in (0, 2)


@pytest.mark.parametrize(
    "content", ["", "[", "resources: 7", "resources: [1, {a: b}]", "\xff", "- a"]
)
@pytest.mark.parametrize("ours", [True, False])
def test_an_odd_kustomization_is_replaced_if_it_is_ours(
    ours: bool, content: str, flows: Path, out: Path
) -> None:
    out.mkdir()
    mark = MARK.encode() if ours else b""
    (out / "kustomization.yaml").write_bytes(mark + content.encode("latin-1"))
    assert run("generate", flows, "-o", out).code == (0 if ours else 2)
    assert tree(out) == (WRITTEN if ours else {"kustomization.yaml"})


@pytest.mark.parametrize("obstacle", ["out", "out/shop", "out/shop/web.yaml/x"])
def test_what_cannot_be_written_is_trouble(
    obstacle: str, flows: Path, out: Path, tmp_path: Path
) -> None:
    path = tmp_path / obstacle
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way", encoding="utf-8")
    result = run("generate", flows, "-o", out)
    assert result.code == 2
    assert "Traceback" not in result.err


def test_a_namespace_that_nobody_was_seen_in_is_trouble_and_costs_no_file(
    flows: Path, out: Path
) -> None:
    """A typo in ``-n`` empties DIR and exits 0."""
    run("generate", flows, "-o", out)
    result = run("generate", flows, "-n", "shpo", "-o", out)
    assert result.code != 0
    assert tree(out) == WRITTEN


def test_an_input_that_shows_nothing_costs_no_file(flows: Path, out: Path) -> None:
    run("generate", flows, "-o", out)
    flows.write_text("", encoding="utf-8")
    run("generate", flows, "-o", out)
    assert tree(out) == WRITTEN


def test_namespaces_are_chosen_and_left_out(flows: Path) -> None:
    for choice in (("--exclude-namespace", "shop"), ("-n", "shop", "--exclude-namespace", "shop")):
        assert not list(filter(None, yaml.safe_load_all(run("generate", flows, *choice).out)))
    assert run("generate", flows, "-n", "shop").out == run("generate", flows).out


# --- the other end of the pipe


def started(shell: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A process of its own, as a shell starts it; ``$netpol`` is the program."""
    program = f"{sys.executable} -c 'from netpol.cli import main; main()'"
    asked = shell.replace("$netpol", program)
    return subprocess.run(
        ["sh", "-c", asked], capture_output=True, check=False, env={**os.environ, **env}
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["--help", "explain", "explain --format json"])
def test_a_full_disk_is_trouble_that_is_said(command: str) -> None:
    done = started(f"$netpol {command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: the result cannot be written to stdout: No space left")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["graph", "status --store", "inventory show", "check"])
def test_a_name_that_no_file_can_have_is_trouble_that_is_said(command: str) -> None:
    done = started(f"$netpol {command} {'a' * 300}")
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"File name too long" in done.stderr


@pytest.mark.parametrize("stream", ["0<&-", "1>&-", "2>&-"])
def test_a_stream_that_is_closed_is_no_trouble(stream: str) -> None:
    done = started(f"$netpol graph - </dev/null {stream}")
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)


def test_an_encoding_without_a_letter_is_no_trouble() -> None:
    flows = Path(__file__).parents[2] / "samples/tiny/flows.jsonl"
    done = started(f"$netpol graph '{flows}' 2>&1", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert b"\\u2500" in done.stdout


def test_where_the_cluster_is_can_be_said_to_every_command(flows: Path, out: Path) -> None:
    """The hint names nothing that the command does not take."""
    asked = f"unset KUBERNETES_SERVICE_HOST; $netpol generate '{flows}' --inventory cluster"
    done = started(asked, HOME=str(out), KUBECONFIG="")
    assert done.returncode == 2
    assert b"hint: set KUBECONFIG (`netpol inventory record` takes --kubeconfig" in done.stderr


def into_closed_pipe(*args: str) -> subprocess.CompletedProcess[bytes]:
    """The program, writing to a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    code = "from netpol.cli import main; main()"
    try:
        return subprocess.run(
            [sys.executable, "-c", code, *args], stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)


def test_a_reader_that_has_gone_is_no_traceback() -> None:
    done = into_closed_pipe("explain", "--format", "json")
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


def test_a_reader_that_has_gone_is_no_difference() -> None:
    """1 means "look at this": ``netpol graph … | head`` is none."""
    assert into_closed_pipe("explain", "--format", "json").returncode == 0


# --- together


def test_the_program_is_installed() -> None:
    path = shutil.which("netpol", path=str(Path(sys.executable).parent))
    if path is None:
        pytest.skip("netpol is not installed beside this interpreter")
    assert subprocess.run([path, "explain"], capture_output=True, check=True).stdout


def leaves(group: click.Group) -> Iterator[click.Command]:
    """Every command that prints a result; what is recorded is JSON lines already."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from leaves(command)
        elif command.name not in ("record", "capture"):
            yield command


def test_every_command_takes_json() -> None:
    for command in leaves(cli):
        (form,) = (p for p in command.params if p.name == "form")
        assert isinstance(form.type, click.Choice)
        assert "json" in form.type.choices


def test_every_policy_that_is_left_out_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        broken = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name},
            "spec": {"podSelector": {}, "ingress": [{"from": [{}]}]},
        }
        (tmp_path / f"{name}.json").write_text(json.dumps(broken), encoding="utf-8")
    said = run("connections", tmp_path, "--inventory", "samples/shop/cluster").err
    assert "NP063 a policy would be refused (2×)" in said
    assert all(f"{name}.json: document 1: NetworkPolicy default/{name}" in said for name in "ab")


def test_check_lists_a_policy_that_is_left_out_among_its_findings(tmp_path: Path) -> None:
    text = (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: %s}\n"
        "spec: {podSelector: {}, ingress: [{ports: [{port: %s}]}]}\n---\n"
    )
    bad = tmp_path / "bad.yaml"
    bad.write_text(text % ("good", 80) + text % ("bad", 99999) + "kind: [\n", encoding="utf-8")
    done = run("check", bad, "--format", "json")
    said = [(one["code"], one["policy"]) for one in json.loads(done.out)["findings"]]
    assert said[:2] == [("NP060", str(bad)), ("NP063", "default/bad")]
    assert "NP063 a policy would be refused" in run("check", bad).out
    bad.write_text(text % ("bad", 99999), encoding="utf-8")
    alone = run("check", bad)
    assert alone.code == 2
    assert "no network policy takes effect there" in alone.err


def test_help_waits_for_no_room_and_no_heavy_package():
    """What a command needs it imports when it runs: whoever asks for help waits for none of it."""
    asked = "import sys, netpol.cli; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", asked], check=True, capture_output=True, text=True)
    heavy = {"capture", "generators", "networkx", "numpy", "msgspec", "yaml", "scapy", "kubernetes"}
    heavy |= {"grpc", "dask", "matplotlib", "ruamel", "sqlite3", "rich"}
    assert not heavy & set(done.stdout.split())


def test_help_shows_what_a_command_alone_has_before_what_several_share():
    shown = run("generate", "--help").out
    headings = re.findall(r"^(\S.*):$", shown, re.M)
    assert headings.index("Options") < headings.index("Input") < headings.index("Declared needs")
    options, _, rest = shown.partition("\nInput:")
    assert "--target" in options
    assert "--target" not in rest
    assert "--inventory PATH" in rest


def test_what_was_told_before_an_error_is_shown_once(tmp_path, flows):
    inventory = tmp_path / "cluster.yaml"
    inventory.write_text("kind: [")
    done = run("graph", flows, "--inventory", inventory)
    assert done.code == 2
    assert "there is no Kubernetes object in it" in done.err
    assert done.err.count("not readable as YAML") == 1
    policies = tmp_path / "policies.yaml"
    policies.write_text("apiVersion: v1\nkind: [")
    done = run("check", policies, flows)
    assert done.code == 2
    assert "no network policy was found there" in done.err
    assert done.err.count("not readable as YAML") == 1
