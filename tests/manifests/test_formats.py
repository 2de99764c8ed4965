"""Every format, encoding and packing that manifests come in."""

import gzip
import json

import pytest
from manifest_texts import A, B, C, listed, policy, pretty, read, yamls

FLOW = "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}\n"
KYAML = '---\n{\n  apiVersion: "networking.k8s.io/v1",\n  kind: "NetworkPolicy",\n'
KYAML += '  metadata: {\n    name: "a",\n  },\n}\n'
TYPED = {"metadata": {"name": "a"}, "spec": {}}
BARE = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": [TYPED]}

PACKED = gzip.compress(yamls(A).encode()) + gzip.compress(b"---\n" + yamls(B).encode())


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("x.yaml", yamls(A, B).replace("\n", "\r\n"), "ab"),
        ("x.yaml", yamls(A, B).replace("\n", "\r"), "ab"),
        ("x.yaml", b"\xef\xbb\xbf" + yamls(A).encode(), "a"),
        ("x.json", b"\xef\xbb\xbf" + json.dumps(A).encode(), "a"),
        ("x.yaml", yamls(A, B).encode("utf-16"), "ab"),
        ("x.json", pretty(listed(A, B)).encode("utf-16-be"), "ab"),
        ("x.yaml", yamls(A, B).encode("utf-16-le"), "ab"),
        ("x.yaml", yamls(A).encode("utf-32"), "a"),
        ("x.yaml", "%YAML 1.1\n---\n" + yamls(A) + "...\n%YAML 1.1\n# x\n---\n" + yamls(B), "ab"),
        ("x.yaml", "%TAG ! tag:example.org,2000:\n---\n" + yamls(A), "a"),
        ("x.yaml", "---\n---\n" + yamls(A) + "---\n# nothing\n---\nnull\n---\n~\n", "a"),
        ("x.yaml", "\n".join(f"  {line}" for line in yamls(A).split("\n")), "a"),
        ("x.yaml", json.dumps(A) + "\n---\n" + json.dumps(B) + "\n---\n" + yamls(C), "abc"),
        ("x.json", yamls(A, B), "ab"),
        ("x.json", FLOW + "---\n" + yamls(B), "ab"),
        ("x.yaml", KYAML, "a"),
        ("x.json", json.dumps(A)[:-1] + ",}", "a"),
        ("x.json", pretty(A) + pretty(B), "ab"),
        ("x.json", json.dumps(A) + json.dumps(B) + " " + json.dumps(C), "abc"),
        ("x.json", pretty(listed(A)) + pretty(listed(B, C)), "abc"),
        ("x.json", json.dumps([A, B]), "ab"),
        ("x.json", pretty(listed(A, listed(B, C))), "abc"),
        ("x.json", json.dumps(BARE), "a"),
        ("x.json", json.dumps(dict(reversed(BARE.items()))), "a"),
        ("x.yaml", yamls(BARE), "a"),
        ("x.yaml", yamls(dict(reversed(BARE.items()))), "a"),
        ("x.json", json.dumps({"items": [], **A}), "a"),
        ("x.json", json.dumps(listed()), ""),
        ("x", yamls(A), "a"),
        ("x", json.dumps(A), "a"),
        ("x.yaml.gz", PACKED, "ab"),
        ("x.json", gzip.compress(pretty(listed(A, B)).encode()), "ab"),
        ("x.yaml", "", ""),
        ("x.json", " \n\t", ""),
        ("x.yaml", yamls(A) + f"long: {'y' * 1_000_000}\n", "a"),
    ],
)  # fmt: skip
def test_whatever_the_format_the_policies_are_read(tmp_path, name, text, names):
    assert read(tmp_path, text, name) == (list(names), [])


@pytest.mark.parametrize("indent", [None, 1, 4])
def test_a_dump_larger_than_the_window_is_read_whole(tmp_path, indent):
    every = [policy(f"p{number}", note="x" * (number % 700)) for number in range(3_000)]
    text = json.dumps(listed(*every), indent=indent)
    names, told = read(tmp_path, text, "x.json")
    assert told == []
    assert names == [f"p{number}" for number in range(3_000)]


def test_the_lines_of_a_dump_are_counted(tmp_path):
    every = [policy(f"p{number}") for number in range(2_000)]
    every[1_500] = {"kind": "NetworkPolicy", "metadata": {"name": "here"}}
    text = pretty(listed(*every))
    line = text[: text.index('"here"')].count("\n") - 2
    _, (told,) = read(tmp_path, text, "x.json")
    assert told.startswith(f"NP061 x.json: document 1, item 1501, line {line}: expected apiVersion")
