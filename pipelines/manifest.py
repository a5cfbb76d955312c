"""Stage ``manifest``: a data set as distributed becomes four tables: images, objects, classes, rejects.

Every picture is decoded once, so that a damaged one is known before hours of training depend on it.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from overfeat.config import ManifestSettings
from overfeat.errors import PictureError
from overfeat.images.decode import inspect
from overfeat.readers import ImageRecord, ObjectRecord, Record, RejectRecord, open_dataset, read_bytes
from overfeat.readers.tables import TABLES, assemble
from overfeat.results.store import read_table, write_table
from pipelines import paths
from pipelines.engine.console import say
from pipelines.engine.provenance import settings_footer
from pipelines.engine.stage import Stage, Unit


@dataclass(frozen=True)
class Manifest(Stage):
    """A unit is one of the reader's parts."""

    source: str
    manifest: ManifestSettings

    def plan(self) -> list[Unit]:
        """Return a unit for every part of the data set."""
        parts = open_dataset(Path(self.source), self.manifest.layout).parts()
        return [Unit(f"{number:05d}", {"part": part}) for number, part in enumerate(parts)]

    def work(self, unit: Unit, folder: Path) -> None:
        """Read the records of a part, look every picture through, and write them as tables."""
        records = open_dataset(Path(self.source), self.manifest.layout).read(str(unit.payload["part"]))
        rows: dict[str, list[dict[str, object]]] = {"images": [], "objects": [], "rejects": []}
        for table, row in self._checked(records):
            rows[table].append(row)
        for table, listed in rows.items():
            schema = TABLES[table]
            write_table(folder / f"{table}.parquet", pd.DataFrame(listed, columns=schema.names), schema)

    def _checked(self, records: Iterable[Record]) -> Iterable[tuple[str, dict[str, object]]]:
        """Yield (table, row); a picture that cannot be decoded whole becomes a reject."""
        for record in records:
            if isinstance(record, ObjectRecord):
                yield "objects", asdict(record)
            elif isinstance(record, RejectRecord):
                yield "rejects", asdict(record)
            else:
                yield self._look_through(record)

    def _look_through(self, record: ImageRecord) -> tuple[str, dict[str, object]]:
        try:
            width, height = inspect(read_bytes(Path(self.source), record.file, record.offset, record.length))
        except PictureError as error:
            reason, _, detail = str(error).partition(": ")
            return "rejects", asdict(RejectRecord(record.image_id, record.file, reason, detail))
        return "images", {**asdict(record), "width": width, "height": height}

    def finish(self, parts: list[Path], out: Path) -> None:
        """Join the parts, and leave out what does not fit together."""
        read = {
            name: pd.concat([read_table(part / f"{name}.parquet", schema).to_pandas() for part in parts])
            for name, schema in TABLES.items()
            if name != "classes"
        }
        reader = open_dataset(Path(self.source), self.manifest.layout)
        tables = assemble(read, reader.classes(), self.manifest)
        facts = {"layout": reader.layout, "clipped_boxes": tables.clipped_boxes}
        for name, frame in tables.frames.items():
            write_table(out / paths.MANIFEST / f"{name}.parquet", frame, TABLES[name], settings_footer(self) | facts)
        say(tables.describe())


STAGE = Manifest
