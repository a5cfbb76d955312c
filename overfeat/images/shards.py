"""Shards: Parquet files of downsampled, encoded pictures beside their boxes; few large files, not millions of small."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from overfeat.errors import DatasetError
from overfeat.images.decode import decode


def shard_paths(folder: Path, split: str) -> list[Path]:
    """Return the shards of a split, in order. Raises DatasetError where there are none."""
    paths = sorted(folder.glob(f"{split}-*.parquet"))
    if not paths:
        raise DatasetError(f"there are no pictures of split {split!r} in {folder}: run the stage `preprocess`")
    return paths


def read_columns(paths: Sequence[Path], columns: Sequence[str]) -> pa.Table:
    """Return these columns of the shards, one after the other."""
    return pa.concat_tables([pq.read_table(path, columns=list(columns)) for path in paths]).combine_chunks()


def decoded(jpegs: pa.ChunkedArray, pool: Executor, ahead: int = 64) -> Iterator[Tensor]:
    """Yield the decoded pictures ``(3, H, W)`` of a binary column in order, at most ``ahead`` of them decoded early."""
    pending = []
    for jpeg in jpegs:
        pending.append(pool.submit(decode, jpeg.as_py()))
        if len(pending) > ahead:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()
