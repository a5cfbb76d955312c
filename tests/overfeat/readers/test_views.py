"""Views around objects, by hand and as properties of any picture and objects."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.readers.views import object_views
from overfeat.results.schemas import OBJECTS, VIEWS

BOX = ["x1", "y1", "x2", "y2"]
PLACE = ["left", "top", "width", "height"]


def images_of(*rows: tuple[str, str, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "split", "width", "height"])


def objects_of(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Return objects from (picture, label, box, difficult, crowd) as the manifest holds them."""
    flat = [(picture, label, *box, *flags) for picture, label, box, *flags in rows]  # type: ignore[misc, has-type]
    columns = {name: [row[i] for row in flat] for i, name in enumerate(OBJECTS.names)}
    frame: pd.DataFrame = pa.table(columns, schema=OBJECTS).to_pandas()
    return frame


ONE = images_of(("p", "train", 200, 100))


def place(view: pd.Series) -> list[int]:
    return [int(view[name]) for name in PLACE]


def test_a_view_by_hand() -> None:
    views = object_views(ONE, objects_of(("p", "cat", (80, 40, 100, 50), False, False)), context=2.0)
    assert list(views.columns) == VIEWS.names
    (view,) = (row for _, row in views.iterrows())
    assert (view["image_id"], view["picture_id"], view["split"], view["label"]) == ("p#0", "p", "train", "cat")
    assert place(view) == [70, 25, 40, 40]  # twice the longer side of 20, around (90, 45)
    assert view[BOX].tolist() == [10, 15, 30, 25]
    assert pa.Table.from_pandas(views, schema=VIEWS, preserve_index=False).num_rows == 1


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 20, 10), [0, 0, 40, 40]),
        ((180, 90, 200, 100), [160, 60, 40, 40]),
        ((10, 10, 90, 20), [0, 0, 160, 100]),  # as high as the picture
        ((0, 0, 200, 100), [0, 0, 200, 100]),
    ],
)
def test_at_the_edge_a_view_is_moved_and_where_the_picture_is_smaller_it_is_cut(
    box: tuple[int, ...], expected: list[int]
) -> None:
    views = object_views(ONE, objects_of(("p", "cat", box, False, False)), context=2.0)
    assert place(views.iloc[0]) == expected
    assert views.loc[0, BOX].tolist() == (np.array(box) - [*expected[:2], *expected[:2]]).tolist()


def test_difficult_objects_and_crowds_give_no_view_but_keep_their_number() -> None:
    box = (10, 10, 30, 30)
    rows = [
        ("p", "cat", box, True, False),
        ("p", "dog", box, False, False),
        ("q", "eel", box, False, False),
        ("p", "cat", box, False, True),
        ("p", "fox", box, True, True),
        ("p", "gnu", box, False, False),
    ]
    images = images_of(("p", "train", 200, 100), ("q", "val", 50, 50), ("r", "train", 9, 9))
    views = object_views(images, objects_of(*rows), context=1.5)
    assert views["image_id"].tolist() == ["p#1", "p#4", "q#0"]
    assert views["label"].tolist() == ["dog", "gnu", "eel"]
    assert views["picture_id"].tolist() == ["p", "p", "q"]
    assert views["split"].tolist() == ["train", "train", "val"]


def test_objects_of_pictures_that_are_not_there_are_left_out() -> None:
    views = object_views(ONE, objects_of(("gone", "cat", (1, 1, 9, 9), False, False)), context=1.5)
    assert (len(views), list(views.columns)) == (0, VIEWS.names)


def test_no_clear_object_gives_no_view() -> None:
    for objects in (objects_of(), objects_of(("p", "cat", (1, 1, 9, 9), False, True))):
        views = object_views(ONE, objects, context=1.5)
        assert pa.Table.from_pandas(views, schema=VIEWS, preserve_index=False).num_rows == 0


def test_views_are_sorted_as_texts() -> None:
    rows = [("p", "cat", (1, 1, 9, 9), False, False)] * 11
    views = object_views(ONE, objects_of(*rows), context=1.5)
    assert views["image_id"].tolist() == sorted(f"p#{i}" for i in range(11))


@st.composite
def pictures(draw: st.DrawFn) -> tuple[int, int, list[tuple[float, float, float, float]]]:
    """Draw a picture and boxes inside it, of whole pixels or of quarters."""
    width, height = draw(st.integers(1, 300)), draw(st.integers(1, 300))
    step = draw(st.sampled_from([1, 4]))
    boxes = []
    for _ in range(draw(st.integers(0, 4))):
        x1, y1 = draw(st.integers(0, width * step - 1)), draw(st.integers(0, height * step - 1))
        x2, y2 = draw(st.integers(x1 + 1, width * step)), draw(st.integers(y1 + 1, height * step))
        boxes.append((x1 / step, y1 / step, x2 / step, y2 / step))
    return width, height, boxes


@settings(deadline=None)
@given(pictures(), st.sampled_from([1.0, 1.25, 1.5, 4.0]))
def test_a_view_lies_inside_its_picture_with_the_object_near_its_middle(
    picture: tuple[int, int, list[tuple[float, float, float, float]]], context: float
) -> None:
    width, height, boxes = picture
    images = images_of(("p", "train", width, height))
    views = object_views(images, objects_of(*(("p", "cat", box, False, False) for box in boxes)), context)
    assert len(views) == len(boxes)
    by_number = views.set_index("image_id")
    for number, box in enumerate(boxes):
        view = by_number.loc[f"p#{number}"]
        asked = math.ceil(context * max(box[2] - box[0], box[3] - box[1]))
        for axis, (low, size, whole) in enumerate([("left", "width", width), ("top", "height", height)]):
            start, side = int(view[low]), int(view[size])
            assert side == min(asked, whole)
            assert 0 <= start <= whole - side
            first, last = view[BOX[axis]] + start, view[BOX[axis + 2]] + start
            assert (first, last) == (box[axis], box[axis + 2])
            # the object is inside, but for half a pixel where its corners are between pixels and nothing is around it
            slack = 0.0 if first % 1 == 0 and last % 1 == 0 else 0.5
            assert -slack <= view[BOX[axis]] < view[BOX[axis + 2]] <= side + slack
            off = (first + last) / 2 - (start + side / 2)
            at_an_edge = start == 0 if off < 0 else start == whole - side
            assert abs(off) <= 0.5 or at_an_edge
