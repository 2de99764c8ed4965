"""URLs of live sources: ``hubble://host:port?namespace=shop``, ``hubble+unix:///path``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlsplit

from netpol.errors import NetpolError

__all__ = ["Address", "address", "scheme"]

_KNOWN: Final = frozenset({"namespace"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is, and whose flows are wanted."""

    target: str
    """As grpc takes it."""
    unix: bool = False
    namespaces: tuple[str, ...] = ()
    """Only flows of which one side is in one of them; empty: all."""


def scheme(url: str) -> str:
    """The scheme of a URL, without the ``://``; empty for what is none."""
    name, found, _ = url.partition("://")
    return name.lower() if found else ""


def address(url: str, port: int) -> Address:
    """The parts of a URL; ``port`` is that of one without. Raises NetpolError."""
    try:
        parts = urlsplit(url)
        found = parts.port or port
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise _wrong(str(error), url) from error
    if unknown := sorted(set(query) - _KNOWN):
        raise _wrong(f"it has an unknown parameter {unknown[0]!r}", url)
    spaces = tuple(sorted({one for text in query.get("namespace", []) for one in text.split(",")}))
    if scheme(url).endswith("unix"):
        if parts.netloc or not parts.path.strip("/"):
            raise _wrong("a path of a socket has three slashes before it", url)
        return Address(target=f"unix:{parts.path}", unix=True, namespaces=spaces)
    if not parts.hostname or parts.path.strip("/") or parts.username is not None:
        raise _wrong("it names no host alone", url)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Address(target=f"{host}:{found}", namespaces=spaces)


def _wrong(why: str, url: str) -> NetpolError:
    return NetpolError(
        f"the address cannot be used: {why}",
        where=url,
        hint="write hubble://host:4245, hubble+unix:///var/run/cilium/hubble.sock or"
        " goldmane://host:7443; ?namespace=shop asks for the flows of a namespace alone",
    )
