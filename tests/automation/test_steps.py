"""The shell steps of the action, of the template and of the recipe, run as they stand.

A Git repository with two branches, and in place of GitHub and GitLab a server on loopback that
keeps comments and records what it is asked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
TEMPLATE = yaml.safe_load((ROOT / "templates/netpol-review.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs/automation.md").read_text(encoding="utf-8")
MISSING = [one for one in ("bash", "curl", "git", "jq") if shutil.which(one) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")

WORKLOADS = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: %s, namespace: shop}
spec:
  selector: {matchLabels: {app: %s}}
  template: {metadata: {labels: {app: %s}}, spec: {containers: [{name: main}]}}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Ingress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
"""
TO_WORLD = POLICY + "  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]\n    ports: [{port: 8080}]\n"


class Platform:
    """Comments of one pull request, and every request: method, path, token, body."""

    def __init__(self, comments: list[dict]) -> None:
        self.comments = comments
        self.asked: list[tuple[str, str, str, dict | None]] = []
        platform = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_) -> None:
                """No news."""

            def _do(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                token = self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or ""
                platform.asked.append((self.command, self.path, token, body))
                answer = json.dumps(platform.answer(self.command, self.path, body)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        for method in ("GET", "POST", "PATCH", "PUT"):
            setattr(Handler, f"do_{method}", Handler._do)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def answer(self, method: str, path: str, body: dict | None) -> object:
        if path.endswith("/user"):
            return {"id": 7}
        if method == "GET":
            if "/pulls" in path:
                return self.comments
            page = int(re.search(r"[?&]page=(\d+)", path)[1])
            return self.comments[100 * (page - 1) : 100 * page]
        if method == "POST":
            made = {"id": 1000 + len(self.comments), "number": 12, **MINE, **(body or {})}
            self.comments.append(made)
            return made
        number = int(path.rpartition("/")[2])
        for one in self.comments:
            if one["id"] == number:
                one.update(body or {})
        return {}

    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _, _ in self.asked if method != "GET"]


MINE = {"user": {"login": "github-actions[bot]"}, "author": {"id": 7}}
OTHERS = {"user": {"login": "somebody"}, "author": {"id": 8}}


def chatter(count: int) -> list[dict]:
    """What others said, among it the marker of a review: that is not ours to update."""
    text = "<!-- netpol-review: default -->\nfooled?"
    return [{"id": number, **OTHERS, "body": text} for number in range(count)]


@pytest.fixture
def platform() -> Iterator[Platform]:
    made = Platform(chatter(130))
    yield made
    made.server.shutdown()
    made.server.server_close()


def git(place: Path, *args: str) -> str:
    told = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(
        ["git", *who, *args],
        cwd=place,
        env={**os.environ, **told},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A clone whose branch ``change`` opens a service to the world; origin/main does not."""
    there, here = tmp_path / "origin.git", tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", str(there))
    git(tmp_path, "clone", "--quiet", str(there), str(here))
    git(here, "checkout", "--quiet", "-b", "main")
    git(here, "config", "user.name", "t")
    git(here, "config", "user.email", "t@example.org")
    (here / "policies").mkdir()
    (here / "cluster.yaml").write_text(
        "---\n".join(WORKLOADS % (one, one, one) for one in ("web", "api"))
    )
    (here / "policies/api.yaml").write_text(POLICY)
    git(here, "add", ".")
    git(here, "commit", "--quiet", "-m", "policies")
    git(here, "push", "--quiet", "origin", "main")
    git(here, "checkout", "--quiet", "-b", "change")
    (here / "policies/api.yaml").write_text(TO_WORLD)
    git(here, "commit", "--quiet", "-am", "open")
    return here


def shell(script: str, place: Path, **env: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=place,
        env={**os.environ, "PATH": path, "PYTHONUTF8": "1", **env},
        capture_output=True,
        encoding="utf-8",
    )


# The action


class Job:
    """The steps of the action, their expressions filled in as a runner does."""

    def __init__(self, place: Path, work: Path, api: str, **inputs: str) -> None:
        self.place, self.work = place, work
        defaults = {name: one.get("default", "") for name, one in ACTION["inputs"].items()}
        given = {**defaults, "token": "t0ken", **inputs}
        self.known = {
            "runner.temp": str(work),
            "github.action_path": str(ROOT),
            "github.api_url": api,
            "github.repository": "shop/policies",
            "github.event.pull_request.number": "12",
            "inputs.base || format('origin/{0}', github.base_ref)": given["base"] or "origin/main",
            **{f"inputs.{name}": value for name, value in given.items()},
        }
        self.files = {
            name: work / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH")
        }
        work.mkdir(exist_ok=True)

    def run(self, name: str) -> subprocess.CompletedProcess[str]:
        (step,) = (one for one in ACTION["runs"]["steps"] if one["name"] == name)
        env = {key: self._filled(value) for key, value in step["env"].items()}
        done = shell(step["run"], self.place, **env, **{k: str(v) for k, v in self.files.items()})
        if self.files["GITHUB_OUTPUT"].exists():
            lines = self.files["GITHUB_OUTPUT"].read_text().splitlines()
            for key, _, value in (line.partition("=") for line in lines):
                self.known[f"steps.review.outputs.{key}"] = value
        return done

    def _filled(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.known[found[1]], text)


def test_the_action_reviews_comments_and_gates(repository, platform, tmp_path) -> None:
    job = Job(repository, tmp_path / "t", platform.url, inventory="cluster.yaml")
    assert job.run("Review").returncode == 0
    assert job.run("Comment").returncode == 0
    # Nothing of it is ours among 130 comments on two pages: a new one.
    assert platform.writes() == [("POST", "/repos/shop/policies/issues/12/comments")]
    assert {token for _, _, token, _ in platform.asked} == {"Bearer t0ken"}
    body = platform.comments[-1]["body"]
    assert body.startswith("<!-- netpol-review: default -->\n**1 policy change")
    assert body == Path(job.known["steps.review.outputs.markdown"]).read_text(encoding="utf-8")
    assert (tmp_path / "t/GITHUB_STEP_SUMMARY").read_text(encoding="utf-8") == body
    assert (
        json.loads(Path(job.known["steps.review.outputs.sarif"]).read_text())["version"] == "2.1.0"
    )
    gate = job.run("Gate")
    assert (gate.returncode, "::error::" in gate.stdout) == (1, True)


def test_a_later_run_of_the_action_updates_its_comment(repository, platform, tmp_path) -> None:
    for _ in range(2):
        job = Job(repository, tmp_path / "t", platform.url, inventory="cluster.yaml")
        assert (job.run("Review").returncode, job.run("Comment").returncode) == (0, 0)
        (repository / "policies/api.yaml").write_text(POLICY)
    number = platform.comments[-1]["id"]
    assert platform.writes()[1:] == [("PATCH", f"/repos/shop/policies/issues/comments/{number}")]
    assert len(platform.comments) == 131
    assert "**No policy changes: nothing opens" in platform.comments[-1]["body"]
    assert job.run("Gate").returncode == 0
    assert all(one["body"].endswith("fooled?") for one in platform.comments[:130])


def test_what_cannot_be_reviewed_stops_the_action(repository, platform, tmp_path) -> None:
    job = Job(repository, tmp_path / "t", platform.url, base="no-such-revision")
    assert job.run("Review").returncode == 2
    assert not (tmp_path / "t/GITHUB_STEP_SUMMARY").exists()


def test_no_input_of_the_action_is_put_into_a_script() -> None:
    assert not [one["name"] for one in ACTION["runs"]["steps"] if "${{" in one["run"]]
    (seen,) = (one["name"] for one in ACTION["runs"]["steps"] if "token" in str(one["env"]).lower())
    assert seen == "Comment"


# The template


def gitlab(place: Path, platform: Platform, **more: str) -> subprocess.CompletedProcess[str]:
    job = TEMPLATE["netpol-review"]
    known = {"CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "main"}
    variables = {
        key: re.sub(r"\$(\w+)", lambda found: known[found[1]], str(value))
        for key, value in job["variables"].items()
    }
    told = {
        **variables,
        "CI_API_V4_URL": f"{platform.url}/api/v4",
        "CI_PROJECT_ID": "3",
        "CI_MERGE_REQUEST_IID": "12",
        "NETPOL_INVENTORY": "cluster.yaml",
        **more,
    }
    return shell("\n".join([*job["before_script"], *job["script"]]), place, **told)


def test_the_template_notes_and_updates_its_note(repository, platform) -> None:
    done = gitlab(repository, platform, NETPOL_TOKEN="s3cret")
    assert done.returncode == 1, done.stderr
    (repository / "policies/api.yaml").write_text(POLICY)
    assert gitlab(repository, platform, NETPOL_TOKEN="s3cret").returncode == 0
    notes = "/api/v4/projects/3/merge_requests/12/notes"
    number = platform.comments[-1]["id"]
    assert platform.writes() == [("POST", notes), ("PUT", f"{notes}/{number}")]
    assert {token for _, _, token, _ in platform.asked} == {"s3cret"}
    for file in TEMPLATE["netpol-review"]["artifacts"]["paths"]:
        assert (repository / file).stat().st_size > 0


def test_without_a_token_the_template_says_where_the_review_is(repository, platform) -> None:
    done = gitlab(repository, platform)
    assert (done.returncode, platform.asked) == (1, [])
    assert "artefact review.md" in done.stdout


# The hooks


def hook(name: str, place: Path, *more: str) -> subprocess.CompletedProcess[str]:
    (one,) = (one for one in HOOKS if one["id"] == name)
    words = [*one["entry"].split(), *one["args"], *more]
    return shell('"$@"', place) if not words else shell(" ".join(map(repr, words)), place)


def test_the_hooks_stop_what_they_should(repository) -> None:
    assert hook("netpol-review", repository, "--inventory", "cluster.yaml").returncode == 0
    wide = TO_WORLD.replace("port: 8080", "port: 9090")
    (repository / "policies/api.yaml").write_text(wide)
    assert hook("netpol-review", repository, "--inventory", "cluster.yaml").returncode == 1
    assert hook("netpol-check", repository).returncode == 0
    (repository / "policies/api.yaml").write_text(POLICY.replace("  policyTypes: [Ingress]\n", ""))
    assert hook("netpol-check", repository, "--inventory", "cluster.yaml").returncode == 1


# The recipe


def step(name: str) -> str:
    (found,) = re.findall(rf"<!-- shell: run by the tests, {name} -->\n```sh\n(.*?)```", PAGE, re.S)
    return found


def test_the_recipe_learns_pushes_and_opens_one_pull_request(repository, tmp_path) -> None:
    git(repository, "checkout", "--quiet", "main")
    shutil.copy(ROOT / "samples/tiny/flows.jsonl", tmp_path / "flows.jsonl")
    platform = Platform([])
    env = {
        "FLOWS": str(tmp_path / "flows.jsonl"),
        "INVENTORY": "cluster.yaml",
        "TOKEN": "t0ken",
        "OWNER": "shop",
        "API": f"{platform.url}/repos/shop/policies",
    }
    (repository / "policies/api.yaml").unlink()
    for _ in range(2):
        git(repository, "checkout", "--quiet", "-f", "main")
        for name in ("learn", "push", "open"):
            done = shell(step(name), repository, **env)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    platform.server.shutdown()
    platform.server.server_close()
    made, again = (one for one in platform.asked if one[0] != "GET")
    assert made[:2] == ("POST", "/repos/shop/policies/pulls")
    assert again[:2] == ("PATCH", "/repos/shop/policies/pulls/12")
    assert made[3]["body"].startswith("<!-- netpol-review: default -->")
    assert (made[3]["head"], made[3]["base"]) == ("netpol/learned", "main")
    assert git(repository, "ls-remote", "origin", "netpol/learned")
    # Once it is merged a night without news ends early.
    git(repository, "push", "--quiet", "origin", "HEAD:main")
    assert shell(step("learn"), repository, **env).stdout.endswith("nothing new\n")
