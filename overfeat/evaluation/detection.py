"""Which detections are hits, by the rules of ILSVRC DET or of Pascal VOC, and what is seen where nothing is.

Everywhere here

- detections are a frame with image_id, label, score, x1, y1, x2, y2,
- objects one with image_id, label, x1, y1, x2, y2, difficult, crowd,
- boxes are half-open, so no side is a pixel longer than its corners say (in the devkits corners are inclusive),
- only the pictures of ``image_ids`` count. Those without a detection or an object are to be named, too.
"""

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np
import pandas as pd

from overfeat.errors import SettingsError, did_you_mean
from overfeat.evaluation.pairs import Bools, Floats, Objects, Pairs, names, overlapping, ranked

Measure = Literal["ilsvrc", "voc"]

IOU = 0.5
_TOLERANCE = 10.0  # pixels by which a small object's box may be too large in either direction, in ILSVRC DET


def match(detections: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str], measure: Measure) -> pd.DataFrame:
    """Say of every detection in these pictures whether it is a hit, is to be ignored, or is false.

    The detections of a class in a picture choose among its objects, best score first, and an object is hit once:

    - "ilsvrc": the object with the greatest IoU among those not yet hit, if it has at least ``min(0.5, wh / ((w + 10)
      (h + 10)))``, w and h being the object's sides (the devkit's ``eval_detection``). COCO's evaluator chooses in
      the same way. The devkit knows neither difficult objects nor crowds; a detection that hits nothing, but is near
      enough to a difficult object to hit it, is ignored.
    - "voc": the object with the greatest IoU, which must be 0.5 or more (the devkit's ``VOCevaldet``; the words of the
      challenge say "exceed"). If another detection has hit that object, this one is false, even where it also
      overlaps an object that is free. If the object is difficult the detection is ignored.

    With either, a detection that would be false is ignored if half of it or more lies in a crowd of its class, which
    is COCO's rule. Any number of detections is ignored for one crowd or difficult object.

    Args:
        detections: as above; other columns are kept.
        objects: as above.
        image_ids: the pictures that were processed.
        measure: whose rules.

    Returns:
        The detections in these pictures with hit and ignored (bool, never both), sorted by label and falling score;
        then by image_id and corners, so that nothing depends on the order of the rows.

    Raises:
        SettingsError: there is no such measure.
    """
    if measure not in get_args(Measure):
        hint = did_you_mean(measure, get_args(Measure))
        raise SettingsError(
            f"there is no measure of detections {measure!r}{hint}; it is {' or '.join(get_args(Measure))}"
        )
    pictures, labels = names(image_ids), names([*detections["label"].unique(), *objects["label"].unique()])
    found, true = ranked(detections, pictures, labels), Objects.of(objects, pictures, labels)
    pairs = overlapping(found, true, _thresholds(true) if measure == "ilsvrc" else np.full(len(true.crowd), IOU))
    in_crowd = true.crowd[pairs.object]
    hit, excused = (_best_free if measure == "ilsvrc" else _greatest)(
        pairs.where(~in_crowd), true.difficult, len(found.places)
    )
    excused[pairs.detection[in_crowd]] = True
    frame = detections.iloc[found.places].reset_index(drop=True)
    return frame.assign(hit=hit, ignored=excused & ~hit)


def _thresholds(objects: Objects) -> Floats:
    w, h = np.maximum(objects.rows.boxes[:, 2:] - objects.rows.boxes[:, :2], 0).T
    least = np.minimum(w * h / ((w + _TOLERANCE) * (h + _TOLERANCE)), IOU)
    # an object without an area overlaps nothing: its threshold of 0 must not let everything hit it
    return np.where((least > 0) & ~objects.crowd, least, IOU)


def _greatest(pairs: Pairs, difficult: Bools, count: int) -> tuple[Bools, Bools]:
    """Return which of ``count`` detections hit the object they overlap most, and for which that is difficult."""
    hit, excused = np.zeros((2, count), bool)
    first = np.unique(pairs.detection, return_index=True)[1]
    detection, target = pairs.detection[first], pairs.object[first]
    excused[detection[difficult[target]]] = True
    detection, target = detection[~difficult[target]], target[~difficult[target]]
    hit[detection[np.unique(target, return_index=True)[1]]] = True  # detections rise, so the best comes first
    return hit, excused


def _best_free(pairs: Pairs, difficult: Bools, count: int) -> tuple[Bools, Bools]:
    """Return which of ``count`` detections hit the best object left to them, and which are near a difficult one.

    Choosing one after the other gives what asking all at once gives, if whoever is refused or, later, driven out by a
    better detection asks for its next: the stable matching, of which there is one only, since all objects prefer the
    same detections. So there are about as many rounds as a class has objects in a picture, not as many as detections.
    """
    hit, excused = np.zeros((2, count), bool)
    excused[pairs.detection[difficult[pairs.object]]] = True
    pairs = pairs.where(~difficult[pairs.object])
    detection, place = np.unique(pairs.detection, return_index=True)
    ends = np.append(place[1:], len(pairs.detection))
    holder = np.full(len(difficult), count)
    while len(detection):
        np.minimum.at(holder, pairs.object[place], detection)
        refused = holder[pairs.object[place]] != detection
        if not refused.any():
            break
        place = place + refused
        left = place < ends
        detection, place, ends = detection[left], place[left], ends[left]
    hit[holder[holder < count]] = True
    return hit, excused


def empties(
    detections: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str], threshold: float
) -> dict[str, float]:
    """Return how many pictures have no object, and in how many percent of them nothing is seen.

    Args:
        detections: as above; image_id and score are looked at.
        objects: as above; of any class, difficult and crowds too.
        image_ids: the pictures that were processed.
        threshold: detections with this score or more count.

    Returns:
        empty_pictures and, if there are any, empty_right_percent.
    """
    empty = names(image_ids).difference(names(objects["image_id"].unique()))
    if not len(empty):
        return {"empty_pictures": 0}
    seen = empty.isin(detections.loc[detections["score"] >= threshold, "image_id"].astype(object))
    return {"empty_pictures": len(empty), "empty_right_percent": round(100 * float(1 - seen.mean()), 4)}
