"""What is right and what is wrong, picture by picture: what the breakdown counts and the gallery shows.

In recognition the best guess is judged: the class that ``classifications`` ranks first, with the box that
``localizations`` have for it. In detection it is every detection and object (:mod:`overfeat.evaluation.error_kinds`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.evaluation.error_kinds import error_kinds, object_kinds
from overfeat.evaluation.localization import IOU, guess_ious

RIGHT, WRONG_CLASS, WRONG_BOX, UNKNOWN = "right", "wrong class", "wrong box", "not known"
RECOGNITION_KINDS = (RIGHT, WRONG_CLASS, WRONG_BOX, UNKNOWN)


def judge_recognition(
    classifications: pd.DataFrame, localizations: pd.DataFrame, truth: pd.DataFrame, objects: pd.DataFrame
) -> pd.DataFrame:
    """Judge the best guess of every picture.

    Args:
        classifications: as the table of decisions.
        localizations: likewise; no rows without a localizer.
        truth: image_id and label (null where it is not known) of the pictures; others count as not known.
        objects: image_id, label, x1, y1, x2, y2.

    Returns:
        Frame by image_id with image_id, split, label (None where not known), guess, score, iou (of the guess's box with
        the object; NaN where there is no box or no object) and kind (of ``RECOGNITION_KINDS``).
    """
    best = _plain(classifications.loc[classifications["rank"] == 1, ["image_id", "split", "label", "score"]])
    best = best.rename(columns={"label": "guess"}).sort_values("image_id", ignore_index=True)
    labels = dict(zip(truth["image_id"], truth["label"], strict=True))
    known = [_known(labels.get(image_id)) for image_id in best["image_id"]]
    best.insert(2, "label", pd.Series(known, best.index, dtype=object))
    right_class = (best["guess"] == best["label"]).to_numpy(bool)
    best["iou"] = _ious(best, _plain(localizations), objects, right_class)
    wrong_box = right_class & (best["iou"] < IOU).to_numpy(bool)
    blind = best["label"].isna().to_numpy(bool)
    kinds = np.select([blind, ~right_class, wrong_box], [UNKNOWN, WRONG_CLASS, WRONG_BOX], RIGHT)
    return best.assign(kind=kinds.astype(object))


def _ious(
    best: pd.DataFrame, localizations: pd.DataFrame, objects: pd.DataFrame, right_class: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the IoU of each right class's box with the nearest object of the class; 0 where it has no box."""
    ious = np.full(len(best), np.nan)
    if localizations.empty:
        return ious
    has_object = set(zip(objects["image_id"], objects["label"], strict=True))
    asked = right_class & np.array(
        [pair in has_object for pair in zip(best["image_id"], best["label"], strict=True)], bool
    )
    ious[asked] = 0.0
    boxes = localizations.merge(best.loc[asked, ["image_id", "label"]], on=["image_id", "label"])
    greatest = pd.Series(guess_ious(boxes, objects)).groupby(boxes["image_id"].to_numpy()).max()
    found = best["image_id"].map(greatest)
    return np.where(found.notna(), found, ious)


@dataclass(frozen=True)
class Judged:
    """Detections and objects of the pictures that were looked at.

    Attributes:
        detections: with sureness, kind, object (row number in ``objects``) and iou.
        objects: with kind, as if all detections counted.
        by: "confidence", or "score" where no confidence was fitted: what sureness is.
        known: whether there are objects to judge by; without, kinds say nothing.
    """

    detections: pd.DataFrame
    objects: pd.DataFrame
    by: str
    known: bool


def judge_detection(detections: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str]) -> Judged:
    """Judge the detections of pictures of one split; they choose among objects in the order of their sureness."""
    image_ids = list(image_ids)
    by = sureness_of(detections)
    plain = _plain(detections)
    asked = plain.assign(summed=plain["score"], score=plain[by].astype(np.float64))
    found, true = error_kinds(asked, _plain(objects), image_ids)
    found = found.rename(columns={"score": "sureness"}).rename(columns={"summed": "score"})
    return Judged(found, true, by, not true.empty)


def sureness_of(detections: pd.DataFrame) -> str:
    """Return the column that says how sure a detection is: the confidence, if it was fitted."""
    return "confidence" if detections["confidence"].notna().all() else "score"


def wrongness(judged: Judged, image_ids: Iterable[str], threshold: float) -> "pd.Series[float]":
    """Return by picture how wrong it is: a false detection counts as sure as it is, a missed object as one.

    Args:
        judged: from :func:`judge_detection`.
        image_ids: the pictures.
        threshold: detections that are less sure do not count.
    """
    seen = judged.detections[judged.detections["sureness"] >= threshold]
    false = seen[~seen["kind"].isin(["right", "ignored"])]
    missed = judged.objects[(object_kinds(seen, judged.objects) == "missed").to_numpy(bool)]
    sums = false.groupby("image_id")["sureness"].sum().add(missed.groupby("image_id").size(), fill_value=0.0)
    return sums.reindex(list(image_ids), fill_value=0.0).astype(float)


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({name: object for name in ("image_id", "label", "split") if name in frame})


def _known(label: object) -> str | None:
    return label if isinstance(label, str) else None
