"""Findings about policies: what is probably not what their author meant.

:func:`lint` looks; each family of findings has a module of its own, and :mod:`netpol.catalogue`
explains the codes; :func:`unread` lists what was not read. Nothing here changes a verdict: the
evaluator says what the policies do, a finding says that this may surprise.
"""

from netpol.lint.finding import Finding
from netpol.lint.run import Lint, lint
from netpol.lint.unread import LEFT_OUT, unread

__all__ = ["LEFT_OUT", "Finding", "Lint", "lint", "unread"]
