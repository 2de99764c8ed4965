"""What the API server takes as names, label keys and values, and names of ports.

Source: ``k8s.io/apimachinery/pkg/util/validation``. Its DNS subdomains limit the whole name to 253
characters, not the parts between the dots.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["is_label_key", "is_label_value", "is_name", "is_namespace", "is_port_name"]

_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_PORT: Final = re.compile(r"(?=[-0-9]*[a-z])[a-z0-9]+(-[a-z0-9]+)*")


@lru_cache(maxsize=65536)
def is_name(text: str) -> bool:
    """Whether Kubernetes takes this as the name of an object (a DNS subdomain)."""
    return len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_namespace(text: str) -> bool:
    """Whether Kubernetes takes this as the name of a namespace (a DNS label)."""
    return _DNS_LABEL.fullmatch(text) is not None


@lru_cache(maxsize=65536)
def is_label_key(text: str) -> bool:
    """Whether this is a qualified name: at most 63 characters, after a DNS subdomain and ``/``."""
    prefix, slash, name = text.rpartition("/")
    return _QUALIFIED.fullmatch(name) is not None and (not slash or is_name(prefix))


@lru_cache(maxsize=65536)
def is_label_value(text: str) -> bool:
    """Whether this may be the value of a label; the empty text may."""
    return not text or _QUALIFIED.fullmatch(text) is not None


def is_port_name(text: str) -> bool:
    """Whether this is an IANA service name: 1 to 15 of ``a-z0-9-`` with a letter, no odd ``-``."""
    return len(text) <= 15 and _PORT.fullmatch(text) is not None
