"""Boxes: the one place of their geometry.

Every box is ``x1, y1, x2, y2``: float, 0-based, half-open, in pixels. Arrays are ``(N, 4)``; none is ``(0, 4)``.
The measures (``area`` and what follows it) take ``(..., 4)`` and broadcast: ``iou(a, b)`` goes pair by pair,
``iou(a[:, None], b)`` is the table of all pairs.
"""

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating]


def from_inclusive(box: tuple[float, float, float, float], first: int = 0) -> tuple[float, float, float, float]:
    """Turn inclusive pixel corners into a half-open box.

    Args:
        box: ``xmin, ymin, xmax, ymax``, both ends inside the object.
        first: the number of the first pixel: 0 in the ILSVRC archives, 1 in Pascal VOC.
    """
    x1, y1, x2, y2 = box
    return x1 - first, y1 - first, x2 - first + 1, y2 - first + 1


def clip(boxes: Boxes, width: Boxes | float, height: Boxes | float) -> Boxes:
    """Return the boxes cut to pictures of ``width`` by ``height`` pixels (scalars or ``(N,)``)."""
    clipped = boxes.copy()
    clipped[:, 0::2] = np.clip(boxes[:, 0::2], 0, np.reshape(width, (-1, 1)))
    clipped[:, 1::2] = np.clip(boxes[:, 1::2], 0, np.reshape(height, (-1, 1)))
    return clipped


def scale(boxes: Boxes, x: float, y: float) -> Boxes:
    """Return the boxes of a picture that was resized by the factors ``x`` and ``y``."""
    return boxes * np.array([x, y, x, y], dtype=boxes.dtype)


def area(boxes: Boxes) -> Boxes:
    """Return the area of each box, ``(...)``; an inside-out box has area 0."""
    return _product(np.maximum(boxes[..., 2:] - boxes[..., :2], 0))


def centres(boxes: Boxes) -> Boxes:
    """Return the middle ``x, y`` of each box, ``(..., 2)``."""
    return (boxes[..., :2] + boxes[..., 2:]) * 0.5


def diagonals(boxes: Boxes) -> Boxes:
    """Return the length of each box's diagonal, ``(...)``, in pixels."""
    return _length(boxes[..., 2:] - boxes[..., :2])


def distances(a: Boxes, b: Boxes) -> Boxes:
    """Return how far the points ``a`` and ``b``, ``(..., 2)``, are apart, in pixels."""
    return _length(a - b)


def intersection(a: Boxes, b: Boxes) -> Boxes:
    """Return the area that the boxes ``a`` and ``b`` share; 0 where they only touch."""
    shared = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return _product(np.maximum(shared, 0))


def iou(a: Boxes, b: Boxes) -> Boxes:
    """Return intersection over union of the boxes ``a`` and ``b``, from 0 to 1; 0 where neither has an area."""
    shared = intersection(a, b)
    union = area(a) + area(b) - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def _product(sides: Boxes) -> Boxes:
    return np.asarray(sides[..., 0] * sides[..., 1])


def _length(steps: Boxes) -> Boxes:
    squares = steps * steps
    return np.sqrt(np.asarray(squares[..., 0] + squares[..., 1]))
