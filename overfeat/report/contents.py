"""What the page is made of, and what of it the page's scripts are given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from overfeat.config import ReportSettings
from overfeat.evaluation.error_kinds import DETECTION_KINDS
from overfeat.report.judge import RECOGNITION_KINDS, Judged
from overfeat.report.markup import Markup, json_text
from overfeat.report.measures import Metrics
from overfeat.report.names import ClassNames
from overfeat.report.training import Curves
from overfeat.results.schemas import DETECTION, RECOGNITION


@dataclass(frozen=True)
class Task:
    """What the gallery has of a task.

    Attributes:
        names: its classes.
        pictures: that were looked at, by split: those of the gallery may be fewer.
        records: see :mod:`overfeat.report.records`; each ends with whether it has evidence.
    """

    names: ClassNames
    pictures: Mapping[str, int]
    records: list[Any]


@dataclass(frozen=True)
class Gallery:
    """The gallery.

    Attributes:
        tasks: by name.
        operating: the threshold from which detections count at first.
        settings: of the report.
        offsets: which pooling offsets voted.
    """

    tasks: Mapping[str, Task]
    operating: float
    settings: ReportSettings
    offsets: str


@dataclass(frozen=True)
class Contents:
    """Everything that the page shows.

    Attributes:
        facts: where it comes from, by name.
        settings: all of them.
        metrics: as ``metrics.json`` has them.
        curves: of the trainings, by what was trained and member.
        plots: the tables "confusion", "average_precision" and "precision_recall".
        guesses: judged, by split.
        objects: likewise.
        gallery: what it has.
    """

    facts: Mapping[str, str | None]
    settings: Mapping[str, Any]
    metrics: Metrics
    curves: Mapping[str, Curves]
    plots: Mapping[str, pd.DataFrame]
    guesses: Mapping[str, pd.DataFrame]
    objects: Mapping[str, Judged]
    gallery: Gallery


def gallery_data(contents: Contents) -> Markup:
    """Return what the scripts know: classes and records of each task."""
    tasks = {
        name: {
            "labels": list(task.names.labels),
            "names": task.names.shown,
            "splits": list(task.pictures),
            "pictures": list(task.pictures.values()),
            "records": task.records,
            **_measured(name, contents),
        }
        for name, task in contents.gallery.tasks.items()
    }
    kinds = {RECOGNITION: RECOGNITION_KINDS, DETECTION: DETECTION_KINDS}
    settings = contents.gallery.settings
    return Markup(
        json_text(
            {
                "tasks": tasks,
                "kinds": {task: list(names) for task, names in kinds.items()},
                "most": settings.pictures,
                "evidence": settings.evidence,
                "offsets": contents.gallery.offsets,
            }
        )
    )


def _measured(task: str, contents: Contents) -> dict[str, Any]:
    """Return what a task's scores are, between which ends, from which on they count, and which splits are judged."""
    if task == DETECTION:
        judged = contents.objects
        sure = all(of_split.by == "confidence" for of_split in judged.values())
        known = [split for split, of_split in judged.items() if of_split.known]
        values = [of_split.detections["sureness"] for of_split in judged.values()]
        by, least = ("confidence", contents.gallery.operating) if sure else ("score", 0.0)
    else:
        known = [split for split, of_split in contents.guesses.items() if of_split["label"].notna().any()]
        values = [of_split["score"] for of_split in contents.guesses.values()]
        by, least = "score", None
    low = min([0.0, *(math.floor(1000 * of_split.min()) / 1000 for of_split in values if len(of_split))])
    high = max([1.0, *(math.ceil(1000 * of_split.max()) / 1000 for of_split in values if len(of_split))])
    return {"by": by, "low": low, "high": high, "from": low if least is None else least, "known": known}
