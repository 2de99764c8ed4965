"""What cannot be read is said, with its place, and takes nothing else along."""

import gzip
import json

import pytest
from manifest_texts import A, B, C, listed, policy, pretty, read, yamls

from netpol.manifests import load

UNCLOSED = "x: {"
MANY = pretty(listed(*(policy(f"p{number}") for number in range(500)))).encode()
COMMENTED = "{\n // no\n" + json.dumps(A)[1:]


@pytest.mark.parametrize(
    ("name", "text", "names", "notice"),
    [
        (
            "x.yaml",
            f"{yamls(A, B)}---\n{UNCLOSED}\n---\n{yamls(C)}",
            "abc",
            "NP060 x.yaml: document 3: line 20: not readable as YAML: did not find expected node",
        ),
        (
            "x.yaml",
            f"{yamls(A)}---\n{yamls(B)}x: \0\n---\n{yamls(C)}",
            "ac",
            "NP060 x.yaml: document 2: line 18: not readable as YAML: unacceptable character",
        ),
        (
            "x.yaml",
            f"{yamls(A)}---\n{yamls(B)}".replace("  name: b", "\tname: b") + "---\n" + yamls(C),
            "ac",
            "NP060 x.yaml: document 2: line 13: not readable as YAML: found character that cannot",
        ),
        (
            "x.yaml",
            (yamls(A) + "# café\n---\n" + yamls(B)).encode("latin-1"),
            "b",
            "NP060 x.yaml: document 1: line 9: not readable as YAML: unacceptable character",
        ),
        (
            "x.yaml",
            f"{yamls(A)}...\n{yamls(B)}",
            "a",
            "NP060 x.yaml: document 2: line 10: not readable as YAML: did not find expected <doc",
        ),
        (
            "x.yaml",
            f"a: {'[' * 5_000}{']' * 5_000}\n---\n{yamls(A)}",
            "a",
            "NP060 x.yaml: document 1: line 1: nested deeper than 64; the rest of the document is",
        ),
        (
            "x.yaml",
            f"{yamls(A)}? {{a: 1}}\n: x\n---\n{yamls(B)}",
            "b",
            "NP060 x.yaml: document 1: line 9: an object or a list cannot be a key; the rest of",
        ),
        (
            "x.yaml",
            yamls(listed(A, B, C)).replace("name: b", "name: b: c"),
            "a",
            "NP060 x.yaml: document 1, item 2: line 14: not readable as YAML: mapping values are",
        ),
        (
            "x.json",
            pretty(listed(A, B, C)).replace('"name": "b"', '"name": b'),
            "ac",
            "NP060 x.json: document 1, item 2: line 22: not readable as JSON: invalid character; l",
        ),
        (
            "x.json",
            pretty(listed(A, B, C))[:-600],
            "a",
            "NP060 x.json: document 1, item 2: line 18: not readable as JSON: input data was trunc",
        ),
        (
            "x.json",
            json.dumps(listed(A, B, C))[:-90],
            "ab",
            "NP060 x.json: document 1, item 3: line 1: not readable as JSON: input data was",
        ),
        (
            "x.json",
            f"{json.dumps(A)}\n{json.dumps(B)[:-3]}\n{json.dumps(C)}\n",
            "ac",
            "NP060 x.json: document 2: line 3: not readable as JSON: expected ',' or '}'; line 2 i",
        ),
        (
            "x.json",
            f"{json.dumps(A)},\n{json.dumps(B)}\n",
            "ab",
            "NP060 x.json: document 2: line 1: not readable as JSON: expected an object; line 1 is",
        ),
        (
            "x.json",
            f"{'[' * 100_000}{']' * 100_000}\n{json.dumps(A)}",
            "a",
            "NP060 x.json: document 1, item 1: line 1: not readable as JSON: nested too deeply; li",
        ),
        (
            "x.json",
            json.dumps(listed(A, policy("X"), B)).replace("X", "\xe9").encode("latin-1"),
            "ab",
            "NP060 x.json: document 1, item 2: not readable as JSON: 'utf-8' codec can't decode",
        ),
        (
            "x.json",
            json.dumps(listed(A, policy("b", x=0), C)).replace('"x": 0', '"x": 1e999'),
            "ac",
            "NP060 x.json: document 1, item 2: not readable as JSON: Number out of range",
        ),
        ("x.json", COMMENTED, "", "NP060 x.json: document 1: line 2: not readable as JSON: expe"),
        ("x.gz", gzip.compress(MANY)[:-20], None, "NP060 x.gz: the gzip data ends in the middle"),
        ("x.gz", b"\x1f\x8bxxxxxxxx", "", "NP060 x.gz: damaged gzip data: "),
        ("x.yaml", b"\x28\xb5\x2f\xfdxx", "", "NP060 x.yaml: is packed with zstd, which is not"),
        ("x.json", b"PK\x03\x04xx", "", "NP060 x.json: is packed with zip, which is not read"),
        ("x.yaml", b"\xff\xfea", "", "NP060 x.yaml: is not text in utf-16"),
        ("x.json", '{"kind": "List", "items": {}}', "", "NP061 x.json: document 1: line 1: expect"),
        ("x.yaml", "kind: List\napiVersion: v1\nitem: []\n", "", "NP061 x.yaml: document 1: line"),
        ("x.yaml", f"hello\n---\n{yamls(A)}", "a", "NP061 x.yaml: document 1: line 1: expected a"),
        ("x.yaml", yamls(A).replace("kind", "Kind"), "a", "NP061 x.yaml: document 1: expected api"),
        ("x.json", json.dumps({**A, "kind": 7}), "a", "NP061 x.json: document 1: expected apiVers"),
        ("x.json", json.dumps(A)[:-1] + ', "spec": 1}', "a", "NP062 x.json: document 1: the key"),
    ],
)  # fmt: skip
def test_it_is_one_notice_and_the_others_are_read(tmp_path, name, text, names, notice):
    found, (told,) = read(tmp_path, text, name)
    assert told.startswith(notice)
    assert names is None or found == list(names)


def test_what_comes_before_damage_is_read(tmp_path):
    names, (told,) = read(tmp_path, gzip.compress(MANY)[:-400], "x.json.gz")
    assert 0 < len(names) < 500
    assert names == [f"p{number}" for number in range(len(names))]
    assert "ends in the middle" in told


def test_an_object_beyond_measure_is_refused_in_bounded_memory(tmp_path):
    huge = {**A, "x": "y" * (17 * 1024 * 1024)}
    names, (told,) = read(tmp_path, f"{json.dumps(huge)}\n{json.dumps(B)}\n", "x.json")
    assert told.startswith("NP060 x.json: document 1: line 1: an object of more than 16 MiB; ")
    assert names == ["b"]


def test_what_stands_before_objects_in_json_lines_costs_its_line_alone(tmp_path):
    """It is no JSON object, and the rest was read as YAML, which it is not."""
    path = tmp_path / "x.json"
    one = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "%s"}}\n'
    path.write_text("null\n" + one % "a" + one % "b", encoding="utf-8")
    told = []
    found = [one.data["metadata"]["name"] for one in load([path], told.append)]
    assert found == ["a", "b"]
    assert [one.code for one in told] == ["NP060"]
    assert "line 1 is not read" in told[0].message
