"""SPEC 6: detections, and ILSVRC's measure of them."""

import pandas as pd
import pytest

from overfeat.evaluation.average_precision import average_precisions, mean_average_precision
from overfeat.evaluation.detection import match

_BOX = ["x1", "y1", "x2", "y2"]


def objects(*rows: tuple[str, str, float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", *_BOX]).assign(difficult=False, crowd=False)


def found(*rows: tuple[str, str, float, float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", "score", *_BOX])


def hits(detections: pd.DataFrame, truth: pd.DataFrame) -> list[bool]:
    matched = match(detections, truth, sorted(set(truth["image_id"])), "ilsvrc")
    return [bool(hit) for hit in matched["hit"]]


def test_the_iou_threshold_of_a_small_object_is_wh_over_w_plus_10_times_h_plus_10() -> None:
    # 10 x 10: 100 / 400 = 0.25. A box of 10 x 2.5 inside it has IoU 0.25, one of 10 x 2.4 has 0.24
    small = objects(("p", "cat", 0, 0, 10, 10))
    assert hits(found(("p", "cat", 1, 0, 0, 10, 2.5)), small) == [True]
    assert hits(found(("p", "cat", 1, 0, 0, 10, 2.4)), small) == [False]


def test_the_threshold_is_never_over_a_half() -> None:
    large = objects(("p", "cat", 0, 0, 100, 100))
    assert hits(found(("p", "cat", 1, 0, 0, 100, 50)), large) == [True]
    assert hits(found(("p", "cat", 1, 0, 0, 100, 49)), large) == [False]


def test_a_second_hit_on_an_object_is_false_and_the_better_score_has_it() -> None:
    one = objects(("p", "cat", 0, 0, 100, 100))
    assert hits(found(("p", "cat", 0.5, 0, 0, 100, 100), ("p", "cat", 0.9, 0, 0, 100, 90)), one) == [True, False]


def test_any_number_of_objects_of_a_class_can_be_found_in_a_picture() -> None:
    three = objects(*[("p", "cat", 200 * i, 0, 200 * i + 100, 100) for i in range(3)])
    assert hits(found(*[("p", "cat", 0.5, 200 * i, 0, 200 * i + 100, 100) for i in range(3)]), three) == [True] * 3


def test_the_mean_is_over_classes() -> None:
    truth = objects(("p", "cat", 0, 0, 100, 100), ("q", "cat", 0, 0, 100, 100), ("p", "dog", 0, 200, 100, 300))
    said = found(
        ("p", "cat", 0.9, 0, 0, 100, 100),  # a hit: precision 1 at recall 1/2
        ("q", "cat", 0.8, 500, 0, 600, 100),  # false
        ("q", "cat", 0.7, 0, 0, 100, 100),  # a hit: precision 2/3 at recall 1
        ("p", "dog", 0.9, 500, 200, 600, 300),  # false
    )
    averages = average_precisions(match(said, truth, ["p", "q"], "ilsvrc"), truth, ["p", "q"], ["cat", "dog"])
    by_class = dict(zip(averages["label"], averages["average_precision"], strict=True))
    assert by_class["cat"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert by_class["dog"] == 0
    assert mean_average_precision(averages) == pytest.approx(by_class["cat"] / 2)
