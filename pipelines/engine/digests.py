"""Digests of files' contents, kept so that a large input is not read again as long as it is the same file."""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from pipelines.engine.errors import PipelineError

_TABLE = (
    "CREATE TABLE IF NOT EXISTS digest (path TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, "
    "digest TEXT) WITHOUT ROWID"
)
_SETTLED_NS = 2_000_000_000
"""A file changed less than this ago may change again within the clock's tick, unseen: it is not remembered."""
_BATCH = 256
_new = partial(hashlib.blake2b, digest_size=16)


def digest_of(data: bytes) -> str:
    """Return the digest of bytes: that of a file is the one of its content."""
    return _new(data).hexdigest()


class Digests:
    """The memory of digests, in one SQLite file; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=60)
        try:
            connection.execute(_TABLE)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise PipelineError(
                f"{self._path}, which only saves time, cannot be used ({error}): delete it and try again"
            ) from error
        with contextlib.closing(connection):
            yield connection

    def of(self, path: Path) -> str:
        """Return the digest of a file's content, or of a folder's names and contents (``__pycache__`` left out).

        Raises:
            PipelineError: if ``path`` is not there, or a file below it cannot be read.
        """
        try:
            if not path.is_dir():
                return self.of_files([path])[path]
            files = sorted(_files_below(path), key=lambda file: file.relative_to(path).parts)
            digests = self.of_files(files)
        except OSError as error:
            raise PipelineError(f"{error.filename} cannot be read: {error.strerror}") from error
        total = _new(b"folder")
        for file in files:
            name = file.relative_to(path).as_posix().encode("utf-8", "surrogateescape")
            total.update(b"%d:%s" % (len(name), name) + digests[file].encode())
        return total.hexdigest()

    def of_files(self, files: list[Path]) -> dict[Path, str]:
        """Return the digest of each file's content. Raises OSError, with the name, if one cannot be read."""
        found: dict[Path, str] = {}
        with self._open() as connection, ThreadPoolExecutor(4) as threads:  # hashing releases the GIL
            unknown = []
            for file in files:
                stat = file.stat()
                query = "SELECT digest FROM digest WHERE path = ? AND size = ? AND mtime_ns = ? AND inode = ?"
                row = connection.execute(query, (_name(file), stat.st_size, stat.st_mtime_ns, stat.st_ino)).fetchone()
                if row:
                    found[file] = row[0]
                else:
                    unknown.append(file)
            for start in range(0, len(unknown), _BATCH):  # in batches, so that a killed run has not read in vain
                batch = unknown[start : start + _BATCH]
                hashed = list(threads.map(_hash, batch))
                rows = [(_name(file), *row) for file, row in zip(batch, hashed, strict=True) if row[1] >= 0]
                with connection:
                    connection.executemany("INSERT OR REPLACE INTO digest VALUES (?, ?, ?, ?, ?)", rows)
                found.update((file, row[3]) for file, row in zip(batch, hashed, strict=True))
        return found


def _name(file: Path) -> str:
    return os.fsencode(file.absolute()).decode("utf-8", "backslashreplace")


def _hash(file: Path) -> tuple[int, int, int, str]:
    """Return size, mtime_ns (-1 where it must not be remembered), inode and digest of a file."""
    with file.open("rb") as stream:
        before, now = os.fstat(stream.fileno()), time.time_ns()
        digest = hashlib.file_digest(stream, _new).hexdigest()
        after = os.fstat(stream.fileno())
    settled = now - before.st_mtime_ns > _SETTLED_NS and before.st_mtime_ns == after.st_mtime_ns
    return before.st_size, before.st_mtime_ns if settled else -1, before.st_ino, digest


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        folders[:] = [name for name in folders if name != "__pycache__"]
        yield from (Path(parent, name) for name in names)


def _raise(error: OSError) -> None:
    raise error
