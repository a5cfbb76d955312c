"""Boxes: the one place of their geometry.

Every box is ``x1, y1, x2, y2``: float, 0-based, half-open, in pixels. Arrays are ``(N, 4)``; none is ``(0, 4)``.
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


def area(boxes: Boxes) -> Boxes:
    """Return the area of each box, ``(N,)``; an inside-out box has area 0."""
    return np.clip(boxes[:, 2] - boxes[:, 0], 0, None) * np.clip(boxes[:, 3] - boxes[:, 1], 0, None)


def clip(boxes: Boxes, width: Boxes | float, height: Boxes | float) -> Boxes:
    """Return the boxes cut to pictures of ``width`` by ``height`` pixels (scalars or ``(N,)``)."""
    clipped = boxes.copy()
    clipped[:, 0::2] = np.clip(boxes[:, 0::2], 0, np.reshape(width, (-1, 1)))
    clipped[:, 1::2] = np.clip(boxes[:, 1::2], 0, np.reshape(height, (-1, 1)))
    return clipped


def scale(boxes: Boxes, x: float, y: float) -> Boxes:
    """Return the boxes of a picture that was resized by the factors ``x`` and ``y``."""
    return boxes * np.array([x, y, x, y], dtype=boxes.dtype)
