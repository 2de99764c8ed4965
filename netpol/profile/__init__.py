"""Profiles: what each CNI does with policies, one small table in a file of its own.

``--cni`` names one, or the inventory shows it (:mod:`netpol.detect`); where neither does, the
dialect of the policies tells as much as it can (:data:`PROFILES`).
"""

from __future__ import annotations

from typing import Final

from netpol.profile.antrea import ANTREA
from netpol.profile.aws_vpc_cni import AWS_VPC_CNI
from netpol.profile.calico import CALICO
from netpol.profile.cilium import CILIUM
from netpol.profile.generic import GENERIC
from netpol.profile.gke_dataplane_v2 import GKE_DATAPLANE_V2
from netpol.profile.kube_router import KUBE_ROUTER
from netpol.profile.model import Profile, Setting, Signs, Source
from netpol.profile.ovn_kubernetes import OVN_KUBERNETES
from netpol.profile.romana import ROMANA
from netpol.profile.weave import WEAVE
from netpol.profile.words import Words

__all__ = [
    "CALICO",
    "CILIUM",
    "CNIS",
    "KUBERNETES",
    "PROFILES",
    "Profile",
    "Setting",
    "Signs",
    "Source",
    "Words",
]

CNIS: Final = {
    one.name: one
    for one in (
        CALICO,
        CILIUM,
        AWS_VPC_CNI,
        GKE_DATAPLANE_V2,
        ANTREA,
        OVN_KUBERNETES,
        KUBE_ROUTER,
        WEAVE,
        ROMANA,
        GENERIC,
    )
}
"""Every profile by name, in the order in which they are listed."""

KUBERNETES: Final = GENERIC
"""What is assumed where there are only policies of Kubernetes itself."""

PROFILES: Final = {one.words.name: one for one in (KUBERNETES, CALICO, CILIUM)}
"""By the name of a dialect: what is assumed where only the dialect of policies is known."""
