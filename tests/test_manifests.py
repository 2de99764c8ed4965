"""Reading and writing YAML and JSON: laws, bounds, and what kubectl would make of a text."""

import json
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.errors import NetpolError
from netpol.manifests import MAX_DEPTH, dump, load, resources

TEXTS = st.one_of(
    st.text(
        st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff\ufffe\uffff"),
        max_size=12,
    ),
    st.from_regex(r"[-+.0-9eExXobny_:~ <>=*&!|%@`'\"#]{1,8}", fullmatch=True),
    st.sampled_from(["y", "n", "on", "1e3", "20:30", "2020-01-01", "null", "<<", "=", "0o17", "-"]),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)
OBJECTS = st.dictionaries(TEXTS.filter(lambda key: key != "kind"), VALUES, max_size=4)


def read(tmp_path, text, name="x.yaml"):
    """(documents, notices as text with the file's name)."""
    told = []
    file = tmp_path / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = list(load([file], told.append))
    return found, [str(one).replace(str(file), name) for one in told]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("manifests")


# Laws


@settings(deadline=None, max_examples=200)
@given(document=OBJECTS)
def test_what_is_dumped_is_read_back(folder, document):
    ((found,), told) = read(folder, dump(document))
    assert told == []
    assert found.data == document
    assert list(found.data) == list(document)


@settings(deadline=None, max_examples=100)
@given(document=OBJECTS)
def test_json_and_yaml_readers_agree_on_json(folder, document):
    text = json.dumps(document)
    (as_json,), _ = read(folder, text, "x.json")
    assert as_json.data == document


@settings(deadline=None, max_examples=100)
@given(document=st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_other_yaml_readers_see_the_same_texts(document):
    assert yaml.safe_load(dump(document)) == document


@settings(deadline=None, max_examples=300)
@given(
    raw=st.one_of(
        st.binary(max_size=60),
        st.text("ab:-[]{}&*!<>|'\"#,? \n\t1%@", max_size=40).map(str.encode),
    ),
    name=st.sampled_from(["x.yaml", "x.json"]),
)
def test_any_bytes_are_documents_or_notices(folder, raw, name):
    found, told = read(folder, raw, name)
    assert all(isinstance(one.data, dict) for one in found)
    assert all(one.startswith(("NP060", "NP061", "NP062")) for one in told)


# What a plain scalar means


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", True),
        ("NO", False),
        ("On", True),
        ("~", None),
        ("", None),
        ("12", 12),
        ("0x1F", 31),
        ("017", 15),
        ("0o17", 15),
        ("0b11", 3),
        ("1_000", 1000),
        ("08", 8.0),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("20:30", "20:30"),
        ("2020-01-01", "2020-01-01"),
        ("8000:8100", "8000:8100"),
        ("1.2.3", "1.2.3"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("yEs", "yEs"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!float 12.5", 12.5),
        ("9" * 400, "9" * 400),
        ("1e400", "1e400"),
        ("0X1F", 31),
        ("0B11", 3),
        ("0O17", 15),
    ],
)
def test_scalars_are_what_they_are_to_kubectl(tmp_path, text, value):
    ((found,), told) = read(tmp_path, f"a: {text}\n")
    assert (told, found.data) == ([], {"a": value})
    assert type(found.data["a"]) is type(value)


def test_keys_are_texts(tmp_path):
    ((found,), _) = read(tmp_path, "{1: a, true: b, null: c, 1.5: d, on: e}")
    assert found.data == {"1": "a", "true": "e", "null": "c", "1.5": "d"}


# Files and lists


def test_documents_have_places(tmp_path):
    found, told = read(tmp_path, "# nothing\n---\na: 1\n---\n---\n# two\n\nb: 2\n")
    assert told == []
    assert [(one.index, one.line, one.data) for one in found] == [
        (1, 3, {"a": 1}),
        (3, 8, {"b": 2}),
    ]
    assert found[0].where == f"{tmp_path}/x.yaml: document 1, line 3"


def test_lists_are_flattened(tmp_path):
    pods = {"apiVersion": "v1", "kind": "PodList", "items": [{"metadata": {"name": "a"}}]}
    whole = {"apiVersion": "v1", "kind": "List", "items": [pods, {"kind": "Service"}, 7]}
    for name in ("x.json", "x.yaml"):
        found, told = read(tmp_path, json.dumps(whole), name)
        assert [one.data.get("kind") for one in found] == ["Pod", "Service"]
        assert found[0].data["apiVersion"] == "v1"
        assert found[1].where == f"{tmp_path}/{name}: document 1, item 2"
        assert told == [
            f"NP061 {name}: document 1, item {item}: {what}"
            for item, what in (
                (2, "expected apiVersion and kind, both texts"),
                (3, "line 1: expected a Kubernetes object, found something else"),
            )
        ]


def test_a_kind_that_ends_in_list_without_items_is_an_object(tmp_path):
    ((found,), told) = read(tmp_path, "kind: AllowList\napiVersion: v1\n")
    assert (found.data, told) == ({"kind": "AllowList", "apiVersion": "v1"}, [])


def test_directories_are_read_in_order_without_hidden_files_and_kustomizations(tmp_path):
    for path, text in {
        "b.yaml": "id: 3",
        "a/z.yml": "id: 4",
        "a/.hidden.yaml": "id: 0",
        ".git/x.yaml": "id: 0",
        "a/x.txt": "id: 0",
        "a.json": '{"id": 1}',
        "aa.yaml": "id: 2",
        "kustomization.yaml": "resources: [b.yaml]",
        "shop/kustomization.yaml": "kind: NetworkPolicy\napiVersion: v1\nid: 5",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    told = []
    found = list(load([tmp_path, str(tmp_path / "a/x.txt")], told.append))
    assert told == []
    assert [one.data["id"] for one in found] == [1, 2, 3, 4, 5, 0]


def test_a_missing_path_is_an_error(tmp_path):
    with pytest.raises(NetpolError, match="no such file"):
        list(load([tmp_path / "nothing"], pytest.fail))


def test_resources_of_a_kustomization(tmp_path):
    file = tmp_path / "kustomization.yaml"
    assert resources(file) == ()
    file.write_text("resources: [a/b.yaml, 7, c.yaml]\n")
    assert resources(file) == ("a/b.yaml", "c.yaml")
    file.write_text("resources: {\n")
    assert resources(file) == ()


# What cannot be read


@pytest.mark.parametrize(
    ("text", "notice"),
    [
        ("a: 1\n---\nb:\n\t- c\n", "document 2: line 4: not readable as YAML: found character"),
        ("a: [1\n", "document 1: line 2: not readable as YAML: did not find expected ',' or ']'"),
        ("a: 1\n---\nb: *x\n", "document 2: line 3: the alias *x is unknown or inside itself"),
        ("a: &x [*x]\n", "document 1: line 1: the alias *x is unknown or inside itself"),
        (
            "a: !!python/object:os.system x\n",
            "document 1: line 1: the tag tag:yaml.org,2002:python/",
        ),
        ("a: !!int x\n", "the tag tag:yaml.org,2002:int is not supported here"),
        ("? [1]\n: 2\n", "an object or a list cannot be a key"),
        ("<<: 1\n", "'<<' takes an object or a list of objects"),
        ("a: \x00\n", "document 1: line 1: not readable as YAML: "),
        (b"a: \xff", "document 1: line 1: not readable as YAML: "),
        ("[" * 100_000, f"nested deeper than {MAX_DEPTH}"),
        ("- " * 70 + "x", f"nested deeper than {MAX_DEPTH}"),
    ],
)
def test_a_broken_file_is_one_notice(tmp_path, text, notice):
    _, (told,) = read(tmp_path, text)
    assert told.startswith("NP060 x.yaml: document")
    assert notice in told
    assert told.endswith("; the rest of the document is not read")


def test_what_stands_before_the_break_and_in_other_files_is_read(tmp_path):
    (tmp_path / "a.yaml").write_text("id: 1\n---\n{")
    (tmp_path / "b.json").write_text('{"id":\n\n "1" "2"}')
    (tmp_path / "c.yaml").write_text("id: 2")
    told = []
    assert [one.data["id"] for one in load([tmp_path], told.append)] == [1, 2]
    assert [one.where.rpartition("/")[2] for one in told] == [
        "a.yaml: document 2",
        "b.json: document 1",
    ]
    assert told[1].message.startswith("line 3: not readable as JSON: ")


def test_aliases_do_not_explode(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    found, (told,) = read(tmp_path, "\n".join(lines))
    assert found == []
    assert "more than 1,000,000 values, those of aliases included" in told
    nested = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 70))]
    _, (told,) = read(tmp_path, "\n".join(nested))
    assert f"nested deeper than {MAX_DEPTH}" in told


def test_merge_keys_and_aliases_are_written_out(tmp_path):
    text = "base: &b {x: 1, w: 2}\nmine: {<<: *b, x: 3}\nlist: {<<: [*b, {z: 4}]}\n"
    ((found,), told) = read(tmp_path, text)
    assert told == []
    assert found.data["mine"] == {"x": 3, "w": 2}
    assert found.data["list"]["z"] == 4


def test_a_key_written_twice_is_said_and_the_last_counts(tmp_path):
    ((found,), told) = read(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert found.data == {"a": 3, "b": 2}
    assert told == ["NP062 x.yaml: document 1: line 3: the key 'a' is written twice"]


def test_deep_json_is_refused(tmp_path):
    for depth in (MAX_DEPTH + 1, 100_000):
        text = '{"a":' * depth + "1" + "}" * depth
        found, (told,) = read(tmp_path, text, "x.json")
        assert found == []
        assert told.startswith("NP060 x.json: document 1: ")
    text = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    assert len(read(tmp_path, text, "x.json")[0]) == 1
    assert len(read(tmp_path, text, "x.yaml")[0]) == 1


def test_files_that_are_too_large_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["netpol.manifests.loading"], "MAX_BYTES", 10)
    _, told = read(tmp_path, "a: " + "x" * 20)
    assert len(told) == 1
    assert told[0].startswith("NP060 x.yaml: line 1: the YAML is larger than 0 MiB: write it as")


def test_unreadable_files_are_said(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("a: 1")
    file.chmod(0)
    try:
        file.read_bytes()
    except PermissionError:
        told = []
        assert list(load([file], told.append)) == []
        assert told[0].message.startswith("cannot be read: ")
    else:
        pytest.skip("this user may read everything")


# Writing


def test_dump_reads_well():
    shared = ["a", "b"]
    document = {
        "metadata": {"name": "x"},
        "spec": {
            "empty": {},
            "list": [{"one": shared, "two": shared}],
            "ports": ["80", "http", "8000:8010"],
            "selector": "app == 'x' && has(y)",
            "long": "x" * 200 + " y",
            "word": "y",
            "number": 80,
        },
    }
    assert dump(document) == (
        "metadata:\n"
        "  name: x\n"
        "spec:\n"
        "  empty: {}\n"
        "  list:\n"
        "  - one:\n"
        "    - a\n"
        "    - b\n"
        "    two:\n"
        "    - a\n"
        "    - b\n"
        "  ports:\n"
        "  - '80'\n"
        "  - http\n"
        "  - 8000:8010\n"
        "  selector: app == 'x' && has(y)\n"
        f"  long: {'x' * 200} y\n"
        "  word: 'y'\n"
        "  number: 80\n"
    )
