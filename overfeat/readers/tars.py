"""Where the members of a tar lie, from its headers alone.

``tarfile`` ends without a word where a header is cut or damaged, which would lose pictures in silence, and
it wants a file of its own for a tar inside a tar. This walk starts at any offset of any stream, moves only
forward (so a gzip stream will do), reads one block a member, and says where it broke. The blocks themselves
are parsed by ``tarfile``.
"""

import gzip
import io
import sys
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast

BLOCK = 512
UNKNOWN_END = sys.maxsize
"""The ``stop`` of a stream whose length is not known, as that of a compressed one."""

GZIP_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)
"""What a cut or damaged gzip stream raises when read."""

_GZIP_MAGIC = b"\x1f\x8b"
_LONGEST_EXTENSION = 1 << 20  # a name or a pax record is short; do not let a damaged size fill the memory
_GNU_NAMES = {tarfile.GNUTYPE_LONGNAME: "path", tarfile.GNUTYPE_LONGLINK: "linkpath"}
_PAX_TYPES = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}
_WITHOUT_DATA = set(tarfile.SUPPORTED_TYPES) - set(tarfile.REGULAR_TYPES)


class ArchiveBreak(Exception):  # noqa: N818 - a place in a file, which readers make a RejectRecord of
    """The walk cannot go on.

    Attributes:
        header: offset of the first header block of the member that is cut or damaged.
        reason: "truncated archive" or "damaged archive", as in a RejectRecord.
    """

    def __init__(self, header: int, reason: Literal["truncated archive", "damaged archive"]) -> None:
        """Say where, and which of the two."""
        super().__init__(f"{reason} at byte {header}")
        self.header = header
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Member:
    """One member: its name as written (for people, never a path) and where it lies in the stream, in bytes.

    Attributes:
        kind: "folder", "other" for a link, a device or a sparse file, else "file".
        header: offset of its first header block.
        offset, length: where its data lies.
    """

    name: str
    kind: Literal["file", "folder", "other"]
    header: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """Offset of the next member's header."""
        return self.offset + _padded(self.length)


def open_archive(path: Path) -> BinaryIO:
    """Open a tar or a gzipped tar for reading, whichever its first bytes say it is."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP_MAGIC
    # unbuffered: a buffer would read 8 KiB for each header of 512 bytes
    return cast(BinaryIO, gzip.open(path, "rb") if compressed else path.open("rb", buffering=0))


def open_nested(content: bytes) -> BinaryIO:
    """Open the bytes of a tar or a gzipped tar, as ``open_archive`` does a file."""
    stream = io.BytesIO(content)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream) if content.startswith(_GZIP_MAGIC) else stream)


def walk(stream: BinaryIO, start: int = 0, stop: int = UNKNOWN_END) -> Iterator[Member]:
    """Yield the members of the tar at ``[start, stop)`` of a stream, in their order.

    Raises:
        ArchiveBreak: a member is cut or damaged, or the end mark is missing. What came before was yielded.
    """
    position = start
    while (member := read_member(stream, position, stop)) is not None:
        if member.offset + member.length > stop:
            raise ArchiveBreak(member.header, "truncated archive")
        yield member
        position = member.end


def read_member(stream: BinaryIO, header: int, stop: int = UNKNOWN_END) -> Member | None:
    """Read the headers at one offset; the member's data may go past ``stop``. Return None at the end mark.

    Raises:
        ArchiveBreak: no whole, sound header lies there.
    """
    extensions: dict[str, str] = {}
    position = header
    while True:
        block = _read_exactly(stream, position, BLOCK, header, stop)
        if block.count(0) == BLOCK:
            return None
        info = _parse(block, header)
        position += BLOCK
        if info.type not in _GNU_NAMES and info.type not in _PAX_TYPES and info.type != tarfile.XGLTYPE:
            return _member(info, extensions, header, position)
        extensions |= _extension(info, stream, position, header, stop)
        position += _padded(info.size)


def _padded(length: int) -> int:
    return -(-length // BLOCK) * BLOCK


def _read_exactly(stream: BinaryIO, offset: int, length: int, header: int, stop: int) -> bytes:
    if offset + length > stop:
        raise ArchiveBreak(header, "truncated archive")
    stream.seek(offset)
    data = stream.read(length)
    if len(data) < length:
        raise ArchiveBreak(header, "truncated archive")
    return data


def _parse(block: bytes, header: int) -> tarfile.TarInfo:
    try:
        # names must be storable as text: bytes that are not UTF-8 are written out
        info = tarfile.TarInfo.frombuf(block, "utf-8", "backslashreplace")
    except (tarfile.HeaderError, ValueError) as error:
        raise ArchiveBreak(header, "damaged archive") from error
    if info.size < 0:
        raise ArchiveBreak(header, "damaged archive")
    return info


def _extension(info: tarfile.TarInfo, stream: BinaryIO, offset: int, header: int, stop: int) -> dict[str, str]:
    """Read what a header that speaks of the next one says: a long name, or pax records."""
    if info.size > _LONGEST_EXTENSION:
        raise ArchiveBreak(header, "damaged archive")
    data = _read_exactly(stream, offset, info.size, header, stop)
    if info.type in _GNU_NAMES:
        return {_GNU_NAMES[info.type]: data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")}
    return _pax_records(data, header) if info.type in _PAX_TYPES else {}


def _pax_records(data: bytes, header: int) -> dict[str, str]:
    """Parse records like ``12 path=a/b`` and a newline, where 12 counts all bytes of the record."""
    records: dict[str, str] = {}
    while data.strip(b"\0"):
        digits, space, _ = data.partition(b" ")
        length = int(digits) if digits.isdigit() and len(digits) < 8 else 0
        key, equals, value = data[len(digits) + 1 : length].partition(b"=")
        if not (space and equals and value.endswith(b"\n") and length <= len(data)):
            raise ArchiveBreak(header, "damaged archive")
        records[key.decode("utf-8", "backslashreplace")] = value[:-1].decode("utf-8", "backslashreplace")
        data = data[length:]
    return records


def _member(info: tarfile.TarInfo, extensions: dict[str, str], header: int, offset: int) -> Member:
    size = extensions.get("size", str(info.size))
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        raise ArchiveBreak(header, "damaged archive")
    # a sparse file's bytes do not lie in one piece, so it counts as no plain file
    sparse = any(key.startswith("GNU.sparse") for key in extensions)
    plain = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE) and not sparse
    return Member(
        name=extensions.get("path", info.name),
        kind="file" if plain else "folder" if info.isdir() else "other",
        header=header,
        offset=offset,
        length=0 if info.type in _WITHOUT_DATA else int(size),
    )
