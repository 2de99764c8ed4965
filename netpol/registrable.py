"""Which DNS names may belong to different people: the Public Suffix List, as it was installed.

Under a *public suffix* (``org``, ``co.uk``, ``s3.eu-west-1.amazonaws.com``) anybody can have a
name; what is one label longer is registered by one party, and so is everything below it. The
package ``publicsuffixlist`` bundles the list: nothing is fetched. Source: publicsuffix.org.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

__all__ = ["of_one_party", "of_one_registry"]


def of_one_party(domain: str) -> bool:
    """Whether everything below a domain belongs to who registered it, or part of it."""
    return _list(only_icann=False).privatesuffix(domain) is not None


def of_one_registry(domain: str) -> bool:
    """The same where companies that give names away (hosting, storage) count as one party."""
    return _list(only_icann=True).privatesuffix(domain) is not None


@cache
def _list(*, only_icann: bool) -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=only_icann)
