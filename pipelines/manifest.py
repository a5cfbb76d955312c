"""Stage ``manifest``: data sets as distributed become five tables: images, objects, views, classes, rejects.

Every picture is decoded once, so that a damaged one is known before hours of training depend on it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from overfeat.config import ManifestSettings, SourceSettings
from overfeat.errors import PictureError
from overfeat.images.inspect import inspect
from overfeat.readers import ImageRecord, ObjectRecord, Record, RejectRecord, read_bytes
from overfeat.readers.tables import SORTED_BY, TABLES, assemble
from overfeat.readers.views import object_views
from overfeat.results.store import read_table, write_table
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.provenance import settings_footer
from pipelines.engine.stage import Stage, Unit
from pipelines.roles import DETECTION, RECOGNITION
from pipelines.sources import PREFIX, folder, open_sources

_PART_TABLES = ("images", "objects", "rejects")


@dataclass(frozen=True)
class Manifest(Stage):
    """A unit is one of a reader's parts."""

    source: SourceSettings
    manifest: ManifestSettings

    def plan(self) -> list[Unit]:
        """Return a unit for every part of the data sets."""
        return [
            Unit(f"{role}-{number:05d}", {"role": role, "part": part})
            for role, reader in open_sources(self.source, self.manifest).items()
            for number, part in enumerate(reader.parts())
        ]

    def work(self, unit: Unit, folder: Path) -> None:
        """Read the records of a part, look every picture through, and write them as tables."""
        role = str(unit.payload["role"])
        records = open_sources(self.source, self.manifest)[role].read(str(unit.payload["part"]))
        rows: dict[str, list[dict[str, object]]] = {name: [] for name in _PART_TABLES}
        for table, row in self._checked(records, role):
            rows[table].append(row)
        for table, listed in rows.items():
            schema = TABLES[table]
            write_table(folder / f"{table}.parquet", pd.DataFrame(listed, columns=schema.names), schema)

    def _checked(self, records: Iterable[Record], role: str) -> Iterable[tuple[str, dict[str, object]]]:
        """Yield (table, row); a picture that cannot be decoded whole becomes a reject."""
        prefix = PREFIX if role == DETECTION and not self.source.one else ""
        for record in records:
            table, row = self._look_through(record, role) if isinstance(record, ImageRecord) else _plain(record)
            named = row["image_id"] is not None
            yield table, {**row, "image_id": f"{prefix}{row['image_id']}"} if named else row

    def _look_through(self, record: ImageRecord, role: str) -> tuple[str, dict[str, object]]:
        root = folder(self.source, role)
        try:
            width, height = inspect(read_bytes(root, record.file, record.offset, record.length))
        except PictureError as error:
            reason, _, detail = str(error).partition(": ")
            return "rejects", asdict(RejectRecord(record.image_id, record.file, reason, detail))
        return "images", {**asdict(record), "role": role, "width": width, "height": height}

    def finish(self, parts: list[Path], out: Path) -> None:
        """Join the parts of every data set, and leave out what does not fit together."""
        frames: dict[str, list[pd.DataFrame]] = {name: [] for name in TABLES}
        layouts, clipped = {}, 0
        for role, reader in open_sources(self.source, self.manifest).items():
            own = [part for part in parts if part.name.startswith(f"{role}-")]
            tables = assemble(_read(own), reader.classes(), self.manifest)
            for name, frame in (tables.frames | self._recognition_too(role, tables.frames)).items():
                frames[name].append(frame)
            layouts[role], clipped = reader.layout, clipped + tables.clipped_boxes
            say(f"{role} ({reader.layout}): {tables.describe()}")
        facts = {**settings_footer(self), "layouts": layouts, "clipped_boxes": clipped}
        for name, schema in TABLES.items():
            frame = pd.concat(frames[name], ignore_index=True).sort_values(SORTED_BY[name], kind="stable")
            write_table(out / paths.MANIFEST / f"{name}.parquet", frame, schema, facts)

    def _recognition_too(self, role: str, tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
        """Return the views, and the classes by role, of a data set."""
        serves = {RECOGNITION, DETECTION} if self.source.one and role == DETECTION else {role}
        images, objects = tables["images"], tables["objects"]
        images = images[images["label"].isna()] if RECOGNITION in serves else images[:0]
        return {
            "views": object_views(images, objects, self.manifest.view_context),
            "classes": pd.concat([tables["classes"].assign(role=each) for each in sorted(serves)]),
        }


def _plain(record: ObjectRecord | RejectRecord) -> tuple[str, dict[str, object]]:
    return "objects" if isinstance(record, ObjectRecord) else "rejects", asdict(record)


def _read(parts: list[Path]) -> dict[str, pd.DataFrame]:
    """Return what the parts of one data set gave."""
    return {
        name: pd.concat([read_table(part / f"{name}.parquet", TABLES[name]).to_pandas() for part in parts])
        for name in _PART_TABLES
    }


STAGE = Manifest
