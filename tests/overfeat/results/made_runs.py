"""Runs with their evidence: windows that are made, decided as the pipeline and as batches decide them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration
from overfeat.inference.decide import find_objects, recognize, threshold_of
from overfeat.results.schemas import (
    BOX_COLUMNS,
    DECISIONS,
    DETECTION,
    IMAGES,
    OBJECTS,
    PICTURES,
    RECOGNITION,
    VIEWS,
    WINDOWS,
)
from overfeat.results.schemas import CLASSES as CLASSES_SCHEMA
from overfeat.results.store import as_table, write_table

CLASSES = {RECOGNITION: ["cat", "dog", "eel", "fox"], DETECTION: ["dog", "cat", "background"]}
IMAGE_IDS = {RECOGNITION: ["p1", "p2#1", "p2#2"], DETECTION: ["d/1", "d/2", "d/3"]}
SURE = Calibration((1.0, 1.0, 0.0), 0.0, 9)
Row = dict[str, Any]


def make_rows(
    seed: int, image_ids: Sequence[str], task: str, per_class: bool = False, first: int = 0, run: str = "seen"
) -> list[Row]:
    """Return evidence of one task: windows of two scales, whose boxes lie around two places.

    ``first`` is the number of each picture's first window.
    """
    rng, names = np.random.default_rng([seed, task == DETECTION]), CLASSES[task]
    rows: list[Row] = []
    for image_id in image_ids:
        places, window = np.array([[10, 10, 60, 50], [70, 20, 110, 90]]) + rng.normal(0, 3, (2, 4)), first
        for scale in (1, 2):
            for cell in range(5):
                classes = np.sort(rng.permutation(len(names))[: rng.integers(1, len(names) + 1)])
                logits = np.log(rng.dirichlet(np.ones(len(names)))[: len(classes)])
                boxes = places[rng.integers(0, 2, len(classes) + 1)] + rng.normal(0, 2, (len(classes) + 1, 4))
                best = int(np.argmax(logits))
                rows.append(
                    {
                        **{"run": run, "image_id": image_id, "split": "val", "member": 0, "scale": scale},
                        **{"flip": cell == 4, "window": window, "row": cell, "col": 0},
                        **{"offset_y": cell % 3, "offset_x": 0, "x1": 0.0, "y1": cell, "x2": 9.0, "y2": cell + 9.0},
                        **{"label": names[classes[best]], "score": float(np.exp(logits[best]))},
                        **{"log_partition": 0.5, "class_indices": classes, "logits": logits + 0.5},
                        **dict(zip(BOX_COLUMNS, boxes[-1], strict=True)),
                        "class_boxes": boxes[:-1].ravel() if per_class else None,
                    }
                )
                window += 1
    rows.sort(key=lambda row: (row["image_id"], row["scale"], row["flip"], row["row"]))
    return rows


def as_evidence(rows: Sequence[Row]) -> pa.Table:
    return as_table({name: [row[name] for row in rows] for name in WINDOWS.names}, WINDOWS)


def decide(windows: pa.Table, task: str, run: str, merge: MergeSettings) -> dict[str, pa.Table]:
    fitted, names = {"localization": SURE, "detection": SURE}, CLASSES[task]
    if task == DETECTION:
        return find_objects(windows, names, merge, fitted, run, "spot")
    return recognize(windows, names, True, merge, fitted, run, "name")


def facts_of(task: str, kind: str, run: str, evidence_run: str, merge: MergeSettings) -> dict[str, Any]:
    return {
        **{"run": run, "evidence_run": evidence_run, "git_commit": "c0ffee", "dvc_lock": None, "key": f"{run}-key"},
        **{"model": "spot" if task == DETECTION else "name", "class_names": CLASSES[task], "match": merge.match},
        **{"threshold": threshold_of(kind, merge), "settings": {"merge": asdict(merge)}},
    }


def make_pipeline(
    data: Path, run: str = "made", seed: int = 0, per_class: bool = False, evidence_run: str = "seen", **merge: Any
) -> Path:
    """Make ``DATA/results`` and ``DATA/windows`` as the stages do, and return the folder of results."""
    settings = MergeSettings(detection_min_score=0.2, **merge)
    decided: dict[str, list[pa.Table]] = {kind: [] for kind in DECISIONS}
    for task, names in CLASSES.items():
        for part in ((0, 2), (2, 3)):  # two files of evidence
            rows = make_rows(seed + part[0], IMAGE_IDS[task][slice(*part)], task, per_class, run=evidence_run)
            windows, facts = as_evidence(rows), {"run": evidence_run, "task": task, "class_names": names}
            write_table(data / "windows" / f"{task}-{part[0]}.parquet", windows, WINDOWS, facts)
            for kind, table in decide(windows, task, run, settings).items():
                decided[kind].append(table)
    for kind, schema in DECISIONS.items():
        table = pa.concat_tables([schema.empty_table(), *decided[kind]]).unify_dictionaries()
        facts = facts_of(DETECTION if kind == "detections" else RECOGNITION, kind, run, evidence_run, settings)
        write_table(data / "results" / kind / f"{run}.parquet", table, schema, facts)
    return data / "results"


def make_batch(
    batches: Path,
    run: str,
    finished: str = "2025-01-01T00:00:00+00:00",
    seed: int = 0,
    evidence: bool = True,
    worked: bool = True,
) -> Path:
    """Make the run of a batch, both of whose tasks look at the same pictures, and return the folder of runs."""
    folder, merge = batches / run, MergeSettings(detection_min_score=0.2)
    ids = ["a", "b"]
    for task in CLASSES if worked else ():
        windows = as_evidence(make_rows(seed, ids, task, first=10 * (task == DETECTION), run=run))
        if evidence:
            facts = {"run": run, "task": task, "class_names": CLASSES[task]}
            write_table(folder / "windows" / f"00000-{task}.parquet", windows, WINDOWS, facts)
        for kind, table in decide(windows, task, run, merge).items():
            facts = facts_of(DETECTION if kind == "detections" else RECOGNITION, kind, run, run, merge)
            name = f"{task if kind == 'processed' else '00000'}.parquet"
            write_table(folder / kind / name, table, DECISIONS[kind], facts)
    rows = {name: [None, None] for name in PICTURES.names} | {"run": [run] * 2, "image_id": ids, "path": ["1", "2"]}
    facts = {"run": run, "class_names": [], "finished": finished, "settings": {}}
    write_table(folder / "pictures" / "pictures.parquet", rows, PICTURES, facts)
    (folder / "run.json").write_text(json.dumps(facts))
    return batches


def make_manifest(folder: Path) -> Path:
    """Make the manifest of the pictures that :func:`make_pipeline` looks at, and return its folder."""
    images = [(image_id, RECOGNITION, "val", "cat") for image_id in ("p1", "p2#1")]
    images += [(image_id, DETECTION, "val", None) for image_id in IMAGE_IDS[DETECTION]]
    objects = [("p1", "cat", 10.0, 10.0, 60.0, 50.0, False, False)]
    objects += [(image_id, "dog", 70.0, 20.0, 110.0, 90.0, False, False) for image_id in IMAGE_IDS[DETECTION]]
    classes = [(task, index, label) for task, labels in CLASSES.items() for index, label in enumerate(labels)]
    tables = {"images": (IMAGES, images), "objects": (OBJECTS, objects), "classes": (CLASSES_SCHEMA, classes)}
    for name, (schema, rows) in {**tables, "views": (VIEWS, [])}.items():
        frame = pd.DataFrame([(*row, *[None] * (len(schema) - len(row))) for row in rows], columns=schema.names)
        write_table(folder / f"{name}.parquet", frame, schema)
    return folder
