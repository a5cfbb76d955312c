"""An answer as text: aligned for people, CSV or JSON for programs; or as Parquet."""

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.results import csv_text

ROWS_SHOWN = 40
_NARROW = 8
_GAP = "  "
_CUT = ".."


def limited(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the first rows, and ask for no more."""
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def as_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield CSV with a header; see :mod:`overfeat.results.csv_text`."""
    yield csv_text.header(schema.names)
    yield from map(csv_text.lines, batches)


def as_json(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[str]:
    """Yield a JSON list with an object a row, a row a line."""
    yield "["
    comma = "\n"
    for batch in batches:
        columns = [_values(column) for column in batch.columns]
        lines = [csv_text.as_json(dict(zip(schema.names, row, strict=True))) for row in zip(*columns, strict=True)]
        if lines:
            yield comma + ",\n".join(lines)
            comma = ",\n"
    yield "\n]\n"


def _values(column: pa.Array) -> list[Any]:
    if pa.types.is_float32(column.type):  # as short as it is written in CSV
        return [None if text is None else float(text) for text in column.cast(pa.string()).to_pylist()]
    if pa.types.is_decimal(column.type) and column.type.scale == 0:  # sums of whole numbers
        return [None if value is None else int(value) for value in column.to_pylist()]
    values: list[Any] = column.to_pylist()
    return [float(value) if isinstance(value, Decimal) else value for value in values]


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write one Parquet file."""
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def as_table(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], rows: int = ROWS_SHOWN, width: int | None = None
) -> Iterator[str]:
    """Yield aligned columns and, last, the number of rows.

    Args:
        schema: of the answer.
        batches: are read to the end, to count the rows.
        rows: that are shown.
        width: of a line, in characters; longer values are cut, and columns left out. None for any.
    """
    shown: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if count < rows:
            shown.append(batch.slice(0, rows - count))
        count += batch.num_rows
    table = pa.Table.from_batches(shown, schema)
    columns = [_cells(name, column) for name, column in zip(schema.names, table.columns, strict=True)]
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    numeric = [any(is_one(type_) for is_one in tests) for type_ in schema.types]
    widths = _widths([max(map(len, column)) for column in columns], numeric, width)
    for line in zip(*columns, strict=True):
        cells = (_fitted(cell, size, right) for cell, size, right in zip(line, widths, numeric, strict=False))
        yield _GAP.join(cells).rstrip() + "\n"
    out = schema.names[len(widths) :]
    more = f"{min(rows, count):,} of " if count > rows else ""
    yield f"({more}{count:,} row{'s' * (count != 1)}{f', without the columns {_named(out)}' if out else ''})\n"


def _cells(name: str, column: pa.ChunkedArray) -> list[str]:
    if pa.types.is_floating(column.type):
        texts = [None if value is None else f"{value:.6g}" for value in column.to_pylist()]
    else:
        texts = csv_text.texts(column).to_pylist()
    cells = [name, *("null" if text is None else text for text in texts)]
    # what is not printable could write anywhere on a terminal
    cells = ["".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cell) for cell in cells]
    cells.insert(1, "-" * max(map(len, cells)))
    return cells


def _widths(wanted: Sequence[int], numeric: Sequence[bool], width: int | None) -> list[int]:
    """Return the widths of the columns that fit beside each other: the widest texts are cut, numbers never are."""
    if width is None:
        return list(wanted)
    least = [size if number else min(size, _NARROW) for size, number in zip(wanted, numeric, strict=True)]
    count = next((n for n in range(len(least), 1, -1) if _side_by_side(least[:n]) <= width), 1)
    widths = list(wanted[:count])
    while _side_by_side(widths) > width and widths != least[:count]:
        widths[max((i for i in range(count) if widths[i] > least[i]), key=widths.__getitem__)] -= 1
    return widths


def _side_by_side(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _fitted(cell: str, width: int, right: bool) -> str:
    if len(cell) > width:
        kept = width - len(_CUT)  # of both ends: names often differ only at theirs
        cell = cell[:width] if set(cell) == {"-"} else cell[: kept // 2] + _CUT + cell[len(cell) - kept + kept // 2 :]
    return cell.rjust(width) if right else cell.ljust(width)


def _named(names: Sequence[str]) -> str:
    return json.dumps(names)[1:-1] if len(names) < 4 else f"from {names[0]!r} on"
