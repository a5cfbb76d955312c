"""Localization error (ILSVRC LOC): one of five guesses has the right class and half its box right."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat import boxes as geometry
from overfeat.evaluation.intervals import error_percent
from overfeat.results.schemas import BOX

GUESSES = 5
IOU = 0.5


def guess_ious(guesses: pd.DataFrame, objects: pd.DataFrame) -> NDArray[np.float64]:
    """Return the greatest IoU of each guess with an object of its class in its picture; 0 where there is none.

    Args:
        guesses: columns image_id, label, x1, y1, x2, y2.
        objects: likewise.

    Returns:
        ``(len(guesses),)``.
    """
    asked = _plain(guesses).assign(guess=np.arange(len(guesses)))
    pairs = asked.merge(_plain(objects), on=["image_id", "label"], suffixes=("", "_true"))
    true = pairs[[f"{side}_true" for side in BOX]].to_numpy(np.float64)
    ious = np.zeros(len(guesses))
    np.maximum.at(ious, pairs["guess"].to_numpy(), geometry.iou(pairs[BOX].to_numpy(np.float64), true))
    return ious


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["image_id", "label", *BOX]].astype({"image_id": object, "label": object})


def hits(guesses: pd.DataFrame, objects: pd.DataFrame, truth: Mapping[str, str]) -> pd.DataFrame:
    """Say for every picture whether its object was found.

    Args:
        guesses: columns image_id, label, rank (1 = best), x1, y1, x2, y2; five a picture count.
        objects: columns image_id, label, x1, y1, x2, y2.
        truth: label by image_id. A picture without guesses counts as wrong, one without an object of its label is
            left out.

    Returns:
        Frame with image_id, label, class_right (a guess has the class), right (and IoU 0.5 or more with one of its
        boxes) and iou (the greatest of a guess with the class), sorted by image_id.
    """
    frame = pd.DataFrame({"image_id": list(truth), "label": list(truth.values())}, dtype=object)
    annotated = set(zip(objects["image_id"].astype(object), objects["label"].astype(object), strict=True))
    pairs = zip(frame["image_id"], frame["label"], strict=True)
    frame = frame[np.array([pair in annotated for pair in pairs], bool)]
    frame = frame.sort_values("image_id", ignore_index=True)
    asked = guesses[guesses["rank"] <= GUESSES].astype({"image_id": object, "label": object})
    asked = asked[asked["label"] == asked["image_id"].map(truth)]
    best = pd.Series(guess_ious(asked, objects)).groupby(asked["image_id"].to_numpy()).max()
    iou = frame["image_id"].map(best)
    return frame.assign(class_right=iou.notna(), right=iou >= IOU, iou=iou.fillna(0.0))


def whole_pictures(images: pd.DataFrame) -> pd.DataFrame:
    """Return the baseline that takes the whole picture for the box, with the true class.

    Args:
        images: columns image_id, label, width, height.
    """
    return relative_boxes(images, np.array([0.0, 0.0, 1.0, 1.0]))


def relative_boxes(images: pd.DataFrame, box: NDArray[np.float64]) -> pd.DataFrame:
    """Return guesses with the true class and the same box in every picture, given in shares of its sides."""
    boxes = images[["width", "height", "width", "height"]].to_numpy(np.float64) * box
    return images[["image_id", "label"]].assign(rank=1, **{side: boxes[:, i] for i, side in enumerate(BOX)})


def mean_box(images: pd.DataFrame, objects: pd.DataFrame) -> NDArray[np.float64]:
    """Return the mean box of the objects in these pictures, in shares of their pictures' sides; at least one object."""
    joined = objects.merge(images[["image_id", "width", "height"]], on="image_id")
    sides = joined[["width", "height", "width", "height"]].to_numpy(np.float64)
    mean: NDArray[np.float64] = (joined[BOX].to_numpy(np.float64) / sides).mean(0)
    return mean


def error_metrics(found: pd.DataFrame, resamplings: int, seed: int) -> dict[str, float]:
    """Return the error in percent with its interval, its two parts, and the number of pictures.

    Args:
        found: from :func:`hits`, at least one row.
        resamplings: of the bootstrap; 0 leaves the interval out.
        seed: of the bootstrap.
    """
    right, class_right = (found[name].to_numpy(bool) for name in ("right", "class_right"))
    return {
        "pictures": len(found),
        **error_percent("error", ~right, resamplings, seed),
        **error_percent("class_wrong", ~class_right, 0, seed),
        **error_percent("box_wrong", class_right & ~right, 0, seed),
    }


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Return the expected calibration error: how far confidence and share of right guesses are apart, bin by bin.

    Args:
        confidence: ``(N,)`` in 0..1, N at least 1.
        right: ``(N,)``.
        bins: of equal width.
    """
    places = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(places, confidence - right, bins)
    return float(np.abs(gaps).sum() / len(confidence))
