"""The gallery of the report: which pictures it has, and their files, made a range of pictures at a time."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from overfeat.atomic import write_text
from overfeat.config import MergeSettings, ReportSettings
from overfeat.report.choice import choose
from overfeat.report.evidence import COLUMNS, Votes, script, windows_by_picture
from overfeat.report.judge import RIGHT, UNKNOWN, wrongness
from overfeat.report.picture import small_picture
from overfeat.report.records import Entry, detection_entries, recognition_entries
from overfeat.results.store import read_footer
from pipelines import paths
from pipelines.engine.stage import Unit
from pipelines.judged import class_names, decisions, judge_guesses, judge_objects, looked_at, threshold_of, truth_of
from pipelines.roles import DETECTION, RECOGNITION, images_of, range_prefix

RECORDS, FILES = "records.json", "files"
"""In a unit's folder: the records of its pictures, and what becomes files of the report."""
_UNIT_PICTURES = 200


def plan_gallery(settings: ReportSettings, threshold: float) -> list[Unit]:
    """Return the units: of each task and shard, up to 200 of the pictures that were chosen.

    Args:
        settings: how many pictures.
        threshold: from which sureness on a detection counts.
    """
    units = []
    for role in (RECOGNITION, DETECTION):
        for split, ids in chosen_pictures(role, settings.pictures, threshold).items():
            wanted = set(ids)
            for shard in sorted(images_of(role).glob(f"{split}-*.parquet")):
                held = sorted(wanted.intersection(pq.read_table(shard, columns=["image_id"])["image_id"].to_pylist()))
                for start in range(0, len(held), _UNIT_PICTURES):
                    of_unit = held[start : start + _UNIT_PICTURES]
                    payload = {"role": role, "split": split, "shard": shard.name, "image_ids": of_unit}
                    units.append(Unit(f"{role}-{shard.stem}-{start:06d}", payload))
    return units


def chosen_pictures(role: str, most: int, threshold: float) -> dict[str, list[str]]:
    """Return the pictures of the gallery of a task by split; judged only where there are too many."""
    return {
        split: ids if len(ids) <= most else choose(_wrongness(role, ids, threshold), most)
        for split, ids in looked_at(role).items()
    }


def _wrongness(role: str, image_ids: list[str], threshold: float) -> "pd.Series[float]":
    """Return by picture how wrong the task's answers are, 0 where nothing is."""
    if role == DETECTION:
        judged = judge_objects(image_ids)
        return wrongness(judged, image_ids, threshold_of(judged, threshold))
    guesses = judge_guesses(image_ids)
    wrong = ~guesses["kind"].isin([RIGHT, UNKNOWN])
    score = guesses["score"].to_numpy(np.float64)
    above = np.where(wrong, score - score.min(initial=0.0) + 1, 0.0)  # over 0 where it is wrong, also of logits
    return pd.Series(above, guesses["image_id"])


def work_unit(unit: Unit, folder: Path, settings: ReportSettings, merge: MergeSettings) -> None:
    """Write the records, pictures and evidence of a unit of :func:`plan_gallery`."""
    role, shard, image_ids = (unit.payload[name] for name in ("role", "shard", "image_ids"))
    columns = ["image_id", "width", "height", "jpeg"]
    rows = pq.read_table(images_of(role) / shard, columns=columns, filters=[("image_id", "in", image_ids)])
    entries = _entries(unit, rows.select(columns[:3]).to_pandas())
    files = folder / FILES
    for name in ("pictures", "evidence"):
        (files / name).mkdir(parents=True)
    for image_id, jpeg in zip(rows["image_id"].to_pylist(), rows["jpeg"].to_pylist(), strict=True):
        path = files / "pictures" / f"{entries[image_id].stem}.jpg"
        path.write_bytes(small_picture(jpeg, settings.side, image_id))
    with_evidence = set()
    if settings.evidence:
        for image_id, text in _scripts(role, shard, entries, merge):
            (files / "evidence" / f"{entries[image_id].stem}.js").write_text(text, encoding="utf-8")
            with_evidence.add(image_id)
    records = [[*entry.record, int(image_id in with_evidence)] for image_id, entry in sorted(entries.items())]
    write_text(folder / RECORDS, json.dumps(records))


def _entries(unit: Unit, sizes: pd.DataFrame) -> dict[str, Entry]:
    role, split, ids = (unit.payload[name] for name in ("role", "split", "image_ids"))
    splits, names = list(looked_at(role)), class_names(role)
    if role == DETECTION:
        return detection_entries(sizes, judge_objects(ids, members=True), names, split, splits)
    guesses, boxes = decisions("classifications", ids), decisions("localizations", ids, members=True)
    objects = truth_of(role).objects_in(ids)
    return recognition_entries(sizes, judge_guesses(ids), guesses, boxes, objects, names, splits)


def _scripts(role: str, shard: str, entries: dict[str, Entry], merge: MergeSettings) -> Iterator[tuple[str, str]]:
    """Yield the picture and the script of all that have evidence."""
    names = class_names(role)
    for path in sorted(paths.WINDOWS.glob(f"{range_prefix(role)}{Path(shard).stem}-*.parquet")):
        place = {label: number for number, label in enumerate(read_footer(path)["class_names"])}
        here = pq.read_table(path, columns=list(COLUMNS), filters=[("image_id", "in", list(entries))])
        for image_id, windows in windows_by_picture(here):
            entry = entries[image_id]
            own = {number: place[names.labels[number]] for number in entry.classes}
            yield image_id, script(entry.stem, windows, own, entry.members, _votes(role, merge))


def _votes(role: str, merge: MergeSettings) -> Votes:
    """Return which maps vote: a member, a scale and a flip each."""
    scales = merge.detection_scales if role == DETECTION else merge.scales
    none = role == RECOGNITION and merge.offsets == "ten_views"

    def votes(member: int, scale: int, flip: bool) -> bool:
        wanted = (merge.members is None or member in merge.members) and (scales is None or scale in scales)
        return wanted and (merge.flips or not flip) and not none

    return votes


def read_records(parts: list[Path], role: str) -> list[Any]:
    """Return the records of a task's worked units, by image_id within each split."""
    records: list[Any] = []
    for part in parts:
        if part.name.startswith(f"{role}-"):
            records += json.loads((part / RECORDS).read_text(encoding="utf-8"))
    return sorted(records, key=lambda record: (record[2], record[1]))
