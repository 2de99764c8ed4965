"""``netpol inventory record`` and ``show``, and ``--inventory cluster``: against a real server."""

import csv
import json
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from api_server import ApiServer
from click.testing import CliRunner
from watched import obj, pod, wait_for

from capture.snapshot import read_inventory
from netpol.cli import cli
from netpol.inventory import ALWAYS

SHOP = Path(__file__).parents[2] / "samples" / "shop"
WATCH = str(SHOP / "watch.jsonl.gz")


@pytest.fixture
def api(tmp_path, monkeypatch):
    with ApiServer() as server:
        server.apply(
            obj("Namespace", "shop", space=""),
            obj("Service", "cart", spec={"clusterIP": "10.96.0.7", "ports": [{"port": 80}]}),
            pod("cart-1", "10.1.0.5"),
            pod("cart-2", "10.1.0.6"),
        )
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path / "kubeconfig")))
        yield server


def netpol(*args, code=0):
    result = CliRunner().invoke(cli, args, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


def record(*args):
    """The program itself, to be stopped from outside."""
    command = [sys.executable, "-c", "from netpol.cli import main; main()", "inventory", "record"]
    return subprocess.Popen([*command, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def objects(text):
    lines = [json.loads(line) for line in text.splitlines()]
    return [
        (one["type"], one["object"]["metadata"]["name"])
        for one in lines
        if one["type"] != "BOOKMARK"
    ]


def read(file):
    notices = []
    found = read_inventory([str(file)], notices.append)
    assert not notices
    return found


def has(file, text):
    return lambda: file.exists() and text in file.read_bytes()


def test_once_to_standard_output(api):
    process = record("--once")
    out, err = process.communicate()
    assert process.returncode == 0
    assert ("ADDED", "cart-1") in objects(out)
    assert f"recording {api.url}".encode() in err
    assert b"recorded 4 changes; 4 objects at the end" in err


def test_for_a_while(api, tmp_path):
    file = tmp_path / "watch.jsonl"
    netpol("inventory", "record", "-o", str(file), "--duration", "1s")
    assert len(read(file).pods) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_well(api, tmp_path, number):
    file = tmp_path / "watch.jsonl"
    process = record("-o", str(file))
    wait_for(has(file, b"cart-2"))
    api.apply(pod("late", "10.1.0.7"))
    wait_for(has(file, b'"late"'))
    process.send_signal(number)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out == b""
    assert b"5 objects at the end" in err
    assert ("shop", "late") in read(file).pods


def test_what_was_killed_is_gone_on_with(api, tmp_path):
    file = tmp_path / "watch.jsonl"
    process = record("-o", str(file))
    wait_for(has(file, b"cart-2"))
    process.kill()
    process.communicate()
    assert file.read_bytes().endswith(b"\n")
    before = len(file.read_bytes().splitlines())
    # As if it had been killed amid a line.
    with file.open("ab") as stream:
        stream.write(b'{"type":"ADDED","time":"2026-')
    api.delete(pod("cart-1"))
    api.apply(pod("cart-2", "10.1.0.9"))
    netpol("inventory", "record", "-o", str(file), "--once")
    lines = [json.loads(line) for line in file.read_text().splitlines()][before:]
    told = {(one["type"], one["object"]["metadata"]["name"]) for one in lines if "since" in one}
    assert told == {("DELETED", "cart-1"), ("MODIFIED", "cart-2")}
    found = read(file)
    (stay,) = found.holders["10.1.0.5"]
    assert stay.sure < stay.end < ALWAYS
    assert found.pods["shop", "cart-1"].finished


def test_two_do_not_record_to_one_file(api, tmp_path):
    file = tmp_path / "watch.jsonl"
    process = record("-o", str(file))
    wait_for(has(file, b"cart-2"))
    other = record("-o", str(file), "--once")
    _, err = other.communicate()
    assert other.returncode == 2
    assert b"another recording goes to this file" in err
    process.terminate()
    process.communicate()


def test_another_file_is_begun_when_one_is_large(api, tmp_path):
    file = tmp_path / "watch.jsonl"
    big = {f"label-{n}": "x" * 60 for n in range(60)}
    process = record("-o", str(file), "--max-size", "1")
    wait_for(has(file, b"cart-2"))
    number = 0
    while len(list(tmp_path.glob("watch*.jsonl"))) < 2:
        number += 1
        api.apply(pod(f"p-{number % 7}", "10.1.0.7", labels={**big, "n": str(number)}))
    process.terminate()
    process.communicate()
    # Each file is whole: the new one has what there was when it was begun.
    every = sorted(tmp_path.glob("watch*.jsonl"))
    for one in every:
        assert {("shop", "cart-1"), ("shop", "cart-2")} <= set(read(one).pods)
        assert one.read_bytes().endswith(b"\n")
    assert not list(tmp_path.glob(".*draft"))


def test_a_file_that_is_no_recording_is_left_alone(api, tmp_path):
    file = tmp_path / "dump.json"
    file.write_text('{"kind": "List",\n "items": []}\n')
    with pytest.raises(Exception, match="no line of a recorded watch"):
        netpol("inventory", "record", "--once", "-o", str(file))
    assert file.read_text() == '{"kind": "List",\n "items": []}\n'


def test_a_place_that_cannot_be_written(api, tmp_path):
    with pytest.raises(Exception, match="cannot write"):
        netpol("inventory", "record", "--once", "-o", str(tmp_path / "nowhere" / "x.jsonl"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is full")
def test_a_disk_that_is_full(api):
    command = [sys.executable, "-c", "from netpol.cli import main; main()", "inventory", "record"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*command, "--once"], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert b"cannot write: No space left on device" in done.stderr


@pytest.mark.parametrize("text", ["", "1", "h", "1w", "-1s", "1h x"])
def test_durations_that_are_none(api, text):
    assert "is no duration" in netpol("inventory", "record", "--duration", text, code=2).stderr


def test_the_live_cluster_is_an_inventory(api, tmp_path):
    result = netpol("inventory", "show", "cluster")
    assert "10.1.0.5" in result.stdout
    assert "shop/cart-1" in result.stdout
    assert "Service shop/cart" in result.stdout
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "none.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")
    result = netpol("connections", str(policies), "--inventory", "cluster", code=0)
    assert "inventory: 2 pods" in result.stderr


def test_the_live_cluster_beside_what_was_dumped_before(api, tmp_path):
    dump = tmp_path / "before.json"
    old = [pod("cart-1", "10.1.0.5"), pod("gone", "10.1.0.8")]
    dump.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": old}))
    result = netpol("inventory", "show", str(dump), "cluster", "--format", "csv")
    rows = {row["name"]: row for row in csv.DictReader(StringIO(result.stdout))}
    assert rows["gone"]["sure"]
    assert not rows["cart-1"]["sure"]


def test_nobody_answers(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", os.devnull)
    with pytest.raises(Exception, match="the way to the cluster cannot be read"):
        netpol("inventory", "show", "cluster")


def test_show_is_about_every_address():
    shown = json.loads(netpol("inventory", "show", WATCH, "--format", "json").stdout)
    assert shown["summary"]["pods"] == 41
    assert shown["summary"]["api_servers"] == ["172.18.0.2"]
    found = read_inventory([WATCH], lambda _: None)
    listed = {row["address"] for row in shown["addresses"] if row["kind"] != "Service"}
    assert listed == set(found.holders)


def test_show_one_address_over_time():
    text = netpol("inventory", "show", WATCH, "--address", "10.244.1.24", "--format", "csv").stdout
    rows = list(csv.DictReader(StringIO(text)))
    assert [row["workload"] for row in rows] == ["CronJob/order-digest"] * 3 + ["Deployment/api"]
    starts = [row["from"] for row in rows]
    assert starts == sorted(starts)
    assert rows[-1]["to"] == ""


@pytest.mark.parametrize(
    ("time", "answer"),
    [
        ("2026-11-02T08:30:30Z", "shop/order-digest-29893470-zq8bg"),
        ("2026-11-02T09:30:30+00:00", "shop/api-7srhwd5xgc-gl8bx"),
        ("2026-11-02T08:45:00", "nobody is known to have had its address"),
        ("2026-11-02T07:00:00Z", "only a later pod had its address"),
    ],
)
def test_show_at_a_time(time, answer):
    shown = netpol("inventory", "show", WATCH, "--address", "10.244.1.24", "--at", time).stdout
    assert answer in shown


def test_show_at_a_time_leaves_out_who_was_not_there():
    args = ("inventory", "show", WATCH, "--at", "2026-11-02T09:15:00Z", "--format", "json")
    rows = json.loads(netpol(*args).stdout)["addresses"]
    assert "10.244.1.11" in {row["address"] for row in rows}
    assert "10.244.1.24" not in {row["address"] for row in rows}


def test_show_what_is_not_there():
    text = netpol("inventory", "show", WATCH, "--address", "192.0.2.99").stdout
    assert "Nobody is known" in text
    args = ("--address", "192.0.2.99", "--at", "2026-11-02T09:15:00Z")
    assert "not in the inventory" in netpol("inventory", "show", WATCH, *args).stdout
    assert "no IP address" in netpol("inventory", "show", WATCH, "--address", "x", code=2).stderr
    assert "is no time" in netpol("inventory", "show", WATCH, "--at", "noon", code=2).stderr
