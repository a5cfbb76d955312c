"""Row groups that a filter rules out by their statistics, so that they are not read.

Arrow's own dataset filter does this too, but not for columns of dictionaries, as labels and pictures are.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

import pyarrow.parquet as pq


def row_groups(metadata: pq.FileMetaData, among: Mapping[str, Sequence[str]], least: Mapping[str, float]) -> list[int]:
    """Return the row groups of a file that may hold rows of the answer.

    Args:
        metadata: of the file.
        among: columns of texts, and the values that are wanted.
        least: columns of numbers, and the least value that is wanted.
    """
    positions = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
    texts = [(positions[name], sorted(values)) for name, values in among.items() if name in positions]
    numbers = [(positions[name], value) for name, value in least.items() if name in positions]
    return [
        group
        for group in range(metadata.num_row_groups)
        if all(_may_hold(metadata, group, column, values) for column, values in texts)
        and all(_may_reach(metadata, group, column, value) for column, value in numbers)
    ]


def _may_hold(metadata: pq.FileMetaData, group: int, column: int, wanted: Sequence[str]) -> bool:
    known = metadata.row_group(group).column(column).statistics
    if known is None or not known.has_min_max:
        return True
    first = bisect_left(wanted, known.min)  # Parquet sorts texts by their UTF-8 bytes, which is Python's order, too
    return first < len(wanted) and wanted[first] <= known.max


def _may_reach(metadata: pq.FileMetaData, group: int, column: int, least: float) -> bool:
    known = metadata.row_group(group).column(column).statistics
    return known is None or not known.has_min_max or known.max >= least
