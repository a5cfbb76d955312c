"""The boxes of an export beside its pictures: what COCO, VOC and YOLO are written from."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from overfeat.errors import ResultsError, SettingsError
from overfeat.results.export.request import Request
from overfeat.results.numbers import numbers_of
from overfeat.results.queries import read_pictures, read_processed
from overfeat.results.runs import footers_of, tables_of
from overfeat.results.schemas import BOX, DETECTION, TASKS
from overfeat.results.truth import Truth

_CHUNK = 1 << 16


class Picture(NamedTuple):
    """A picture that was looked at; None for what is not known, and for a file where it has none of its own."""

    image_id: str
    split: str
    width: int | None
    height: int | None
    file: str | None


@dataclass(frozen=True)
class Boxes:
    """Boxes, pictures and classes, which know each other by number.

    Attributes:
        pictures: those that were looked at, sorted by image_id, also where nothing was found.
        labels: the classes in the order of the network's outputs.
        found: picture and label (numbers), score, confidence, x1, y1, x2, y2; sorted by picture, falling score, label
            and corners, so that what is equal comes in an order of its own.
        objects: picture, label, x1, y1, x2, y2, difficult, crowd of the manifest, sorted by picture, label and
            corners; None where the manifest does not have these pictures.
        note: why there are no objects.
    """

    pictures: list[Picture]
    labels: list[str]
    found: pd.DataFrame
    objects: pd.DataFrame | None
    note: str | None = None

    def chunks(self, columns: list[str]) -> Iterator[list[list[Any]]]:
        """Yield some rows of ``found`` after the other, as a list for each column."""
        for start in range(0, len(self.found), _CHUNK):
            part = self.found.iloc[start : start + _CHUNK]
            yield [part[column].to_numpy().tolist() for column in columns]

    def by_picture(self, columns: list[str]) -> Iterator[tuple[Picture, list[tuple[Any, ...]]]]:
        """Yield every picture with its rows of ``found``."""
        edges = np.searchsorted(self.found["picture"].to_numpy(), np.arange(len(self.pictures) + 1))
        values = [self.found[column].to_numpy() for column in columns]
        for number, picture in enumerate(self.pictures):
            rows = slice(edges[number], edges[number + 1])
            yield picture, list(zip(*(column[rows].tolist() for column in values), strict=True))


def gather(request: Request) -> Boxes:
    """Return the boxes that were asked for.

    Raises:
        SettingsError: if rows of this kind have no boxes.
        ResultsError: if there are no results, no such run, split or label, or several runs looked at one picture.
        PlaceError: if a file may not be read.
        UnreachableError: if a bucket cannot be reached.
    """
    if request.kind == "classifications":
        raise SettingsError("classifications have no boxes: export them as csv")
    looked_at = _looked_at(request)
    pictures, truth, note = _described(request, looked_at)
    labels = truth.class_names(TASKS[request.kind]) if truth else _class_names(request)
    if request.labels is not None:
        labels = [label for label in labels if label in request.labels]
    ids = pd.Index(pictures["image_id"])
    found = _found(request, ids, labels)
    objects = _objects(truth, request, ids, labels) if truth else None
    return Boxes(_listed(pictures), labels, found, objects, note)


def _looked_at(request: Request) -> pd.DataFrame:
    """Return image_id and split of the pictures that the kind's task looked at, sorted by image_id."""
    frame = read_processed(request.root, run=request.run, columns=["run", "image_id", "task", "split"])
    frame = frame[frame["task"] == TASKS[request.kind]].astype({"image_id": object, "split": object})
    if request.split is not None:
        known = ", ".join(sorted(frame["split"].unique())) or "none"
        frame = frame[frame["split"] == request.split]
        if frame.empty:
            raise ResultsError(f"no picture of split {request.split!r} is in {request.root}; splits there: {known}")
    if frame.empty:
        raise ResultsError(f"no picture was looked at for {TASKS[request.kind]} in {request.root}: there are no boxes")
    if (twice := frame["image_id"].duplicated(keep=False)).any():
        first = frame[twice].sort_values("image_id", kind="stable").iloc[:2]
        raise ResultsError(
            f"picture {first['image_id'].iloc[0]!r} was looked at by the runs {' and '.join(first['run'])} of "
            f"{request.root}: choose one run"
        )
    return frame.sort_values("image_id", ignore_index=True)[["image_id", "split"]]


def _described(request: Request, looked_at: pd.DataFrame) -> tuple[pd.DataFrame, Truth | None, str | None]:
    """Return the pictures with size and file; the manifest, if it has all of them, else why it is not used."""
    if (truth := request.truth) is not None:
        whole = truth.detection_pictures if TASKS[request.kind] == DETECTION else truth.recognition_pictures
        own_file = whole["offset"] == 0  # in an archive a picture comes behind a header
        if "left" in whole:
            own_file &= whole["left"].isna()
        known = whole[["image_id", "width", "height"]].assign(file=whole["file"].where(own_file, None))
        missing = ~looked_at["image_id"].isin(known["image_id"])
        if not missing.any():
            return looked_at.merge(known, on="image_id", how="left"), truth, None
        note = f"{int(missing.sum()):,} of {len(missing):,} pictures are not in {truth.folder}"
    else:
        note = "there is no manifest"
    if tables_of(request.root, "pictures"):
        columns = ["image_id", "width", "height", "path"]
        known = read_pictures(request.root, columns=columns).drop_duplicates("image_id")
        return looked_at.merge(known.rename(columns={"path": "file"}), on="image_id", how="left"), None, note
    return looked_at.assign(width=np.nan, height=np.nan, file=None), None, note


def _listed(pictures: pd.DataFrame) -> list[Picture]:
    columns = [pictures[name].astype(object).where(pictures[name].notna(), None) for name in Picture._fields]
    sizes = [[None if size is None else int(size) for size in column] for column in columns[2:4]]
    return [Picture(*row) for row in zip(columns[0], columns[1], *sizes, columns[4], strict=True)]


def _class_names(request: Request) -> list[str]:
    """Return the classes of the networks whose results these are."""
    names: dict[str, None] = {}
    for facts in footers_of(tables_of(request.root, request.kind)):
        if request.run in (None, facts["run"]):
            # the last class of a detector is background
            names |= dict.fromkeys(facts["class_names"][:-1] if request.kind == "detections" else facts["class_names"])
    return list(names)


def _found(request: Request, ids: pd.Index, labels: list[str]) -> pd.DataFrame:
    frame = request.read(["image_id", "label", "score", "confidence", *BOX])
    picture, label = numbers_of(frame["image_id"], ids), numbers_of(frame["label"], pd.Index(labels, dtype=object))
    if (picture < 0).any() or (label < 0).any():
        row = frame.iloc[int(np.flatnonzero((picture < 0) | (label < 0))[0])]
        raise ResultsError(
            f"a box of class {row['label']!r} in picture {row['image_id']!r} belongs to no picture that was looked at, "
            "or to no class: the results do not fit the manifest, so make them again"
        )
    frame = frame.drop(columns=["image_id", "label"]).assign(picture=picture, label=label)
    return _sorted(frame, ["picture", "-score", "label", *BOX])


def _objects(truth: Truth, request: Request, ids: pd.Index, labels: list[str]) -> pd.DataFrame:
    frame = truth.detection_objects if TASKS[request.kind] == DETECTION else truth.recognition_objects
    picture, label = numbers_of(frame["image_id"], ids), numbers_of(frame["label"], pd.Index(labels, dtype=object))
    keep = (picture >= 0) & (label >= 0)
    frame = frame.drop(columns=["image_id", "label"]).assign(picture=picture, label=label)[keep]
    return _sorted(frame, ["picture", "label", *BOX, "difficult"])


def _sorted(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the rows by columns, the most important first, with a minus for falling values."""
    columns = [-frame[key[1:]].to_numpy() if key[0] == "-" else frame[key].to_numpy() for key in keys]
    return frame.iloc[np.lexsort(columns[::-1])].reset_index(drop=True)
