"""Shards of small made pictures, for the tests that read them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from overfeat.images.decode import encode
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table

MakeShards = Callable[..., Path]

CLASS_NAMES = ["left", "right"]


def _picture(bright_right: bool, height: int, width: int, generator: np.random.Generator) -> torch.Tensor:
    """Return noise, one half of which is brighter: two classes that are learned in seconds."""
    pixels = generator.integers(0, 120, (3, height, width))
    pixels[:, :, width // 2 :] += 120 * bright_right
    pixels[:, :, : width // 2] += 120 * (not bright_right)
    return torch.from_numpy(pixels.astype(np.uint8))


@pytest.fixture
def make_shards(tmp_path: Path) -> MakeShards:
    """Return a function that writes shards of a split and returns their folder."""

    def make(split: str = "train", images: int = 40, shards: int = 2, side: int = 60) -> Path:
        folder = tmp_path / "images"
        generator = np.random.default_rng(len(split))
        for shard in range(shards):
            rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
            for number in range(shard, images, shards):
                index = number % 2
                height, width = (side, side + number % 7) if number % 3 else (side + number % 5, side)
                row = {
                    "image_id": f"{split}-{number:04d}",
                    "split": split,
                    "label": CLASS_NAMES[index],
                    "class_index": index,
                    "width": 2 * width,
                    "height": 2 * height,
                    "stored_width": width,
                    "stored_height": height,
                    "enlarged": False,
                    "jpeg": encode(_picture(bool(index), height, width, generator), 95),
                    "object_labels": [],
                    "scaled_boxes": [],
                    "difficult": [],
                }
                for name, value in row.items():
                    rows[name].append(value)
            write_table(folder / f"{split}-{shard:05d}.parquet", rows, STORED_IMAGES, {"class_names": CLASS_NAMES})
        return folder

    return make
