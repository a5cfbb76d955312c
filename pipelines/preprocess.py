"""Stage ``preprocess``: pictures downsampled and stored, encoded, in a few large Parquet shards with their boxes."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.config import PreprocessSettings, SourceSettings
from overfeat.images.crops import image_key
from overfeat.images.shards import read_columns
from overfeat.readers import read_bytes
from overfeat.results.schemas import BOX, STORED_IMAGES
from overfeat.results.store import write_table
from pipelines import paths, pictures
from pipelines.engine.console import say
from pipelines.engine.provenance import settings_footer
from pipelines.engine.stage import Stage, Unit, gather
from pipelines.roles import DETECTION, RECOGNITION, images_of
from pipelines.sources import folder


@dataclass(frozen=True)
class Preprocess(Stage):
    """A unit is one shard."""

    source: SourceSettings
    preprocess: PreprocessSettings

    def plan(self) -> list[Unit]:
        """Return the shards of every role and split; "calibration" is cut off from the training pictures."""
        units = []
        for role in (RECOGNITION, DETECTION):
            for split, images in self._tables(role).splits.items():
                for number, start in enumerate(range(0, len(images), self.preprocess.shard_images)):
                    stop = min(len(images), start + self.preprocess.shard_images)
                    payload = {"role": role, "split": split, "start": start, "stop": stop}
                    units.append(Unit(f"{role}-{split}-{number:05d}", payload))
        return units

    def _tables(self, role: str) -> "_Tables":
        """Return a task's pictures and objects, read once in a process."""
        manifest = (paths.MANIFEST / "images.parquet").resolve()
        return _read_tables(role, self.preprocess.calibration_share, manifest, manifest.stat().st_mtime_ns)

    def work(self, unit: Unit, folder: Path) -> None:
        """Store the pictures of one shard."""
        role, split = str(unit.payload["role"]), str(unit.payload["split"])
        splits, objects = self._tables(role)
        images = splits[split].iloc[int(unit.payload["start"]) : int(unit.payload["stop"])]
        by_image = dict(list(objects[objects["image_id"].isin(images["image_id"])].groupby("image_id")))
        class_names = pictures.class_names(role)
        index = {label: position for position, label in enumerate(class_names)}
        rows: dict[str, list[Any]] = {name: [] for name in STORED_IMAGES.names}
        for image in images.to_dict("records"):
            row = self._row(role, image, by_image.get(image["image_id"], objects[:0]), index)
            for name, values in rows.items():
                values.append(row[name])
        facts = {**settings_footer(self), "class_names": class_names, "class_words": pictures.class_words(role)}
        write_table(folder / f"{unit.name.removeprefix(f'{role}-')}.parquet", rows, STORED_IMAGES, facts, row_group=256)

    def _row(self, role: str, image: dict[Any, Any], objects: pd.DataFrame, index: dict[str, int]) -> dict[str, Any]:
        """Return a row of ``STORED_IMAGES``."""
        from overfeat.images.downsample import store_image

        row = {name: image[name] for name in ("image_id", "split", "label", "width", "height")}
        data = read_bytes(folder(self.source, image["role"]), image["file"], image["offset"], image["length"])
        region = None
        if not np.isnan(image.get("left", np.nan)):
            region = int(image["left"]), int(image["top"]), int(image["width"]), int(image["height"])
        boxes = objects[BOX].to_numpy(np.float32)
        stored = store_image(data, boxes, self._side(role, row), self.preprocess.quality, region)
        return {
            **row,
            "class_index": index.get(row["label"], -1),
            "stored_width": stored.stored_width,
            "stored_height": stored.stored_height,
            "enlarged": stored.enlarged,
            "jpeg": stored.jpeg,
            "object_labels": objects["label"].tolist(),
            "scaled_boxes": stored.scaled_boxes.tolist(),
            "difficult": objects["difficult"].tolist(),
            "crowd": objects["crowd"].tolist(),
        }

    def _side(self, role: str, row: dict[str, Any]) -> int:
        """Return the smallest side to store a picture at: recognition's training pictures alone may be enlarged."""
        if role == RECOGNITION and row["split"] == "train":
            return self.preprocess.train_side
        most = self.preprocess.detection_side if role == DETECTION else self.preprocess.evaluation_side
        return int(min(most, row["width"], row["height"]))

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the shards in their place and say how many pictures had to be enlarged."""
        for role in (RECOGNITION, DETECTION):
            gather([part for part in parts if part.name.startswith(f"{role}-")], out / images_of(role))
        shards = sorted((out / paths.IMAGES).glob("*.parquet"))
        enlarged = int(np.sum(read_columns(shards, ["enlarged"])["enlarged"].to_numpy())) if shards else 0
        if enlarged:
            say(f"{enlarged:,} training pictures, smaller than {self.preprocess.train_side} pixels, were enlarged")


class _Tables(NamedTuple):
    """The pictures of a task by split, in the order they are stored in, and their objects."""

    splits: dict[str, pd.DataFrame]
    objects: pd.DataFrame


@lru_cache(maxsize=2)
def _read_tables(role: str, calibration_share: float, _manifest: Path, _modified_ns: int) -> _Tables:
    """Read the tables, a share of the training pictures, chosen by their ids, as split "calibration".

    The training pictures are shuffled for good, so that a shard mixes classes.
    """
    images = pictures.recognition_pictures() if role == RECOGNITION else pictures.detection_pictures()
    keys = _keys(images)
    held_out = (images["split"] == "train") & (keys < np.uint64(calibration_share * (2**64 - 2**11)))
    images = images.assign(split=images["split"].mask(held_out, "calibration"))
    splits = {str(split): of_split for split, of_split in images.groupby("split")}
    if "train" in splits:
        of_train = keys[(images["split"] == "train").to_numpy()]
        splits["train"] = splits["train"].iloc[np.argsort(of_train, kind="stable")]
    objects = pictures.recognition_objects() if role == RECOGNITION else pictures.detection_objects()
    return _Tables(splits, objects)


def _keys(images: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a number for each picture; the views of a picture have its number, so that they stay together."""
    return np.array([image_key(image_id.partition("#")[0]) for image_id in images["image_id"]], np.uint64)


STAGE = Preprocess
