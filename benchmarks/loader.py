"""The training loader beside torchvision's ImageFolder with a DataLoader, in crops a second a core."""

import os
import tempfile
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import ConcatDataset, DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from benchmarks.measure import medians
from benchmarks.pictures import photographs
from overfeat.images.downsample import store_image
from overfeat.images.inspect import inspect
from overfeat.images.loader import TrainingViews
from overfeat.images.shards import shard_paths
from overfeat.models.network import PIXEL_MEAN, PIXEL_STD, normalize
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table

WINDOW, SIDE, BATCH = 221, 256, 128


def run(arguments: Namespace) -> dict[str, Any]:
    """Time one epoch: ImageFolder on the originals, ImageFolder on pictures downsampled beforehand, and ours."""
    pictures = photographs(arguments.pictures)
    processors = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_folder(folder / "originals", pictures)
        stored = [store_image(data, np.zeros((0, 4), np.float32), SIDE, 95) for data in pictures]
        _write_folder(folder / "downsampled", [image.jpeg for image in stored])
        write_shard(folder / "shards", pictures, "train", SIDE)
        views = TrainingViews(shard_paths(folder / "shards", "train"), WINDOW, 5, "both", BATCH, 0, processors)
        floats = torch.empty(BATCH, 3, WINDOW, WINDOW)
        sides = {
            "originals": lambda: _epoch(_image_folder(folder / "originals", processors)),
            "downsampled": lambda: _epoch(_image_folder(folder / "downsampled", processors)),
            "ours": lambda: [normalize(batch.images, floats[: len(batch.labels)]) for batch in views.epoch(0)],
        }
        crops = {
            "originals": len(pictures),
            "downsampled": len(pictures),
            "ours": len(pictures) * views.views_per_image,
        }
        crops = {name: count * (20 if name != "ours" else 1) for name, count in crops.items()}
        seconds = medians(sides, arguments.rounds)
    speed = {name: crops[name] / seconds[name] / processors for name in sides}
    return {
        "pictures": len(pictures),
        "window": WINDOW,
        "ours_crops_per_second_per_core": round(speed["ours"], 1),
        "image_folder_crops_per_second_per_core": round(speed["originals"], 1),
        "image_folder_downsampled_crops_per_second_per_core": round(speed["downsampled"], 1),
        "times_image_folder": round(speed["ours"] / speed["originals"], 2),
        "times_image_folder_downsampled": round(speed["ours"] / speed["downsampled"], 2),
    }


def _image_folder(root: Path, workers: int) -> DataLoader[Any]:
    """Return the usual chain: smallest side 256, random crop, random mirror image, normalised floats.

    The folder is listed 20 times over, so that starting the workers does not weigh on the peer.
    """
    mean, std = [PIXEL_MEAN / 255] * 3, [PIXEL_STD / 255] * 3
    to_floats = [v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)]
    chain = v2.Compose([v2.Resize(SIDE), v2.RandomCrop(WINDOW), v2.RandomHorizontalFlip(), *to_floats])
    dataset: ConcatDataset[Any] = ConcatDataset([ImageFolder(str(root), chain)] * 20)
    return DataLoader(dataset, BATCH, shuffle=True, num_workers=workers)


def _epoch(loader: DataLoader[Any]) -> int:
    return sum(images.shape[0] for images, _ in loader)


def _write_folder(root: Path, pictures: list[bytes]) -> None:
    (root / "class").mkdir(parents=True)
    for number, data in enumerate(pictures):
        (root / "class" / f"{number:05d}.jpg").write_bytes(data)


def write_shard(folder: Path, pictures: list[bytes], split: str, side: int) -> None:
    """Store pictures, all of one class, as a shard of a split."""
    rows: dict[str, list[Any]] = {name: [] for name in STORED_IMAGES.names}
    for number, data in enumerate(pictures):
        image, (width, height) = store_image(data, np.zeros((0, 4), np.float32), side, 95), inspect(data)
        row = {
            "image_id": f"{number:05d}", "split": split, "label": "class", "class_index": 0, "width": width,
            "height": height, "stored_width": image.stored_width, "stored_height": image.stored_height,
            "enlarged": image.enlarged, "jpeg": image.jpeg, "object_labels": [], "scaled_boxes": [], "difficult": [],
            "crowd": [],
        }  # fmt: skip
        for name, value in row.items():
            rows[name].append(value)
    write_table(folder / f"{split}-00000.parquet", rows, STORED_IMAGES, {"class_names": ["class"]})
