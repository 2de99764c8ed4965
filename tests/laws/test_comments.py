"""Comments beside blocks of addresses: they change nothing, whatever anybody calls a host."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netpol.manifests import about, commented, comments, dump

NASTY = st.text(max_size=40) | st.sampled_from(
    ["a.org\n- 0.0.0.0/0", "a.org # b", "*", "**.org", "a.org\u2028x", "a.org\r", "A.org", "a.org,"]
)
NAMES = st.sampled_from(["pay.example.org", "*.example.org", "a.b.example", "x_1.example"]) | NASTY
BLOCKS = ["192.0.2.10/32", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::7/128", "::/0", "10.0.0.0/8"]
SOME = st.lists(st.sampled_from(BLOCKS), min_size=1, unique=True)
DOCUMENTS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries({"annotations": st.dictionaries(st.just("a"), NASTY)}),
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "nets": SOME,
                "notNets": SOME,
                "toCIDR": SOME,
                "toCIDRSet": st.lists(
                    st.fixed_dictionaries(
                        {"cidr": st.sampled_from(BLOCKS)}, optional={"except": SOME}
                    )
                ),
                "ports": st.lists(st.integers(1, 9)),
            },
        ),
    }
)


@given(DOCUMENTS, st.lists(NAMES, max_size=6))
@settings(derandomize=True, max_examples=300)
def test_a_text_means_the_same_with_comments_whatever_the_names_are(document, names) -> None:
    text = dump(document)
    told = commented(text, lambda _: about(names))
    assert yaml.safe_load(told) == document
    assert commented(told, lambda _: about(names)) == told
    assert commented(told, lambda _: "") == text
    assert set(comments(told).values()) <= {about(names)}


@given(st.lists(NAMES, max_size=6))
@settings(derandomize=True, max_examples=200)
def test_only_names_of_hosts_are_told_and_in_one_order(names) -> None:
    said = about(names)
    assert said == about(reversed(names))
    assert set(said) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_.*, ")


def test_exceptions_have_no_comments_and_what_follows_them_has() -> None:
    sets = [{"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}, {"cidr": "::/0"}]
    document = {
        "toCIDRSet": sets,
        "nets": ["192.0.2.0/24"],
        "notNets": ["192.0.2.7/32"],
        "b": ["::/0"],
    }
    lines = commented(dump(document), lambda _: "a.org").splitlines()
    assert [one.split("/")[0].split()[-1] for one in lines if "#" in one] == [
        *("0.0.0.0", "::", "192.0.2.0", "::")
    ]


def test_of_many_names_the_first_stand_for_all() -> None:
    names = [f"n{number}.example.org" for number in range(5)]
    assert about(names) == "n0.example.org, n1.example.org, n2.example.org and others"
    assert about(names[:3]) == "n0.example.org, n1.example.org, n2.example.org"


@pytest.mark.parametrize("comment", ["# the provider of payments", "# see Ticket-7.", "#"])
def test_what_people_wrote_beside_a_block_stays(comment: str) -> None:
    text = f"nets:\n- 192.0.2.10/32  {comment}\n"
    assert commented(text, lambda _: "a.org") == text
