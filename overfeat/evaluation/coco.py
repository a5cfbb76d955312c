"""COCO's measures of detection, by the evaluator that others use."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from overfeat.boxes import area
from overfeat.errors import SettingsError
from overfeat.evaluation.pairs import Floats, Objects, Rows, distinct, names, ranked

_NAMES = {
    "ap": "AP_all",
    "ap50": "AP_50",
    "ap75": "AP_75",
    "ap_small": "AP_small",
    "ap_medium": "AP_medium",
    "ap_large": "AP_large",
    "ar100": "AR_third",
}
"""Our names by the evaluator's; its third recall is that with 100 detections."""

_NO_SIZE = -1.0


def coco_metrics(
    detections: pd.DataFrame, objects: pd.DataFrame, image_ids: Iterable[str], labels: Sequence[str]
) -> dict[str, float]:
    """Return the means over classes that COCO ranks by.

    A crowd is COCO's ``iscrowd``; a difficult object is ignored, and with it one detection that would hit it. Of a
    class's detections in a picture the best 100 count.

    Args:
        detections: columns image_id, label, score, x1, y1, x2, y2.
        objects: columns image_id, label, x1, y1, x2, y2, difficult, crowd.
        image_ids: the pictures that were processed.
        labels: the classes that are measured.

    Returns:
        Shares from 0 to 1: ap (mean of ten IoU thresholds, 0.5 to 0.95), ap50, ap75; ap_small, ap_medium and ap_large
        (objects under 32², under 96² and over 96² pixels); ar100 (mean recall). A measure without objects is left out.

    Raises:
        SettingsError: the evaluator is not installed.
    """
    try:
        # here: the library does not need it
        from faster_coco_eval import COCO, COCOeval_faster  # type: ignore[import-untyped, unused-ignore]
    except ImportError as error:
        raise SettingsError(
            "COCO's measures are made by faster-coco-eval, which is missing: pip install 'overfeat[evaluation]'."
        ) from error
    pictures, classes = names(image_ids), distinct(labels)
    true = Objects.of(objects, pictures, classes)
    if not true.counted.any():
        return {}
    found = ranked(detections, pictures, classes)
    dataset: dict[str, Any] = {
        "images": [{"id": i + 1} for i in range(len(pictures))],
        "categories": [{"id": k + 1, "name": str(label)} for k, label in enumerate(classes)],
        "annotations": _true_entries(true),
    }
    truth = COCO(dataset)
    guesses = truth.loadRes(_entries(found, score=found.column(detections, "score").astype(np.float64)))
    evaluator = COCOeval_faster(truth, guesses, "bbox")
    evaluator.run()
    measured = evaluator.stats_as_dict
    return {ours: float(measured[theirs]) for ours, theirs in _NAMES.items() if measured[theirs] >= 0}


def _true_entries(objects: Objects) -> list[dict[str, Any]]:
    # the evaluator takes its ignore flag from iscrowd alone, but also ignores what is in no range of areas
    areas = np.where(objects.difficult, _NO_SIZE, area(objects.rows.boxes))
    numbers = np.arange(1, 1 + len(areas))  # 0 would mean "no object"
    return _entries(objects.rows, id=numbers, area=areas, iscrowd=objects.crowd.astype(np.int64))


def _entries(rows: Rows, **columns: Floats | np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    boxes = np.concatenate([rows.boxes[:, :2], rows.boxes[:, 2:] - rows.boxes[:, :2]], axis=1)
    fields = {"image_id": rows.picture + 1, "category_id": rows.label + 1, "bbox": boxes, **columns}
    values = zip(*(column.tolist() for column in fields.values()), strict=True)
    return [dict(zip(fields, row, strict=True)) for row in values]
