"""COCO's measures on paper, and beside ours where both mean the same."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.errors import SettingsError
from overfeat.evaluation.average_precision import average_precisions, mean_average_precision
from overfeat.evaluation.coco import coco_metrics
from overfeat.evaluation.detection import Measure, match
from overfeat.results.schemas import BOX

FOUND = ["image_id", "label", "score", *BOX]
TRUE = ["image_id", "label", *BOX, "difficult", "crowd"]


def detections_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=FOUND)


def objects_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame([(*row, False, False)[:8] for row in rows], columns=TRUE)


def ours(detections: pd.DataFrame, objects: pd.DataFrame, image_ids: str, measure: Measure) -> float:
    matched = match(detections, objects, image_ids, measure)
    return mean_average_precision(average_precisions(matched, objects, image_ids, ["cat", "dog"], "101-point"))


def test_one_object_by_hand(capfd: pytest.CaptureFixture[str]) -> None:
    # IoU 0.82 is enough for 0.5, 0.55 ... 0.8: seven of ten thresholds
    objects = objects_of(("b", "cat", 0, 0, 100, 100), ("z", "cat", 0, 0, 100, 100))
    detections = detections_of(("b", "cat", 0.9, 0, 0, 100, 82), ("b", "eel", 0.9, 0, 0, 100, 82))
    assert coco_metrics(detections, objects, "abc", ["dog", "cat"]) == pytest.approx(
        {"ap": 0.7, "ap50": 1, "ap75": 1, "ap_large": 0.7, "ar100": 0.7}
    )
    assert capfd.readouterr() == ("", "")


def test_sizes_by_hand() -> None:
    # 400, 2500 and 10000 pixels; the middle one is missed
    objects = objects_of(("a", "cat", 0, 0, 20, 20), ("a", "cat", 100, 0, 150, 50), ("a", "cat", 200, 0, 300, 100))
    detections = detections_of(("a", "cat", 0.5, 0, 0, 20, 20), ("a", "cat", 0.9, 200, 0, 300, 100))
    # recalls 0 to 0.66 of 0 to 1 are reached, with precision 1
    assert coco_metrics(detections, objects, "a", ["cat"]) == pytest.approx(
        {
            "ap": 67 / 101,
            "ap50": 67 / 101,
            "ap75": 67 / 101,
            "ap_small": 1,
            "ap_medium": 0,
            "ap_large": 1,
            "ar100": 2 / 3,
        }
    )


def test_difficult_objects_by_hand() -> None:
    difficult = ("a", "cat", 100, 0, 140, 40, True, False)
    objects = objects_of(("a", "cat", 0, 0, 40, 40), difficult)
    hit, first, second = (
        ("a", "cat", 0.5, 0, 0, 40, 40),
        ("a", "cat", 0.9, 100, 0, 140, 40),
        ("a", "cat", 0.8, 100, 0, 140, 40),
    )
    assert coco_metrics(detections_of(hit), objects, "a", ["cat"])["ap"] == 1  # not missed
    assert coco_metrics(detections_of(hit, first), objects, "a", ["cat"])["ap"] == 1  # nor hit
    # where we part: COCO ignores one detection for a difficult object, the rules of VOC any number
    both = detections_of(hit, first, second)
    assert coco_metrics(both, objects, "a", ["cat"])["ap50"] == pytest.approx(1 / 2)
    assert ours(both, objects, "a", "voc") == ours(both, objects, "a", "ilsvrc") == 1


def test_where_the_greatest_overlap_only_counts() -> None:
    # the second detection overlaps the taken object by 38/42 and the free one by 34/46
    objects = objects_of(("a", "cat", 0, 0, 40, 40), ("a", "cat", 8, 0, 48, 40))
    detections = detections_of(("a", "cat", 0.9, 0, 0, 40, 40), ("a", "cat", 0.8, 2, 0, 42, 40))
    assert coco_metrics(detections, objects, "a", ["cat"])["ap50"] == 1
    assert ours(detections, objects, "a", "ilsvrc") == 1
    assert ours(detections, objects, "a", "voc") == pytest.approx(51 / 101)  # recalls 0 to 0.5


def test_nothing() -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40))
    detections = detections_of(("a", "cat", 0.9, 0, 0, 40, 40))
    zero = {"ap": 0, "ap50": 0, "ap75": 0, "ap_medium": 0, "ar100": 0}
    assert coco_metrics(detections[:0], objects, "ab", ["cat", "dog"]) == zero
    assert coco_metrics(detections, objects[:0], "ab", ["cat"]) == {}
    assert coco_metrics(detections, objects, "b", ["cat"]) == {}
    assert coco_metrics(detections, objects, [], []) == {}
    ignored = objects.assign(difficult=True)
    assert coco_metrics(detections, ignored, "a", ["cat"]) == {}


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_ap50_is_ours_with_its_interpolation(seed: int) -> None:
    generator = np.random.default_rng(seed)

    def boxes(count: int) -> np.ndarray:
        corners = generator.uniform(0, 40, (count, 2))  # sides of 25 and more: both ask for an IoU of 1/2
        return np.concatenate([corners, corners + generator.uniform(25, 90, (count, 2))], axis=1)

    def places(count: int) -> dict[str, np.ndarray]:
        return {
            "image_id": generator.choice(list("abcz"), count),
            "label": generator.choice(["cat", "dog", "eel"], count),
        }

    # few, so that no recall is one that COCO's rounding misses; scores have ties
    true, found = boxes(int(generator.integers(1, 9))), boxes(int(generator.integers(0, 40)))
    objects = pd.DataFrame(places(len(true)) | dict(zip(BOX, true.T, strict=True))).assign(difficult=False)
    objects["crowd"] = generator.random(len(true)) < 0.2
    scores = generator.integers(1, 9, len(found)) / 8
    detections = pd.DataFrame(places(len(found)) | dict(zip(BOX, found.T, strict=True)) | {"score": scores})
    theirs = coco_metrics(detections, objects, "abc", ["cat", "dog"])
    mean = ours(detections, objects, "abc", "ilsvrc")
    assert mean == pytest.approx(theirs.get("ap50", np.nan), abs=1e-9, nan_ok=True)
    assert all(0 <= value <= 1 for value in theirs.values())


def test_the_evaluator_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(SettingsError, match=r"pip install 'overfeat\[evaluation\]'"):
        coco_metrics(detections_of(), objects_of(), [], [])
