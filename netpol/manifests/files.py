"""Which files a path stands for, and their bytes: unpacked, and always UTF-8.

What is in the way (a pipe where a file was expected, a broken link, a folder that may not be
opened) is said, because there may be policies behind it.
"""

from __future__ import annotations

import codecs
import shutil
import stat
import zlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Final

from netpol.errors import NetpolError
from netpol.notices import Notice, Tell

__all__ = ["chunks", "files"]

_ENDINGS: Final = (".yaml", ".yml", ".json", ".yaml.gz", ".yml.gz", ".json.gz")
_CHUNK: Final = 1 << 18
_HEAD: Final = 1 << 12
_GZIP: Final = b"\x1f\x8b"
_PACKED: Final = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
}
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def files(given: Path | str, tell: Tell) -> Iterator[Path]:
    """The file itself; of a folder and those in it, every manifest in sorted order.

    ``-`` is standard input. Hidden files and folders are left out. Links to folders are followed,
    each folder once. Raises NetpolError for a path that does not exist.
    """
    path = Path("/dev/stdin" if str(given) == "-" else given)
    if not path.exists():
        raise NetpolError(
            "there is no such file or directory",
            where=str(path),
            hint="give a file, or a directory with *.yaml, *.yml or *.json",
        )
    if path.is_dir():
        yield from _inside(path, tell, set())
    else:
        yield path


def _inside(folder: Path, tell: Tell, seen: set[Path]) -> Iterator[Path]:
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        tell(_not_read(folder, f"cannot be read: {error.strerror or error}"))
        return
    folders = [name for name in names if (folder / name).is_dir()]
    for name in names:
        if name.lower().endswith(_ENDINGS) and name not in folders:
            file = folder / name
            if why_not := _no_file(file):
                tell(_not_read(file, why_not))
            else:
                yield file
    for name in folders:
        yield from _inside(folder / name, tell, seen)


def _no_file(file: Path) -> str:
    """Why what a folder lists as a manifest is no file that can be read; empty when it is one."""
    try:
        mode = file.stat().st_mode
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if stat.S_ISREG(mode) else "is a pipe or a device, which is read only when named"


def _not_read(path: Path, why: str) -> Notice:
    return Notice(code="NP060", message=why, where=str(path))


def chunks(file: Path) -> Iterator[bytes]:
    """The text of a file as UTF-8 without a byte order mark, in pieces that are not empty.

    Raises NetpolError where it cannot be read further.
    """
    try:
        with _opened(file) as stream:
            yield from _text(_unpacked(_pieces(stream)))
    except UnicodeDecodeError as error:
        raise NetpolError(f"is not text in {error.encoding}: {error.reason}") from error
    except zlib.error as error:
        raise NetpolError(f"damaged gzip data: {error}") from error
    except OSError as error:
        raise NetpolError(f"cannot be read: {error.strerror or error}") from error


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    status = file.stat()
    if stat.S_ISREG(status.st_mode):
        return file.open("rb")
    copy = _piped(status.st_dev, status.st_ino, file)
    copy.seek(0)
    return nullcontext(copy)


@lru_cache
def _piped(_device: int, _number: int, file: Path) -> BinaryIO:
    """What came out of a pipe: it says everything once, and a command may read its files again."""
    copy = TemporaryFile()  # noqa: SIM115 - lives as long as the process
    with file.open("rb") as stream:
        shutil.copyfileobj(stream, copy)
    return copy


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a file; the first piece is long enough to tell what it is."""
    head = b""
    while len(head) < _HEAD and (more := stream.read(_HEAD - len(head))):
        head += more
    if head:
        yield head
    while more := stream.read(_CHUNK):
        yield more


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = next(pieces, b"")
    for mark, name in _PACKED.items():
        if head.startswith(mark):
            raise NetpolError(f"is packed with {name}, which is not read here: unpack it first")
    every = chain((head,), pieces)
    return _gunzipped(every) if head.startswith(_GZIP) else every


def _gunzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Members of a gzip file, in pieces of bounded size whatever the ratio."""
    member, begun = _member(), False
    for packed in pieces:
        data, full = packed, False
        while data or full:
            if not begun:
                data = data.lstrip(b"\0")  # padding between members is legal
            piece = member.decompress(data, _CHUNK)
            begun, full = bool(data), len(piece) == _CHUNK
            yield piece
            data = member.unconsumed_tail
            if member.eof:
                data, member, begun, full = member.unused_data, _member(), False, False
    if begun:
        raise NetpolError("the gzip data ends in the middle")


def _member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)


def _text(pieces: Iterator[bytes]) -> Iterator[bytes]:
    head = next(pieces, b"")
    every: Iterator[bytes] = chain((head.removeprefix(codecs.BOM_UTF8),), pieces)
    if encoding := _encoding(head):
        decoder = codecs.getincrementaldecoder(encoding)()
        texts = (decoder.decode(piece) for piece in every)
        every = (text.encode() for text in chain(texts, _last(decoder)))
    return (piece for piece in every if piece)


def _encoding(head: bytes) -> str | None:
    """What the text is written in when that is not UTF-8: by its mark, else by its NULs."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    match [not byte for byte in head[:4]]:
        case [False, True, False, True]:
            return "utf-16-le"
        case [True, False, True, False]:
            return "utf-16-be"
        case _:
            return None


def _last(decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    """Raises UnicodeDecodeError when the text ends within a character."""
    yield decoder.decode(b"", final=True)
