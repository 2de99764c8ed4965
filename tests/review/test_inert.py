"""Names from outside do nothing in a comment: in a Markdown renderer and in a browser.

The law: a review with hostile names has the same elements and attributes as one with harmless names
in their place; nothing from the input became an element, an attribute or a link.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from review_shop import DB, Shop, end, run

from netpol import decisions
from netpol.coverage import Estimate
from netpol.doubts import Doubt
from netpol.enough import enough
from netpol.evaluate import Decision, Judge, Step
from netpol.graph import Connection, Evidence, ServiceGraph
from netpol.inventory import Inventory
from netpol.learn import Learned, Records
from netpol.lint import Finding
from netpol.net import ALL_PORTS, PortSet
from netpol.peers import Fqdn, Peer, Workload
from netpol.policy import PodSelector, Policy, PolicySet
from netpol.profile import CILIUM
from netpol.report.inert import code, fenced, masked, mermaid_text, plain
from netpol.report.printable import printable
from netpol.report.review_markdown import LEAST, review_markdown
from netpol.report.review_mermaid import picture
from netpol.report.review_sarif import review_sarif
from netpol.review import GATES, Edge, Review, Side
from netpol.review.breaches import Breach
from netpol.review.causes import Cause
from netpol.review.observed import Broken, Replayed
from netpol.review.peers import Anyone
from netpol.review.places import Places
from netpol.review.review import Broke, Reviewed, Violation
from netpol.review.rules import TeamRule
from netpol.world import Outside, World

HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "`<b>out</b>`",
    "``` </code><svg onload=alert(1)>",
    "a|b|<i>cell</i>|",
    "\\|<i>cell</i>",
    "[click](javascript:alert(1))",
    "![x](https://evil.example/x.png)",
    "www.evil.example",
    "https://evil.example/",
    "me@evil.example",
    "@everyone #1 !1 ~bug",
    "</details></td></table><h1>x</h1>",
    "line\n\n# heading\n\n- [ ] task",
    "--> <!-- netpol-review: other -->",
    "&lt;script&gt;",
    "%%{init: {'theme':'forest','securityLevel':'loose'}}%%",
    '"]; click n0 "javascript:alert(1)"; n9["',
    "fa:fa-bomb $$x^2$$ <br/>",
    "end\nsubgraph x",
    "rtl \u202e gnp.exe \u2066 \u200b",
    "{{ secrets.TOKEN }} ${{ github.token }}",
    "*b* _i_ ~~s~~ :bomb: <details open ontoggle=alert(1)>",
)
"""What somebody might call a workload, a namespace, a label or a DNS name."""

PORT = PortSet.of("TCP", 443)


def hostile(names: tuple[str, ...]) -> Review:
    """A review in which each name stands wherever a name can."""
    return Review(
        touched=(),
        edges=tuple(one for name in names for one in _edges(name)),
        stay=0,
        replayed=None,
        doubts=tuple(
            Doubt(what=f"sudden fan-out of {name}", connections=(_connection(name),) * 4)
            for name in names
        ),
        enough=None,
        broke=tuple(map(_broke, names)),
        violations=tuple(map(_violation, names)),
        idle=tuple((_rule(name), "from") for name in names),
        findings=tuple(
            (Finding(code="NP100", policy=name, origin=name, message=name), None) for name in names
        ),
        asked=(),
        old=_side({}),
        new=_side({f"{names[0]}.yaml": "# Names:\n" + "\n".join(names)}),
    )


def _edges(name: str) -> tuple[Reviewed, ...]:
    seen = Evidence(records=1, counts=((name, 1),), sources=((name, 1),))
    workload, other = Workload(name, name, name), Workload("shop", "Deployment", "web")
    pairs: list[tuple[Peer, Peer]] = [(workload, other), (other, Fqdn(name))]
    return tuple(
        Reviewed(
            edge=Edge(kind="opened", client=client, server=server, ports=PORT),
            evidence=seen,
            tried={name: 1},
            risks=("outside",),
            declared=(name,),
            doubts=(name,),
            decided=(_decision(name),),
            causes=(_cause(name),),
            place=None,
        )
        for client, server in pairs
    )


def _connection(name: str) -> Connection:
    return Connection(Workload(name, name, name), Fqdn(name), "TCP", 443)


def _decision(name: str) -> decisions.Decision:
    return decisions.Decision(
        verdict="allow", client=name, server=name, ports=PORT, by=name, date=name, why=name
    )


def _policy(name: str) -> Policy:
    return Policy(name=name, namespace=name, subject=PodSelector(), kind=name, origin=name)


def _cause(name: str) -> Cause:
    return Cause(policy=_policy(name), direction="ingress")


def _broke(name: str) -> Broke:
    step = Step(
        direction="ingress", allowed=False, reason="rule", policies=(_policy(name),), rule=0
    )
    party = Outside(peer=Fqdn(name))
    decision = Decision(allowed=False, egress=step, ingress=step, client=party, server=party)
    broken = Broken(connection=_connection(name), evidence=Evidence(records=1), decision=decision)
    return Broke(broken=broken, causes=(_cause(name),), place=None)


def _rule(name: str) -> TeamRule:
    return TeamRule(
        name=name,
        why=name,
        demand="must-deny",
        clients=(Anyone(),),
        servers=(Anyone(),),
        ports=ALL_PORTS,
        file=name,
        line=1,
    )


def _violation(name: str) -> Violation:
    peer = Workload(name, name, name)
    breach = Breach(rule=_rule(name), client=peer, server=Fqdn(name), ports=PORT)
    return Violation(breach=breach, causes=(_cause(name),), place=None, new=True)


def _side(texts: dict[str, str]) -> Side:
    judge = Judge(policies=PolicySet(), world=World(), profile=CILIUM)
    places = Places(documents=(), files={})
    return Side(policies=PolicySet(), judge=judge, places=places, profile=CILIUM, texts=texts)


def harmless(names: tuple[str, ...]) -> tuple[str, ...]:
    """As many names as these, of which each is as plain as can be."""
    return tuple(f"n{number}" for number, _ in enumerate(names))


# --- in a Markdown renderer


class Skeleton(HTMLParser):
    """Elements and attributes; texts and comments apart."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[object] = []
        self.comments: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def rendered(text: str) -> str:
    """With tables, bare links and raw HTML, so that whatever is active shows."""
    return MarkdownIt("gfm-like", {"html": True, "linkify": True}).render(text)


def rendered_by_cmark(text: str) -> str:
    """The same, by the parser that GitHub wrote for itself."""
    extensions = ["table", "strikethrough", "autolink", "tasklist"]
    return cmarkgfm.markdown_to_html_with_extensions(
        text, options=Options.CMARK_OPT_UNSAFE, extensions=extensions
    )


def comment(names: tuple[str, ...]) -> str:
    by = {_connection(name): _decision(name) for name in names}
    known = replace(learned(), decided=decisions.Decided(by=by))
    return review_markdown(hostile(names), known, name="test")


RENDERERS = (rendered, rendered_by_cmark)


@pytest.mark.parametrize("render", RENDERERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_adds_no_element(name: str, render: Callable[[str], str]) -> None:
    found, plain_one = (Skeleton(render(comment(n))) for n in ((name,), ("harmless",)))
    assert found.found == plain_one.found
    assert found.comments == plain_one.comments == [" netpol-review: test "]


@settings(deadline=None, max_examples=60)
@given(
    st.text(
        st.characters(codec="utf-8") | st.sampled_from("`|\\<>&[]()!*_~#-\n%{}$:;@\"'"), max_size=40
    )
)
def test_no_text_at_all_adds_an_element(name: str) -> None:
    for render in RENDERERS:
        assert Skeleton(render(comment((name,)))).found == Skeleton(render(comment(("n",)))).found


def test_flows_with_hostile_names_give_an_inert_comment(shop: Shop) -> None:
    """The whole way: what a source says of a client, without an inventory that knows better."""

    def review(*names: str) -> str:
        shop.flows.clear()
        shop.saw("shop/api", "data/db", 5432)
        for name in names:
            shop.saw("shop/api", "data/db", 5432)
            shop.flows[-1]["client"] = {
                **end("watch/x"),
                "labels": {"app": name},
                "workload": {"kind": "Deployment", "name": name},
            }
        shop.review()  # writes the flows
        result = run("review", "old", "new", "flows.jsonl")
        assert result.exit_code == 0, result.output
        return result.stdout

    shop.write("old", {"db.yaml": DB[: DB.index("  - from")] + "  - {}\n"})
    found, plain_one = review(*HOSTILE), review(*harmless(HOSTILE))
    assert "would be denied" in found
    # Rows are sorted by names, so they come in another order.
    assert counts(found) == counts(plain_one)


def counts(text: str) -> Counter[str]:
    return Counter(map(str, Skeleton(rendered(text)).found))


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=9),
    st.sampled_from((LEAST, 10_000, 65_536)),
)
def test_a_comment_is_never_longer_than_it_may_be(names: list[str], size: int) -> None:
    """With every gate failed, every section full, and names that grow when they are escaped."""
    every = tuple(name * 3 for name in (*names, "\U000e0001" * 99))
    silent = tuple(Workload(name, name, name) for name in every)
    replayed = Replayed(asked=1, allowed=1, broken=(), before=(), undecided=(), silent=silent)
    seen = Estimate(units=10**6, observed=10**9, incidences=10**12, once=10**9, twice=10**7)
    long = replace(enough(learned()), units=seen.units, estimate=seen)
    review = replace(hostile(every), replayed=replayed, asked=tuple(GATES), enough=long)
    by = {_connection(name): _decision(name) for name in every}
    known = replace(learned(), decided=decisions.Decided(by=by))
    text = review_markdown(review, known, name="x" * 50, size=size)
    assert len(text) <= size
    assert text.rstrip().endswith("</sub>")
    whole = review_markdown(review, known, name="x" * 50)
    assert len(whole) >= len(text)


def learned() -> Learned:
    """Nothing, with all that can be said about it."""
    return Learned(
        accepted=ServiceGraph(),
        held=(),
        unattributed=(),
        inventory=Inventory(),
        records=Records(read=10**12, connections=10**12, held=10**12, other=10**12),
        lost_events=10**12,
    )


# --- in a browser


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    return found


def dom(chromium: str, page: str, place: Path) -> str:
    """What a browser made of a page, scripts included."""
    file = place / "page.html"
    file.write_text(page, encoding="utf-8")
    given = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=20000"]
    given += [f"--user-data-dir={place / 'profile'}", "--dump-dom", file.as_uri()]
    done = subprocess.run([chromium, *given], capture_output=True, text=True, check=True)
    return done.stdout


def test_a_browser_finds_nothing_active(chromium: str, tmp_path: Path) -> None:
    pages = []
    for names in (HOSTILE, harmless(HOSTILE)):
        page = f"<!doctype html><title>clean</title><body>{rendered(comment(names))}</body>"
        pages.append(dom(chromium, page, tmp_path))
    found, plain_one = map(Skeleton, pages)
    assert "<title>clean</title>" in pages[0]
    assert found.found == plain_one.found
    tags = {one[0] for one in found.found if isinstance(one, tuple)}
    assert not tags & {"script", "img", "svg", "iframe", "a", "b", "i", "h1", "input"}


def test_a_page_with_the_raw_names_would_be_active(chromium: str, tmp_path: Path) -> None:
    """The test above can fail: the same names, not made inert, take the page over."""
    page = f"<!doctype html><title>clean</title><body>{''.join(HOSTILE[:2])}</body>"
    assert "<title>owned</title>" in dom(chromium, page, tmp_path)


# --- in Mermaid


@pytest.mark.parametrize("name", HOSTILE)
def test_mermaid_labels_are_letters_digits_and_entities(name: str) -> None:
    drawings = [picture(hostile((one,)))[0].splitlines() for one in (name, "harmless")]
    found, plain_one = (sorted(map(_emptied, lines)) for lines in drawings)
    assert found == plain_one


def _emptied(line: str) -> str:
    """A line without what stands between quotes, which must be tame."""
    before, quote, rest = line.partition('"')
    label, _, after = rest.partition('"')
    assert not set(label) & set("\"'`%{}$:<>&\\|\n"), line
    return before + quote + quote + after


def test_mermaid_draws_hostile_names_as_they_are(chromium: str, tmp_path: Path) -> None:
    """With the real Mermaid and its protections off: the same elements, and the names as text."""
    script = os.environ.get("NETPOL_MERMAID", "")
    if not Path(script).is_file():
        pytest.skip("NETPOL_MERMAID names no mermaid.min.js (npm install mermaid)")
    half = len(HOSTILE) // 2
    for names in (HOSTILE[:half], HOSTILE[half:]):  # more would not all be drawn
        found, plain_one = (
            drawn(chromium, script, picture(hostile(each))[0], tmp_path)
            for each in (names, harmless(names))
        )
        tags = [
            sorted(one[0] for one in d.found if isinstance(one, tuple)) for d in (found, plain_one)
        ]
        assert tags[0] == tags[1]
        assert "clean drawn" in found.text
        for name in names:
            assert " ".join(printable(f"fqdn:{name}").split()) in " ".join(found.text.split())


def drawn(chromium: str, script: str, picture: str, place: Path) -> Skeleton:
    text = json.dumps(picture).replace("<", "\\u003c")
    page = (
        f"<!doctype html><meta charset=utf-8><title>clean</title><body><div id=at></div>"
        f"<script src={Path(script).as_uri()}></script><script>"
        "mermaid.initialize({startOnLoad: false, securityLevel: 'loose'});"
        f"mermaid.render('m', {text}).then(drawn => {{"
        "document.getElementById('at').innerHTML = drawn.svg;"
        "document.title += ' drawn'})</script></body>"
    )
    return Skeleton(dom(chromium, page, place))


# --- the pieces


def test_secrets_are_cut() -> None:
    tokens = (
        "AKIAIOSFODNN7EXAMPLE",
        "akiaiosfodnn7example",
        "ghp_" + "a1" * 18,
        "glpat-" + "a1" * 10,
        "xoxb-" + "1234567890-abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    )
    for token in tokens:
        for made in (code, masked, plain, mermaid_text, lambda text: fenced(text, "diff")):
            assert token[6:] not in made(f"shop/Deployment/{token}")
    for name in ("web-6d9c7f8b45-x2k9q", "askiaiosfodnn7example", "sha256-" + "0a" * 32):
        assert masked(name) == name


@given(st.text(max_size=300))
def test_a_code_span_is_one_line_without_what_ends_it(text: str) -> None:
    shown = code(text)
    assert shown[0] == shown[-1] == "`"
    assert not set(shown[1:-1]) & set("`|\n\r") and len(shown) > 2


@given(st.text(st.sampled_from("`~a \n"), max_size=60))
def test_a_fence_is_longer_than_what_is_in_it(text: str) -> None:
    assert MarkdownIt().render(fenced(text, "diff")).count("<pre>") == 1


def test_sarif_makes_no_links_of_names() -> None:
    log = review_sarif(hostile(HOSTILE), "1.0.0", lambda file: file)
    for result in log["runs"][0]["results"]:
        text = result["message"]["text"]
        assert not set(text) & set("[]{}\n")
