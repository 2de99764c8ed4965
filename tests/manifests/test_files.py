"""What a path stands for, and what may be in the way."""

import os
import subprocess
import sys
import threading

import pytest
from manifest_texts import A, B, C, yamls

from netpol.manifests import load


def names(path):
    """(names of the policies, what was said)."""
    told = []
    found = [one.data["metadata"]["name"] for one in load([path], told.append)]
    return found, [str(one).replace(f"{path}/", "").replace(str(path), "it") for one in told]


def test_endings_in_capitals_and_packed_ones_count(tmp_path):
    (tmp_path / "A.YAML").write_text(yamls(A))
    (tmp_path / "b.yml.GZ").write_text(yamls(B))
    (tmp_path / "c.txt").write_text(yamls(C))
    assert names(tmp_path) == (["a", "b"], [])


def test_links_to_folders_are_followed_once(tmp_path):
    real = tmp_path / "real"
    (real / "x.yaml").mkdir(parents=True)
    (real / "x.yaml" / "a.yaml").write_text(yamls(A))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "b.yaml").write_text(yamls(B))
    (real / "loop").symlink_to(real)
    (real / "again").symlink_to(real / "x.yaml")
    (real / "z").symlink_to(tmp_path / "outside")
    found, told = names(real)
    assert (sorted(found), told) == (["a", "b"], [])


def test_what_is_no_file_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nothing")
    (tmp_path / "loop.json").symlink_to(tmp_path / "loop.json")
    (tmp_path / "a.yaml").write_text(yamls(A))
    found, told = names(tmp_path)
    assert found == ["a"]
    assert told == [
        "NP060 gone.yaml: cannot be read: No such file or directory",
        "NP060 loop.json: cannot be read: Too many levels of symbolic links",
        "NP060 pipe.yaml: is a pipe or a device, which is read only when named",
    ]


def test_a_pipe_that_is_named_is_read_as_often_as_needed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=[yamls(A, B)])
    writer.start()
    assert names(pipe) == (["a", "b"], [])
    writer.join()
    assert names(pipe) == (["a", "b"], [])


def test_standard_input_is_a_dash():
    command = [sys.executable, "-c", "from netpol.cli import main; main()", "connections", "-"]
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"template": {"metadata": {"labels": {"app": "web"}}}},
    }
    done = subprocess.run(
        [*command, "--format", "csv"],
        input=yamls(A, deployment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "default/Deployment/web" in done.stdout


def test_a_folder_that_may_not_be_opened_is_said(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    (tmp_path / "a.yaml").write_text(yamls(A))
    locked.chmod(0)
    try:
        if os.access(locked, os.R_OK):
            pytest.skip("this user may read everything")
        assert names(tmp_path) == (["a"], ["NP060 locked: cannot be read: Permission denied"])
    finally:
        locked.chmod(0o700)
