"""All decisions of a task from its evidence, as tables: what a picture shows and where, or which objects it has."""

from collections.abc import Mapping

import pyarrow as pa

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.detection import detect, detections, for_detection, processed
from overfeat.inference.localization import localizations, localize
from overfeat.inference.merge import DEFAULT_THRESHOLDS
from overfeat.inference.votes import read_votes
from overfeat.results.schemas import DETECTION, RECOGNITION

Calibrations = Mapping[str, Calibration | None]


def recognize(
    windows: pa.Table,
    class_names: list[str],
    boxes: bool,
    settings: MergeSettings,
    calibrations: Calibrations,
    run: str,
    model: str,
) -> dict[str, pa.Table]:
    """Return the tables "classifications", "processed" and, where there are ``boxes``, "localizations".

    Args:
        windows: evidence of recognition, as ``WINDOWS``.
        class_names: labels by class index.
        boxes: whether the windows have regressed boxes.
        settings: which windows vote, and how.
        calibrations: the confidence of "localization"; None for a confidence of null.
        run: name of the run, kept in every row.
        model: name of the model, likewise.
    """
    votes = read_votes(windows, len(class_names), settings)
    classes = classifications(votes, class_scores(votes), class_names, settings.top_k, run, model)
    tables = {"classifications": classes, "processed": processed(votes, None, RECOGNITION, run, model)}
    if boxes:
        calibration = calibrations["localization"] if _fitted_for(settings) else None
        guesses = localize(votes, settings)
        tables["localizations"] = localizations(votes, guesses, class_names, calibration, run, model)
    return tables


def find_objects(
    windows: pa.Table,
    class_names: list[str],
    settings: MergeSettings,
    calibrations: Calibrations,
    run: str,
    model: str,
) -> dict[str, pa.Table]:
    """Return the tables "detections" and "processed"; the arguments are those of :func:`recognize`."""
    votes = read_votes(windows, len(class_names), for_detection(settings))
    found = detect(votes, settings)
    calibration = calibrations["detection"] if settings.boxes == "merge" else None
    return {
        "detections": detections(votes, found, class_names, calibration, run, model),
        "processed": processed(votes, found, DETECTION, run, model),
    }


def threshold_of(kind: str, settings: MergeSettings) -> float:
    """Return the threshold of the merge with which the decisions of a kind ("detections", ...) are made."""
    chosen = settings.detection_threshold if kind == "detections" else settings.threshold
    return DEFAULT_THRESHOLDS[settings.match] if chosen is None else chosen


def _fitted_for(settings: MergeSettings) -> bool:
    """Return whether the confidence holds: it is of sums over dense windows, so other ways have none."""
    sums = settings.boxes == "merge" and settings.scores == "probabilities"
    return sums and settings.offsets not in ("centre", "ten_views")
