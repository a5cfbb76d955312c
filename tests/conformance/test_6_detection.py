"""SPEC 6: detections, and the measures of ILSVRC, Pascal VOC and COCO."""

import numpy as np
import pandas as pd
import pytest

from overfeat.config import MergeSettings
from overfeat.evaluation.average_precision import average_precisions, mean_average_precision
from overfeat.evaluation.coco import coco_metrics
from overfeat.evaluation.detection import match
from overfeat.inference.detection import detect, detections
from overfeat.inference.votes import Votes

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
    # 10 x 40: 400 / (20 x 50) = 0.4
    narrow = objects(("p", "cat", 0, 0, 10, 40))
    assert hits(found(("p", "cat", 1, 0, 0, 10, 16)), narrow) == [True]
    assert hits(found(("p", "cat", 1, 0, 0, 10, 15.9)), narrow) == [False]


def test_the_threshold_is_never_over_a_half() -> None:
    large = objects(("p", "cat", 0, 0, 100, 100))
    assert hits(found(("p", "cat", 1, 0, 0, 100, 50)), large) == [True]
    assert hits(found(("p", "cat", 1, 0, 0, 100, 49)), large) == [False]


def test_a_second_hit_on_an_object_is_false_and_the_better_score_has_it() -> None:
    one = objects(("p", "cat", 0, 0, 100, 100))
    twice = found(("p", "cat", 0.5, 0, 0, 100, 100), ("p", "cat", 0.9, 0, 0, 100, 90))
    for measure in ("ilsvrc", "voc"):
        matched = match(twice, one, ["p"], measure)  # type: ignore[arg-type]
        assert dict(zip(matched["score"], matched["hit"], strict=True)) == {0.9: True, 0.5: False}


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


def test_average_precision_of_pascal_voc_by_area_and_at_eleven_points() -> None:
    truth = objects(*[("p", "cat", 200 * i, 0, 200 * i + 100, 100) for i in range(2)], ("p", "cat", 0, 500, 10, 510))
    # VOC asks small objects for half, too: 5 of 10 rows are enough, 4 are not
    said = found(
        ("p", "cat", 0.9, 0, 0, 100, 100),  # precision 1 at recall 1/3
        ("p", "cat", 0.8, 0, 500, 10, 504),  # false
        ("p", "cat", 0.7, 200, 0, 300, 100),  # precision 2/3 at recall 2/3
    )
    matched = match(said, truth, ["p"], "voc")
    assert matched["hit"].tolist() == [True, False, True]
    for interpolation, expected in (("area", (1 + 2 / 3) / 3), ("11-point", (4 * 1 + 3 * 2 / 3) / 11)):
        averages = average_precisions(matched, truth, ["p"], ["cat"], interpolation)  # type: ignore[arg-type]
        assert mean_average_precision(averages) == pytest.approx(expected)
    assert match(said, truth, ["p"], "ilsvrc")["hit"].all()


def test_average_precision_of_coco_is_the_mean_over_ten_thresholds() -> None:
    # IoU 0.72: 0.5, 0.55, 0.6, 0.65 and 0.7 of 0.5 to 0.95
    truth = objects(("p", "cat", 200, 300, 300, 400))
    measures = coco_metrics(found(("p", "cat", 0.9, 200, 300, 300, 372)), truth, ["p"], ["cat"])
    assert (measures["ap"], measures["ap50"], measures["ap75"]) == pytest.approx((0.5, 1, 0))


def votes(*windows: tuple[int, tuple[float, ...], dict[int, float]]) -> Votes:
    """Return the votes of windows of one map a picture: picture, box, and outputs of some of cat, dog, background."""
    entries = [(i, kind, output) for i, (_, _, said) in enumerate(windows) for kind, output in said.items()]
    pictures = np.array([picture for picture, _, _ in windows])
    count = int(pictures.max()) + 1
    return Votes(
        **{"num_classes": 3, "image_ids": [f"p{i}" for i in range(count)], "splits": ["val"] * count},
        **{"map_pictures": np.arange(count), "map_scales": np.ones(count, np.int64), "window_maps": pictures},
        **{"windows": np.arange(len(windows)), "boxes": np.array([box for _, box, _ in windows], np.float64)},
        **{"entry_windows": np.array([e[0] for e in entries]), "entry_classes": np.array([e[1] for e in entries])},
        **{"outputs": np.array([e[2] for e in entries]), "entry_boxes": None},
    )


def test_detections_are_all_merged_boxes_of_every_class_but_background() -> None:
    left, near, right = (0, 0, 100, 100), (4, 0, 104, 100), (300, 0, 400, 100)
    said = votes(
        (0, left, {0: 0.9, 2: 0.1}),
        (0, near, {0: 0.8, 1: 0.55, 2: 0.1}),
        (0, right, {0: 0.7, 2: 0.3}),
        (0, right, {2: 0.95}),  # background
        (0, left, {1: 0.4, 2: 0.6}),  # too unlikely a dog
        (1, left, {0: 0.6}),
    )
    detected = detections(said, detect(said, MergeSettings()), ["cat", "dog", "background"], None, "r", "m").to_pandas()
    rows = zip(*(detected[name] for name in ("image_id", "label", "score", "x1", "members")), strict=True)
    assert [(i, label, round(float(score), 4), float(x1), list(members)) for i, label, score, x1, members in rows] == [
        ("p0", "cat", 1.7, 2.0, [0, 1]),
        ("p0", "cat", 0.7, 300.0, [2]),
        ("p0", "dog", 0.55, 4.0, [1]),
        ("p1", "cat", 0.6, 0.0, [5]),
    ]
