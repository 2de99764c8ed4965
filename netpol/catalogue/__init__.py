"""Every code that netpol shows, with what it means and what to do.

``netpol explain CODE`` prints an entry, and docs/reference/notices.md is made from them.
"""

from __future__ import annotations

from typing import Final

from netpol.catalogue.access import ACCESS
from netpol.catalogue.clusters import CLUSTERS
from netpol.catalogue.entry import Entry
from netpol.catalogue.existing import EXISTING
from netpol.catalogue.findings import FINDINGS
from netpol.catalogue.learning import LEARNING
from netpol.catalogue.live import LIVE
from netpol.catalogue.manifests import MANIFESTS
from netpol.catalogue.reviews import REVIEWS
from netpol.catalogue.shaping import SHAPING
from netpol.catalogue.stores import STORES

__all__ = ["CATALOGUE", "Entry"]

_PARTS: Final = (
    LEARNING,
    STORES,
    LIVE,
    MANIFESTS,
    ACCESS,
    FINDINGS,
    CLUSTERS,
    REVIEWS,
    EXISTING,
    SHAPING,
)

CATALOGUE: Final[dict[str, Entry]] = dict(
    sorted((code, entry) for part in _PARTS for code, entry in part.items())
)
