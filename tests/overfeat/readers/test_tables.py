"""The manifest: what fits together is kept, what does not is listed, and too much of it is an error."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from overfeat.config import ManifestSettings
from overfeat.errors import DatasetError
from overfeat.readers import ClassRecord
from overfeat.readers.tables import ManifestTables, assemble
from overfeat.results.schemas import IMAGES, OBJECTS, REJECTS

CLASSES = [ClassRecord("cat", "a cat"), ClassRecord("dog", "a dog")]
LENIENT = ManifestSettings(max_rejected=1.0)


def image(
    image_id: str, label: str | None = "cat", split: str | None = "train", size: tuple[int, int] = (100, 80)
) -> Any:
    return (image_id, "recognition", split, label, *size, "train.tar", 0, 10)


def read(images: list[Any], objects: list[Any] = [], rejects: list[Any] = []) -> dict[str, pd.DataFrame]:  # noqa: B006
    tables = {"images": (images, IMAGES), "objects": (objects, OBJECTS), "rejects": (rejects, REJECTS)}
    return {name: pd.DataFrame(rows, columns=schema.names) for name, (rows, schema) in tables.items()}


def assembled(*args: Any, settings: ManifestSettings = LENIENT) -> ManifestTables:
    return assemble(read(*args), CLASSES, settings)


def test_classes_are_numbered_in_order() -> None:
    classes = assembled([image("a")]).frames["classes"]
    assert classes.to_dict("list") == {"index": [0, 1], "label": ["cat", "dog"], "name": ["a cat", "a dog"]}


def test_rows_are_sorted() -> None:
    frames = assembled(
        [image("b"), image("a")], [("b", "cat", 1, 2, 3, 4, False, False), ("a", "dog", 1, 2, 3, 4, False, False)]
    ).frames
    assert frames["images"]["image_id"].tolist() == ["a", "b"]
    assert frames["objects"]["image_id"].tolist() == ["a", "b"]


def test_boxes_that_overhang_are_clipped_and_counted() -> None:
    tables = assembled(
        [image("a")], [("a", "cat", -5, 10, 101, 80, False, False), ("a", "cat", 0, 0, 100, 80, True, False)]
    )
    assert tables.clipped_boxes == 1
    assert tables.frames["objects"][["x1", "y1", "x2", "y2"]].to_numpy().tolist() == [[0, 10, 100, 80], [0, 0, 100, 80]]
    assert tables.frames["objects"]["x1"].dtype == np.float32
    assert tables.frames["rejects"].empty


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (("a", "cat", 30, 10, 20, 40, False, False), "box inside out"),
        (("a", "cat", 30, 10, 30, 40, False, False), "box inside out"),
        (("a", "cat", float("nan"), 10, 30, 40, False, False), "box inside out"),
        (("a", "cat", 100, 10, 130, 40, False, False), "box outside"),
        (("a", "cow", 10, 10, 30, 40, False, False), "unknown object class"),
        (("z", "cat", 10, 10, 30, 40, False, False), "no such picture"),
    ],
)
def test_a_bad_object_costs_itself_alone(bad: Any, reason: str) -> None:
    good = ("a", "dog", 10, 10, 30, 40, False, False)
    frames = assembled([image("a")], [good, bad]).frames
    assert frames["objects"]["label"].tolist() == ["dog"]
    assert frames["images"]["image_id"].tolist() == ["a"]
    assert frames["rejects"]["reason"].tolist() == [reason]


def test_a_picture_of_an_unknown_class_or_a_taken_id_is_left_out() -> None:
    frames = assembled([image("a"), image("a", "dog"), image("b", "cow"), image("c", None)]).frames
    assert frames["images"][["image_id", "label"]].fillna("none").to_numpy().tolist() == [["a", "cat"], ["c", "none"]]
    assert sorted(frames["rejects"]["reason"]) == ["duplicate id", "unknown class"]


def test_too_many_rejects_fail_with_the_first_reason() -> None:
    pictures = [image(f"p{i}") for i in range(98)]
    rejects = [(f"r{i}", "train.tar", "truncated", "12 bytes are missing") for i in range(2)]
    with pytest.raises(
        DatasetError, match=r"2\.0% of the pictures cannot be used \(2 truncated\), more than .* = 1\.0%"
    ):
        assembled(pictures, [], rejects, settings=ManifestSettings())
    assert (
        len(assembled(pictures, [], rejects[:1], settings=ManifestSettings(max_rejected=0.02)).frames["images"]) == 98
    )


def test_bad_objects_are_a_share_of_the_objects() -> None:
    objects = [("p0", "cat", 1, 1, 5, 5, False, False)] * 9 + [("p0", "cat", 5, 5, 1, 1, False, False)]
    with pytest.raises(DatasetError, match=r"10\.0% of the objects"):
        assembled([image("p0")] * 1, objects, settings=ManifestSettings())


def test_a_damaged_archive_is_never_a_small_share() -> None:
    with pytest.raises(DatasetError, match=r"train\.tar is damaged .* fetch it again"):
        assembled([image("a")], [], [(None, "train.tar", "truncated archive", "ends at byte 5")])


def test_a_split_is_drawn_where_there_is_none() -> None:
    pictures = [image(f"p{i}", split=None) for i in range(2000)]
    settings = ManifestSettings(val_share=0.2)
    splits = assembled(pictures, settings=settings).frames["images"].set_index("image_id")["split"]
    assert 0.17 < (splits == "val").mean() < 0.23
    fewer = assembled(pictures[:50], settings=settings).frames["images"].set_index("image_id")["split"]
    assert (splits[fewer.index] == fewer).all()


def test_no_training_picture_is_an_error() -> None:
    with pytest.raises(DatasetError, match="no usable training picture"):
        assembled([image("a", split="val")])
