"""Hits, false detections and objects by class, kept so that averages for any weights of the pictures cost little."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from overfeat.evaluation.intervals import draws
from overfeat.evaluation.pairs import Floats, Ints, Names, Objects, Rows, distinct, names

Interpolation = Literal["area", "11-point", "101-point"]
"""How a curve becomes one number, once precision is what is reached at this recall or any greater one:

- "area": the area under it (ILSVRC DET, and Pascal VOC from 2010 on),
- "11-point": its mean at recalls 0, 0.1, ... 1 (Pascal VOC 2007),
- "101-point": its mean at recalls 0, 0.01, ... 1 (COCO).

Whether a recall is reached is asked in whole objects. The VOC devkit and COCO compare shares, and rounding makes them
miss a few that are reached exactly.
"""

_POINTS: dict[str, int] = {"11-point": 11, "101-point": 101}


@dataclass(frozen=True)
class Tally:
    """What is counted: N detections by class and falling score, H of them hits, and M objects, of K classes.

    Attributes:
        places: of the detections in the frame, ``(N,)``.
        picture: of each detection, ``(N,)``.
        starts: where each class begins among the detections, and their number, ``(K + 1,)``.
        hits: numbers of the detections that are hits, ``(H,)``.
        hit_starts: where each class begins among the hits, and their number, ``(K + 1,)``.
        object_picture, object_label: of each object, ``(M,)``.
        pictures: how many.
        labels: the classes, ``(K,)``.
    """

    places: Ints
    picture: Ints
    starts: Ints
    hits: Ints
    hit_starts: Ints
    object_picture: Ints
    object_label: Ints
    pictures: int
    labels: Names

    @classmethod
    def of(
        cls, matched: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str], labels: Iterable[str]
    ) -> "Tally":
        """Count what ``match`` returned, with the objects it was given, in these pictures and of these classes."""
        pictures, classes = names(image_ids), distinct(labels)
        found = Rows.of(matched, pictures, classes)
        found = found.take(np.flatnonzero(~found.column(matched, "ignored").astype(bool)))
        found = found.take(np.argsort(found.label, kind="stable"))
        hits = np.flatnonzero(found.column(matched, "hit").astype(bool))
        true = Objects.of(objects, pictures, classes)
        edges = np.arange(len(classes) + 1)
        return cls(
            places=found.places,
            picture=found.picture,
            starts=np.searchsorted(found.label, edges),
            hits=hits,
            hit_starts=np.searchsorted(found.label[hits], edges),
            object_picture=true.rows.picture[true.counted],
            object_label=true.rows.label[true.counted],
            pictures=len(pictures),
            labels=classes,
        )

    def precisions(self, weights: Ints, interpolation: Interpolation) -> tuple[Ints, Floats]:
        """Return the number of objects and the average precision of each class, ``(K,)``; NaN without objects.

        Args:
            weights: how many times each picture counts, ``(pictures,)``.
            interpolation: of the curve.
        """
        classes = len(self.labels)
        counts = np.bincount(self.object_label, weights[self.object_picture], classes).astype(np.int64)
        seen = np.concatenate([[0], np.cumsum(weights[self.picture])])
        right = np.concatenate([[0], np.cumsum(weights[self.picture[self.hits]])])
        averages = np.full(classes, np.nan)
        for k in np.flatnonzero(counts):
            start, stop = self.hit_starts[k], self.hit_starts[k + 1]
            ranks = seen[self.hits[start:stop] + 1] - seen[self.starts[k]]
            averages[k] = _average(right[start + 1 : stop + 1] - right[start], ranks, int(counts[k]), interpolation)
        return counts, averages

    def mean(self, weights: Ints | None = None, interpolation: Interpolation = "area") -> float:
        """Return the mean average precision over the classes with objects, 0 to 1; NaN if there are none.

        Args:
            weights: how many times each picture counts, ``(pictures,)``; None for once.
            interpolation: of the curve.
        """
        counts, averages = self.precisions(
            np.ones(self.pictures, np.int64) if weights is None else weights, interpolation
        )
        return float(averages[counts > 0].mean()) if counts.any() else np.nan

    def resampled_means(self, resamplings: int, seed: int, interpolation: Interpolation = "area") -> Floats:
        """Return the mean average precision of each resampling of the pictures, ``(resamplings,)``.

        A picture drawn twice counts twice, with its detections and objects. The classes over which a resampling is
        averaged are those of which it has objects; NaN where there are none. Of several sets of detections in the same
        pictures, the same seed gives the same resamplings.
        """
        return np.array([self.mean(weights, interpolation) for weights in draws(self.pictures, resamplings, seed)])


def _average(hits: Ints, ranks: Ints, objects: int, interpolation: Interpolation) -> float:
    """Return the average precision of one class; between two hits precision only falls, so that the hits say it all.

    Args:
        hits: how many there are up to each hit, that one included, ``(H,)``.
        ranks: how many detections, ``(H,)``; 0 where nothing up to there has a weight.
        objects: at least 1.
        interpolation: of the curve.
    """
    precision = np.divide(hits, ranks, out=np.zeros(len(hits)), where=ranks > 0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if interpolation == "area":
        return float(np.diff(hits, prepend=0) @ envelope) / objects
    steps = _POINTS[interpolation] - 1
    needed = -(-np.arange(steps + 1) * objects // steps)
    return float(np.append(envelope, 0.0)[np.searchsorted(hits, needed)].mean())
