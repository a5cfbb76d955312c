"""Localization error on cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from overfeat.evaluation.localization import (
    calibration_error,
    error_metrics,
    guess_ious,
    hits,
    mean_box,
    relative_boxes,
    whole_pictures,
)

BOX = ["x1", "y1", "x2", "y2"]
TRUTH = {
    "a": "cat",  # one of two cats is found, exactly half: right
    "b": "dog",  # right class, wrong box
    "c": "dog",  # right box, wrong class
    "d": "cat",  # right at the sixth guess
    "e": "eel",  # no guess
    "f": "cat",  # only an eel is annotated: left out
    "g": "eel",  # wrong with the first eel, right with the second
}
OBJECTS = pd.DataFrame(
    [
        ("a", "cat", 0, 0, 10, 10),
        ("a", "cat", 50, 50, 70, 60),
        ("b", "dog", 0, 0, 10, 10),
        ("c", "dog", 0, 0, 10, 10),
        ("d", "cat", 0, 0, 10, 10),
        ("e", "eel", 0, 0, 10, 10),
        ("f", "eel", 0, 0, 10, 10),
        ("g", "eel", 0, 0, 10, 10),
    ],
    columns=["image_id", "label", *BOX],
)
GUESSES = pd.DataFrame(
    [
        ("a", "dog", 1, 0, 0, 10, 10),
        ("a", "cat", 2, 50, 50, 60, 60),  # 100 of the second cat's 200: IoU 1/2
        ("b", "dog", 1, 0, 0, 10, 4.999),  # 49.99 of 100: IoU just under 1/2
        ("c", "cat", 1, 0, 0, 10, 10),
        ("d", "cat", 6, 0, 0, 10, 10),
        ("d", "dog", 1, 0, 0, 10, 10),
        ("f", "cat", 1, 0, 0, 10, 10),
        ("g", "eel", 1, 5, 0, 15, 10),  # shared 50, union 150: IoU 1/3
        ("g", "eel", 5, 2, 0, 12, 10),  # shared 80, union 120: IoU 2/3
        ("z", "cat", 1, 0, 0, 10, 10),  # not measured
    ],
    columns=["image_id", "label", "rank", *BOX],
).astype({"image_id": "category", "label": "category", **dict.fromkeys(BOX, "float32")})


def test_hits() -> None:
    frame = hits(GUESSES, OBJECTS, TRUTH)
    assert frame["image_id"].tolist() == ["a", "b", "c", "d", "e", "g"]
    assert frame["label"].tolist() == ["cat", "dog", "dog", "cat", "eel", "eel"]
    assert frame["right"].tolist() == [True, False, False, False, False, True]
    assert frame["class_right"].tolist() == [True, True, False, False, False, True]
    assert frame["iou"].tolist() == pytest.approx([0.5, 0.4999, 0, 0, 0, 2 / 3])


def test_the_error_is_that_of_the_class_and_that_of_the_box() -> None:
    assert error_metrics(hits(GUESSES, OBJECTS, TRUTH), resamplings=0, seed=0) == {
        "pictures": 6,
        "error_percent": 66.6667,  # b, c, d, e
        "class_wrong_percent": 50.0,  # c, d, e
        "box_wrong_percent": 16.6667,  # b
    }
    measures = error_metrics(hits(GUESSES, OBJECTS, TRUTH), resamplings=100, seed=0)
    assert measures["error_low_percent"] < 66 < measures["error_high_percent"]


def test_iou_of_each_guess() -> None:
    ious = guess_ious(GUESSES, OBJECTS)
    assert ious.tolist() == pytest.approx([0, 0.5, 0.4999, 0, 1, 0, 0, 1 / 3, 2 / 3, 0])


def test_no_guesses_and_no_objects() -> None:
    assert guess_ious(GUESSES[:0], OBJECTS).shape == (0,)
    assert guess_ious(GUESSES, OBJECTS[:0]).tolist() == [0.0] * 10
    assert not hits(GUESSES[:0], OBJECTS, TRUTH)["class_right"].any()
    assert hits(GUESSES, OBJECTS[:0], TRUTH).empty


def test_no_pictures_to_measure() -> None:
    assert hits(GUESSES, OBJECTS, {}).empty


IMAGES = pd.DataFrame([("p", "cat", 20, 10), ("q", "dog", 10, 10)], columns=["image_id", "label", "width", "height"])
IN_IMAGES = pd.DataFrame(
    [("p", "cat", 0, 0, 12, 9), ("q", "dog", 4, 0, 10, 5), ("q", "dog", 2, 3, 10, 10), ("r", "cat", 0, 0, 99, 99)],
    columns=["image_id", "label", *BOX],
)


def test_the_whole_picture_as_a_baseline() -> None:
    whole = whole_pictures(IMAGES)
    assert whole[BOX].to_numpy().tolist() == [[0, 0, 20, 10], [0, 0, 10, 10]]
    # p: 108 of 200; q: 30 and 56 of 100
    assert hits(whole, IN_IMAGES, {"p": "cat", "q": "dog"})["iou"].tolist() == pytest.approx([0.54, 0.56])


def test_the_mean_box_as_a_baseline() -> None:
    # in shares of the sides: (0, 0, .6, .9), (.4, 0, 1, .5) and (.2, .3, 1, 1)
    shape = mean_box(IMAGES, IN_IMAGES)
    assert shape.tolist() == pytest.approx([0.2, 0.1, 2.6 / 3, 0.8])
    guesses = relative_boxes(IMAGES, np.array([0.25, 0.5, 0.75, 1.0]))
    assert guesses[BOX].to_numpy().tolist() == [[5, 5, 15, 10], [2.5, 5, 7.5, 10]]
    assert guesses["rank"].tolist() == [1, 1]
    assert guesses["label"].tolist() == ["cat", "dog"]


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.05, 0.92, 0.98, 1.0, 0.5, 0.59])
    right = np.array([False, True, True, False, True, False])
    # 0 to 0.1: |0.05 - 0|; 0.9 to 1, both ends: |2.90 - 2|; 0.5 to 0.6: |1.09 - 1|
    assert calibration_error(confidence, right) == pytest.approx((0.05 + 0.90 + 0.09) / 6)
    assert calibration_error(np.array([0.5, 0.5]), np.array([True, False])) == 0
    # in one bin the errors of both sides even out
    assert calibration_error(np.array([0.25, 0.75]), np.array([False, True]), bins=1) == 0
    assert calibration_error(np.array([0.25, 0.75]), np.array([False, True]), bins=2) == pytest.approx(0.25)
