"""Average precision by class, its mean with an interval over pictures, and curves of precision and recall.

Detections come from :func:`overfeat.evaluation.detection.match`; objects and pictures are those they were matched with.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from overfeat.evaluation.intervals import centred, interval
from overfeat.evaluation.pairs import Ints
from overfeat.evaluation.tally import Interpolation, Tally


def average_precisions(
    matched: pd.DataFrame,
    objects: pd.DataFrame,
    image_ids: Iterable[str],
    labels: Iterable[str],
    interpolation: Interpolation = "area",
) -> pd.DataFrame:
    """Return the average precision of each class.

    Args:
        matched: from ``match``.
        objects: columns image_id, label, x1, y1, x2, y2, difficult, crowd.
        image_ids: the pictures that were processed.
        labels: the classes that are measured.
        interpolation: of the curve.

    Returns:
        Frame with label, objects (neither difficult nor crowds), detections (not ignored) and average_precision (0 to
        1; NaN for a class without objects), in the order of ``labels``.
    """
    tally = Tally.of(matched, objects, image_ids, labels)
    counts, averages = tally.precisions(np.ones(tally.pictures, np.int64), interpolation)
    return pd.DataFrame(
        {
            "label": tally.labels,
            "objects": counts,
            "detections": np.diff(tally.starts),
            "average_precision": averages,
        }
    )


def mean_average_precision(averages: pd.DataFrame) -> float:
    """Return the mean over the classes with objects, 0 to 1; NaN if there are none.

    Args:
        averages: from :func:`average_precisions`.
    """
    return float(averages["average_precision"].mean())


def mean_interval(
    matched: pd.DataFrame,
    objects: pd.DataFrame,
    image_ids: Iterable[str],
    labels: Iterable[str],
    resamplings: int,
    seed: int,
    interpolation: Interpolation = "area",
) -> tuple[float, float]:
    """Return a 95 % interval for the mean average precision, from the spread of resampled pictures.

    A hit that is there twice also stands before itself, which lifts its precision: nearly all resamplings may lie above
    what was measured. So how they scatter is taken from them, not where.

    Args:
        matched: from ``match``.
        objects: as it was given to ``match``.
        image_ids: likewise; at least one.
        labels: the classes that are measured.
        resamplings: at least 1.
        seed: of the draws.
        interpolation: of the curve.

    Returns:
        Its ends, 0 to 1; NaN if no class has objects.
    """
    tally = Tally.of(matched, objects, image_ids, labels)
    measured = tally.mean(interpolation=interpolation)
    if np.isnan(measured):
        return np.nan, np.nan
    means = tally.resampled_means(resamplings, seed, interpolation)
    low, high = np.clip(interval(centred(measured, means)), 0, 1)
    return float(low), float(high)


def precision_recall(
    matched: pd.DataFrame,
    objects: pd.DataFrame,
    image_ids: Iterable[str],
    labels: Iterable[str],
    points: int = 200,
) -> pd.DataFrame:
    """Return the curves to be drawn: what precision and recall are if all detections down to a score are taken.

    A long curve keeps its ends and hits at even steps of recall between them: the rest falls steeply from one to the
    next, or tails off.

    Args:
        matched: from ``match``.
        objects: as it was given to ``match``.
        image_ids: likewise.
        labels: the classes that are measured.
        points: of a class at most, at least 2.

    Returns:
        Frame with label, score, recall and precision (0 to 1), by falling score; classes without objects or detections
        have no rows.
    """
    tally = Tally.of(matched, objects, image_ids, labels)
    totals = np.bincount(tally.object_label, minlength=len(tally.labels))
    right = np.zeros(len(tally.places), np.int64)
    right[tally.hits] = 1
    scores = matched["score"].to_numpy(np.float64)[tally.places]
    curves = []
    for k in np.flatnonzero((totals > 0) & (np.diff(tally.starts) > 0)).tolist():
        start, stop = tally.starts[k], tally.starts[k + 1]
        hits = np.cumsum(right[start:stop])
        kept = _thinned(np.flatnonzero(right[start:stop]), stop - start, points)
        curve = {
            "score": scores[start:stop][kept],
            "recall": hits[kept] / totals[k],
            "precision": hits[kept] / (kept + 1),
        }
        curves.append(pd.DataFrame(curve).assign(label=tally.labels[k]))
    columns = {"label": object, "score": float, "recall": float, "precision": float}
    if not curves:
        return pd.DataFrame(columns=list(columns)).astype(columns)
    return pd.concat(curves, ignore_index=True)[list(columns)]


def _thinned(hits: Ints, detections: int, points: int) -> Ints:
    if detections <= points:
        return np.arange(detections)
    turns = np.unique(np.concatenate([[0], hits, [detections - 1]]))
    even = np.linspace(0, len(turns) - 1, min(points, len(turns)))
    return np.asarray(turns[np.rint(even).astype(np.int64)], np.int64)
