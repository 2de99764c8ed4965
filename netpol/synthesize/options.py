"""What a synthesis is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netpol.choices import Choice, Generalised, Named, Patterned, Siblings, Widened
from netpol.graph import Connection
from netpol.learn import Learned
from netpol.peers import Workload
from netpol.policy import PolicySet
from netpol.synthesize.levels import Level
from netpol.synthesize.patterns import NAMES_ALONE, Patterns
from netpol.synthesize.widening import EXACT, Bound

__all__ = ["Options", "Synthesis"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user chose."""

    dns: bool = True
    """Declare name resolution for every pod of a policed namespace."""
    declared: bool = True
    """Declare what other objects say is called: webhooks, aggregated APIs, routes."""
    namespaces: frozenset[str] | None = None
    """Police only these; None: every namespace in which traffic was seen."""
    exclude: frozenset[str] = frozenset()
    level: Level = "workload"
    """What is one subject and one peer, see :mod:`netpol.synthesize.levels`."""
    bound: Bound = EXACT
    """What lists of outside addresses may open, see :mod:`netpol.synthesize.widening`."""
    patterns: Patterns = NAMES_ALONE
    """What may be written in the place of DNS names, see :mod:`netpol.synthesize.patterns`."""
    allow_world: bool = False
    """Take a port that many public addresses reached as open to the internet."""
    namespace_labels: tuple[str, ...] = ()
    """Keys of labels that may stand for sets of namespaces, see :mod:`netpol.synthesize.spaces`."""
    port_gap: int = 0
    """How many ports that nobody used a range of ports may bridge, gap by gap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """The policies, and what they contain beside what was observed."""

    policies: PolicySet
    learned: Learned
    """What they were made for: what was learned, less what no rule could name."""
    policed: frozenset[str]
    """Namespaces with default deny."""
    declared: frozenset[Connection] = frozenset()
    """Connections allowed because they are declared needs; some of them were observed too."""
    siblings: Siblings | None = None
    """What opens because no selector tells workloads from others."""
    choices: tuple[Choice, ...] = ()
    """What is otherwise than it would be for another CNI."""
    generalised: Generalised | None = None
    """What the level opens."""
    calls: Mapping[Connection, str] = field(default_factory=dict)
    """Declared connections that do not resolve names, and what declares them."""
    names: Mapping[Workload, str] = field(default_factory=dict)
    """By name the policy that each workload is the subject of, itself or within its group."""
    widened: tuple[Widened, ...] = ()
    """Lists of outside addresses that hold more than was seen."""
    patterned: tuple[Patterned, ...] = ()
    """Patterns of DNS names, which match more than was seen."""
    named: tuple[Named, ...] = ()
    """Who is behind the addresses outside, for people."""
