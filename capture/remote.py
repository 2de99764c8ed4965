"""The door to fsspec: inputs by URL, ``s3://bucket/*.jsonl.gz``, as Dask's workers read them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, TypeVar, cast

from netpol.errors import NetpolError

__all__ = ["expanded", "is_remote", "remote"]

_EXTRA: Final = "install it with: pip install 'netpol-generator[dask]'"
_PACKAGE: Final = "each kind of storage has a package of its own, to be installed beside netpol"
_KINDS: Final = "give a URL that fsspec knows: s3://…, gcs://…, https://…"
_SILENCE: Final = 60
"""Seconds that a web server may send nothing."""
_BUFFER: Final = 1 << 20
_SECRET: Final = re.compile(
    r"(?:^|&)[^=&]*(?:sig|signature|token|credential|secret|password|key)=", re.IGNORECASE
)
"""What signed URLs of S3, of Google and of Azure have among their parameters."""

Got = TypeVar("Got")


def is_remote(path: str) -> bool:
    """Whether it is a URL, of whatever kind."""
    return "://" in path


def remote(url: str) -> BinaryIO:
    """The bytes behind a URL; not seekable where parts cannot be had. Raises NetpolError."""
    with _told(url):
        streamed = _is_web(url)
        files, path = _place(url)
        # A web server need not give parts, and does not say so before it is asked for the second.
        file = files.open(path, "rb", **({"block_size": 0} if streamed else {}))
        raw = _Remote(file, url, seekable=not streamed and file.seekable())
        return cast("BinaryIO", io.BufferedReader(raw, _BUFFER))


def expanded(url: str) -> list[str]:
    """The URLs that one with a pattern stands for, sorted. Raises NetpolError."""
    if "*" not in url:
        return [url]
    with _told(url):
        files, path = _place(url)
        found = sorted(files.unstrip_protocol(one) for one in files.glob(path))
    if not found:
        raise NetpolError("the pattern matches no file", where=url)
    return found


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def _without_secrets(url: str) -> None:
    """Names of inputs are shown, and kept in stores: a secret must not be in one."""
    place, _, query = url.partition("?")
    scheme, _, rest = place.partition("://")
    login, at, path = rest.rpartition("@")
    if _SECRET.search(query) or (at and ":" in login and "/" not in login):
        raise NetpolError(
            "there is a secret in the URL, which would be written down with what is learned",
            where=f"{scheme}://{path}",
            hint="let somebody else fetch it: curl … | netpol learn - …",
        )


def _place(url: str) -> tuple[Any, str]:
    """The storage that a URL is about, and the path in there."""
    _without_secrets(url)
    try:
        import fsspec
    except ImportError as error:
        raise NetpolError(f"{error}", where=url, hint=_EXTRA) from error
    options = {"client_kwargs": {"timeout": _patience()}} if _is_web(url) else {}
    found: tuple[Any, str] = fsspec.core.url_to_fs(url, **options)
    return found


def _patience() -> object:
    """Without it a large file would be cut off after five minutes, however fast it comes."""
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)


class _Remote(io.RawIOBase):
    """A file of a storage, whose errors are ours."""

    def __init__(self, file: BinaryIO, url: str, *, seekable: bool) -> None:
        self._file, self._url, self._seekable = file, url, seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever holds bytes
        data = self._do(lambda: self._file.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if not self._seekable:
            raise io.UnsupportedOperation("seek")
        return self._do(lambda: self._file.seek(offset, whence))

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()

    def _do(self, what: Callable[[], Got]) -> Got:
        with _told(self._url, "cannot be read to its end"):
            return what()


@contextmanager
def _told(url: str, what: str = "cannot be opened") -> Iterator[None]:
    """Turn whatever a storage raises into NetpolError."""
    try:
        yield
    except NetpolError:
        raise
    except ImportError as error:
        raise NetpolError(f"{error}", where=url, hint=_PACKAGE) from error
    except Exception as error:  # each kind of storage has errors of its own kind
        unknown = isinstance(error, ValueError)
        raise NetpolError(
            f"{what}: {_reason(error, url)}", where=url, hint=_KINDS if unknown else ""
        ) from error


def _reason(error: BaseException, url: str) -> str:
    """In one line; where an error says the URL alone, what lies behind it."""
    text = " ".join(str(error).split())
    if text not in url:
        return text
    if error.__cause__ is not None:
        return _reason(error.__cause__, url)
    return "there is none" if isinstance(error, FileNotFoundError) else type(error).__name__
