"""The door to fsspec: inputs by URL, ``s3://bucket/*.jsonl.gz``, as Dask's workers read them."""

from __future__ import annotations

from typing import BinaryIO, Final, cast

from netpol.errors import NetpolError

__all__ = ["expanded", "is_remote", "remote"]

_HINT: Final = "install it with: pip install 'netpol-generator[dask]'"


def is_remote(path: str) -> bool:
    """Whether it is a URL, of whatever kind."""
    return "://" in path


def remote(url: str) -> BinaryIO:
    """The bytes behind a URL. Raises NetpolError."""
    try:
        import fsspec

        return cast("BinaryIO", fsspec.open(url, "rb").open())
    except ImportError as error:
        raise NetpolError(f"{error}", where=url, hint=_HINT) from error
    except (OSError, ValueError) as error:
        raise _failed(error, url) from error


def expanded(url: str) -> list[str]:
    """The URLs that one with a pattern stands for, sorted. Raises NetpolError."""
    if "*" not in url:
        return [url]
    try:
        import fsspec

        files, _ = fsspec.core.url_to_fs(url)
        found = sorted(files.unstrip_protocol(one) for one in files.glob(url))
    except ImportError as error:
        raise NetpolError(f"{error}", where=url, hint=_HINT) from error
    except (OSError, ValueError) as error:
        raise _failed(error, url) from error
    if not found:
        raise NetpolError("the pattern matches no file", where=url)
    return found


def _failed(error: Exception, url: str) -> NetpolError:
    return NetpolError(
        f"cannot be opened: {error}",
        where=url,
        hint="give a URL that fsspec knows: s3://…, gcs://…",
    )
