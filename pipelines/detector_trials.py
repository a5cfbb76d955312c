"""Detectors measured as ``calibrate``, ``infer``, ``merge`` and ``evaluate`` would; nothing is recorded."""

from pathlib import Path

import pandas as pd
import torch

from overfeat.config import EvaluateSettings, InferSettings, MergeSettings, TrainDetectorSettings
from overfeat.evaluation.detection import match
from overfeat.inference.calibration import FEATURES, Calibration, fit
from overfeat.inference.detection import detect, detections, for_detection, processed
from overfeat.inference.evidence import for_task
from overfeat.inference.votes import read_votes
from overfeat.models.detector import Detector
from pipelines import measures, pictures
from pipelines.engine.settings import PARAMS_FILE, load_params, parse_section
from pipelines.measures import Metrics
from pipelines.roles import DETECTION
from pipelines.trials import evidence


def load_settings() -> tuple[InferSettings, TrainDetectorSettings, MergeSettings]:
    """Return what ``params.yaml`` says of inference, the detector's training and the decisions."""
    params = load_params(Path(PARAMS_FILE))
    infer, recipe, merge = (parse_section(name, params[name]) for name in ("infer", "train_detector", "merge"))
    return infer, recipe, merge


def measure_detector(detector: Detector, infer: InferSettings, merge: MergeSettings, device: torch.device) -> Metrics:
    """Return the measures of a detector on the first split of ``infer``, its confidence fitted on held-out pictures."""
    held_out, looked_at = _decide("calibration", detector, infer, merge, device, None)
    objects = pictures.detection_objects()
    matched = match(held_out, objects, looked_at["image_id"].astype(str), "voc")
    matched = matched[~matched["ignored"]]
    features, labels = matched[list(FEATURES)].to_numpy(float), matched["label"].astype(str).tolist()
    calibration = fit(features, labels, matched["hit"].to_numpy(bool))
    found, looked_at = _decide(infer.splits[0], detector, infer, merge, device, calibration)
    metrics, _, _ = measures.detected(found, looked_at, EvaluateSettings(bootstrap=0))
    (of_split,) = metrics.values()
    return of_split


def _decide(
    split: str,
    detector: Detector,
    infer: InferSettings,
    merge: MergeSettings,
    device: torch.device,
    calibration: Calibration | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the detections of a split, with their features, and the pictures that were looked at."""
    names = detector.net.class_names
    assert names is not None
    settings = for_task(DETECTION, infer)
    found, looked_at = [], []
    for table in evidence(DETECTION, split, detector.net, detector.regressor, settings, device, detector.margin):
        votes = read_votes(table, len(names), for_detection(merge))
        objects = detect(votes, merge)
        rows = detections(votes, objects, names, calibration, "", "").to_pandas()
        rows[list(FEATURES)] = objects.features
        found.append(rows)
        looked_at.append(processed(votes, objects, DETECTION, "", "").to_pandas().assign(split=split))
    return pd.concat(found, ignore_index=True), pd.concat(looked_at, ignore_index=True)
