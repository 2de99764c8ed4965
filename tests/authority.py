"""A certificate authority of the tests, and the files of what it signs."""

from __future__ import annotations

from pathlib import Path

import grpc
import trustme

__all__ = ["Authority"]


class Authority:
    """Signs for a server on localhost, and for a client."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert("localhost")
        client = self.ca.issue_cert("netpol")
        self.pem = str(folder / "ca.pem")
        self.cert, self.key = str(folder / "cert.pem"), str(folder / "key.pem")
        self.ca.cert_pem.write_to_path(self.pem)
        client.cert_chain_pems[0].write_to_path(self.cert)
        client.private_key_pem.write_to_path(self.key)

    def credentials(self, *, mutual: bool = False) -> grpc.ServerCredentials:
        """What a server speaks TLS with; ``mutual``: it asks who its clients are."""
        pair = self.server.private_key_pem.bytes(), self.server.cert_chain_pems[0].bytes()
        trusted = self.ca.cert_pem.bytes() if mutual else None
        return grpc.ssl_server_credentials([pair], trusted, require_client_auth=mutual)
