"""What a model sees in one picture: classes, one box, all objects, and the evidence."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
from PIL import Image
from torch import Tensor

from overfeat.images.annotate import annotate
from overfeat.results.order import READ_ORDER, sort_rows
from overfeat.results.schemas import BOX, DETECTION, RECOGNITION, WINDOWS

_CLASSES = ["label", "name", "score", "rank"]
_OBJECTS = ["label", "name", "confidence", "score", *BOX, "members", "scales"]
_BOXES = ["label", "name", "confidence", "score", *BOX, "rank", "members", "scales"]


@dataclass(frozen=True)
class Sight:
    """See :class:`overfeat.recognizer.Recognizer` for the columns.

    Attributes:
        pixels: of the picture as it was looked at, uint8 RGB ``(3, H, W)``.
        classes: the best classes; empty where recognition was not asked for.
        boxes: the best classes with a box each; None without a box regressor.
        objects: all objects, the surest first, however unsure; None without a detector.
        windows: the evidence, as ``WINDOWS``; ``members`` of a box are numbers of its column ``window``.
    """

    pixels: Tensor
    classes: pd.DataFrame
    boxes: pd.DataFrame | None
    objects: pd.DataFrame | None
    windows: pd.DataFrame

    def annotated(self, min_confidence: float = 0.5) -> Image.Image:
        """Return the picture with its sure objects drawn on it; without a detector with its one box."""
        if self.objects is not None:
            found = sure(self.objects, min_confidence)
        else:
            found = self.boxes.head(1) if self.boxes is not None else self.classes[:0]
        return annotate(self.pixels, found, dict(zip(found["label"], found["name"], strict=True)))


def make_sight(
    pixels: Tensor, seen: Mapping[str, tuple[pa.Table, Mapping[str, pa.Table]]], names: Mapping[str, str]
) -> Sight:
    """Return evidence and decisions on one picture, by task, as frames."""
    tables = [WINDOWS.empty_table(), *(windows for windows, _ in seen.values())]
    windows = pa.concat_tables(tables).unify_dictionaries().to_pandas()
    recognition, detection = (seen[task][1] if task in seen else {} for task in (RECOGNITION, DETECTION))
    classes = _frame(recognition, "classifications", _CLASSES, names)
    boxes = _frame(recognition, "localizations", _BOXES, names)
    objects = _frame(detection, "detections", _OBJECTS, names)
    if objects is not None:  # most sure first; without a fitted confidence the highest score
        objects = objects.sort_values(["confidence", "score"], ascending=False, kind="stable", ignore_index=True)
    return Sight(pixels, pd.DataFrame(columns=_CLASSES) if classes is None else classes, boxes, objects, windows)


def sure(objects: pd.DataFrame, min_confidence: float) -> pd.DataFrame:
    """Return the rows with at least this confidence, and those whose confidence was not fitted."""
    certain = objects["confidence"].isna() | (objects["confidence"] >= min_confidence)
    return objects[certain].reset_index(drop=True)


def _frame(
    decisions: Mapping[str, pa.Table], kind: str, columns: list[str], names: Mapping[str, str]
) -> pd.DataFrame | None:
    if kind not in decisions:
        return None
    frame: pd.DataFrame = sort_rows(decisions[kind], READ_ORDER[kind]).to_pandas().astype({"label": str})
    return frame.assign(name=frame["label"].map(lambda label: names.get(label, label)))[columns]
