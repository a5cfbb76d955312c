"""The three tables, measured.

Thresholds are chosen on pictures that were held out of training, never on those that are measured. Where a network is
missing (no boxes in the data, no set for detection) its table is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from overfeat.config import InferSettings, MergeSettings, TrainClassifierSettings, TrainLocalizerSettings
from overfeat.evaluation import localization as localization_error
from overfeat.evaluation.detection import Measure, match
from overfeat.evaluation.intervals import centred
from overfeat.evaluation.tally import Tally
from overfeat.images.shards import read_columns, shard_paths
from overfeat.inference.evidence import for_task
from overfeat.models.checkpoint_folder import has_detector, has_localizer
from pipelines import paths, pictures
from pipelines.engine.console import say
from pipelines.reproduce_tables import nets, paper
from pipelines.reproduce_tables.looks import Eyes, decide
from pipelines.reproduce_tables.paper import Row
from pipelines.reproduce_tables.verdicts import RESAMPLINGS, SEED, Measured, judged, measured_errors
from pipelines.roles import DETECTION, RECOGNITION
from pipelines.trials import THRESHOLDS

HELD_OUT = "calibration"
_MEASURES: dict[str, Measure] = {"ilsvrc_map": "ilsvrc", "voc_map": "voc"}


@dataclass(frozen=True)
class Recipes:
    """What ``params.yaml`` says of the trainings and of inference, and the smallest side of ten views' pictures."""

    classifier: TrainClassifierSettings
    localizer: TrainLocalizerSettings
    infer: InferSettings
    ten_view_side: int

    @property
    def split(self) -> str:
        """The pictures that are measured."""
        return self.infer.splits[0]


def recognition(recipes: Recipes, members: int) -> pd.DataFrame:
    """Return the rows of classification and, if there is a localizer, of localization, as ``PAPER_TABLES``.

    Args:
        recipes: settings.
        members: nets of the ensemble.

    Raises:
        CheckpointError: if the classifier is not trained.
    """
    infer, which = recipes.infer, recipes.infer.checkpoint
    dense = replace(infer, scales=paper.ALL, ten_view_side=recipes.ten_view_side)
    files = nets.classifiers(members, recipes.classifier, which)
    table2, figure9 = paper.classification(members, infer.flips), paper.localization()
    if not has_localizer(paths.CHECKPOINTS):
        say("there is no localizer: localization is left out")
        seen = decide(Eyes(RECOGNITION, files, None, dense), recipes.split, {row.name: row for row in table2})
        return judged(table2, {name: measured_errors(frame) for name, frame in seen.items()})
    frames: dict[str, pd.DataFrame] = {}
    for per_class in (False, True):
        boxes = nets.regressor(per_class, recipes.localizer, which)
        eyes = Eyes(RECOGNITION, files[:1], boxes, replace(infer, scales=paper.FOUR, flips=False))
        rows = _with_thresholds(eyes, [row for row in figure9 if row.per_class == per_class])
        figure9 = [rows.get(row.name, row) for row in figure9]
        if not per_class:  # the same look serves both tables
            eyes, rows = Eyes(RECOGNITION, files, boxes, dense), {row.name: row for row in table2} | rows
        frames |= decide(eyes, recipes.split, rows)
    measured = {name: measured_errors(frame) for name, frame in frames.items()}
    return pd.concat([judged(table2, measured), _baselines(recipes.split), judged(figure9, measured)])


def _with_thresholds(eyes: Eyes, rows: Sequence[Row]) -> dict[str, Row]:
    """Return the rows by name, each with the threshold that has the least error on the pictures held out."""
    tried = _tries(rows)
    errors = {key: frame["error"].mean() for key, frame in decide(eyes, HELD_OUT, tried, given=False).items()}
    best = {row.name: min((key for key in tried if key[0] == row.name), key=lambda key: errors[key]) for row in rows}
    return {name: tried[key] for name, key in best.items()}


def _tries(rows: Sequence[Row]) -> dict[tuple[str, float | None], Row]:
    """Return every row with every threshold that is worth trying, by name and threshold; NMS has none."""
    tried = {}
    for row in rows:
        for threshold in THRESHOLDS[row.settings.match] if row.settings.boxes == "merge" else (None,):
            mine, other = (None, threshold) if row.table == "detection" else (threshold, None)
            settings = replace(row.settings, threshold=mine, detection_threshold=other)
            tried[row.name, threshold] = replace(row, settings=settings)
    return tried


def _baselines(split: str) -> pd.DataFrame:
    """Return the rows of boxes that look at nothing; their class is given, and no setting makes them."""
    images, objects = pictures.recognition_pictures(), pictures.recognition_objects()
    known = images[images["label"].notna()]
    of_split = known[known["split"] == split]
    truth = dict(zip(of_split["image_id"], of_split["label"], strict=True))
    mean = localization_error.mean_box(known[known["split"] == "train"], objects)
    guesses = {
        "whole picture": localization_error.whole_pictures(of_split),
        "mean training box": localization_error.relative_boxes(of_split, mean),
    }
    measured = {}
    for name, boxes in guesses.items():
        hits = localization_error.hits(boxes, objects, truth)
        wrong = pd.DataFrame({"image_id": hits["image_id"], "given_class_error": ~hits["right"]})
        measured[name] = measured_errors(wrong)
    rows = [Row("localization", name, MergeSettings()) for name in measured]
    return judged(rows, measured).assign(settings=None)


def detection(recipes: Recipes) -> pd.DataFrame:
    """Return the rows of detection as ``PAPER_TABLES``; none if there is no detector."""
    if not has_detector(paths.CHECKPOINTS):
        say("there is no detector: detection is left out")
        return judged([], {})
    files = (paths.DETECTOR / "member-0" / f"{recipes.infer.checkpoint}.pt",)
    eyes = Eyes(DETECTION, files, None, for_task(DETECTION, recipes.infer))
    rows = _best_of(eyes, paper.detection(recipes.infer))
    found = decide(eyes, recipes.split, {row.name: row for row in rows})
    return judged(rows, {row.name: _averages(found[row.name], recipes.split) for row in rows})


def _best_of(eyes: Eyes, rows: Sequence[Row]) -> list[Row]:
    """Return the rows, each with the best threshold on the pictures held out, and of single scales only the best."""
    tried = _tries(rows)
    found = decide(eyes, HELD_OUT, tried)
    reached = {key: _averages(frame, HELD_OUT, resampled=False)["voc_map"].percent for key, frame in found.items()}
    best = {row.name: max((key for key in tried if key[0] == row.name), key=lambda key: reached[key]) for row in rows}
    alone = [row.name for row in rows if row.settings.detection_scales is not None]
    kept = max(alone, key=lambda name: reached[best[name]])
    chosen = [tried[best[row.name]] for row in rows if row.name == kept or row.name not in alone]
    return [replace(row, name=f"best single scale ({kept})") if row.name == kept else row for row in chosen]


def _averages(found: pd.DataFrame, split: str, resampled: bool = True) -> dict[str, Measured]:
    """Return the mean average precisions of detections in the pictures of a split."""
    shards, labels = shard_paths(paths.IMAGES_DETECTION, split), pictures.class_names(DETECTION)
    ids = read_columns(shards, ["image_id"])["image_id"].to_pylist()
    objects = pictures.detection_objects()
    measured = {}
    for name, measure in _MEASURES.items():
        tally = Tally.of(match(found, objects, ids, measure), objects, ids, labels)
        mean = tally.mean()
        spread = centred(mean, tally.resampled_means(RESAMPLINGS, SEED)) if resampled else np.empty(0)
        measured[name] = Measured(len(ids), 100 * mean, 100 * spread)  # centred: see mean_interval
    return measured
