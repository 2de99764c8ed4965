"""The door to grpcio: a channel to a server, calls of bytes, and errors in our words.

Messages stay bytes: each source has its own decoder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from netpol.errors import NetpolError

__all__ = ["Call", "Channel", "LostError", "RefusedError", "Tls", "open_channel"]

_Grpc: TypeAlias = Any
"""An object of grpc; the types of its stubs are no better."""

_LARGEST: Final = 64 << 20
"""Bytes of one message: a page of Goldmane's list is a few megabytes."""
_KEEPALIVE_MS: Final = 6 * 60 * 1000
"""Go's servers allow one ping in five minutes, and end connections that send more."""
_ANSWER_SECONDS: Final = 20.0
"""For a call with one answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How a server is to be trusted, and how we show who we are. Paths of PEM files."""

    plaintext: bool = False
    ca: str = ""
    """Whom to trust; empty: whom the system trusts."""
    cert: str = ""
    key: str = ""
    server_name: str = ""
    """The name that the server's certificate must bear, where it is not the host's."""


class LostError(Exception):
    """The connection broke or never came about; it may, later.

    ``hint`` is what may help, ``code`` one of grpc's status codes by name.
    """

    def __init__(self, message: str, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code


class RefusedError(LostError):
    """The server says no, and will again."""


class Call:
    """A stream of messages. Must be cancelled when it is not read to its end."""

    def __init__(self, call: _Grpc, channel: Channel) -> None:
        self._call = call
        self._channel = channel

    def __iter__(self) -> Iterator[bytes]:
        """Each message once it is there. Raises LostError or RefusedError."""
        import grpc

        try:
            yield from self._call
        except grpc.RpcError as error:
            raise self._channel.error(error) from error

    def cancel(self) -> None:
        """Whoever waits for the next message finds that there is none; from another thread."""
        self._call.cancel()


class Channel:
    """A server that may be there: nothing is sent before the first call."""

    def __init__(self, channel: _Grpc, *, plaintext: bool) -> None:
        self._channel = channel
        self._plaintext = plaintext

    def stream(self, method: str, request: bytes) -> Call:
        """Call a method that answers with a stream."""
        return Call(self._channel.unary_stream(method)(request), self)

    def ask(self, method: str, request: bytes) -> bytes:
        """Call a method that answers once. Raises LostError or RefusedError."""
        import grpc

        try:
            answer: bytes = self._channel.unary_unary(method)(request, timeout=_ANSWER_SECONDS)
        except grpc.RpcError as error:
            raise self.error(error) from error
        return answer

    def close(self) -> None:
        """Done with it; calls that go on are cancelled."""
        self._channel.close()

    def error(self, error: _Grpc) -> LostError:
        """An error of grpc in our words."""
        code, details = error.code().name, " ".join(str(error.details()).split())
        message, hint = f"{code}: {_short(details)}", _hint(code, details)
        if code in _FINAL or hint:
            return RefusedError(message, hint, code)
        closed = "Socket closed" in details
        return LostError(message, _CLOSED[self._plaintext] if closed else "", code)


_FINAL: Final = frozenset(
    {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "FAILED_PRECONDITION",
        "UNIMPLEMENTED",
        "UNAUTHENTICATED",
    }
)
_HINTS: Final = (
    ("CERTIFICATE_VERIFY_FAILED", "give the CA that signed the server's certificate with --tls-ca"),
    (
        "Hostname Verification Check failed",
        "give a name that is in the server's certificate with --tls-server-name",
    ),
    ("WRONG_VERSION_NUMBER", "the server speaks no TLS: --plaintext"),
)
_CLOSED: Final = (
    "the server may want to know who asks: --tls-cert and --tls-key",
    "the server may speak TLS: leave out --plaintext",
)
"""By whether we spoke without TLS: what a server may mean that ends connections without a word."""


def _hint(code: str, details: str) -> str:
    """What may help; empty where time alone may."""
    for words, hint in _HINTS:
        if words.lower() in details.lower():
            return hint
    if code == "UNIMPLEMENTED":
        return "is it a server of that kind, and the right port?"
    if code in ("UNAUTHENTICATED", "PERMISSION_DENIED"):
        return "give a client's certificate that the server trusts with --tls-cert and --tls-key"
    return ""


def _short(details: str) -> str:
    return details if len(details) <= 300 else details[:300] + "…"


def open_channel(target: str, tls: Tls) -> Channel:
    """A channel to ``host:port`` or ``unix:path``.

    Files of certificates are read now, so that renewed ones are used by the next connection. Raises
    NetpolError when one cannot be.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong is told by us
    import grpc
    from grpc.experimental import ChannelOptions

    options: list[tuple[str, Any]] = [
        # A stream is read by one thread: handing messages over costs four times as much.
        (ChannelOptions.SingleThreadedUnaryStream, 1),
        ("grpc.max_receive_message_length", _LARGEST),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.use_local_subchannel_pool", 1),  # each connection is a new attempt
        ("grpc.enable_retries", 0),
    ]
    if tls.plaintext:
        return Channel(grpc.insecure_channel(target, options), plaintext=True)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return Channel(grpc.secure_channel(target, _credentials(tls), options), plaintext=False)


def _credentials(tls: Tls) -> _Grpc:
    import grpc

    if bool(tls.cert) != bool(tls.key):
        raise NetpolError(
            "a client's certificate and its key go together",
            where=tls.cert or tls.key,
            hint="give both --tls-cert and --tls-key",
        )
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.ca or _system()),
        private_key=_read(tls.key),
        certificate_chain=_read(tls.cert),
    )


def _system() -> str:
    """Where the system keeps whom it trusts; empty: grpc's own list is used."""
    import ssl

    return ssl.get_default_verify_paths().cafile or ""


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise NetpolError(
            f"cannot be read: {error.strerror}", where=path, hint="give the path of a PEM file"
        ) from error
