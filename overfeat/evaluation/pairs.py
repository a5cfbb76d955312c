"""Detections beside the objects of their class in their picture, as numbers, and how far they overlap."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.boxes import area, intersection, iou
from overfeat.results.numbers import numbers_of
from overfeat.results.schemas import BOX

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Names = pd.Index  # distinct strings, whose places are the numbers of pictures or of classes

_BLOCK = 1 << 16  # detections compared at once


def distinct(values: Iterable[str]) -> Names:
    """Return the names, each once, in their order."""
    index: Names = pd.Index(list(dict.fromkeys(values)), dtype=object)
    return index


def names(values: Iterable[str]) -> Names:
    """Return the names, each once, sorted."""
    return distinct(sorted(values))


@dataclass(frozen=True)
class Rows:
    """The rows of a frame that count: N boxes with their numbers.

    Attributes:
        places: in the frame, ``(N,)``.
        picture: number of the picture, ``(N,)``.
        label: number of the class, ``(N,)``.
        boxes: ``(N, 4)``.
    """

    places: Ints
    picture: Ints
    label: Ints
    boxes: Floats

    @classmethod
    def of(cls, frame: pd.DataFrame, pictures: Names, labels: Names) -> "Rows":
        """Return the rows of these pictures and classes, in the frame's order.

        Args:
            frame: columns image_id, label, x1, y1, x2, y2.
            pictures: distinct.
            labels: distinct.
        """
        picture, label = numbers_of(frame["image_id"], pictures), numbers_of(frame["label"], labels)
        places = np.flatnonzero((picture >= 0) & (label >= 0))
        return cls(places, picture[places], label[places], frame[BOX].to_numpy(np.float64)[places])

    def take(self, order: Ints) -> "Rows":
        """Return the rows with these numbers."""
        return Rows(self.places[order], self.picture[order], self.label[order], self.boxes[order])

    def column(self, frame: pd.DataFrame, name: str) -> NDArray[np.generic]:
        """Return a column of the frame they are from, ``(N,)``."""
        return frame[name].to_numpy()[self.places]


def ranked(detections: pd.DataFrame, pictures: Names, labels: Names) -> Rows:
    """Return the detections by class, falling score, picture and corners: in no way by the order they came in."""
    rows = Rows.of(detections, pictures, labels)
    x1, y1, x2, y2 = rows.boxes.T
    falling = -rows.column(detections, "score").astype(np.float64)
    return rows.take(np.lexsort((y2, x2, y1, x1, rows.picture, falling, rows.label)))


@dataclass(frozen=True)
class Objects:
    """Objects by picture, class and corners.

    Attributes:
        rows: M of them.
        difficult: ``(M,)``; a crowd is never called difficult.
        crowd: ``(M,)``.
    """

    rows: Rows
    difficult: Bools
    crowd: Bools

    @classmethod
    def of(cls, objects: pd.DataFrame, pictures: Names, labels: Names) -> "Objects":
        """Return the objects of these pictures and classes.

        Args:
            objects: columns image_id, label, x1, y1, x2, y2, difficult, crowd.
            pictures: distinct.
            labels: distinct.
        """
        rows = Rows.of(objects, pictures, labels)
        crowd = rows.column(objects, "crowd").astype(bool)
        difficult = rows.column(objects, "difficult").astype(bool) & ~crowd
        x1, y1, x2, y2 = rows.boxes.T
        order = np.lexsort((difficult, y2, x2, y1, x1, rows.label, rows.picture))
        return cls(rows.take(order), difficult[order], crowd[order])

    @property
    def counted(self) -> Bools:
        """Which are to be found, ``(M,)``: neither difficult nor a crowd."""
        return ~(self.difficult | self.crowd)


@dataclass(frozen=True)
class Pairs:
    """P pairs of a detection and an object, by their numbers: by detection, the greatest overlap first."""

    detection: Ints
    object: Ints

    def where(self, keep: Bools) -> "Pairs":
        """Return the pairs for which ``keep``, ``(P,)``, holds."""
        return Pairs(self.detection[keep], self.object[keep])


def overlapping(detections: Rows, objects: Objects, thresholds: Floats) -> Pairs:
    """Return the pairs of one picture and class that overlap by the object's threshold or more.

    Overlap is IoU; with a crowd, the share of the detection that lies in the crowd's box.

    Args:
        detections: N of them.
        objects: M of them.
        thresholds: of the objects, ``(M,)``, over 0.
    """
    stride = 1 + max(detections.label.max(initial=0), objects.rows.label.max(initial=0))
    groups = objects.rows.picture * stride + objects.rows.label
    asked = detections.picture * stride + detections.label
    begins = np.searchsorted(groups, asked)
    counts = np.searchsorted(groups, asked, side="right") - begins
    beside = np.flatnonzero(counts)
    found = [(beside[:0], beside[:0], np.empty(0))]
    for start in range(0, len(beside), _BLOCK):
        block = beside[start : start + _BLOCK]
        ends = np.cumsum(counts[block])
        detection = np.repeat(block, counts[block])
        other = np.repeat(begins[block] - ends + counts[block], counts[block]) + np.arange(len(detection))
        overlaps = _overlaps(detections.boxes[detection], objects.rows.boxes[other], objects.crowd[other])
        keep = overlaps >= thresholds[other]
        found.append((detection[keep], other[keep], overlaps[keep]))
    detection, other, overlaps = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((other, -overlaps, detection))
    return Pairs(detection[order], other[order])


def _overlaps(boxes: Floats, others: Floats, crowd: Bools) -> Floats:
    overlaps = np.asarray(iou(boxes, others), np.float64)
    areas = area(boxes[crowd])
    inside = np.divide(intersection(boxes[crowd], others[crowd]), areas, out=np.zeros_like(areas), where=areas > 0)
    overlaps[crowd] = inside
    return overlaps
