"""What the gallery knows of each picture, as short lists: thousands of them are in the page.

A record begins with ``[stem, image_id, split, width, height, ...]``, split being a number and the sides those of the
original picture. Then

- recognition: ``class, kind, guesses, boxes``: the true class (-1 where it is not known), a number of
  ``RECOGNITION_KINDS``, guesses ``[class, score, confidence, x1, y1, x2, y2]`` that may end after the score, and boxes
  ``[x1, y1, x2, y2]`` of the true objects,
- detection: ``objects, found``: objects ``[class, ignored, x1, y1, x2, y2]`` and detections ``[class, kind, object,
  sureness, x1, y1, x2, y2]`` by falling sureness: kind is a number of ``DETECTION_KINDS``, object of an object, or -1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from overfeat.evaluation.error_kinds import DETECTION_KINDS
from overfeat.report.evidence import tidy
from overfeat.report.judge import RECOGNITION_KINDS, Judged
from overfeat.report.names import ClassNames, file_stem
from overfeat.results.schemas import BOX, DETECTION, RECOGNITION

MOST_FOUND = 100
"""Detections of a picture that the gallery shows, the surest ones; of others only those that find an object."""
_MOST_CLASSES = 8
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Entry:
    """A picture of the gallery.

    Attributes:
        record: as the module says.
        classes: indices of the classes whose heat maps are kept.
        members: windows of each answer, in the order of the record's.
    """

    record: list[Any]
    classes: list[int]
    members: list[list[int]]

    @property
    def stem(self) -> str:
        """Name of the picture's files."""
        return str(self.record[0])


def recognition_entries(
    sizes: pd.DataFrame,
    judged: pd.DataFrame,
    guesses: pd.DataFrame,
    localizations: pd.DataFrame,
    objects: pd.DataFrame,
    names: ClassNames,
    splits: Sequence[str],
) -> dict[str, Entry]:
    """Return the entries of pictures of recognition by image_id.

    Args:
        sizes: image_id, width, height of the pictures that are wanted.
        judged: from ``judge_recognition``.
        guesses: rows of ``CLASSIFICATIONS``.
        localizations: rows of ``LOCALIZATIONS``.
        objects: image_id, label, x1, y1, x2, y2.
        names: the classes.
        splits: whose places are the numbers in the records.
    """
    of = {row["image_id"]: row for row in judged.to_dict("records")}
    ranked = _by_picture(guesses.sort_values(["image_id", "rank"]))
    boxed, true = _by_picture(localizations), _by_picture(objects)
    entries = {}
    for size in sizes.to_dict("records"):
        image_id = size["image_id"]
        own = of[image_id]
        boxes = {str(row["label"]): row for row in boxed.get(image_id, ())}
        shown, members = [], []
        for guess in ranked.get(image_id, ()):
            box = boxes.get(str(guess["label"]))
            shown.append([names.index[str(guess["label"])], tidy(guess["score"], 3), *(_boxed(box) if box else ())])
            members.append(list(box["members"]) if box else [])
        label = -1 if own["label"] is None else names.index[own["label"]]
        record = [*_head(RECOGNITION, size, own["split"], splits), label, RECOGNITION_KINDS.index(own["kind"]), shown]
        record.append([_corners(row) for row in true.get(image_id, ())])
        classes = [label] * (label >= 0) + [guess[0] for guess in shown]
        entries[image_id] = Entry(record, list(dict.fromkeys(classes))[:_MOST_CLASSES], members)
    return entries


def detection_entries(
    sizes: pd.DataFrame, judged: Judged, names: ClassNames, split: str, splits: Sequence[str]
) -> dict[str, Entry]:
    """Return the entries of pictures of detection by image_id.

    Args:
        sizes: image_id, width, height of the pictures that are wanted.
        judged: their detections, with their members, and their objects.
        names: the classes.
        split: of the pictures.
        splits: whose places are the numbers in the records.
    """
    ordered = judged.detections.sort_values(
        ["image_id", "sureness", "label", *BOX], ascending=[True, False] + [True] * 5
    )
    found, true = _by_picture(ordered), _by_picture(judged.objects.assign(row=judged.objects.index))
    entries = {}
    for size in sizes.to_dict("records"):
        objects = true.get(size["image_id"], ())
        place = {row["row"]: number for number, row in enumerate(objects)}
        seen = [
            row
            for number, row in enumerate(found.get(size["image_id"], ()))
            if number < MOST_FOUND or row["kind"] == "right"
        ]
        record = _head(DETECTION, size, split, splits)
        record.append([[names.index[row["label"]], int(row["kind"] == "ignored"), *_corners(row)] for row in objects])
        record.append(
            [
                [
                    names.index[row["label"]],
                    DETECTION_KINDS.index(row["kind"]),
                    place.get(row["object"], -1),
                    tidy(row["sureness"], 3),
                    *_corners(row),
                ]
                for row in seen
            ]
        )
        classes = [answer[0] for answer in (*record[-2], *record[-1])]
        members = [list(row["members"]) for row in seen]
        entries[size["image_id"]] = Entry(record, list(dict.fromkeys(classes))[:_MOST_CLASSES], members)
    return entries


def _by_picture(frame: pd.DataFrame) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in frame.to_dict("records"):
        found.setdefault(str(row["image_id"]), []).append(row)
    return found


def _head(task: str, size: Row, split: str, splits: Sequence[str]) -> list[Any]:
    image_id = size["image_id"]
    return [file_stem(task, image_id), image_id, splits.index(split), int(size["width"]), int(size["height"])]


def _boxed(row: Row) -> list[float | None]:
    confidence: float | None = None if pd.isna(row["confidence"]) else tidy(row["confidence"], 3)
    return [confidence, *_corners(row)]


def _corners(row: Row) -> list[float]:
    return [tidy(row[side], 1) for side in BOX]
