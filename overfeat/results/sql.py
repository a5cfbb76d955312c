"""Questions in SQL: DuckDB reads the Parquet files in this process, where they lie.

This module knows the tables, :mod:`overfeat.results.sql_engine` asks DuckDB.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from overfeat.errors import SettingsError
from overfeat.places import AnyPlace, Place
from overfeat.results.queries import DEFAULT_BATCHES, DEFAULT_RESULTS, DEFAULT_WINDOWS
from overfeat.results.runs import tables_of, windows_of
from overfeat.results.schemas import DECISIONS
from overfeat.results.truth import DEFAULT_MANIFEST

if TYPE_CHECKING:
    import duckdb

MANIFEST = ("images", "objects", "views", "classes", "rejects")
TABLES = (*DECISIONS, "windows", "pictures", *MANIFEST)
"""What can be asked, by the name it has in SQL."""


@dataclass(frozen=True)
class Sources:
    """Where the tables lie, local or ``s3://``.

    Attributes:
        root: results of the pipeline, or a folder of runs of batches.
        windows: the evidence; None for that in ``root``, else ``data/windows``.
        batches: of the table ``pictures``; None for those in ``root``, else ``data/batches``.
        manifest: images, objects, views, classes and rejects.
    """

    root: Place = DEFAULT_RESULTS
    windows: Place | None = None
    batches: Place | None = None
    manifest: Place = DEFAULT_MANIFEST

    def files(self, table: str) -> list[Place]:
        """Return the files of one of ``TABLES``: those of finished runs, and of the pipeline."""
        if table in DECISIONS:
            return tables_of(self.root, table)
        if table == "windows":
            return self._first(windows_of, self.windows, DEFAULT_WINDOWS)
        if table == "pictures":
            return self._first(lambda place: tables_of(place, "pictures"), self.batches, DEFAULT_BATCHES)
        file = self.manifest / f"{table}.parquet"
        return [file] if file.exists() else []

    def missing(self, table: str) -> str:
        """Return the sentence for a table without files."""
        if table in DECISIONS:
            return f"there are no {table} in {self.root}: run `make run`, or name another folder as root"
        if table == "windows":
            where = self.windows or DEFAULT_WINDOWS
            return f"there are no windows in {where}: run `make run`, or name another folder of windows"
        if table == "pictures":
            where = self.batches or DEFAULT_BATCHES
            return (
                f"there are no pictures of batches in {where}: run `python -m flows.detect_batch PICTURES`, or name "
                "another folder of batches"
            )
        return f"there are no {table} in {self.manifest}: run `make run`, or name another folder as manifest"

    def folders(self) -> list[Place]:
        """Return all places where tables may lie."""
        return [self.root, self.manifest, self.windows or DEFAULT_WINDOWS, self.batches or DEFAULT_BATCHES]

    def _first(self, files_of: Callable[[Place], list[Place]], named: Place | None, default: Place) -> list[Place]:
        return files_of(named) if named is not None else files_of(self.root) or files_of(default)


def query(
    sql: str,
    root: AnyPlace = DEFAULT_RESULTS,
    windows: "AnyPlace | None" = None,
    batches: "AnyPlace | None" = None,
    manifest: AnyPlace = DEFAULT_MANIFEST,
) -> pd.DataFrame:
    """Return the answer to a question in DuckDB's SQL.

    Args:
        sql: one SELECT (or WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW TABLES) over ``TABLES``.
        root: folder of results, or of runs of batches, local or ``s3://``: classifications, localizations, detections,
            processed.
        windows: folder of evidence; None for that of ``root`` where it has its own, else ``data/windows``.
        batches: folder of runs of batches, for the table ``pictures``; None likewise, else ``data/batches``.
        manifest: folder of images, objects, views, classes and rejects.

    Raises:
        ResultsError: if the SQL is wrong, or a table has no files.
        SettingsError: if DuckDB is not installed.
        PlaceError: if a folder may not be read.
        UnreachableError: if a bucket cannot be reached.
    """
    with answering(sql, sources(root, windows, batches, manifest)) as relation:
        frame: pd.DataFrame = relation.df()
        return frame


def sources(
    root: AnyPlace = DEFAULT_RESULTS,
    windows: "AnyPlace | None" = None,
    batches: "AnyPlace | None" = None,
    manifest: AnyPlace = DEFAULT_MANIFEST,
) -> Sources:
    """Return where the tables lie; the arguments are those of :func:`query`."""
    return Sources(
        Place.of(root),
        None if windows is None else Place.of(windows),
        None if batches is None else Place.of(batches),
        Place.of(manifest),
    )


def answering(sql: str, where: Sources) -> AbstractContextManager["duckdb.DuckDBPyRelation"]:
    """Give the answer as a relation of DuckDB, which is worked out as it is read within the block.

    Raises what :func:`query` does.
    """
    try:
        from overfeat.results.sql_engine import answering  # here: the library does not need it
    except ImportError as error:
        raise SettingsError(f"SQL needs {error.name}, which is missing: pip install 'overfeat[query]'") from error
    return answering(sql, TABLES, where.files, where.missing)
