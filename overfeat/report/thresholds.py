"""What is kept and what is lost when only sure answers count, for every threshold."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 101


def steps(values: Floats) -> Floats:
    """Return thresholds over all values, from 0 to 1 where these are probabilities, ``(STEPS,)``."""
    return np.linspace(min(0.0, float(values.min(initial=0.0))), max(1.0, float(values.max(initial=1.0))), STEPS)


def detection_sweep(
    sureness: Floats, right: NDArray[np.bool_], objects: int, pictures: int, thresholds: Floats
) -> pd.DataFrame:
    """Return what a detector is at each threshold.

    Args:
        sureness: of each detection that counts, ``(N,)``.
        right: whether it is right, ``(N,)``.
        objects: to be found.
        pictures: looked at; at least 1.
        thresholds: ``(T,)``; a detection with the threshold's sureness counts.

    Returns:
        Frame with threshold, precision (NaN where nothing is found), recall (NaN without objects), f1 (NaN where one
        of them is) and false_a_picture.
    """
    found, true = _counted(thresholds, sureness, right)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = true / found, true / objects
        f1 = 2 * true / (found + objects)
    f1[np.isnan(precision) | np.isnan(recall)] = np.nan
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "false_a_picture": (found - true) / pictures,
        }
    )


def answered(score: Floats, right: NDArray[np.bool_], thresholds: Floats) -> pd.DataFrame:
    """Return how right a classifier is if it answers only where it is sure.

    Args:
        score: of the best guess, ``(N,)``, N at least 1.
        right: whether it is right, ``(N,)``.
        thresholds: ``(T,)``; a guess with the threshold's score is an answer.

    Returns:
        Frame with threshold, answered (share of the pictures) and accuracy (of these; NaN where none is answered).
    """
    count, hits = _counted(thresholds, score, right)
    with np.errstate(invalid="ignore"):
        accuracy = hits / count
    return pd.DataFrame({"threshold": thresholds, "answered": count / len(score), "accuracy": accuracy})


def _counted(thresholds: Floats, sureness: Floats, right: NDArray[np.bool_]) -> tuple[NDArray[np.int64], Floats]:
    """Return how many answers are as sure as each threshold or surer, and how many of these are right; ``(T,)``."""
    order = np.argsort(-sureness, kind="stable")
    hits = np.concatenate([[0], np.cumsum(right[order])])
    count = np.searchsorted(-sureness[order], -thresholds, side="right")
    return count, hits[count].astype(np.float64)
