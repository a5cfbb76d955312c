"""Which box of one run is which of another: greedy by overlap, one to one, the same class first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat.boxes import iou

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_BLOCK = 1 << 20  # pairs compared at once


@dataclass(frozen=True)
class Boxes:
    """N boxes of one run.

    Attributes:
        picture: number of the picture, ``(N,)``; the same numbers in both runs.
        label: number of the class, ``(N,)``, likewise.
        boxes: ``(N, 4)``.
        score: ``(N,)``; of boxes that overlap alike, those that score higher are paired first.
    """

    picture: Ints
    label: Ints
    boxes: Floats
    score: Floats

    def take(self, rows: Ints) -> "Boxes":
        """Return the boxes with these numbers."""
        return Boxes(self.picture[rows], self.label[rows], self.boxes[rows], self.score[rows])


@dataclass(frozen=True)
class Pairs:
    """P boxes of A, ``(P,)``, the boxes of B that they are, and their IoU; every box is in one pair at most."""

    a: Ints
    b: Ints
    iou: Floats

    def take(self, which: Ints | NDArray[np.bool_]) -> "Pairs":
        """Return the pairs with these numbers, or those for which ``which`` holds."""
        return Pairs(self.a[which], self.b[which], self.iou[which])

    @classmethod
    def joined(cls, parts: Sequence["Pairs"]) -> "Pairs":
        """Return the pairs of all parts, one part after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("a", "b", "iou")))


def paired(a: Boxes, b: Boxes, least: float) -> Pairs:
    """Pair the boxes of two runs, in each picture.

    First boxes of the same class: those that overlap most become a pair, then those that overlap most of what is left,
    and so on. Then what is left over of any class, in the same way. Equal boxes overlap by 1, even without an area.
    Among equal overlaps the pair with the higher scores goes first, then the one first by corners; so the pairs do not
    depend on the order of the boxes, and those of B and A are those of A and B.

    Args:
        a: boxes of one run.
        b: boxes of the other.
        least: IoU that a pair must have, over 0.

    Returns:
        Pairs of the same class, then others, each by the boxes of A.
    """
    classes = 1 + max(a.label.max(initial=0), b.label.max(initial=0))
    same = _greedy(a, b, a.picture * classes + a.label, b.picture * classes + b.label, least)
    left_a, left_b = others(same.a, len(a.label)), others(same.b, len(b.label))
    rest_a, rest_b = a.take(left_a), b.take(left_b)
    other = _greedy(rest_a, rest_b, rest_a.picture, rest_b.picture, least)
    return Pairs.joined([same, Pairs(left_a[other.a], left_b[other.b], other.iou)])


def _greedy(a: Boxes, b: Boxes, groups_a: Ints, groups_b: Ints, least: float) -> Pairs:
    """Pair boxes of the same group.

    The best of all pairs that are left is also the best of both its boxes. So all pairs that are the best of both their
    boxes are taken at once, which gives what taking one after the other gives, in few rounds.
    """
    near = _near(a, b, groups_a, groups_b, least)
    free_a, free_b = np.ones(len(groups_a), bool), np.ones(len(groups_b), bool)
    alone = _is_alone(near.a, len(free_a)) & _is_alone(near.b, len(free_b))  # nearly all, and these need no order
    taken, pairs = [near.take(alone)], _ordered(near.take(~alone), a, b)
    while len(pairs.a):
        best = _is_first(pairs.a, len(free_a)) & _is_first(pairs.b, len(free_b))
        taken.append(pairs.take(best))
        free_a[pairs.a[best]] = free_b[pairs.b[best]] = False
        pairs = pairs.take(free_a[pairs.a] & free_b[pairs.b])
    found = Pairs.joined(taken)
    return found.take(np.argsort(found.a))


def _near(a: Boxes, b: Boxes, groups_a: Ints, groups_b: Ints, least: float) -> Pairs:
    """Return all pairs of a group that overlap by ``least`` or more."""
    found = [Pairs(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for one, other in _all_pairs(groups_a, groups_b):
        overlap = overlaps(a.boxes[one], b.boxes[other])
        found.append(Pairs(one, other, overlap).take(overlap >= least))
    return Pairs.joined(found)


def _all_pairs(groups_a: Ints, groups_b: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Yield all pairs of rows of the same group, as many at once as memory allows."""
    order_a, order_b = (np.argsort(groups, kind="stable") for groups in (groups_a, groups_b))
    sorted_a, sorted_b = groups_a[order_a], groups_b[order_b]
    begins = np.searchsorted(sorted_b, sorted_a)
    counts = np.searchsorted(sorted_b, sorted_a, side="right") - begins
    rows = np.flatnonzero(counts)
    cuts = np.flatnonzero(np.diff(np.cumsum(counts[rows]) // _BLOCK)) + 1
    for block in np.split(rows, cuts) if len(rows) else ():
        ends = np.cumsum(counts[block])
        one = np.repeat(block, counts[block])
        other = np.repeat(begins[block] - ends + counts[block], counts[block]) + np.arange(len(one))
        yield order_a[one], order_b[other]


def _ordered(pairs: Pairs, a: Boxes, b: Boxes) -> Pairs:
    """Return the pairs in the order in which they are taken.

    Only the order of pairs that share a box matters, and of these the other box decides, whichever run it is of. So A
    and B can change places.
    """
    ranks = _ranks(b.take(pairs.b)), _ranks(a.take(pairs.a))
    return pairs.take(np.lexsort((*ranks, -pairs.iou)))


def _ranks(boxes: Boxes) -> Ints:
    """Return the places of the boxes by falling score, corners and class; equal ones have the same place."""
    keys = [-boxes.score, *boxes.boxes.T, boxes.label]
    order = np.lexsort(keys[::-1])
    new = np.zeros(len(order), bool)
    for key in keys:
        new[1:] |= key[order][1:] != key[order][:-1]
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.cumsum(new)
    return ranks


def _is_first(rows: Ints, count: int) -> NDArray[np.bool_]:
    """Say of every entry whether it is the first with its number, of numbers below ``count``."""
    places = np.arange(len(rows))
    first = np.empty(count, np.int64)
    first[rows[::-1]] = places[::-1]  # of several the last is kept
    return np.asarray(first[rows] == places)


def _is_alone(rows: Ints, count: int) -> NDArray[np.bool_]:
    """Say of every entry whether no other has its number, of numbers below ``count``."""
    return np.asarray(np.bincount(rows, minlength=count)[rows] == 1)


def others(rows: Ints, count: int) -> Ints:
    """Return the numbers below ``count`` that are not in ``rows``, ascending."""
    left = np.ones(count, bool)
    left[rows] = False
    return np.flatnonzero(left)


def overlaps(a: Floats, b: Floats) -> Floats:
    """Return the IoU of the boxes ``a`` and ``b``, ``(N, 4)``, one by one; 1 where they are equal."""
    return np.where((a == b).all(axis=1), 1.0, iou(a, b))
