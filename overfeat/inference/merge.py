"""The greedy merge of boxes (paper, section 4.3).

Repeat: find the two boxes with the smallest match score; stop when it exceeds a threshold; else replace them by their
average, in which every box they were merged from counts alike. The paper's match score is "the distance between the
centres and the intersection area". Taken literally, strangers match better than duplicates, so there are two readings:

- ``normalized``: the centre distance over the mean of the two diagonals, plus 1 - IoU; two equal boxes score 0.
- ``literal``: the centre distance in pixels plus the intersection area in square pixels.

Boxes without an area have an IoU of 0 with any box but their equal. Without a diagonal either (points), the distance
counts as immense unless it is 0. Scores are computed in float64. Among pairs of equal score the one first in the order
of the boxes goes first: by x1, y1, x2, y2, then score; a merged box takes the place of the earlier of the two. Equal
boxes come first of all under ``normalized``. The result does not depend on the order in which boxes are given.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from overfeat.errors import SettingsError, did_you_mean
from overfeat.inference.greedy import FARTHEST, Slots, merge_within

Match = Literal["normalized", "literal"]

DEFAULT_THRESHOLDS: dict[Match, float] = {"normalized": 0.5, "literal": 50.0}
_GREATEST = 1e9
_AT_ONCE = 8192  # boxes of several groups; larger groups are merged alone


def merge_boxes(
    boxes: ArrayLike, scores: ArrayLike, threshold: float | None = None, match: Match = "normalized"
) -> tuple[NDArray[np.floating], NDArray[np.floating], list[NDArray[np.int64]]]:
    """Merge the boxes of one picture and class, and sum their scores.

    Args:
        boxes: ``(N, 4)``, x1 y1 x2 y2 in pixels.
        scores: ``(N,)``.
        threshold: the match score, 0 or more, beyond which nothing is merged; ``None`` is the one of
            ``DEFAULT_THRESHOLDS``.
        match: which match score.

    Returns:
        The merged boxes ``(M, 4)``, the sums of their members' scores ``(M,)``, and for each the ascending indices of
        its members; by falling score, then by coordinates. Boxes and scores keep their float type (others become
        float32 and float64).

    Raises:
        SettingsError: if the threshold is out of range or the match score unknown.
        ValueError: if boxes or scores have another shape or values that are not finite.
    """
    given, weights = np.asarray(boxes), np.asarray(scores)
    corners, values = _corners(given), _finite("scores", weights, (len(given),))
    canonical = np.lexsort((values, *corners.T[::-1]))
    merged, cluster = merge_groups(corners[canonical], np.zeros(len(corners), np.int64), threshold, match)
    kept = merged.astype(given.dtype if given.dtype.kind == "f" else np.float32)
    totals = np.bincount(cluster, weights=values[canonical], minlength=len(merged))  # adds in canonical order
    sums: NDArray[np.floating] = totals.astype(weights.dtype if weights.dtype.kind == "f" else np.float64)
    best = np.lexsort((*kept.T[::-1], -sums))
    by_cluster = canonical[np.lexsort((canonical, cluster))]
    members = np.split(by_cluster, np.cumsum(np.bincount(cluster, minlength=len(merged)))[:-1]) if len(merged) else []
    return kept[best], sums[best], [members[index] for index in best]


def merge_groups(
    boxes: ArrayLike, groups: ArrayLike, threshold: float | None = None, match: Match = "normalized"
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Merge the boxes of many groups, such as pictures or classes, which never meet.

    Args:
        boxes: ``(N, 4)``, x1 y1 x2 y2 in pixels.
        groups: ``(N,)`` integers in any order.
        threshold: see ``merge_boxes``.
        match: which match score.

    Returns:
        The merged boxes ``(M, 4)``, by group and then by coordinates, and the merged box that each given box went
        into, ``(N,)``. Equal boxes that are not merged with one another (``literal``) are told apart by their order.

    Raises:
        SettingsError: if the threshold is out of range or the match score unknown.
        ValueError: if boxes or groups have another shape or type, or boxes are not finite.
    """
    limit = _checked_threshold(threshold, match)
    corners, labels = _corners(np.asarray(boxes)), np.asarray(groups)
    if labels.shape != (len(corners),) or (labels.dtype.kind not in "iu" and len(labels)):
        raise ValueError(f"groups must be ({len(corners)},) integers, not {labels.shape} {labels.dtype}")
    dense = np.unique(labels, return_inverse=True)[1]
    canonical = np.lexsort((*corners.T[::-1], dense))
    corners, dense = corners[canonical], dense[canonical]
    merged, cluster = [np.empty((0, 4))], np.empty(len(corners), np.int64)
    for start, stop in _parts(dense):
        part, inside = _merge_sorted(corners[start:stop], dense[start:stop], limit, match)
        cluster[canonical[start:stop]] = inside + sum(map(len, merged))
        merged.append(part)
    return np.concatenate(merged), cluster


def _parts(groups: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield ranges of ascending groups, whole groups each, that are merged at once: the time grows faster than they."""
    starts = np.append(np.flatnonzero(np.diff(groups, prepend=-1)), len(groups))
    begin = 0
    for start, stop in pairwise(starts.tolist()):
        if stop - begin > _AT_ONCE and start > begin:
            yield begin, start
            begin = start
    if begin < len(groups):
        yield begin, len(groups)


def _merge_sorted(
    corners: NDArray[np.float64], groups: NDArray[np.int64], limit: float, match: Match
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Merge boxes that are sorted by group and coordinates, as :func:`merge_groups` does."""
    first = np.ones(len(corners), bool)
    if match == "normalized":
        first[1:] = (corners[1:] != corners[:-1]).any(axis=1) | (groups[1:] != groups[:-1])
    copies = np.diff(np.append(np.flatnonzero(first), len(first)))
    slots = Slots(np.ascontiguousarray(corners[first].T), copies.astype(np.float64), groups[first] - groups[0])
    merge_within(slots, limit, match == "literal")
    left, roots = slots.active(), slots.roots()
    merged = slots.boxes[:4, left]
    order = np.lexsort((*merged[::-1], slots.groups[left]))
    row = np.empty(len(roots), np.int64)
    row[left[order]] = np.arange(len(left))
    return np.ascontiguousarray(merged[:, order].T), row[roots][np.cumsum(first) - 1]


def _checked_threshold(threshold: float | None, match: str) -> float:
    if match not in DEFAULT_THRESHOLDS:
        known = " or ".join(DEFAULT_THRESHOLDS)
        hint = did_you_mean(match, DEFAULT_THRESHOLDS)
        raise SettingsError(f"there is no match score {match!r}{hint}; it is {known}")
    limit = DEFAULT_THRESHOLDS[match] if threshold is None else float(threshold)
    if not 0 <= limit <= _GREATEST:
        raise SettingsError(f"the merge threshold must be a number from 0 to {_GREATEST:g}, not {threshold}")
    return limit


def _corners(boxes: NDArray[Any]) -> NDArray[np.float64]:
    if boxes.ndim == 1 and not boxes.size:
        boxes = boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be (N, 4), not {boxes.shape}")
    return _finite("boxes", boxes, boxes.shape) + 0.0  # no -0


def _finite(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the array in float64, checked."""
    if array.shape != shape:
        raise ValueError(f"{name} must be {shape}, not {array.shape}")
    values = array.astype(np.float64)
    if not math.prod(shape) or bool((np.abs(values) <= FARTHEST).all()):
        return values
    raise ValueError(f"{name} must be finite and at most {FARTHEST:g}; some are not")
