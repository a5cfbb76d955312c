"""Features of pictures at several scales, and the windows in them that have something to teach (paper, section 4.2).

The features are frozen, so they are computed once for all the windows and epochs that look at them. All maps lie in
one matrix, a cell a row; a window is then a few rows of it, whatever the size of its map.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from overfeat.images.decode import decoded
from overfeat.images.resize import resize_to
from overfeat.inference.batches import Picture, same_size_chunks
from overfeat.inference.dense import gather_windows
from overfeat.inference.window_boxes import assign, encode
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, normalize

SIZES = ("width", "height")
"""Columns of ``STORED_IMAGES`` that :func:`store_cells` takes."""
COLUMNS = ("image_id", "split", *SIZES, "stored_width", "stored_height", "jpeg", "object_labels", "scaled_boxes")
"""Columns that :func:`make_store` takes."""

_BATCH_WINDOWS = 2048
_IMAGES_AT_ONCE = 256


@dataclass(frozen=True)
class Views:
    """At which scales pictures are looked at, mirrored or not, and which windows teach."""

    scales: tuple[int, ...]
    mirrored: bool
    """Each map also of the mirror image."""
    min_overlap: float

    @property
    def flips(self) -> tuple[bool, ...]:
        """Of every picture and scale."""
        return (False, True) if self.mirrored else (False,)


@dataclass(frozen=True)
class WindowStore:
    """Maps in the order of pictures, scales and flips, and their windows in the order of the maps.

    Attributes:
        cells: pooled features at stride 1, ``(cells, C)``, on the device they were computed on.
        map_starts: the first window of each map and, last, the number of windows, ``(maps + 1,)``.
        corners: the cell of each window's top left, ``(windows,)``.
        widths: cells in a row of its map, ``(windows,)``.
        edges: of the object it is taught, in its own frame, float32 ``(windows, 4)``.
        classes: of that object, ``(windows,)``.
        kernel, pool: of the first fully connected layer, and of the last pool: a window is ``kernel**2`` cells,
            ``pool`` apart.
        flips: maps of one picture and scale, 1 or 2.
    """

    cells: Tensor
    map_starts: NDArray[np.int64]
    corners: NDArray[np.int64]
    widths: NDArray[np.int64]
    edges: NDArray[np.float32]
    classes: NDArray[np.int64]
    kernel: int
    pool: int
    flips: int

    def draw(self, random: np.random.Generator, windows: int, one_flip: bool) -> NDArray[np.int64]:
        """Return windows at random, ``windows`` of every map that has any, in a random order.

        Args:
            random: the generator.
            windows: drawn from each map; a map with fewer gives some of them twice.
            one_flip: of each pair of mirrored maps only one gives windows.
        """
        counts = np.diff(self.map_starts)
        chosen = np.arange(len(counts))
        if one_flip and self.flips == 2:
            chosen = chosen[::2] + random.integers(0, 2, len(counts) // 2)
        chosen = chosen[counts[chosen] > 0]
        drawn = (random.random((len(chosen), windows)) * counts[chosen, None]).astype(np.int64)
        return random.permutation((self.map_starts[chosen, None] + drawn).ravel())

    def columns(self, windows: NDArray[np.int64]) -> Tensor:
        """Return the features of these windows as :func:`overfeat.inference.dense.run_head` takes them."""
        corners = torch.from_numpy(self.corners[windows]).to(self.cells.device)
        widths = torch.from_numpy(self.widths[windows]).to(self.cells.device)
        return gather_windows(self.cells, corners, widths, self.kernel, self.pool)


def store_cells(sizes: pa.Table, net: OverFeat, views: Views) -> int:
    """Return how many cells a store of these pictures has (columns width and height)."""
    return int(sum(np.prod(shape) for shape in _map_shapes(sizes, net.geometry, views)))


def _map_shapes(sizes: pa.Table, geometry: Geometry, views: Views) -> list[tuple[int, int]]:
    """Return rows and columns of every pooled map, in the order of pictures, scales and flips."""
    shapes = []
    for width, height in zip(sizes["width"].to_pylist(), sizes["height"].to_pylist(), strict=True):
        for scale in views.scales:
            shape = tuple(_pooled_side(geometry, side) for side in input_hw(geometry, scale, height, width))
            shapes += [shape] * len(views.flips)
    return shapes  # type: ignore[return-value]  # pairs


def _pooled_side(geometry: Geometry, side: int) -> int:
    """Cells along the pooled map (stride 1) of an input of ``side`` pixels."""
    return geometry.fine_side(side) + geometry.pool * (geometry.table.classifier[0].kernel - 1)


@torch.inference_mode()
def make_store(
    images: pa.Table, net: OverFeat, views: Views, class_names: Sequence[str], threads: int, device: torch.device
) -> WindowStore:
    """Look at pictures at all scales and keep their features and windows.

    Args:
        images: rows of ``STORED_IMAGES``.
        net: in evaluation mode, on ``device``.
        views: scales and flips.
        class_names: labels by class index; objects of other labels teach nothing.
        threads: that decode.
        device: where the features are computed and kept.
    """
    shapes = _map_shapes(images, net.geometry, views)
    starts = np.concatenate([[0], np.cumsum([rows * cols for rows, cols in shapes])])
    cells = torch.empty(int(starts[-1]), net.table.features[-1].channels, device=device)
    index = {label: number for number, label in enumerate(class_names)}
    taught: dict[int, tuple[NDArray[Any], ...]] = {}
    with ThreadPoolExecutor(threads) as pool:
        starts_of_parts = range(0, images.num_rows, _IMAGES_AT_ONCE)
        for first in tqdm(starts_of_parts, desc="features", unit="part", leave=False, disable=None):
            part = images.slice(first, _IMAGES_AT_ONCE)
            pictures = _pictures(part, pool)
            objects = [_objects(row, index) for row in part.drop_columns(["jpeg"]).to_pylist()]
            for position, scale in enumerate(views.scales):
                for chunk in same_size_chunks(net.geometry, pictures, scale, "aspect", _BATCH_WINDOWS):
                    batch = torch.stack([resize_to(pictures[i].pixels, size) for i, size in chunk]).to(device)
                    for flip in views.flips:
                        maps = _pooled(net, batch.flip(-1) if flip else batch)
                        for (i, size), map_cells in zip(chunk, maps, strict=True):
                            number = ((first + i) * len(views.scales) + position) * len(views.flips) + flip
                            cells[starts[number] : starts[number + 1]] = map_cells
                            grid = WindowGrid(net.geometry, size, pictures[i].original_hw, flip)
                            taught[number] = _teach(grid, *objects[i], views.min_overlap, int(starts[number]))
    return _assemble(cells, [taught[number] for number in range(len(shapes))], net, len(views.flips))


def _pooled(net: OverFeat, batch: Tensor) -> Tensor:
    """Return the pooled features at stride 1 of uint8 pictures, ``(N, cells, C)``."""
    pixels = normalize(batch).contiguous(memory_format=torch.channels_last)
    with torch.autocast(pixels.device.type, torch.bfloat16, enabled=pixels.device.type == "cuda"):
        features = net.features(pixels)
    return F.max_pool2d(features.float(), net.geometry.pool, stride=1).permute(0, 2, 3, 1).flatten(1, 2)


def _pictures(part: pa.Table, pool: ThreadPoolExecutor) -> list[Picture]:
    sizes = part.select(["image_id", "split", "width", "height"]).to_pylist()
    pixels: Iterator[Tensor] = decoded(part["jpeg"], pool)
    return [
        Picture(row["image_id"], row["split"], image, (row["height"], row["width"]))
        for row, image in zip(sizes, pixels, strict=True)
    ]


def _objects(row: dict[str, Any], index: dict[str, int]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the boxes of a picture's objects in pixels of the original, and their classes."""
    labels = row["object_labels"]
    known = [number for number, label in enumerate(labels) if label in index]
    classes = np.array([index[labels[number]] for number in known], np.int64)
    boxes = np.array(row["scaled_boxes"], np.float64).reshape(-1, 4)[known]
    x, y = (row[side] / row[f"stored_{side}"] for side in SIZES)
    return boxes * np.array([x, y, x, y]), classes


def _teach(
    grid: WindowGrid, boxes: NDArray[np.float64], classes: NDArray[np.int64], min_overlap: float, start: int
) -> tuple[NDArray[Any], ...]:
    """Return corners, widths, edges and classes of the windows of one map that see enough of an object."""
    windows, objects = grid.windows(), grid.to_input(boxes)
    which = assign(windows, objects, min_overlap)
    seen = np.flatnonzero(which >= 0)
    rows, cols = (cell.astype(np.int64)[seen] for cell in grid.cells())
    width = _pooled_side(grid.geometry, grid.input_hw[1])
    edges = encode(objects[which[seen]], windows[seen])
    return start + rows * width + cols, np.full(len(seen), width), edges, classes[which[seen]]


def _assemble(cells: Tensor, taught: Sequence[tuple[NDArray[Any], ...]], net: OverFeat, flips: int) -> WindowStore:
    counts = [len(corners) for corners, *_ in taught]
    nothing = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)), np.zeros(0, np.int64)
    corners, widths, edges, classes = (np.concatenate(column) for column in zip(nothing, *taught, strict=True))
    return WindowStore(
        cells=cells,
        map_starts=np.concatenate([[0], np.cumsum(counts)]),
        corners=corners,
        widths=widths,
        edges=edges.astype(np.float32),
        classes=classes,
        kernel=net.table.classifier[0].kernel,
        pool=net.geometry.pool,
        flips=flips,
    )
