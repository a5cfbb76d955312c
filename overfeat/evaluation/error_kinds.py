"""What is wrong with detections: kinds of false ones, and what became of the objects.

After TIDE (Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", ECCV 2020). Hits are those
of Pascal VOC (:func:`overfeat.evaluation.detection.match`); a false detection is of the first kind that fits:

- "duplicate": IoU 0.5 or more with an object of its class, which a better detection has hit,
- "wrong place": IoU 0.1 or more with an object of its class,
- "wrong class": IoU 0.5 or more with an object of another class,
- "both wrong": IoU 0.1 or more with an object of another class,
- "background": anything else.

What counts is the greatest IoU with an object of its class, then that with an object of any other class. Crowds do not
count; difficult objects do. An object is

- "found": hit,
- "mistaken": not hit, but one of "wrong place" or "wrong class" was meant for it: mending that detection would find it,
- "missed": neither,
- "ignored": difficult, or a crowd.

Detections choose in the order of their score, so what a detection is called does not depend on worse ones. "mistaken"
and "missed" do: an object that only a detection under some threshold hits is not found at that threshold.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from overfeat.boxes import iou
from overfeat.evaluation.detection import IOU, match
from overfeat.evaluation.pairs import Bools, Floats, Ints, Objects, Pairs, Rows, names, overlapping

DETECTION_KINDS = ("right", "wrong place", "wrong class", "both wrong", "duplicate", "background", "ignored")
OBJECT_KINDS = ("found", "mistaken", "missed", "ignored")
MEANT = ("wrong place", "wrong class")
"""Kinds of a false detection that would be right if one thing about it were mended."""
NEAR = 0.1
"""IoU from which a false detection is about an object."""
NO_OBJECT = -1


def error_kinds(
    detections: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Say of every detection and of every object in these pictures what it is.

    Args:
        detections: columns image_id, label, score, x1, y1, x2, y2; other columns are kept.
        objects: columns image_id, label, x1, y1, x2, y2, difficult, crowd; likewise.
        image_ids: the pictures that were processed.

    Returns:
        The detections, sorted by label and falling score, with kind (of ``DETECTION_KINDS``), object (row number in the
        second frame of the object it is judged by; ``NO_OBJECT`` for background) and iou (with that object, else 0).
        The objects, in their order, with kind (of ``OBJECT_KINDS``).
    """
    pictures = names(image_ids)
    labels = names([*detections["label"].unique(), *objects["label"].unique()])
    true_frame = objects[objects["image_id"].astype(object).isin(pictures)].reset_index(drop=True)
    matched = match(detections, true_frame, pictures, "voc")
    found, true = Rows.of(matched, pictures, labels), _without_crowds(Objects.of(true_frame, pictures, labels))
    pairs = _near(found, true)
    overlaps = np.asarray(iou(found.boxes[pairs.detection], true.rows.boxes[pairs.object]), np.float64)
    same = found.label[pairs.detection] == true.rows.label[pairs.object]
    of_same, of_other = (_greatest(pairs.where(which), overlaps[which], len(found.places)) for which in (same, ~same))
    hit, ignored = (matched[name].to_numpy(bool) for name in ("hit", "ignored"))
    chosen = np.select(
        [
            hit,
            ignored,
            of_same.iou >= IOU,
            of_same.iou >= NEAR,
            of_other.iou >= IOU,
            of_other.iou >= NEAR,
        ],
        [_code(name) for name in ("right", "ignored", "duplicate", "wrong place", "wrong class", "both wrong")],
        _code("background"),
    )
    by_other = (chosen == _code("wrong class")) | (chosen == _code("both wrong"))
    target = np.where(by_other, of_other.object, of_same.object)
    places = np.append(true.rows.places, NO_OBJECT)[target]
    judged = matched.drop(columns=["hit", "ignored"]).assign(
        kind=np.array(DETECTION_KINDS, object)[chosen],
        object=places,
        iou=np.where(by_other, of_other.iou, of_same.iou),
    )
    return judged, true_frame.assign(kind=object_kinds(judged, true_frame))


def object_kinds(judged: pd.DataFrame, objects: pd.DataFrame) -> "pd.Series[str]":
    """Return the kind of each object if no other detections than these count.

    Args:
        judged: detections as :func:`error_kinds` returns them, or some of them, such as those over a threshold.
        objects: all objects that it returns.
    """
    kinds = np.full(len(objects), "missed", object)
    kinds[_targets(judged, judged["kind"].isin(MEANT).to_numpy(bool))] = "mistaken"
    kinds[_targets(judged, (judged["kind"] == "right").to_numpy(bool))] = "found"
    kinds[objects["difficult"].to_numpy(bool) | objects["crowd"].to_numpy(bool)] = "ignored"
    return pd.Series(kinds, index=objects.index, dtype=object)


@dataclass(frozen=True)
class _Nearest:
    """The object that each of N detections overlaps most: its number, or -1, and the IoU, or 0; ``(N,)`` each."""

    object: Ints
    iou: Floats


def _code(kind: str) -> int:
    return DETECTION_KINDS.index(kind)


def _without_crowds(objects: Objects) -> Objects:
    kept = np.flatnonzero(~objects.crowd)
    return Objects(objects.rows.take(kept), objects.difficult[kept], objects.crowd[kept])


def _near(found: Rows, true: Objects) -> Pairs:
    """Return the pairs of one picture, whatever their classes, that overlap by ``NEAR`` or more."""
    plain = replace(true, rows=replace(true.rows, label=np.zeros_like(true.rows.label)))
    return overlapping(replace(found, label=np.zeros_like(found.label)), plain, np.full(len(true.crowd), NEAR))


def _greatest(pairs: Pairs, overlaps: Floats, count: int) -> _Nearest:
    nearest = _Nearest(np.full(count, -1), np.zeros(count))
    detection, first = np.unique(pairs.detection, return_index=True)  # of a detection the greatest overlap is first
    nearest.object[detection] = pairs.object[first]
    nearest.iou[detection] = overlaps[first]
    return nearest


def _targets(judged: pd.DataFrame, which: Bools) -> Ints:
    return np.asarray(judged["object"].to_numpy(np.int64)[which])
