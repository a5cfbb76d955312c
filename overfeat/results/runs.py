"""Which files hold results: those of the pipeline beside those of finished runs of batches, a folder a run."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.parquet as pq

from overfeat.errors import PlaceMissingError
from overfeat.places import Place
from overfeat.results.schemas import DECISIONS
from overfeat.results.store import read_head

RUN_FILE = "run.json"
"""Written last into the folder of a run: without it the run is not finished, and does not count."""

_WINDOWS = "windows"
_KINDS = {*DECISIONS, "pictures", _WINDOWS}
_THREADS = 16


def finished_runs(root: Place) -> list[Place]:
    """Return the folders of the finished runs of batches below ``root``, sorted; none where there is no such folder."""
    files = _listed(root, f"[!.]*/{RUN_FILE}")  # a folder with a dot is a run that is being put together
    return [Place.of(str(file).removesuffix(f"/{RUN_FILE}")) for file in files]


def files_in(folder: Place) -> list[Place]:
    """Return the Parquet files below a folder, sorted; none where it is not there."""
    return _listed(folder, "**/*.parquet")


def tables_of(root: Place, kind: str) -> list[Place]:
    """Return the files of a kind of decisions: ``ROOT/KIND/*.parquet`` and ``ROOT/RUN/KIND/*.parquet``, sorted so."""
    return files_in(root / kind) + _of_runs(root, kind)


def windows_of(root: Place) -> list[Place]:
    """Return the files of evidence: ``ROOT/*.parquet`` and ``ROOT/RUN/windows/*.parquet``, sorted so."""
    return [file for file in files_in(root) if not _is_of_others(root, file)] + _of_runs(root, _WINDOWS)


def footers_of(files: Sequence[Place]) -> list[dict[str, Any]]:
    """Return the facts of the footers in the order of the files."""
    return [facts for facts, _ in heads_of(files)]


def heads_of(files: Sequence[Place]) -> list[tuple[dict[str, Any], pq.FileMetaData]]:
    """Return facts and Parquet's metadata in the order of the files, those of a bucket asked for several at a time."""
    if files and files[0].is_local:
        return [read_head(file) for file in files]
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(read_head, files))


def _of_runs(root: Place, kind: str) -> list[Place]:
    return [file for run in finished_runs(root) for file in files_in(run / kind)]


def _listed(folder: Place, pattern: str) -> list[Place]:
    try:
        return [file.place for file in folder.files(pattern)]
    except PlaceMissingError:
        return []


def _is_of_others(root: Place, file: Place) -> bool:
    """Return whether a file is of ``ROOT/RUN/KIND``, finished or not, or of another kind than windows."""
    below = str(file).removeprefix(str(root)).strip("/").split("/")
    return below[0] in _KINDS - {_WINDOWS} or (len(below) > 2 and below[1] in _KINDS)
