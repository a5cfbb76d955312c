"""A file or folder by one name, local or in a bucket: ``folder/file`` or ``s3://bucket/folder/file``.

Credentials, region and endpoint of S3 come from the usual AWS_* variables and files.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pyarrow import fs

from overfeat.atomic import replacing
from overfeat.errors import PlaceError, PlaceMissingError
from overfeat.places.glob import Glob, has_wildcards
from overfeat.places.s3 import S3, file_system, missing, told_apart
from overfeat.places.walk import check_bucket, look, walk

AnyPlace: TypeAlias = "str | os.PathLike[str] | Place"
"""What :meth:`Place.of` takes."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, order=True)
class Place:
    """A file or folder, which may or may not be there; make it with :meth:`of`."""

    text: str

    @classmethod
    def of(cls, text: AnyPlace) -> "Place":
        """Return the place that ``text`` names: a local path or ``s3://bucket/key``.

        Raises:
            PlaceError: if it is neither, or was a path of ``pathlib``, which makes ``s3:/`` of ``s3://``.
        """
        if isinstance(text, Place):
            return text
        plain = os.fspath(text)
        if not plain:
            raise PlaceError("a path is empty: give a folder, a file or s3://BUCKET/KEY")
        if plain.lower().startswith(S3):
            bucket, _, key = plain[len(S3) :].partition("/")
            if not _BUCKET.fullmatch(bucket):  # not shown: it may be s3://KEY:SECRET@BUCKET
                raise PlaceError("a path that begins with s3:// must go on with the name of a bucket: s3://BUCKET/KEY")
            key = key.strip("/")
            return cls(f"{S3}{bucket}/{key}" if key else f"{S3}{bucket}")
        if scheme := _SCHEME.match(plain):
            raise PlaceError(
                f"{plain} has lost a slash: give it as the text s3://BUCKET/KEY, which pathlib.Path cannot hold"
                if scheme[1].lower() == "s3"
                else f"{scheme[1]}: is no place that can be read: give a local path or s3://BUCKET/KEY"
            )
        return cls(str(Path(plain)))

    def __str__(self) -> str:
        """Return the path or URI."""
        return self.text

    def __truediv__(self, name: str) -> "Place":
        """Return the place ``name`` below this one; ``name`` may have several parts."""
        return Place.of(f"{self.text}/{name}") if not self.is_local else Place.of(self.path / name)

    @property
    def is_local(self) -> bool:
        """Whether it is a path of this machine."""
        return not self.text.startswith(S3)

    @property
    def name(self) -> str:
        """The last part of the path; of a whole bucket the bucket's name."""
        return self.path.name if self.is_local else self.text.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """The local path. Raises PlaceError in a bucket."""
        if not self.is_local:
            raise PlaceError(f"{self} is in a bucket, and this needs a local path: copy it here first")
        return Path(self.text)

    @property
    def shown(self) -> str:
        """The place for who reads a message: a local one by its whole path."""
        return str(self.path.absolute()) if self.is_local else self.text

    def arrow(self) -> tuple[fs.FileSystem, str]:
        """Return pyarrow's file system and the place's path in it."""
        if self.is_local:
            return fs.LocalFileSystem(), self.text
        return file_system(), self.text.removeprefix(S3)

    def exists(self) -> bool:
        """Return whether there is a file or folder. Raises PlaceError, UnreachableError."""
        return look(self.text) is not None

    def read_bytes(self) -> bytes:
        """Return the file's content. Raises PlaceMissingError, PlaceError, UnreachableError."""
        with told_apart(self.text):
            if self.is_local:
                return self.path.read_bytes()
            system, path = self.arrow()
            try:
                with system.open_input_file(path) as stream:
                    content: bytes = stream.readall()
                    return content
            except FileNotFoundError:
                check_bucket(self.text)
                raise

    def write_bytes(self, data: bytes) -> None:
        """Make the file hold ``data``, whole or not at all. Raises PlaceError, UnreachableError."""
        with told_apart(self.text):
            if self.is_local:
                with replacing(self.path) as aside:
                    aside.write_bytes(data)
                return
            system, path = self.arrow()
            # An Arrow stream that is left by an error is closed, and what was written so far becomes the object.
            # So all that can fail is done before, and one write and one close are left, of which S3 keeps all or none.
            with system.open_output_stream(path) as stream:
                stream.write(data)

    def files(self, pattern: str = "**") -> Iterator["File"]:
        """Go through the files below this folder, sorted by path, listing one folder at a time.

        Args:
            pattern: below this folder, as in :meth:`pathlib.Path.glob`: ``*.parquet``, ``*/images/*.jpg``,
                ``**/*.jpg``; ``**`` for all files. Upper and lower case differ.

        Raises:
            PlaceMissingError: if the folder is not there.
            PlaceError: if it is a file or may not be read.
            UnreachableError: if the bucket cannot be reached just now.
        """
        there = look(self.text)
        if there is None:
            raise missing(self.text)
        if not there.is_folder:
            raise PlaceError(f"{self} is a file, and a folder is needed")
        for file in walk(self.text, Glob.of(pattern)):
            yield File(Place(file.text), file.size, file.mtime_ns)

    @staticmethod
    def match(text: AnyPlace) -> Iterator["File"]:
        """Go through the files that ``text`` names, sorted by path: a file, all below a folder, or those of a pattern.

        A path that is there is taken as it is; any other with ``*``, ``?`` or ``[...]`` is a pattern.

        Raises:
            PlaceMissingError: if the file or folder is not there, or nothing matches.
            PlaceError: if it may not be read.
            UnreachableError: if the bucket cannot be reached just now.
        """
        place = Place.of(text)
        there = look(place.text)
        if there and not there.is_folder:
            yield File(place, there.size, there.mtime_ns)
        elif there or not has_wildcards(place.text):
            yield from place.files()
        else:
            yield from place._matches()

    def _matches(self) -> Iterator["File"]:
        start = 0 if self.is_local else len(S3)
        parts = self.text[start:].split("/")
        first = next(number for number, part in enumerate(parts) if has_wildcards(part))
        if first == 0 and not self.is_local:
            raise PlaceError(f"{self} has a wildcard in the bucket's name: name one bucket")
        base = self.text[:start] + "/".join(parts[:first])
        found = False
        for file in Place.of(base or ("/" if first else ".")).files("/".join(parts[first:])):
            found = True
            yield file
        if not found:
            raise PlaceMissingError(f"no file matches {self}: mend the pattern")


class File(NamedTuple):
    """A file that was listed: where, its bytes, when it was changed (ns since 1970; in a bucket whole seconds)."""

    place: Place
    size: int
    mtime_ns: int
