"""Texts from outside, made fit to stand in a comment of GitHub or GitLab without doing anything.

Names of workloads, namespaces, labels and DNS names may come from whoever can send a packet or open
a pull request. In Markdown they are only ever written as code spans, in which nothing else is
markup: no HTML, link, mention, issue number or picture. What could end a code span or a table cell
is written as an escape (``\\x7c``), and so are control, direction and other invisible characters.
What looks like a secret is cut: comments are sent as e-mail and kept for good.
"""

from __future__ import annotations

import re
from typing import Final

from netpol.report.printable import printable

__all__ = ["code", "fenced", "masked", "mermaid_text", "plain"]

_LONGEST: Final = 120
"""Characters of one name that are shown; names of Kubernetes and of DNS have up to 253."""

_MESSAGE: Final = 1_000
"""Characters of a part of a message: as many as GitHub shows of the whole."""

_ENDS: Final = {ord(c): f"\\x{ord(c):02x}" for c in "`|\\"}
"""What ends a code span or a cell."""
_LINKS: Final = {ord(c): f"\\x{ord(c):02x}" for c in "[]{}\\"}
"""What means something in a message of SARIF (2.1.0, sections 3.11.5 and 3.11.6)."""

_SECRETS: Final = re.compile(
    r"""
    (?<![a-z0-9]) (
      (?:akia|asia)[a-z0-9]{16}                     # AWS access key
    | gh[oprsu]_[a-z0-9]{30,} | github_pat_\w{30,}  # GitHub
    | glpat-[\w-]{20,}                              # GitLab
    | xox[abeoprs]-[a-z0-9-]{10,}                   # Slack
    | [rs]k_(?:live|test)_[a-z0-9]{16,}             # Stripe
    | aiza[\w-]{35}                                 # Google
    | eyj[\w-]{8,}\.eyj[\w-]{8,}(?:\.[\w-]*)?       # JSON Web Token
    )
    """,
    re.IGNORECASE | re.VERBOSE | re.ASCII,
)
_KEYS: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END|\Z)", re.DOTALL)


def masked(text: str) -> str:
    """The text with what looks like a token or a private key cut to its first four characters."""
    text = _KEYS.sub("-----BEGIN …(looks like a secret)", text)
    return _SECRETS.sub(lambda found: f"{found[0][:4]}…(looks like a secret)", text)


def code(text: str, longest: int = _LONGEST) -> str:
    """A code span of at most so many characters, escapes included; also inside of a table."""
    shown = _cut(printable(masked(text).translate(_ENDS)), longest)
    return f"`{shown}`" if shown.strip() else "`(empty)`"


def _cut(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def plain(text: str) -> str:
    """Text for a message of SARIF, of which links and placeholders are taken."""
    return _cut(printable(masked(text).translate(_LINKS)), _MESSAGE)


def fenced(text: str, language: str) -> str:
    """A block of code, in a fence that is longer than any in the text."""
    lines = [printable(line.replace("\t", "    ")) for line in masked(text).split("\n")]
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence]) + "\n"


def mermaid_text(text: str) -> str:
    """Text for between the quotes of a Mermaid label.

    All but letters, digits and ``-._/`` and space is written as an entity of Mermaid's: quotes end
    the label, ``%%{`` begins a directive wherever it stands, ``$$`` a formula, ``:`` may name an
    icon.
    """
    return "".join(c if _tame(c) else f"#{ord(c)};" for c in _cut(printable(masked(text))))


def _tame(c: str) -> bool:
    return c in "-._/ →" or (c.isascii() and c.isalnum())
