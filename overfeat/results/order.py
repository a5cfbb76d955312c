"""The order of rows: by label on disk, so that one class is read alone, and by picture in what is returned."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

DISK_ORDER = {
    "classifications": ("label", "image_id", "rank"),
    "localizations": ("label", "image_id", "rank"),
    "detections": ("label", "image_id", "-score"),
    "processed": ("image_id", "task"),
}
"""How the rows of a file of decisions are sorted; a minus is for falling values."""

READ_ORDER = {
    "classifications": ("run", "image_id", "rank"),
    "localizations": ("run", "image_id", "rank"),
    "detections": ("run", "image_id", "-score"),
    "processed": ("run", "image_id", "task"),
}
"""How the rows of a frame of decisions are sorted."""


def sort_rows(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Return the rows sorted by columns; those that are equal in all of them keep their order.

    Args:
        table: whose key columns have no nulls.
        keys: names of columns, the most important first, with a minus for falling values.
    """
    columns = [_ranks(table[key.removeprefix("-")], falling=key.startswith("-")) for key in keys]
    if not _differ(columns, table.num_rows):
        return table
    order = np.lexsort(columns[::-1])
    return table.take(pa.array(order))


def tidy_categories(table: pa.Table) -> pa.Table:
    """Return the table with every dictionary sorted and without what no row has."""
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            whole = _one_dictionary(table[position])
            used, indices = _used(whole)
            tidy = pa.DictionaryArray.from_arrays(indices, used)
            table = table.set_column(position, field.name, tidy.cast(field.type))
    return table


def _ranks(column: pa.ChunkedArray, falling: bool) -> NDArray[Any]:
    """Return numbers that sort as the values do."""
    if pa.types.is_string(column.type):
        column = column.dictionary_encode()
    if pa.types.is_dictionary(column.type):
        whole = _one_dictionary(column)
        names = whole.dictionary.to_pylist()
        place = np.empty(len(names), np.int32)
        place[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names), dtype=np.int32)
        values: NDArray[Any] = place[whole.indices.to_numpy(zero_copy_only=False)]
    else:
        values = column.to_numpy()
    return -values if falling else values


def _differ(columns: Sequence[NDArray[Any]], count: int) -> bool:
    """Return whether any row comes before the one that it should come after."""
    behind = np.zeros(max(0, count - 1), bool)
    equal = np.ones(max(0, count - 1), bool)
    for values in columns:
        behind |= equal & (values[:-1] > values[1:])
        equal &= values[:-1] == values[1:]
    return bool(behind.any())


def _one_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of no chunk, or more than fits in one
        whole = whole.chunk(0) if whole.num_chunks else pa.array([], column.type)
    return whole


def _used(whole: pa.DictionaryArray) -> tuple[pa.Array, pa.Array]:
    """Return the values that occur, sorted, and the rows as indices of these."""
    valid = whole.is_valid().to_numpy(zero_copy_only=False)
    codes = whole.indices.fill_null(0).to_numpy()
    counts = np.bincount(codes[valid], minlength=len(whole.dictionary))
    names = whole.dictionary.to_pylist()
    used = sorted((code for code in np.flatnonzero(counts).tolist()), key=names.__getitem__)
    place = np.zeros(len(names), np.int32)
    place[used] = np.arange(len(used), dtype=np.int32)
    indices = pa.array(place[codes] if len(names) else codes, pa.int32(), mask=~valid)
    return pa.array([names[code] for code in used], whole.dictionary.type), indices
