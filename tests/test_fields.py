"""The cursor over untrusted documents: types, paths and what is said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.errors import NetpolError
from netpol.fields import Field

ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
READS = {
    "table": lambda field: field.table(),
    "children": lambda field: list(field.children()),
    "entries": lambda field: field.entries(),
    "text": lambda field: field.text(),
    "text or": lambda field: field.text("x"),
    "texts": lambda field: field.texts(),
    "whole": lambda field: field.whole(0, 9),
    "number": lambda field: field.number(),
    "flag": lambda field: field.flag(default=True),
    "choice": lambda field: field.choice(("a", "b")),
    "member": lambda field: field["a"]["b c"],
    "need": lambda field: field.need(),
}


@settings(deadline=None)
@given(st.sampled_from(sorted(READS)), ANYTHING)
def test_any_value_gives_the_promised_type_or_an_error_with_its_path(name, value):
    try:
        found = READS[name](Field(value, ".spec"))
    except NetpolError as error:
        assert error.where.startswith(".spec")
        assert error.what
        assert str(error).isprintable()
    else:
        kinds = {"whole": int, "number": float, "flag": bool, "text": str, "choice": str}
        assert isinstance(found, kinds.get(name, object))


DOCUMENT = {
    "spec": {
        "rules": [{"port": 80}, {"port": "x"}, {"port": True}, {"port": 70000}, {"port": 8.0}],
        "app.kubernetes.io/name": {"a": 1},
        "flag": "yes",
        "gap": [None],
        "none": None,
        "long": "x" * 100,
    }
}
SPEC = Field(DOCUMENT)["spec"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: SPEC["rules"].entries()[1]["port"].whole(1, 9),
            ".spec.rules[1].port: expected a whole number, found 'x'",
        ),
        (
            lambda: SPEC["rules"].entries()[2]["port"].whole(1, 9),
            ".spec.rules[2].port: expected a whole number, found true",
        ),
        (
            lambda: SPEC["rules"].entries()[3]["port"].whole(1, 65535),
            ".spec.rules[3].port: expected a number from 1 to 65535, found 70000",
        ),
        (
            lambda: SPEC["app.kubernetes.io/name"]["a"].text(),
            ".spec['app.kubernetes.io/name'].a: expected text, found 1",
        ),
        (lambda: SPEC["rules"].text(), ".spec.rules: expected text, found a list"),
        (lambda: SPEC["rules"]["x"], ".spec.rules: expected an object, found a list"),
        (
            lambda: SPEC["flag"].flag(default=True),
            ".spec.flag: expected true or false, found 'yes'",
        ),
        (lambda: SPEC["gap"].entries(), ".spec.gap[0]: is required"),
        (lambda: SPEC["other"].need(), ".spec.other: is required"),
        (lambda: SPEC["other"].text(), ".spec.other: expected text, but it is missing"),
        (lambda: SPEC["flag"].choice(("a", "b")), ".spec.flag: expected one of a, b, found 'yes'"),
        (lambda: SPEC["long"].number(), f".spec.long: expected a number, found '{'x' * 39}…'"),
        (lambda: Field([]).text(), ".: expected text, found a list"),
        (lambda: Field(2**200).text(), ".: expected text, found a very large number"),
    ],
)
def test_what_is_said(act, message):
    with pytest.raises(NetpolError) as caught:
        act()
    assert str(caught.value) == message


def test_absent_and_null_are_the_same():
    for name in ("none", "other"):
        field = SPEC[name]
        assert (field.present, field.given) == (False, False)
        assert field.table() == {}
        assert field.entries() == []
        assert field.text("x") == "x"
        assert field.flag(default=True) is True
    assert Field({}).present
    assert not Field({}).given
    assert Field(0).given
    assert Field(False).given


def test_whole_numbers_may_come_as_floats_and_nulls_as_empty_elements():
    assert SPEC["rules"].entries()[4]["port"].whole(1, 9) == 8
    (gap,) = SPEC["gap"].entries(nulls=True)
    assert (gap.value, gap.path) == (None, ".spec.gap[0]")
