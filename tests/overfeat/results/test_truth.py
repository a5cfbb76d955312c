"""The manifest: which pictures and objects a task has, on the cases that the layouts give."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from overfeat.errors import ResultsError
from overfeat.results.schemas import CLASSES, IMAGES, OBJECTS, VIEWS
from overfeat.results.store import write_table
from overfeat.results.truth import Truth

BOX = (0.0, 0.0, 9.0, 9.0)


def write(folder: Path, name: str, schema: pa.Schema, rows: Sequence[tuple[Any, ...]]) -> None:
    frame = pd.DataFrame([(*row, *[None] * (len(schema) - len(row))) for row in rows], columns=schema.names)
    write_table(folder / f"{name}.parquet", frame, schema)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Labelled pictures, pictures of objects around which views are taken, and pictures for detection."""
    images = [
        ("a", "recognition", "train", "cat", 20, 30),
        ("b", "recognition", "val", None, 20, 30),  # its objects are views
        ("c", "recognition", "val", None, 20, 30),  # no label, no object
        ("d", "recognition", "test", None, 20, 30),  # its label is secret
        ("e", "detection", "val", None, 20, 30),
        ("f", "detection", "val", "dog", 20, 30),  # views are taken around its objects, too
    ]
    write(tmp_path, "images", IMAGES, images)
    objects = [("a", "cat", *BOX, False, False), ("b", "dog", *BOX, True, False), ("e", "eel", *BOX, False, True)]
    write(tmp_path, "objects", OBJECTS, [*objects, ("f", "dog", *BOX, False, False)])
    views = [("b#0", "b", "val", "dog", 1, 2, 10, 10, *BOX), ("f#0", "f", "val", "dog", 3, 4, 10, 10, *BOX)]
    write(tmp_path, "views", VIEWS, views)
    write(
        tmp_path,
        "classes",
        CLASSES,
        [("detection", 0, "eel", "an eel"), ("recognition", 0, "dog"), ("recognition", 1, "cat")],
    )
    return tmp_path


def test_recognition(folder: Path) -> None:
    truth = Truth.of(folder)
    pictures = truth.recognition_pictures
    assert pictures["image_id"].tolist() == ["a", "b#0", "d", "f#0"]
    assert pictures["label"].fillna("?").tolist() == ["cat", "dog", "?", "dog"]
    assert pictures[["left", "top"]].iloc[[1, 3]].to_numpy().tolist() == [[1, 2], [3, 4]]
    assert pictures["width"].tolist() == [20, 10, 20, 10]
    objects = truth.recognition_objects
    assert objects["image_id"].tolist() == ["a", "b#0", "f#0"]
    assert not objects[["difficult", "crowd"]].to_numpy().any()


def test_detection(folder: Path) -> None:
    truth = Truth.of(str(folder))
    assert truth.detection_pictures["image_id"].tolist() == ["e", "f"]
    assert truth.detection_objects["image_id"].tolist() == ["e", "f"]
    assert truth.detection_objects["crowd"].tolist() == [True, False]


def test_class_names(folder: Path) -> None:
    truth = Truth.of(folder)
    assert truth.class_names("recognition") == ["dog", "cat"]
    assert truth.class_names("detection") == ["eel"]
    assert truth.class_words("detection") == ["an eel"]
    assert truth.class_names("other") == truth.class_words("other") == []


def test_what_is_not_there_is_a_sentence(folder: Path) -> None:
    with pytest.raises(ResultsError, match=r"there is no manifest in .*nowhere: make it with `dvc repro"):
        Truth.of(folder / "nowhere")
    (folder / "views.parquet").unlink()
    with pytest.raises(ResultsError, match=r"the manifest in .* has no views.parquet: make it again"):
        assert len(Truth.of(folder).recognition_pictures)
