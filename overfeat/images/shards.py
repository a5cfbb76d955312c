"""Shards: Parquet files of downsampled, encoded pictures beside their boxes; few large files, not millions of small."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.errors import DatasetError


def shard_paths(folder: Path, split: str) -> list[Path]:
    """Return the shards of a split, in order. Raises DatasetError where there are none."""
    paths = sorted(folder.glob(f"{split}-*.parquet"))
    if not paths:
        raise DatasetError(f"there are no pictures of split {split!r} in {folder}: run the stage `preprocess`")
    return paths


def read_columns(paths: Sequence[Path], columns: Sequence[str]) -> pa.Table:
    """Return these columns of the shards, one after the other."""
    return pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in paths]).combine_chunks()
