"""Shards of small made pictures, for the tests that read them, and torch on one thread."""

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


def _with_objects(pixels: torch.Tensor, count: int, generator: np.random.Generator) -> np.ndarray:
    """Paint ``count`` white rectangles on a dimmed picture and return their boxes."""
    height, width = pixels.shape[1:]
    pixels //= 2 if count else 1
    sides = generator.integers(min(height, width) // 4, min(height, width) // 2, (count, 2))
    corners = (generator.random((count, 2)) * ([width, height] - sides)).astype(int)
    boxes = np.concatenate([corners, corners + sides], axis=1)
    for x1, y1, x2, y2 in boxes:
        pixels[:, y1:y2, x1:x2] = 255
    return boxes


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Let torch use one thread: on a busy machine small products wait longer for each other than they take."""
    torch.set_num_threads(1)


@pytest.fixture
def make_shards(tmp_path: Path) -> MakeShards:
    """Return a function that writes shards of a split and returns their folder.

    Each picture gets ``objects`` white rectangles, which are annotated with its label. ``task`` is "recognition" or
    "detection", each of which has its own folder.
    """

    def make(
        split: str = "train",
        images: int = 40,
        shards: int = 2,
        side: int = 60,
        objects: int = 0,
        task: str = "recognition",
    ) -> Path:
        folder = tmp_path / ("images_det" if task == "detection" else "images")
        generator = np.random.default_rng(len(split))
        for shard in range(shards):
            rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
            for number in range(shard, images, shards):
                index = number % 2
                height, width = (side, side + number % 7) if number % 3 else (side + number % 5, side)
                pixels = _picture(bool(index), height, width, generator)
                boxes = _with_objects(pixels, objects, generator)
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
                    "jpeg": encode(pixels, 95),
                    "object_labels": [CLASS_NAMES[index]] * objects,
                    "scaled_boxes": boxes.astype(float).tolist(),
                    "difficult": [False] * objects,
                    "crowd": [False] * objects,
                }
                for name, value in row.items():
                    rows[name].append(value)
            write_table(folder / f"{split}-{shard:05d}.parquet", rows, STORED_IMAGES, {"class_names": CLASS_NAMES})
        return folder

    return make
