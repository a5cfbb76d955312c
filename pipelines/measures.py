"""What ``evaluate`` measures, task by task: dictionaries for ``metrics.json``, and frames that are plotted."""

from typing import Any

import pandas as pd

from overfeat.config import EvaluateSettings
from overfeat.evaluation import classification, detection, localization
from overfeat.evaluation.average_precision import (
    average_precisions,
    mean_average_precision,
    mean_interval,
    precision_recall,
)
from overfeat.evaluation.coco import coco_metrics
from overfeat.evaluation.intervals import error_percent
from pipelines import pictures

Metrics = dict[str, float]


def labelled() -> pd.DataFrame:
    """Return the pictures and views that have a label: image_id, split, label, width, height."""
    images = pictures.recognition_pictures()[["image_id", "split", "label", "width", "height"]]
    return images[images["label"].notna()]


def recognised(guesses: pd.DataFrame, labels: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return by split which pictures were recognised; none for a split without labels."""
    by_split = {}
    for split, of_split in guesses.groupby("split", observed=True):
        images = labels[labels["image_id"].isin(of_split["image_id"].unique())]
        if len(images):
            truth = dict(zip(images["image_id"], images["label"], strict=True))
            by_split[str(split)] = classification.hits(of_split, truth)
    return by_split


def localized(
    guesses: pd.DataFrame, given: pd.DataFrame, labels: pd.DataFrame, settings: EvaluateSettings
) -> dict[str, Metrics]:
    """Return by split the localization error, beside that with the class given and those of two plain baselines."""
    objects = pictures.recognition_objects()
    shape = localization.mean_box(labels[labels["split"] == "train"], objects)
    metrics = {}
    for split, of_split in guesses.groupby("split", observed=True):
        images = labels[labels["image_id"].isin(of_split["image_id"].unique())]
        truth = dict(zip(images["image_id"], images["label"], strict=True))

        def error(guessed: pd.DataFrame, truth: dict[str, Any] = truth) -> pd.DataFrame:
            return localization.hits(guessed, objects, truth)

        found = error(of_split)
        if found.empty:
            continue
        measures = localization.error_metrics(found, settings.bootstrap, settings.seed)
        for name, guessed in (
            ("given_class", given),
            ("given_class_whole_picture", localization.whole_pictures(images)),
            ("given_class_mean_box", localization.relative_boxes(images, shape)),
        ):
            wrong = ~error(guessed)["right"].to_numpy(bool)
            measures |= error_percent(f"{name}_error", wrong, settings.bootstrap, settings.seed)
        known = of_split[of_split["confidence"].notna() & of_split["image_id"].isin(found["image_id"])]
        if len(known):
            right = localization.guess_ious(known, objects) >= localization.IOU
            value = localization.calibration_error(known["confidence"].to_numpy(float), right)
            measures["confidence_error_percent"] = round(100 * value, 4)
        metrics[str(split)] = measures
    return metrics


def detected(
    found: pd.DataFrame, looked_at: pd.DataFrame, settings: EvaluateSettings
) -> tuple[dict[str, Metrics], pd.DataFrame, pd.DataFrame]:
    """Return by split the measures of ILSVRC DET, VOC and COCO; average precisions and curves of all classes.

    Args:
        found: rows of ``DETECTIONS``.
        looked_at: rows of ``PROCESSED`` for detection.
        settings: bootstrap and operating threshold.
    """
    objects, labels = pictures.detection_objects(), pictures.class_names("detection")
    metrics, averages, curves = {}, [], []
    for split, of_split in looked_at.groupby("split", observed=True):
        ids = of_split["image_id"].astype(str).tolist()
        true = objects[objects["image_id"].isin(ids)]
        if true.empty:
            continue
        ours = found[found["image_id"].isin(ids)]
        matched = {measure: detection.match(ours, objects, ids, measure) for measure in ("voc", "ilsvrc")}
        by_class = average_precisions(matched["voc"], objects, ids, labels)
        measures = {"pictures": len(ids), "objects": len(true), "map50_percent": _mean(by_class)}
        if settings.bootstrap:
            interval = mean_interval(matched["voc"], objects, ids, labels, settings.bootstrap, settings.seed)
            names = ("map50_low_percent", "map50_high_percent")
            measures |= {name: round(100 * value, 4) for name, value in zip(names, interval, strict=True)}
        eleven = average_precisions(matched["voc"], objects, ids, labels, "11-point")
        measures["map50_11_point_percent"] = _mean(eleven)
        measures["ilsvrc_map_percent"] = _mean(average_precisions(matched["ilsvrc"], objects, ids, labels))
        coco = coco_metrics(ours, objects, ids, labels)
        measures |= {f"coco_{name}_percent": round(100 * value, 4) for name, value in coco.items()}
        measures |= _operating(matched["voc"], objects, ids, settings.confidence)
        metrics[str(split)] = measures
        averages.append(by_class.assign(split=split))
        curves.append(precision_recall(matched["voc"], objects, ids, labels).assign(split=split))
    return metrics, _joined(averages), _joined(curves)


def _operating(matched: pd.DataFrame, objects: pd.DataFrame, ids: list[str], confidence: float) -> Metrics:
    """Return what a person sees at the operating threshold: hits, false detections a picture, empty pictures."""
    measures: Metrics = {}
    if matched["confidence"].notna().any():
        seen = matched[matched["confidence"] >= confidence]
        clear = objects[objects["image_id"].isin(ids) & ~objects["difficult"] & ~objects["crowd"]]
        measures["operating_recall_percent"] = round(100 * float(seen["hit"].sum()) / len(clear), 4)
        false = ~(seen["hit"] | seen["ignored"])
        measures["operating_false_a_picture"] = round(float(false.sum()) / len(ids), 4)
        known = matched[~matched["ignored"] & matched["confidence"].notna()]
        error = localization.calibration_error(known["confidence"].to_numpy(float), known["hit"].to_numpy(bool))
        measures["confidence_error_percent"] = round(100 * error, 4)
        empties = matched.assign(score=matched["confidence"])
        measures |= detection.empties(empties, objects, ids, confidence)
    return measures


def _mean(averages: pd.DataFrame) -> float:
    return round(100 * mean_average_precision(averages), 4)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
