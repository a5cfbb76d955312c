"""The manifest: records of all parts joined into tables, with what does not fit together left out and listed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from overfeat import boxes
from overfeat.config import ManifestSettings
from overfeat.errors import DatasetError
from overfeat.readers.records import ClassRecord
from overfeat.results.schemas import BOX, CLASSES, IMAGES, OBJECTS, REJECTS, VIEWS

TABLES = {"images": IMAGES, "objects": OBJECTS, "views": VIEWS, "classes": CLASSES, "rejects": REJECTS}
"""The manifest's tables by name."""
SORTED_BY = {
    "images": ["image_id"],
    "objects": ["image_id"],
    "views": ["image_id"],
    "classes": ["role", "index"],
    "rejects": ["reason", "file", "image_id"],
}
"""By which columns the rows of each are sorted."""


@dataclass(frozen=True)
class ManifestTables:
    """Images, objects, classes (without a role) and rejects by name, and how many boxes were cut at their edge."""

    frames: dict[str, pd.DataFrame]
    clipped_boxes: int

    def describe(self) -> str:
        """Return one line for a person."""
        images, objects, rejects = (self.frames[name] for name in ("images", "objects", "rejects"))
        splits = ", ".join(f"{count:,} {split}" for split, count in images["split"].value_counts().items())
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in rejects["reason"].value_counts().items())
        return (
            f"{splits} pictures, {len(self.frames['classes'])} classes, {len(objects):,} objects "
            f"({self.clipped_boxes:,} boxes clipped); left out: {reasons or 'nothing'}"
        )


def assemble(
    read: dict[str, pd.DataFrame], classes: Sequence[ClassRecord], settings: ManifestSettings
) -> ManifestTables:
    """Join what the parts of a data set gave.

    Args:
        read: "images", "objects" and "rejects" as read, in the order of the parts.
        classes: sorted by label.
        settings: share that may be left out; share drawn for validation where a picture has no split.

    Raises:
        DatasetError: if more is left out than ``max_rejected``, or no training picture is left.
    """
    labels = {record.label for record in classes}
    images, rejected_images = _fitting_images(read["images"], labels)
    objects, rejected_objects, clipped = _fitting_objects(read["objects"], images, labels)
    rejects = pd.concat([read["rejects"], rejected_images, rejected_objects], ignore_index=True)
    _check_whole(rejects)
    _check_share("pictures", len(images), rejects[~rejects["reason"].isin(_BOX_REASONS)], settings.max_rejected)
    _check_share("objects", len(objects), rejects[rejects["reason"].isin(_BOX_REASONS)], settings.max_rejected)
    drawn = images["image_id"].map(lambda image_id: _draw_split(image_id, settings.val_share))
    images["split"] = images["split"].where(images["split"].notna(), drawn)
    if not (images["split"] == "train").any():
        raise DatasetError("the data set has no usable training picture; see the readers' layouts in the README")
    listed = pd.DataFrame([(i, c.label, c.name) for i, c in enumerate(classes)], columns=["index", "label", "name"])
    frames = {"images": images, "objects": objects, "rejects": rejects}
    frames = {name: frame.sort_values(SORTED_BY[name], kind="stable") for name, frame in frames.items()}
    frames["classes"] = listed
    return ManifestTables(frames, clipped)


_BOX_REASONS = ("box outside", "box inside out", "unknown object class", "no such picture", "bad annotation")
"""Reasons that cost an object; every other reason costs a picture."""


_LOST_REASONS = ("truncated archive", "damaged archive", "not a tar")
"""Reasons that stand for an unknown number of pictures or objects."""


def _fitting_images(images: pd.DataFrame, labels: set[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split pictures into those with a known class and an id of their own, and rejects."""
    repeated = images["image_id"].duplicated()
    unknown = images["label"].notna() & ~images["label"].isin(labels)
    rejects = [
        _rejects(images[repeated], "duplicate id", "an earlier picture has the same image_id"),
        _rejects(images[unknown & ~repeated], "unknown class", "the picture's label is not among the classes"),
    ]
    return images[~repeated & ~unknown].reset_index(drop=True), pd.concat(rejects)


def _fitting_objects(
    objects: pd.DataFrame, images: pd.DataFrame, labels: set[str]
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Return the objects with a picture, a class and a box inside the picture; the rejects; the boxes clipped."""
    joined = objects.merge(images[["image_id", "width", "height", "file"]], on="image_id", how="left")
    raw = joined[BOX].to_numpy(np.float64)
    cut = boxes.clip(raw, joined["width"].to_numpy(np.float64), joined["height"].to_numpy(np.float64))
    inside_out = ~((raw[:, 2] > raw[:, 0]) & (raw[:, 3] > raw[:, 1]))  # also where a side is not a number
    reasons = np.select(
        [joined["width"].isna(), ~joined["label"].isin(labels), inside_out, boxes.area(cut) <= 0],
        ["no such picture", "unknown object class", "box inside out", "box outside"],
        default="",
    )
    bad = reasons != ""
    rejects = [
        _rejects(joined[reasons == reason], reason, "the object is left out, its picture kept")
        for reason in sorted(set(reasons[bad]))
    ]
    kept = joined[~bad].copy()
    kept[BOX] = cut[~bad].astype(np.float32)
    clipped = int((raw[~bad] != cut[~bad]).any(axis=1).sum())
    return (
        kept[OBJECTS.names].reset_index(drop=True),
        pd.concat([_rejects(joined[:0], "", ""), *rejects]),
        clipped,
    )


def _rejects(rows: pd.DataFrame, reason: str, detail: str) -> pd.DataFrame:
    frame = rows.reindex(columns=["image_id", "file"]).fillna({"file": ""})
    listed: pd.DataFrame = frame.assign(reason=reason, detail=detail)[REJECTS.names]
    return listed


def _check_whole(rejects: pd.DataFrame) -> None:
    """Raise DatasetError where an archive is damaged: nobody knows how much lay behind the damage."""
    lost = rejects[rejects["reason"].isin(_LOST_REASONS)]
    if not lost.empty:
        first = lost.iloc[0]
        raise DatasetError(f"{first['file']} is damaged ({first['reason']}: {first['detail']}); fetch it again")


def _check_share(what: str, kept: int, rejects: pd.DataFrame, most: float) -> None:
    """Raise DatasetError where too many are left out."""
    share = len(rejects) / max(1, kept + len(rejects))
    if share > most:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in rejects["reason"].value_counts().items())
        first = rejects.iloc[0]
        raise DatasetError(
            f"{share:.1%} of the {what} cannot be used ({counts}), more than manifest.max_rejected = {most:.1%}; "
            f"the first: {first['image_id'] or first['file']}: {first['detail']}"
        )


def _draw_split(image_id: str, val_share: float) -> str:
    """Return "val" for a fixed pseudo-random share of the ids, "train" for the others."""
    draw = int.from_bytes(hashlib.blake2b(f"split {image_id}".encode(), digest_size=8).digest(), "big") / 2**64
    return "val" if draw < val_share else "train"
