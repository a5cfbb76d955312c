"""Results and a manifest that fit together, made at random: crowds, difficult objects, empty pictures, equal scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from overfeat.results.schemas import (
    CLASSES,
    DECISIONS,
    DETECTION,
    DETECTIONS,
    IMAGES,
    OBJECTS,
    RECOGNITION,
    VIEWS,
)
from overfeat.results.store import write_table

BOX = ["x1", "y1", "x2", "y2"]
LABELS = ["cat", "dog", "eel"]
WIDTH, HEIGHT = 400, 300
GUESSES = [("dog", 2.5, 1), ("eel", 0.5, 2)]


@dataclass(frozen=True)
class Project:
    root: Path
    manifest: Path
    image_ids: list[str]
    detections: pd.DataFrame
    objects: pd.DataFrame


def write(path: Path, schema: pa.Schema, rows: pd.DataFrame | Sequence[tuple[Any, ...]], **facts: Any) -> None:
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame([(*row, *[None] * (len(schema) - len(row))) for row in rows], columns=schema.names)
    if "detections" in rows:
        rows = rows.astype({"detections": "Int32"})
    write_table(path, rows, schema, facts)


def random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    corners = generator.uniform(0, 240, (count, 2))
    sides = generator.uniform(6, 150, (count, 2))  # of all of COCO's sizes
    return np.concatenate([corners, np.minimum(corners + sides, [WIDTH, HEIGHT])], axis=1).astype(np.float32)


def random_project(folder: Path, seed: int = 0, image_ids: Sequence[str] = tuple("abcde"), run: str = "r") -> Project:
    """Make results of detection and their manifest below ``folder``; boxes are near the objects, and elsewhere."""
    generator = np.random.default_rng(seed)
    true = random_boxes(generator, int(generator.integers(0, 15)))
    objects = pd.DataFrame(dict(zip(BOX, true.T, strict=True)), dtype=np.float32)
    objects["image_id"] = generator.choice(image_ids, len(true))
    objects["label"] = generator.choice(LABELS, len(true))
    objects["difficult"] = generator.random(len(true)) < 0.2
    objects["crowd"] = generator.random(len(true)) < 0.2
    near = objects.iloc[np.repeat(np.arange(len(true)), generator.integers(0, 4, len(true)))].copy()
    near[BOX] += generator.normal(0, 4, (len(near), 4)).round(1).astype(np.float32)
    far = random_boxes(generator, int(generator.integers(0, 25)))
    away = pd.DataFrame(dict(zip(BOX, far.T, strict=True)), dtype=np.float32)
    away["image_id"], away["label"] = generator.choice(image_ids, len(far)), generator.choice(LABELS, len(far))
    found = pd.concat([near, away], ignore_index=True).sample(frac=1, random_state=seed)
    found["score"] = (generator.integers(1, 9, len(found)) / 8).astype(np.float32)
    found["confidence"] = (1 - found["score"] / 2).astype(np.float32)  # another order
    found["members"] = [list(range(number)) for number in generator.integers(1, 4, len(found))]
    found["scales"] = [[1, 3]] * len(found)
    found = found.astype({"members": object, "scales": object})  # also without a row
    found = found.assign(run=run, model="m", split="val")[DETECTIONS.names].reset_index(drop=True)
    counts = found["image_id"].value_counts()
    looked_at = [(run, one, DETECTION, 9, int(counts.get(one, 0)), "m", "val") for one in image_ids]
    write_results(folder / "results", {"detections": found, "processed": looked_at}, run)
    objects = objects[OBJECTS.names]
    write_manifest(folder / "manifest", image_ids, objects)
    return Project(folder / "results", folder / "manifest", sorted(image_ids), found, objects)


def write_results(root: Path, tables: Mapping[str, Any], run: str = "r") -> None:
    for kind, rows in tables.items():
        names = [*LABELS, "background"] if kind == "detections" else LABELS
        write(root / kind / f"{run}.parquet", DECISIONS[kind], rows, run=run, class_names=names)


def write_manifest(folder: Path, image_ids: Sequence[str], objects: pd.DataFrame) -> None:
    images = [
        (one, DETECTION, "val", None, WIDTH, HEIGHT, f"{one}.jpg", 0 if number % 2 else 512, 9)
        for number, one in enumerate(image_ids)
    ]
    write(folder / "images.parquet", IMAGES, images)
    write(folder / "objects.parquet", OBJECTS, objects)
    write(folder / "views.parquet", VIEWS, [])
    write(folder / "classes.parquet", CLASSES, [(DETECTION, index, label) for index, label in enumerate(LABELS)])


def views_project(folder: Path) -> tuple[Path, Path]:
    """Make localizations of a view around the dog of picture ``p``, and return the folders of results and manifest."""
    guesses = [
        ("r", "p#1", label, score, 0.5, 1.5, 2, 30, 40, rank, [0], [1], "m", "val") for label, score, rank in GUESSES
    ]
    looked_at = [("r", "p#1", RECOGNITION, 9, None, "m", "val"), ("r", "p", DETECTION, 9, 0, "m", "val")]
    classes = [("r", "p#1", label, score, rank, "m", "val") for label, score, rank in GUESSES]
    tables = {"localizations": guesses, "processed": looked_at, "classifications": classes, "detections": []}
    write_results(folder / "results", tables)
    manifest = folder / "manifest"
    write(manifest / "images.parquet", IMAGES, [("p", DETECTION, "val", None, 200, 100, "p.jpg", 0, 9)])
    boxes = [("p", "cat", 0, 0, 9, 9, False, False), ("p", "dog", 60, 20, 90, 50, False, False)]
    write(manifest / "objects.parquet", OBJECTS, boxes)
    write(manifest / "views.parquet", VIEWS, [("p#1", "p", "val", "dog", 55, 15, 44, 46, 5, 5, 35, 35)])
    names = [(role, index, label) for role in (DETECTION, RECOGNITION) for index, label in enumerate(LABELS)]
    write(manifest / "classes.parquet", CLASSES, names)
    return folder / "results", manifest
