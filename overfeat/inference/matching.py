"""The match score of boxes, and how near two boxes must be for a match.

A box here is a column of eight rows: ``x1 y1 x2 y2``, centre, area and diagonal.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat.boxes import area, centres, diagonals, distances, intersection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TINY = 1e-100  # stands for an area or a diagonal of 0, which are divided by


def measured(corners: Floats) -> Floats:
    """Return the columns of boxes ``(8, N)`` from their corners ``(4, N)``."""
    columns = np.empty((8, corners.shape[1]))
    columns[:4], boxes = corners, corners.T
    columns[4:6] = centres(boxes).T
    np.maximum(area(boxes), _TINY, out=columns[6])
    np.maximum(diagonals(boxes), _TINY, out=columns[7])
    return columns


def average(a: Floats, b: Floats, share: Floats) -> Floats:
    """Return the averages of boxes ``(8, N)``, to which ``b`` contributes the share ``(N,)`` and ``a`` the rest."""
    # as a step from one to the other, so that equal boxes stay what they are
    return measured(a[:4] + (b[:4] - a[:4]) * share)


@dataclass(frozen=True)
class Rule:
    """A match score and how far apart boxes within a level of it can be.

    Attributes:
        literal: whether the paper's words are meant (see ``merge.py``).
        degenerate: whether there are boxes without an area, so that equal ones have to be looked for.
    """

    literal: bool
    degenerate: bool

    @classmethod
    def of(cls, boxes: Floats, literal: bool) -> "Rule":
        """Return the rule for these boxes ``(8, N)`` and their averages."""
        return cls(literal, bool((boxes[6] == _TINY).any()))

    def scores(self, a: Floats, b: Floats) -> Floats:
        """Return the match scores of boxes ``(8, N)``, pair by pair; the same bits for ``(b, a)``."""
        shared = intersection(a[:4].T, b[:4].T)
        apart = distances(a[4:6].T, b[4:6].T)
        if self.literal:
            return np.asarray(apart + shared, np.float64)
        scores = np.asarray(apart / ((a[7] + b[7]) * 0.5) + (1 - shared / (a[6] + b[6] - shared)))
        if self.degenerate:
            scores[(a[:4] == b[:4]).all(axis=0)] = 0
        return scores

    def reach(self, boxes: Floats, level: float, longest: float) -> Floats:
        """Return how far in x and y, ``(2, N)``, the centre of a match within ``level`` can be, rounding aside.

        Intersection over union of at least ``1 - level`` binds the centres to ``level / (2 - level)`` times the mean
        width (and height), and the widths to ``1 - level`` times one another.

        Args:
            boxes: ``(8, N)``.
            level: a match score.
            longest: the greatest diagonal that a partner can have.
        """
        if self.literal:
            return np.full((2, boxes.shape[1]), level)
        reach = np.broadcast_to(level * 0.5 * (boxes[7] + longest), (2, boxes.shape[1]))
        if level < 1:
            sides = np.maximum(boxes[2:4] - boxes[:2], 0)
            reach = np.minimum(reach, sides * (0.5 * (1 + 1 / (1 - level)) * level / (2 - level)))
        return reach

    def spread(self, level: float) -> float:
        """Return how far apart the logarithms of the areas of a match within ``level`` can be."""
        if self.literal or level >= 1:
            return math.inf
        return 1e-9 - math.log1p(-level)  # areas are 1 - level times one another, at least; more than all rounding
