"""What is there: one file or folder looked at, or the files below a folder, listed one folder at a time."""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from pyarrow import fs

from overfeat.errors import PlaceError
from overfeat.places.glob import Glob
from overfeat.places.s3 import S3, file_system, told_apart


class Listed(NamedTuple):
    """A file or folder that is there: its path or URI, its own name, its bytes, when it was changed."""

    text: str
    name: str
    is_folder: bool
    size: int
    mtime_ns: int


def look(text: str) -> Listed | None:
    """Return the file or folder at ``text``, None where there is none. Raises PlaceError, UnreachableError."""
    with told_apart(text):
        if not text.startswith(S3):
            try:
                found = os.stat(text)  # noqa: PTH116
            except (FileNotFoundError, NotADirectoryError):
                return None
            is_folder = stat.S_ISDIR(found.st_mode)
            return Listed(text, os.path.basename(text), is_folder, found.st_size, found.st_mtime_ns)  # noqa: PTH119
        info = file_system().get_file_info(text.removeprefix(S3))
        if info.type != fs.FileType.NotFound:
            return _listed(info)
        check_bucket(text)
        return None


def check_bucket(text: str) -> None:
    """Raise PlaceError if there is no such bucket: asked for a key of it, pyarrow finds the key merely missing."""
    with told_apart(text), contextlib.suppress(FileNotFoundError):
        file_system().get_file_info(fs.FileSelector(text.removeprefix(S3)))


def walk(folder: str, glob: Glob, above: tuple[str, ...] = ()) -> Iterator[Listed]:
    """Go through the files below ``folder`` that match; ``above`` are the real paths of the local folders around it."""
    if not folder.startswith(S3):
        real = os.path.realpath(folder)
        if real in above:
            return  # a link to a folder that it is in
        above = (*above, real)
    with told_apart(folder):
        entries = list(_objects(folder) if folder.startswith(S3) else _entries(folder))
    # Folders compare with their slash: so the files come in the order of their whole paths.
    for entry in sorted(entries, key=lambda entry: entry.name + "/" * entry.is_folder):
        below = glob.below(entry.name)
        if not entry.is_folder:
            if below.is_match:
                yield entry
        elif below:
            yield from walk(entry.text, below, above)


def _entries(folder: str) -> Iterator[Listed]:
    with os.scandir(folder) as entries:
        for entry in entries:
            # A link to nothing is listed too: who reads it is told that it is not there.
            found = entry.stat(follow_symlinks=not entry.is_symlink() or os.path.exists(entry.path))  # noqa: PTH110
            if entry.is_dir() or entry.is_file() or entry.is_symlink():
                yield Listed(str(Path(entry.path)), entry.name, entry.is_dir(), found.st_size, found.st_mtime_ns)


def _objects(folder: str) -> Iterator[Listed]:
    path = folder.removeprefix(S3)
    for info in file_system().get_file_info(fs.FileSelector(path)):
        if info.path.strip("/") == path:  # as pyarrow lists what is below "FOLDER//"
            raise PlaceError(
                f"{folder} holds objects whose key has two slashes in a row, which cannot be read: rename them"
            )
        yield _listed(info)


def _listed(info: fs.FileInfo) -> Listed:
    is_folder = info.type == fs.FileType.Directory
    return Listed(f"{S3}{info.path}", info.base_name, is_folder, info.size or 0, info.mtime_ns or 0)
