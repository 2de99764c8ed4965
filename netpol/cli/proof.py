"""One dialect, all the way: policies, their YAML, read back, judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from netpol.certificate import Certificate, certify
from netpol.cli.output import write
from netpol.learn import Learned
from netpol.manifests import load
from netpol.notices import Tell
from netpol.prices import Price, price
from netpol.profile import Profile
from netpol.synthesize import Level, Options, Synthesis, synthesize

if TYPE_CHECKING:
    from generators.generator import Dialect
    from netpol.rollout import Plan

__all__ = ["Proof", "prove"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The files of one dialect and what was proved about them."""

    dialect: Dialect
    synthesis: Synthesis
    files: dict[str, str]
    """Relative path → YAML text."""
    certificate: Certificate
    level: Level
    plan: Plan | None = None
    """Where the files are those of a roll-out."""

    @property
    def price(self) -> Price:
        """What these policies cost."""
        return price(
            self.level,
            self.certificate,
            len(self.synthesis.policies.policies),
            (text for name, text in self.files.items() if name != "kustomization.yaml"),
        )


def prove(
    learned: Learned,
    dialect: Dialect,
    options: Options,
    tell: Tell,
    profile: Profile | None = None,
) -> Proof:
    """Synthesise, render, read the text back and certify what it says, not what was meant.

    ``profile``: the CNI that the policies are for; None takes what the dialect lets assume.
    """
    from generators import parse
    from generators.generator import files

    profile = profile or dialect.profile
    synthesis = synthesize(learned, profile, options, tell)
    written = files(dialect, synthesis.policies, synthesis.named)
    with TemporaryDirectory(prefix="netpol-") as directory:
        write(written, Path(directory))
        policies, _ = parse(load([directory], tell), tell)
    return Proof(
        dialect=dialect,
        synthesis=synthesis,
        files=written,
        level=options.level,
        certificate=certify(
            policies,
            synthesis.learned,
            profile,
            declared=synthesis.declared,
            policed=synthesis.policed,
            choices=synthesis.choices,
            generalised=synthesis.generalised,
            siblings=synthesis.siblings,
            widened=synthesis.widened,
            patterned=synthesis.patterned,
            calls=synthesis.calls,
        ),
    )


def dialect_named(name: str, dialects: Iterable[Dialect]) -> Dialect:
    """The dialect of that name."""
    return next(one for one in dialects if one.name == name)
