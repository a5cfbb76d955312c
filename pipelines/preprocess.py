"""Stage ``preprocess``: pictures downsampled and stored, encoded, in a few large Parquet shards with their boxes."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from overfeat.config import PreprocessSettings
from overfeat.images.crops import image_key
from overfeat.images.downsample import store_image
from overfeat.readers import read_bytes
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.provenance import settings_footer
from pipelines.engine.stage import Stage, Unit, gather

_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class Preprocess(Stage):
    """A unit is one shard."""

    source: str
    preprocess: PreprocessSettings

    def plan(self) -> list[Unit]:
        """Return the shards of every split; "calibration" is cut off from the training pictures."""
        units = []
        for split, count in sorted(Counter(self._images()["split"].to_pylist()).items()):
            for number, start in enumerate(range(0, count, self.preprocess.shard_images)):
                stop = min(count, start + self.preprocess.shard_images)
                units.append(Unit(f"{split}-{number:05d}", {"split": split, "start": start, "stop": stop}))
        return units

    def _images(self) -> pa.Table:
        """Return the manifest's pictures, a share of the training ones, chosen by their ids, as split "calibration"."""
        images = pq.read_table(paths.MANIFEST / "images.parquet")
        drawn = _keys(images) < np.uint64(self.preprocess.calibration_share * (2**64 - 2**11))
        held_out = pc.and_(pc.equal(images["split"], "train"), pa.array(drawn))
        split = pc.if_else(held_out, "calibration", images["split"])
        return images.set_column(images.schema.get_field_index("split"), "split", split)

    def work(self, unit: Unit, folder: Path) -> None:
        """Store the pictures of one shard."""
        split, start, stop = str(unit.payload["split"]), int(unit.payload["start"]), int(unit.payload["stop"])
        images = _in_stored_order(self._images(), split).slice(start, stop - start)
        objects = _objects_of(images["image_id"].to_pylist())
        class_names = pq.read_table(paths.MANIFEST / "classes.parquet")["label"].to_pylist()
        index = {label: position for position, label in enumerate(class_names)}
        rows: dict[str, list[Any]] = {name: [] for name in STORED_IMAGES.names}
        for image in images.to_pylist():
            row = self._row(image, objects.get(image["image_id"], []), index)
            for name, values in rows.items():
                values.append(row[name])
        facts = {**settings_footer(self), "class_names": class_names}
        write_table(folder / f"{unit.name}.parquet", rows, STORED_IMAGES, facts, row_group=256)

    def _row(self, image: dict[str, Any], objects: list[dict[str, Any]], index: dict[str, int]) -> dict[str, Any]:
        """Return a row of ``STORED_IMAGES``."""
        row = {name: image[name] for name in ("image_id", "split", "label", "width", "height")}
        boxes = np.array([[o[side] for side in _BOX] for o in objects], np.float32).reshape(-1, 4)
        data = read_bytes(Path(self.source), image["file"], image["offset"], image["length"])
        stored = store_image(data, boxes, self._side(row), self.preprocess.quality)
        return {
            **row,
            "class_index": index.get(row["label"], -1),
            "stored_width": stored.stored_width,
            "stored_height": stored.stored_height,
            "enlarged": stored.enlarged,
            "jpeg": stored.jpeg,
            "object_labels": [o["label"] for o in objects],
            "scaled_boxes": stored.scaled_boxes.tolist(),
            "difficult": [o["difficult"] for o in objects],
        }

    def _side(self, row: dict[str, Any]) -> int:
        """Return the smallest side to store a picture at: training pictures may be enlarged, others never."""
        if row["split"] == "train":
            return self.preprocess.train_side
        return int(min(self.preprocess.evaluation_side, row["width"], row["height"]))

    def finish(self, parts: list[Path], out: Path) -> None:
        """Put the shards in their place and say how many pictures had to be enlarged."""
        gather(parts, out / paths.IMAGES)
        shards = sorted((out / paths.IMAGES).glob("*.parquet"))
        enlarged = sum(
            int(np.sum(pq.read_table(shard, columns=["enlarged"])["enlarged"].to_numpy())) for shard in shards
        )
        if enlarged:
            say(f"{enlarged:,} training pictures, smaller than {self.preprocess.train_side} pixels, were enlarged")


def _in_stored_order(images: pa.Table, split: str) -> pa.Table:
    """Return the pictures of a split: training shuffled for good, so that a shard mixes classes."""
    images = images.filter(pc.equal(images["split"], split))
    return images.take(np.argsort(_keys(images), kind="stable")) if split == "train" else images


def _keys(images: pa.Table) -> NDArray[np.uint64]:
    return np.array([image_key(image_id) for image_id in images["image_id"].to_pylist()], np.uint64)


def _objects_of(image_ids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the objects of these pictures by image id, in the order of their annotation."""
    objects = pq.read_table(paths.MANIFEST / "objects.parquet", filters=[("image_id", "in", image_ids)])
    listed: dict[str, list[dict[str, Any]]] = {}
    for row in objects.to_pylist():
        listed.setdefault(row["image_id"], []).append(row)
    return listed


STAGE = Preprocess
