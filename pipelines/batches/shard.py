"""One shard of new pictures, in a worker: read, looked at, decided and written."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.config import InferSettings, MergeSettings, PreprocessSettings
from overfeat.errors import OverFeatError, PictureError
from overfeat.images.given import decode_upright
from overfeat.inference.batches import Picture
from overfeat.inference.decide import threshold_of
from overfeat.recognizer import Recognizer, Seen
from overfeat.results.partition import write_file
from overfeat.results.schemas import DECISIONS, DETECTION, RECOGNITION, WINDOWS
from overfeat.results.store import write_table
from pipelines.batches.listing import place_of
from pipelines.detect_batch import DetectBatch
from pipelines.engine.console import say
from pipelines.engine.digests import digest_of
from pipelines.engine.provenance import footer, run_name
from pipelines.engine.stage import Unit

_SEEN = pa.schema([("image_id", pa.string()), ("width", pa.int32()), ("height", pa.int32()), ("reason", pa.string())])


def work_shard(stage: DetectBatch, unit: Unit, folder: Path) -> None:
    """Write what was seen in the pictures of one unit, and which of them could be read."""
    run, recognizer = run_name(stage), _load(stage.checkpoints, stage.infer, stage.merge, stage.preprocess)
    pictures: list[Mapping[str, Picture]] = []
    rows: list[dict[str, Any]] = []
    for image_id, data in _read(stage, unit):
        row: dict[str, Any] = {"image_id": image_id, "width": None, "height": None, "reason": None}
        try:
            pixels = decode_upright(data)
        except PictureError as error:
            row["reason"] = str(error)
        else:
            row["height"], row["width"] = pixels.shape[1:]
            pictures.append(recognizer.picture(image_id, pixels))
        rows.append(row)
    _write(stage, folder, unit.name, recognizer.look(pictures, run))
    pq.write_table(pa.Table.from_pylist(rows, schema=_SEEN), folder / "contents.parquet")


def _read(stage: DetectBatch, unit: Unit) -> Iterator[tuple[str, bytes]]:
    table = pq.read_table(stage.contents, columns=["image_id", "path"])
    start, stop = int(unit.payload["start"]), int(unit.payload["stop"])
    for row in table.slice(start, stop - start).to_pylist():
        try:
            data = place_of(Path.cwd(), row["path"]).read_bytes()
        except OverFeatError as error:
            say(f"{error}; it is left out this time")
            continue
        if digest_of(data) == row["image_id"]:
            yield row["image_id"], data
        else:
            say(f"{row['path']} was changed since this run began; it is left out this time")


def _write(stage: DetectBatch, folder: Path, name: str, seen: Mapping[str, Seen]) -> None:
    """Write a file for every kind of decision, and one for the evidence of each task."""
    base = {**footer(stage), "run": run_name(stage), "evidence_run": run_name(stage), "match": stage.merge.match}
    for kind, schema in DECISIONS.items():
        tables = [each.decisions[kind] for each in seen.values() if kind in each.decisions]
        task = DETECTION if kind == "detections" else RECOGNITION
        threshold = threshold_of(kind, stage.merge)
        facts = {**base, **(seen[task].facts if task in seen else {"class_names": []}), "threshold": threshold}
        table = pa.concat_tables([schema.empty_table(), *tables]).unify_dictionaries()
        write_file(folder / kind / f"{name}.parquet", kind, table, facts)
    if stage.evidence:
        for task, each in seen.items():
            file = folder / "windows" / f"{name}-{task}.parquet"
            write_table(file, each.windows, WINDOWS, {**base, **each.facts})


@lru_cache(maxsize=1)
def _load(checkpoints: str, infer: InferSettings, merge: MergeSettings, sizes: PreprocessSettings) -> Recognizer:
    """Load the networks once in a process."""
    sides = {RECOGNITION: sizes.evaluation_side, DETECTION: sizes.detection_side}
    return Recognizer.load(checkpoints, infer, merge, sides)
