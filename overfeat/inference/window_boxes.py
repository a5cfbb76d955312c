"""Boxes in the frame of a window: what the regressor is taught, and how what it says is read (paper, section 4.2).

Edges are ``x1, y1, x2, y2`` in window sides from the window's middle: the window itself is -0.5, -0.5, 0.5, 0.5,
whatever the scale and pooling offset, and an object that reaches out of it has edges beyond.
"""

import numpy as np
from numpy.typing import NDArray

from overfeat import boxes as geometry
from overfeat.inference.windows import WindowGrid

Floats = NDArray[np.float64]


def encode(boxes: Floats, windows: Floats) -> Floats:
    """Return the edges of ``boxes`` in the frame of ``windows``, both ``(N, 4)`` in the same pixels."""
    middles, sides = _frames(windows)
    return (boxes - middles) / sides


def decode(edges: Floats, windows: Floats) -> Floats:
    """Return boxes in pixels from edges in the frame of ``windows``: the inverse of :func:`encode`.

    Args:
        edges: ``(N, 4)``, or ``(N, K, 4)`` for K boxes a window.
        windows: ``(N, 4)``.

    Returns:
        As ``edges``; a box that came inside out is turned right: x1 <= x2, y1 <= y2.
    """
    middles, sides = _frames(windows)
    if edges.ndim == 3:
        middles, sides = middles[:, None], sides[:, None]
    boxes = middles + edges * sides
    corners = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([np.minimum(*corners), np.maximum(*corners)], axis=-1)


def _frames(windows: Floats) -> tuple[Floats, Floats]:
    sides = windows[:, 2:] - windows[:, :2]
    return np.tile(geometry.centres(windows), 2), np.tile(sides, 2)


def boxes_of_map(edges: Floats, grid: WindowGrid) -> NDArray[np.float32]:
    """Return what the regressor said of a map as boxes in pixels of the original picture, cut to it.

    Args:
        edges: ``(windows, K, 4)``, row by row.
        grid: of the map.

    Returns:
        ``(windows, K, 4)``, the flip undone.
    """
    boxes = grid.to_original(decode(edges, grid.windows()))
    height, width = grid.image_hw
    return geometry.clip(boxes.reshape(-1, 4), width, height).reshape(boxes.shape).astype(np.float32)


def assign(windows: Floats, objects: Floats, min_overlap: float) -> NDArray[np.int64]:
    """Say which object each window is taught.

    Args:
        windows: ``(N, 4)``.
        objects: ``(O, 4)``, in the same pixels.
        min_overlap: the least share of an object that must be inside the window (the paper's 50 %).

    Returns:
        ``(N,)``: of the objects that are inside far enough, the one that covers most of the window (the first of
        equals); -1 where there is none.
    """
    if not len(objects):
        return np.full(len(windows), -1, np.int64)
    inside = geometry.intersection(windows[:, None], objects[None])
    areas = geometry.area(objects)
    enough = (inside >= min_overlap * areas) & (areas > 0)
    chosen = np.where(enough, inside, -1.0).argmax(1)
    return np.where(enough.any(1), chosen, -1)
