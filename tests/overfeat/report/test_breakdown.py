"""Breakdown: parts that add up, at the threshold of the page."""

import re

import pandas as pd
import pytest

from overfeat.report.breakdown import at_threshold, of_detection, of_recognition
from overfeat.report.judge import Judged, judge_detection
from overfeat.results.schemas import BOX


def numbers(markup: str) -> list[tuple[str, int]]:
    """Return the kinds of all bars with their counts."""
    rows = re.findall(r'<i class="dot-key [a-z-]+"></i>(?:<a [^>]*>)?([a-z ]+)(?:</a>)?</th><td>([\d,]+)</td>', markup)
    return [(kind, int(count.replace(",", ""))) for kind, count in rows]


def guesses(*kinds: str, iou: float | None = None) -> pd.DataFrame:
    return pd.DataFrame({"kind": list(kinds), "iou": [iou] * len(kinds)}, dtype=object)


def test_recognition_with_and_without_boxes() -> None:
    made = of_recognition({"val": guesses("right", "right", "wrong box", "wrong class", "not known", iou=0.5)}, {})
    assert numbers(made) == [("right", 2), ("wrong class", 1), ("wrong box", 1)]
    assert "The best guess, 4 pictures of split val" in made
    assert re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', made) == [
        ("0.0", "500.0"),
        ("500.0", "250.0"),
        ("750.0", "250.0"),
    ]
    assert 'href="#gallery?task=recognition&amp;split=val&amp;kind=wrong-class"' in made
    made = of_recognition({"val": guesses("right", "wrong class")}, {})
    assert numbers(made) == [("right", 1), ("wrong class", 1)]


def test_five_guesses_are_those_of_the_metrics() -> None:
    metrics = {"val": {"error_percent": 5.9, "class_wrong_percent": 5.5, "box_wrong_percent": 0.4}}
    made = of_recognition({"val": guesses("right", iou=0.9)}, metrics).replace("\u00a0", " ")
    assert "5.9 % are wrong: 5.5 % have no guess of the right class, 0.4 % have one" in made


def test_what_is_missing_is_said() -> None:
    assert "Recognition has no decisions" in of_recognition({}, {})
    assert "split test: its pictures have no labels" in of_recognition({"test": guesses("not known")}, {})
    assert "there is no detector" in of_detection({}, 0.5)
    empty = judge_detection(found(), scene(), ["a"])
    assert "split test: its pictures have no objects" in of_detection({"test": empty}, 0.5)


def found(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", "score", "confidence", *BOX])


def scene(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "label", *BOX]).assign(difficult=False, crowd=False)


@pytest.fixture
def judged() -> Judged:
    objects = scene(("a", "cat", 0, 0, 9, 9), ("b", "cat", 0, 0, 9, 9), ("c", "cat", 0, 0, 9, 9))
    detections = found(
        ("a", "cat", 1.0, 0.9, 0, 0, 9, 9),
        ("a", "cat", 1.0, 0.6, 0, 0, 9, 9),
        ("b", "cat", 1.0, 0.4, 0, 0, 9, 9),
        ("c", "dog", 1.0, 0.7, 0, 0, 9, 9),
    )
    return judge_detection(detections, objects, ["a", "b", "c"])


def test_detection_at_the_operating_threshold(judged: Judged) -> None:
    made = of_detection({"val": judged}, 0.5)
    kinds = dict(numbers(made))
    assert "3 detections, split val, from a confidence of 0.5 on" in made
    assert (kinds["right"], kinds["duplicate"], kinds["wrong class"], kinds["background"]) == (1, 1, 1, 0)
    assert (kinds["found"], kinds["mistaken"], kinds["missed"]) == (1, 1, 1)
    assert (at_threshold(judged, 0.4)[1] == ["found", "found", "mistaken"]).all()


def test_without_a_confidence_all_detections_count(judged: Judged) -> None:
    scored = Judged(judged.detections, judged.objects, "score", True)
    made = of_detection({"val": scored}, 0.5)
    assert "4 detections, split val<" in made
