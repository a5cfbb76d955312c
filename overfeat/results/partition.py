"""Decisions as files: of one run and one split each, sorted by label, with row groups that a filter can skip."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from overfeat.places import AnyPlace
from overfeat.results.order import DISK_ORDER, sort_rows
from overfeat.results.schemas import DECISIONS
from overfeat.results.store import read_table, write_table

FILE_ROWS = 1 << 18
"""A file ends with the part that reaches as many rows."""
ROW_GROUP = 1 << 13
"""Rows in a row group: with 200 classes most hold one class alone, and reading a class reads little else."""


def write_decisions(
    folder: Path, kind: str, parts: Iterable[AnyPlace], facts: Mapping[str, Any], file_rows: int = FILE_ROWS
) -> None:
    """Write the rows of parts to ``FOLDER/SPLIT-NNNNN.parquet``; one empty ``none-00000.parquet`` where there are none.

    At most ``file_rows`` rows of a split, and one part more, are held in memory.

    Args:
        folder: gets the files.
        kind: of ``DECISIONS``.
        parts: files of some pictures each, all of a picture in one; their order decides what comes together in a file.
        facts: for the footers; ``split`` is added.
        file_rows: when a file is full.
    """
    numbers: dict[str, int] = {}
    for split, table in _files(kind, parts, file_rows):
        number = numbers[split] = numbers.get(split, -1) + 1
        write_file(folder / f"{split}-{number:05d}.parquet", kind, table, {**facts, "split": split})
    if not numbers:
        write_file(folder / "none-00000.parquet", kind, DECISIONS[kind].empty_table(), {**facts, "split": None})


def write_file(path: AnyPlace, kind: str, table: pa.Table, facts: Mapping[str, Any]) -> None:
    """Write decisions of a kind as one file, in the order that they are kept in."""
    write_table(path, sort_rows(table, DISK_ORDER[kind]), DECISIONS[kind], facts, ROW_GROUP)


def _files(kind: str, parts: Iterable[AnyPlace], file_rows: int) -> Iterator[tuple[str, pa.Table]]:
    """Yield split and rows of a file after the other."""
    held: dict[str, list[pa.Table]] = {}
    for part in parts:
        table = read_table(part, DECISIONS[kind])
        for split in sorted(pc.unique(table["split"].cast(pa.string())).to_pylist()):
            rows = held.setdefault(split, [])
            rows.append(table.filter(pc.equal(table["split"].cast(pa.string()), split)))
            if sum(each.num_rows for each in rows) >= file_rows:
                yield split, _joined(held.pop(split))
    for split, rows in sorted(held.items()):
        yield split, _joined(rows)


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).unify_dictionaries()
