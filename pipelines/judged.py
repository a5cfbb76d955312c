"""What the report and its gallery know of the decisions: read from the results, and judged by the manifest."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from overfeat.report.judge import Judged, judge_detection, judge_recognition
from overfeat.report.names import ClassNames
from overfeat.results.queries import READ_DECISIONS
from overfeat.results.schemas import DECISIONS, plain_columns
from pipelines import paths, pictures
from pipelines.roles import DETECTION, RECOGNITION


def looked_at(role: str) -> dict[str, list[str]]:
    """Return the pictures that a task has decisions of, by split, sorted."""
    frame = decisions("processed")
    frame = frame[frame["task"] == role].astype({"image_id": object, "split": object})
    return {str(split): sorted(of_split["image_id"]) for split, of_split in frame.groupby("split")}


def judge_guesses(image_ids: list[str]) -> pd.DataFrame:
    """Return the best guesses of pictures of recognition, judged."""
    truth = truth_of(RECOGNITION)
    guesses, boxes = (decisions(kind, image_ids) for kind in ("classifications", "localizations"))
    return judge_recognition(guesses, boxes, truth.labels, truth.objects_in(image_ids))


def judge_objects(image_ids: list[str], members: bool = False) -> Judged:
    """Return the detections and objects of pictures of one split, judged; with the windows merged, if wanted."""
    found = decisions("detections", image_ids, members=members)
    return judge_detection(found, truth_of(DETECTION).objects_in(image_ids), image_ids)


def decisions(kind: str, image_ids: list[str] | None = None, members: bool = False) -> pd.DataFrame:
    """Return rows of a kind of decision: of these pictures (None for all), with ``members`` only if wanted."""
    columns = None if members else plain_columns(DECISIONS[kind])
    return READ_DECISIONS[kind](paths.RESULTS, image_ids=image_ids, columns=columns)


def class_names(role: str) -> ClassNames:
    """Return the classes of a task."""
    return ClassNames(pictures.class_names(role), pictures.class_words(role))


@dataclass(frozen=True)
class TaskTruth:
    """The labels of a task's pictures (image_id, label; null where it has none), and its objects, as ``OBJECTS``."""

    labels: pd.DataFrame
    objects: pd.DataFrame

    def objects_in(self, image_ids: list[str]) -> pd.DataFrame:
        """Return the objects of these pictures."""
        return self.objects[self.objects["image_id"].isin(image_ids)]


def truth_of(role: str) -> TaskTruth:
    """Return what the manifest has for a task, read once a process: ImageNet has half a million objects."""
    manifest = (paths.MANIFEST / "objects.parquet").resolve()
    return _read_truth(role, manifest, manifest.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _read_truth(role: str, _manifest: Path, _modified_ns: int) -> TaskTruth:
    if role == DETECTION:
        whole, objects = pictures.detection_pictures(), pictures.detection_objects()
    else:
        whole, objects = pictures.recognition_pictures(), pictures.recognition_objects()
    return TaskTruth(whole[["image_id", "label"]], objects)


def threshold_of(judged: Judged, operating: float) -> float:
    """Return from which sureness on a detection counts: the operating threshold is one of confidences."""
    return operating if judged.by == "confidence" else -np.inf
