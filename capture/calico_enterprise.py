"""Flow logs of Calico Enterprise and Calico Cloud.

JSON lines of the files on a node, the same as fluentd forwards them (``time``, tag, record), and
answers of a search in Elasticsearch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from capture.documents import a_line_each
from capture.source import FlowSource, Reading, Sight
from netpol.flow import Flow

__all__ = ["CALICO_ENTERPRISE"]

_NAMES: Final = re.compile(rb'"(?:source|dest)_name_aggr"\s*:')


def _detect(head: bytes) -> float:
    return 0.95 if _NAMES.search(head) else 0.0


def _read(stream: BinaryIO, reading: Reading) -> Iterator[Flow]:
    from capture.calico_enterprise_fold import Fold  # msgspec is not needed to list the sources

    fold = Fold(reading)
    fold.read(stream)
    yield from fold.flows()


CALICO_ENTERPRISE: Final = FlowSource(
    name="calico-enterprise",
    summary="Calico Enterprise and Cloud: flow logs from files, fluentd or Elasticsearch",
    sight=Sight(
        who="pod names (from aggregation level 2 on, by owner), labels they share",
        direction="certain, by connection tracking",
        port="of the pod, and of the Service; none at aggregation level 3",
        verdict="allowed, denied, would be denied by staged policies; answered",
        outside="addresses below aggregation level 2; DNS names; names of NetworkSets",
        blind=(
            "from aggregation level 2 on there are no addresses, so no address block comes of it",
            "aggregation level 3 drops the port, and such records are held",
            "private networks without an address, nodes among them, are not told apart",
            "ICMP types are not told: a rule is for all of them",
        ),
    ),
    detect=_detect,
    read=_read,
    by_line=a_line_each,
)
