"""Which pictures a call names, and what each of them is: a hash of its bytes."""

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.errors import DatasetError
from overfeat.places import File, Place
from overfeat.readers.names import PICTURE_SUFFIXES, is_hidden, is_picture
from pipelines.engine.console import say
from pipelines.engine.digests import Digests, digest_of
from pipelines.engine.locks import WORK

COLUMNS = ["path", "image_id", "bytes", "modified_ns"]
_PATH_COLUMN = "path"
_THREADS = 8
_AT_ONCE = 1024
_SETTLED_NS = 60_000_000_000
"""A file changed less than this ago may change again within its file system's tick, unseen: its time is not kept."""


def list_pictures(root: Path, pictures: str | Sequence[str], known: pd.DataFrame) -> pd.DataFrame:
    """Return the files that a call names, one row a path with ``COLUMNS``, sorted by path.

    Args:
        root: the project's root; local paths are relative to it, and kept so where they are below it.
        pictures: a folder (all pictures below it), a pattern, a Parquet file with a column ``path``, a single
            picture, or a list of these; local or ``s3://``.
        known: earlier rows: a file of a bucket that has kept its size and time is not read again.

    Raises:
        OverFeatError: if there is no such file or folder, or a file that is named is no picture. An empty folder is
            fine: there is nothing to do.
        UnreachableError: if a bucket cannot be reached.
    """
    sources = [pictures] if isinstance(pictures, str) else list(pictures)
    files = {_relative(root, file.place): file for source in sources for file in _files(root, source)}
    rows = sorted(files.items())
    hashes = _local_hashes(root, files.values()) | _remote_hashes(rows, known)
    settled = time.time_ns() - _SETTLED_NS
    table = [
        (path, hashes[file.place], file.size, file.mtime_ns if file.mtime_ns < settled else -1)
        for path, file in rows
        if file.place in hashes
    ]
    return pd.DataFrame(table, columns=COLUMNS)


def _files(root: Path, source: str) -> Iterator[File]:
    if not source:
        raise DatasetError("an empty text names no picture: give a folder, a pattern, a file or a Parquet of paths")
    place = place_of(root, source)
    if place.name.endswith(".parquet"):
        for path in _paths_of(place):
            yield from _files(root, path)
        return
    for file in Place.match(place):
        if is_picture(file.place.name) and (file.place == place or not is_hidden(file.place.name)):
            yield file
        elif file.place == place:
            raise DatasetError(f"{source} is no picture: name pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")


def place_of(root: Path, text: str) -> Place:
    """Return a place whose local paths are relative to the root."""
    place = Place.of(text)
    return Place.of(root / place.path) if place.is_local else place


def _paths_of(parquet: Place) -> list[str]:
    """Return the column ``path`` of a Parquet file."""
    data = pa.BufferReader(parquet.read_bytes())
    try:
        names = pq.read_schema(data).names
    except pa.ArrowInvalid as error:
        raise DatasetError(f"{parquet} is not a readable Parquet file ({error})") from error
    if _PATH_COLUMN not in names:
        raise DatasetError(f"{parquet} has no column {_PATH_COLUMN!r} with the pictures' paths; it has {names}")
    paths: list[str] = pq.read_table(data, columns=[_PATH_COLUMN])[_PATH_COLUMN].to_pylist()
    return paths


def _relative(root: Path, place: Place) -> str:
    if place.is_local and place.path.is_relative_to(root):
        return place.path.relative_to(root).as_posix()
    return str(place)


def _local_hashes(root: Path, files: Iterable[File]) -> dict[Place, str]:
    """Return the hashes of local files; one that has gone meanwhile, or may not be read, is left out and named."""
    local = {file.place.path: file.place for file in files if file.place.is_local}
    digests = Digests(root / WORK / "digests.sqlite")
    while True:
        try:
            return {local[path]: digest for path, digest in digests.of_files(list(local)).items()}
        except OSError as error:
            if local.pop(Path(error.filename), None) is None:
                raise
            say(f"{error.filename} cannot be read ({error.strerror}): it is left out this time")


def _remote_hashes(rows: Sequence[tuple[str, File]], known: pd.DataFrame) -> dict[Place, str]:
    """Return the hashes of files in buckets: of those that were met before without reading them."""
    columns = known[["path", "bytes", "modified_ns", "image_id"]]
    before = {(path, size, modified): image_id for path, size, modified, image_id in columns.itertuples(index=False)}
    found: dict[Place, str] = {}
    unknown = []
    for path, file in rows:
        if file.place.is_local:
            continue
        if (digest := before.get((path, file.size, file.mtime_ns))) is not None:
            found[file.place] = digest
        else:
            unknown.append(file.place)
    with ThreadPoolExecutor(_THREADS) as threads:
        for start in range(0, len(unknown), _AT_ONCE):
            batch = unknown[start : start + _AT_ONCE]
            found.update(zip(batch, threads.map(lambda place: digest_of(place.read_bytes()), batch), strict=True))
    return found
