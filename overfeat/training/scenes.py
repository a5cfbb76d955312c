"""Whole pictures for spatial training, each at scales drawn anew every epoch, with what its windows are taught.

A minibatch is pictures of one size at one scale, mirrored or not. Shards come in a random order, a few hundred
pictures at a time; the stream depends on the seed, the epoch and the shards alone, not on the number of threads.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import Tensor

from overfeat.config import TrainDetectorSettings
from overfeat.devices import spare_threads
from overfeat.images.decode import decode
from overfeat.images.resize import add_margin, resize_to
from overfeat.images.shards import read_columns
from overfeat.inference.window_boxes import encode
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.training.detection_targets import Rules, assign_windows

_COLUMNS = (
    *("image_id", "width", "height", "stored_width", "stored_height", "jpeg"),
    *("object_labels", "scaled_boxes", "difficult", "crowd"),
)
_IN_HAND = 512


@dataclass(frozen=True)
class Scene:
    """A picture at one scale.

    Attributes:
        image_id: of the picture.
        pixels: uint8 ``(3, h, w)``, resized, mirrored, with its margin.
        grid: its windows.
        scale: number of the scale.
        classes: class index of every window's object, ``BACKGROUND`` or ``IGNORED``, int64 ``(N,)``.
        edges: of that object in the window's frame, float32 ``(N, 4)``; 0 where there is none.
    """

    image_id: str
    pixels: Tensor
    grid: WindowGrid
    scale: int
    classes: NDArray[np.int64]
    edges: NDArray[np.float32]


@dataclass(frozen=True)
class Scenes:
    """Minibatches of scenes.

    Attributes:
        shards: files of ``STORED_IMAGES``.
        geometry: of the network.
        labels: of the objects, by class index; objects of other labels are taken for unclear ones.
        scales: numbers of the scales that are drawn from.
        views: scales a picture is shown at in an epoch, each another one.
        rules: which windows see an object.
        mirrored: whether half of the scenes, drawn, are mirrored.
        margin: pixels put around a picture.
        batch_size: scenes a minibatch, at most.
        seed: of the order, the scales and the mirroring.
        threads: that decode.
    """

    shards: Sequence[Path]
    geometry: Geometry
    labels: Sequence[str]
    scales: tuple[int, ...]
    views: int
    rules: Rules
    mirrored: bool
    margin: int
    batch_size: int
    seed: int
    threads: int

    @classmethod
    def of_recipe(
        cls,
        shards: Sequence[Path],
        geometry: Geometry,
        labels: Sequence[str],
        recipe: TrainDetectorSettings,
        margin: int,
        mirrored: bool,
        seed: int,
    ) -> "Scenes":
        """Return the scenes that a detector's recipe asks for."""
        rules = Rules(recipe.min_overlap, recipe.max_offset, recipe.smallest, recipe.largest)
        threads = recipe.loader_threads or spare_threads()
        return cls(
            *(shards, geometry, labels, recipe.scales, recipe.views, rules),
            *(mirrored, margin, recipe.batch_size, seed, threads),
        )

    def pictures(self) -> int:
        """Return how many pictures the shards have."""
        return sum(pq.read_metadata(shard).num_rows for shard in self.shards)

    def epoch(self, epoch: int) -> Iterator[list[Scene]]:
        """Yield the minibatches of an epoch."""
        random = np.random.default_rng([self.seed, epoch])
        waiting: dict[tuple[int, tuple[int, int]], list[Scene]] = {}
        with ThreadPoolExecutor(self.threads, thread_name_prefix="scenes") as pool:
            for scene in self._scenes(random, pool):
                batch = waiting.setdefault((scene.scale, scene.grid.input_hw), [])
                batch.append(scene)
                if len(batch) == self.batch_size:
                    yield waiting.pop((scene.scale, scene.grid.input_hw))
        rest = list(waiting.values())
        yield from (rest[i] for i in random.permutation(len(rest)))

    def _scenes(self, random: np.random.Generator, pool: ThreadPoolExecutor) -> Iterator[Scene]:
        """Yield the scenes of all pictures in a random order, made ahead by the pool."""
        for shard in random.permutation(len(self.shards)):
            table = read_columns([self.shards[shard]], _COLUMNS)
            order = random.permutation(table.num_rows)
            for start in range(0, len(order), _IN_HAND):
                rows = table.take(order[start : start + _IN_HAND]).to_pylist()
                pending: list[Future[Scene]] = []
                for row, scale, flip in self._draw(rows, random):
                    pending.append(pool.submit(self._scene, row, scale, flip))
                    if len(pending) > 4 * self.threads:
                        yield pending.pop(0).result()
                yield from (future.result() for future in pending)

    def _draw(
        self, rows: list[dict[str, Any]], random: np.random.Generator
    ) -> Iterator[tuple[dict[str, Any], int, bool]]:
        """Draw scales and mirroring of every picture, and an order of all that."""
        views = min(self.views, len(self.scales))
        drawn = [
            (row, int(scale), bool(self.mirrored and random.random() < 0.5))
            for row in rows
            for scale in random.choice(self.scales, views, replace=False)
        ]
        return (drawn[i] for i in random.permutation(len(drawn)))

    def _scene(self, row: dict[str, Any], scale: int, flip: bool) -> Scene:
        size = input_hw(self.geometry, scale, row["height"], row["width"])
        pixels = add_margin(resize_to(decode(row["jpeg"]), size), self.margin)
        stored_hw = row["stored_height"], row["stored_width"]
        boxes = np.array(row["scaled_boxes"], np.float64).reshape(-1, 4)
        objects = WindowGrid(self.geometry, size, stored_hw, flip).to_input(boxes)
        index = {label: number for number, label in enumerate(self.labels)}
        classes = np.array([index.get(label, -1) for label in row["object_labels"]], np.int64)
        unclear = np.array(row["difficult"], bool) | np.array(row["crowd"], bool) | (classes < 0)
        grid = WindowGrid(self.geometry, size, (row["height"], row["width"]), flip, self.margin)
        taught = assign_windows(grid, objects, unclear, self.rules)
        seen = np.flatnonzero(taught >= 0)
        edges = np.zeros((len(taught), 4), np.float32)
        edges[seen] = encode(objects[taught[seen]], grid.windows()[seen])
        of_windows = taught.copy()
        of_windows[seen] = classes[taught[seen]]
        return Scene(row["image_id"], pixels.flip(-1) if flip else pixels, grid, scale, of_windows, edges)


def as_tensors(scenes: Sequence[Scene]) -> tuple[Tensor, Tensor, Tensor]:
    """Return pixels ``(B, 3, h, w)`` uint8, classes ``(B, N)`` int64 and edges ``(B, N, 4)`` float32."""
    pixels = torch.stack([scene.pixels for scene in scenes])
    classes = torch.from_numpy(np.stack([scene.classes for scene in scenes]))
    return pixels, classes, torch.from_numpy(np.stack([scene.edges for scene in scenes]))
