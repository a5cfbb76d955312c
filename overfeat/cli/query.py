"""``overfeat query``: a question in SQL over the tables, which are read where they lie."""

import argparse
import contextlib
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from overfeat.errors import PlaceError, SettingsError

if TYPE_CHECKING:
    import pyarrow as pa

    from overfeat.results.sql import Sources

HELP = "ask the tables of results, evidence, batches and manifest in SQL"
EPILOG = """tables:
  classifications, localizations, detections, processed   decisions, of --root
  windows                                                 evidence, of --windows
  pictures                                                pictures of batches, of --batches
  images, objects, views, classes, rejects                of --manifest

examples:
  overfeat query "SELECT label, count(*) FROM detections GROUP BY label ORDER BY 2 DESC"
  overfeat query "DESCRIBE detections"
  overfeat query "FROM detections JOIN pictures USING (image_id) WHERE confidence >= 0.5" --root data/batches
  overfeat query "FROM windows WHERE image_id = 'p1'" --out windows.parquet"""
_FORMATS = {".csv": "csv", ".json": "json", ".parquet": "parquet", ".txt": "table"}
_ROWS = 1 << 16


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the question, where the tables lie, and how the answer is written."""
    parser.add_argument("sql", metavar="SQL", help="one SELECT, in DuckDB's SQL")
    parser.add_argument("--root", default="data/results", metavar="FOLDER", help="results (default: %(default)s)")
    parser.add_argument(
        "--windows", metavar="FOLDER", help="evidence (default: that in --root if it has its own, else data/windows)"
    )
    parser.add_argument(
        "--batches", metavar="FOLDER", help="runs of batches (default: --root likewise, else data/batches)"
    )
    parser.add_argument("--manifest", default="data/manifest", metavar="FOLDER", help="default: %(default)s")
    parser.add_argument(
        "--format",
        choices=tuple(_FORMATS.values()),
        help="default: that of the name of --out, else table on a terminal and csv elsewhere",
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="a new file for the answer")
    parser.add_argument("--limit", type=int, metavar="ROWS", help="rows at most (default: 40 in a table, else all)")


def run(chosen: argparse.Namespace, rest: Sequence[str]) -> None:
    """Write the answer to stdout or to a new file."""
    from overfeat.results.sql import answering, sources

    where = sources(chosen.root, chosen.windows, chosen.batches, chosen.manifest)
    format_ = _format(chosen)
    if chosen.limit is not None and chosen.limit < 0:
        raise SettingsError(f"--limit is {chosen.limit}: give a number of rows, 0 or more")
    if chosen.out is not None:
        _check_new(chosen.out, where)
    with answering(chosen.sql, where) as relation:
        reader = relation.to_arrow_reader(_ROWS)
        if chosen.out is None:
            _print(_texts(reader, format_, chosen.limit, _width()))
        else:
            _write(reader, chosen.out, format_, chosen.limit)


def _format(chosen: argparse.Namespace) -> str:
    if chosen.format is not None:
        if chosen.format == "parquet" and chosen.out is None:
            raise SettingsError("Parquet is no text: name a file with --out")
        return str(chosen.format)
    if chosen.out is None:
        return "table" if sys.stdout.isatty() else "csv"
    if chosen.out.suffix.lower() not in _FORMATS:
        raise SettingsError(
            f"{chosen.out} does not say what to write: end it with {', '.join(_FORMATS)}, or give --format"
        )
    return _FORMATS[chosen.out.suffix.lower()]


def _check_new(out: Path, where: "Sources") -> None:
    """Raise PlaceError if the file is there, or would lie among the tables and be read as one of them."""
    if out.exists() or out.is_symlink():
        raise PlaceError(f"{out} is there already, and nothing is overwritten: name another file")
    for folder in where.folders():
        if folder.is_local and out.resolve().is_relative_to(folder.path.resolve()):
            raise PlaceError(f"{out} would lie among the tables in {folder}: name a file elsewhere")


def _texts(reader: "pa.RecordBatchReader", format_: str, limit: int | None, width: int | None) -> Iterator[str]:
    from overfeat.results import answers

    if format_ == "table":
        return answers.as_table(reader.schema, reader, answers.ROWS_SHOWN if limit is None else limit, width)
    batches = reader if limit is None else answers.limited(reader, limit)
    return (answers.as_json if format_ == "json" else answers.as_csv)(reader.schema, batches)


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _print(texts: Iterator[str]) -> None:
    try:
        for text in texts:
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:  # of `| head`
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left has nowhere to go


def _write(reader: "pa.RecordBatchReader", out: Path, format_: str, limit: int | None) -> None:
    from overfeat.atomic import replacing
    from overfeat.places import told_unwritten
    from overfeat.results import answers

    with told_unwritten(out, "file"), replacing(out) as aside:
        if format_ == "parquet":
            batches = reader if limit is None else answers.limited(reader, limit)
            answers.write_parquet(aside, reader.schema, batches)
        else:
            with aside.open("w", encoding="utf-8", newline="") as stream:
                stream.writelines(_texts(reader, format_, limit, None))
