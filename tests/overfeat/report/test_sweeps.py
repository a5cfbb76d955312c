"""Charts of the sweeps, and what is said where there is nothing to sweep."""

import re

import numpy as np
import pandas as pd

from overfeat.report.judge import judge_detection
from overfeat.report.sweeps import of_classification, of_detection
from overfeat.results.schemas import BOX


def test_detection() -> None:
    objects = pd.DataFrame(
        [(image_id, "cat", 0, 0, 9, 9, False, False) for image_id in "ab"],
        columns=["image_id", "label", *BOX, "difficult", "crowd"],
    )
    detections = pd.DataFrame(
        [("a", "cat", 1.0, 0.75, 0, 0, 9, 9), ("a", "cat", 1.0, 0.25, 0, 0, 9, 9), ("b", "cat", 1.0, 0.5, 0, 0, 9, 9)],
        columns=["image_id", "label", "score", "confidence", *BOX],
    )
    judged = {"val": judge_detection(detections, objects, "ab")}
    made = of_detection(judged, {"val": 2}, 0.5).replace("\u00a0", " ")
    assert made.count("<figure") == 2
    assert made.count("operating threshold") == 2
    rows = dict(re.findall(r'<tr><th scope="row">([\d.]+)</th><td>([\d.]+)</td><td>1</td>', made))
    assert rows["0.25"] == "0.6667"
    assert rows["0.26"] == "1"
    assert "F1 is greatest, 1, from a confidence of 0.26 on: precision 100.0 %, recall 100.0 %" in made
    scored = {"val": judge_detection(detections.assign(confidence=np.nan, score=[30.0, 10, 20]), objects, "ab")}
    made = of_detection(scored, {"val": 2}, 0.5)
    assert "operating threshold" not in made
    assert "least score" in made
    assert ">30</text>" in made


def test_nothing_to_sweep() -> None:
    assert "There is no sweep of the detector" in of_detection({}, {}, 0.5)
    assert "There is no sweep of the classifier" in of_classification({})
    unknown = pd.DataFrame({"kind": ["not known"], "score": [0.5]})
    assert "There is no sweep of the classifier" in of_classification({"test": unknown})


def test_nothing_found() -> None:
    objects = pd.DataFrame(
        [("a", "cat", 0, 0, 9, 9, False, False)], columns=["image_id", "label", *BOX, "difficult", "crowd"]
    )
    empty = pd.DataFrame(columns=["image_id", "label", "score", "confidence", *BOX]).astype({"score": float})
    made = of_detection({"val": judge_detection(empty, objects, "a")}, {"val": 1}, 0.5)
    assert made.count("<figure") == 2
    assert "nan" not in made
    assert "F1 is greatest" not in made


def test_classification() -> None:
    guesses = pd.DataFrame({"kind": ["right", "wrong class", "wrong box", "not known"], "score": [0.9, 0.4, 0.6, 1.0]})
    made = of_classification({"val": guesses})
    rows = re.findall(r'<tr><th scope="row">([\d.]+)</th><td>([\d.]+)</td><td>([\d.]+)</td></tr>', made)
    assert ("0.4", "1", "0.6667") in rows  # a wrong box is a right class
    assert ("0.41", "0.6667", "1") in rows
