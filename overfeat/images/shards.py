"""Shards: Parquet files of downsampled, encoded pictures beside their boxes; few large files, not millions of small."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from torch import Tensor

from overfeat import boxes
from overfeat.errors import DatasetError
from overfeat.images.decode import decode, encode
from overfeat.images.resize import resize_to_side


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One row of a shard: see ``STORED_IMAGES`` in :mod:`overfeat.results.schemas`."""

    stored_width: int
    stored_height: int
    enlarged: bool
    jpeg: bytes
    scaled_boxes: NDArray[np.float32]


def store_image(data: bytes, original_boxes: NDArray[np.float32], side: int, quality: int) -> StoredImage:
    """Decode, bring the smallest side to ``side``, encode, and scale the boxes alike.

    Args:
        data: the encoded original.
        original_boxes: ``(N, 4)`` in pixels of the original.
        side: smallest side of the result, in pixels. A smaller picture is enlarged, and says so.
        quality: JPEG quality, 1 to 100.

    Raises:
        PictureError: if the picture cannot be decoded.
    """
    image = decode(data)
    height, width = image.shape[1:]
    stored = resize_to_side(image, side)
    stored_height, stored_width = stored.shape[1:]
    scaled = boxes.scale(original_boxes.astype(np.float32), stored_width / width, stored_height / height)
    return StoredImage(stored_width, stored_height, side > min(height, width), encode(stored, quality), scaled)


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
