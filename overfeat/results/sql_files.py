"""The tables as files that DuckDB can read and nobody can write, whether they lie in a folder or in a bucket.

DuckDB opens nothing but what is listed here, through Python. Its own way to files would let a question write over the
table that it reads (``WITH x AS (COPY ... TO ...)``), takes every path for a pattern, and needs an extension for S3.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from fsspec import AbstractFileSystem  # type: ignore[import-untyped, unused-ignore]

from overfeat.errors import ResultsError
from overfeat.places import Place, told_apart

PROTOCOL = "overfeat"


class ReadOnlyFiles(AbstractFileSystem):  # type: ignore[misc]
    """Files by the name that they have in SQL.

    Attributes:
        places: where each is.
        error: what went wrong last in here; DuckDB passes on only its text.
    """

    protocol = PROTOCOL
    cachable = False  # fsspec would give the same object for the same arguments

    def __init__(self, places: Mapping[str, Place]) -> None:
        """Take the files; nothing is opened yet."""
        super().__init__()
        self.places = dict(places)
        self.error: Exception | None = None
        self._sizes: dict[str, int] = {}

    def _open(self, path: str, mode: str = "rb", **_: Any) -> "_ReadOnlyFile":
        try:
            if mode != "rb":
                raise ResultsError("a question only reads, and this one writes over a table: take the COPY out")
            place = self.places[self._strip_protocol(path)]
            system, inner = place.arrow()
            with told_apart(str(place)):
                file = _ReadOnlyFile(system.open_input_file(inner), str(place), self)
        except Exception as error:
            self.error = error
            raise
        self._sizes[path] = file.size
        return file

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return name, type and size, which is known once the file was opened."""
        name = self._strip_protocol(path)
        if name not in self.places:
            raise FileNotFoundError(path)
        return {"name": name, "type": "file", "size": self._sizes.get(name)}

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the file that is so called: names have no wildcards."""
        name = self._strip_protocol(path)
        return [name] if name in self.places else []

    def modified(self, path: str) -> datetime:
        """Return one time for all: no file changes while a question is answered."""
        return datetime.fromtimestamp(0, UTC)


class _ReadOnlyFile:
    """An open file, in which every thread has its own place: DuckDB seeks and reads from several at once."""

    def __init__(self, file: pa.NativeFile, name: str, files: ReadOnlyFiles) -> None:
        self._file, self._name, self._files = file, name, files
        self._places: dict[int, int] = {}
        self.size: int = file.size()

    def seek(self, offset: int, whence: int = 0) -> int:
        start = (0, self.tell(), self.size)[whence]
        self._places[threading.get_ident()] = start + offset
        return start + offset

    def tell(self) -> int:
        return self._places.get(threading.get_ident(), 0)

    def read(self, count: int = -1) -> bytes:
        start = self.tell()
        try:
            with told_apart(self._name):
                data: bytes = self._file.read_at(self.size - start if count < 0 else count, start)
        except Exception as error:
            self._files.error = error
            raise
        self.seek(len(data), 1)
        return data

    def close(self) -> None:
        self._file.close()
