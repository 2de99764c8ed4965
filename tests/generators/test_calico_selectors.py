"""Calico's selector language against a plain evaluation of its tree."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generators.calico_grammar import All, And, Compare, Global, Has, Not, Or, tree
from generators.calico_selectors import conjunctions, selector, written
from generators.reading import UndecidedError
from netpol.errors import NetpolError
from netpol.fields import Field
from netpol.policy import OPPOSITE, Requirement


def alternatives(field):
    return conjunctions(field, selector(field))


KEYS = ("a", "b", "projectcalico.org/name")
VALUES = ("x", "y", "")
LABELS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from((*VALUES, "z", "xyx")))
LEAVES = st.one_of(
    st.just(All()),
    st.builds(Has, st.sampled_from(KEYS)),
    st.builds(
        Compare,
        st.sampled_from(KEYS),
        st.just("in"),
        st.lists(st.sampled_from(VALUES), max_size=2).map(tuple),
    ),
    st.builds(
        Compare,
        st.sampled_from(KEYS),
        st.sampled_from(("contains", "starts with", "ends with")),
        st.tuples(st.sampled_from((*VALUES, "xy"))),
    ),
)
PARTS = {"contains": "Contains", "starts with": "StartsWith", "ends with": "EndsWith"}
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)


def text(node):
    match node:
        case All():
            return "all()"
        case Has(key):
            return f"has({key})"
        case Compare(key, "in", values):
            return f"{key} in {{{', '.join(repr(one) for one in values)}}}"
        case Compare(key, operator, (value,)):
            return f"{key} {operator} {value!r}"
        case Not(part):
            return f"!({text(part)})"
        case And(parts):
            return " && ".join(f"({text(part)})" for part in parts)
        case Or(parts):
            return "||".join(f"({text(part)})" for part in parts)


def holds(node, labels):
    match node:
        case All():
            return True
        case Has(key):
            return key in labels
        case Compare(key, "in", values):
            return labels.get(key) in values
        case Compare(key, operator, (value,)):
            here = labels.get(key)
            way = {"contains": str.__contains__, "starts with": str.startswith}
            return here is not None and way.get(operator, str.endswith)(here, value)
        case Not(part):
            return not holds(part, labels)
        case And(parts):
            return all(holds(part, labels) for part in parts)
        case Or(parts):
            return any(holds(part, labels) for part in parts)


def meets(one, labels):
    """The truth table of metav1.LabelSelector."""
    match one.operator:
        case "In":
            return labels.get(one.key) in one.values
        case "NotIn":
            return labels.get(one.key) not in one.values
        case "Exists":
            return one.key in labels
        case "DoesNotExist":
            return one.key not in labels
        case "Contains":
            return one.key in labels and any(part in labels[one.key] for part in one.values)
        case "StartsWith":
            return one.key in labels and labels[one.key].startswith(one.values)
        case "EndsWith":
            return one.key in labels and labels[one.key].endswith(one.values)
        case negated:
            return not meets(replace(one, operator=OPPOSITE[negated]), labels)


def selects(text, labels):
    found = alternatives(Field(text, ".selector"))
    return any(all(meets(one, labels) for one in conjunction) for conjunction in found)


@settings(deadline=None)
@given(TREES, LABELS)
def test_alternatives_mean_what_the_tree_means(node, labels):
    assert selects(text(node), labels) == holds(node, labels)


@settings(deadline=None)
@given(TREES)
def test_conjunctions_are_read_back(node):
    for conjunction in alternatives(Field(text(node))):
        assert alternatives(Field(written(conjunction))) == (conjunction,)


@pytest.mark.parametrize(
    ("selector", "node"),
    [
        ("", All()),
        (" \t", All()),
        ("a == 'b'", Compare("a", "in", ("b",))),
        ('a=="it\'s"', Compare("a", "in", ("it's",))),
        ("a != 'b'", Not(Compare("a", "in", ("b",)))),
        ("a in {'b', \"c\",}", Compare("a", "in", ("b", "c"))),
        ("a in {}", Compare("a", "in", ())),
        ("a not in {'b'}", Not(Compare("a", "in", ("b",)))),
        ("a notin {'b'}", Not(Compare("a", "in", ("b",)))),
        ("a contains 'b'", Compare("a", "contains", ("b",))),
        ("a starts with 'b'", Compare("a", "starts with", ("b",))),
        ("a ends with 'b'", Compare("a", "ends with", ("b",))),
        ("a startswith 'b'", Compare("a", "starts with", ("b",))),
        ("a endswith'b'", Compare("a", "ends with", ("b",))),
        ("in in {'in'}", Compare("in", "in", ("in",))),
        ("has == 'x'", Compare("has", "in", ("x",))),
        ("global()", Global()),
        ("!has(a) && b == 'c'", And((Not(Has("a")), Compare("b", "in", ("c",))))),
        ("has(a) || has(b) && has(c)", Or((Has("a"), And((Has("b"), Has("c")))))),
        ("(has(a) || has(b)) && has(c)", And((Or((Has("a"), Has("b"))), Has("c")))),
        ("!a == 'b'", Not(Compare("a", "in", ("b",)))),
    ],
)
def test_the_grammar(selector, node):
    assert tree(selector) == node


@pytest.mark.parametrize(
    ("selector", "problem"),
    [
        ("a", "expected an operator such as '==', found the end"),
        ("a = 'b'", "selector: cannot read character 3"),
        ("a == b", "expected a text, found 'b' at character 6"),
        ("has (a)", "expected an operator such as '==', found '(' at character 5"),
        ("has(a", "expected ')', found the end"),
        ("a in {'b' 'c'}", "expected '}', found \"'c'\" at character 11"),
        ("a == 'b' c == 'd'", "or the end, found 'c' at character 10"),
        ("a == 'b' &&", "expected a word, found the end"),
        ("a ~= 'b'", "selector: cannot read character 3"),
        ("a starts 'b'", "expected 'with', found \"'b'\""),
        ("a == 'b\n", "selector: cannot read character 6"),
    ],
)
def test_what_is_no_selector(selector, problem):
    with pytest.raises(NetpolError) as caught:
        tree(selector)
    assert problem in caught.value.what


@pytest.mark.parametrize("operator", PARTS)
def test_parts_of_a_value(operator):
    text = f"a {operator} 'x' && !has(b)"
    assert alternatives(Field(text)) == (
        (Requirement("a", PARTS[operator], ("x",)), Requirement("b", "DoesNotExist")),
    )
    assert alternatives(Field(written(alternatives(Field(text))[0]))) == alternatives(Field(text))
    values = {"contains": "axb", "starts with": "xab", "ends with": "abx"}
    assert selects(text, {"a": values[operator]})
    assert not selects(text, {"a": "ab"})
    assert not selects(text, {})


@pytest.mark.parametrize("operator", PARTS)
def test_parts_of_a_value_negated(operator):
    negated = OPPOSITE[PARTS[operator]]
    for text in (f"!(a {operator} 'x')", f"!a {operator} 'x'"):
        (found,) = alternatives(Field(text))
        assert found == (Requirement("a", negated, ("x",)),)
        assert alternatives(Field(written(found))) == (found,)
        assert selects(text, {"a": "b"})
        assert selects(text, {})
        assert not selects(text, {"a": "x"})


def test_a_tree_with_too_many_alternatives_is_undecided():
    text = " && ".join(f"(a{n} == 'x' || b{n} == 'y')" for n in range(9))
    with pytest.raises(UndecidedError) as caught:
        alternatives(Field(text, ".spec.selector"))
    assert caught.value.where == ".spec.selector"


@pytest.mark.parametrize("text", ["global()", "!global()", "has(a) || global()", "x" * 1025])
def test_what_a_selector_may_not_be(text):
    with pytest.raises(NetpolError) as caught:
        selector(Field(text, ".spec.selector"))
    assert caught.value.where == ".spec.selector"
    assert not isinstance(caught.value, UndecidedError)


def test_global_is_for_namespaces_of_rules_and_alone():
    assert selector(Field(" global( ) "), scope=True) == Global()
    for text in ("!global()", "has(a) || global()", "global() && all()"):
        with pytest.raises(NetpolError, match="cannot be combined"):
            selector(Field(text, ".x"), scope=True)


def test_text_with_both_kinds_of_quotes_cannot_be_written():
    (conjunction,) = alternatives(Field('a == "it\'s"'))
    assert written(conjunction) == 'a == "it\'s"'
