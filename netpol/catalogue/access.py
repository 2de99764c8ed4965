"""Notices about reading a live cluster."""

from __future__ import annotations

from typing import Final

from netpol.catalogue.entry import Entry

__all__ = ["ACCESS"]

ACCESS: Final[dict[str, Entry]] = {
    "NP083": Entry(
        title="a kind of object may not be read",
        why="The API server refuses to list it to whoever the kubeconfig or the service account"
        " says that you are. Everything else was read; what is missing may leave addresses"
        " unknown, or workloads without their owner.",
        what_to_do="Bind the ClusterRole in samples/rbac.yaml, which grants get, list and watch of"
        " exactly what netpol reads, and no Secret.",
    ),
    "NP084": Entry(
        title="the cluster does not serve a kind of object",
        why="The API server knows nothing of this version of a kind that Kubernetes has had since"
        " 1.21. Everything else was read.",
        what_to_do="Check that the address in the kubeconfig is that of a whole API server. For an"
        " older cluster give what kubectl prints: --inventory dump.json.",
    ),
    "NP085": Entry(
        title="the connection to the API server was lost",
        why="The watch of a kind broke off or was refused, and was taken up again as soon as"
        " that could be. What changed meanwhile was told afterwards, and is recorded with the"
        " time since which nobody watched: in between it is not certain who had an address.",
        what_to_do="Nothing, if it is rare. Else look at the message, and record from nearer to the"
        " API server.",
    ),
    "NP086": Entry(
        title="the API server's certificate is not checked",
        why="The kubeconfig says insecure-skip-tls-verify, so anybody between here and there could"
        " answer in the API server's place, and learn your credentials.",
        what_to_do="Put the cluster's certificate authority into the kubeconfig"
        " (certificate-authority-data) and remove insecure-skip-tls-verify.",
    ),
}
