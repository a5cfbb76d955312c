"""Precision and recall by class."""

import re

import numpy as np
import pandas as pd
import pytest

from overfeat.report.names import ClassNames
from overfeat.report.precision import precision_recall, reached

NAMES = ClassNames(["n1", "n2", "n3"], ["cat", "<dog>", "eel"])
CURVES = pd.DataFrame(
    {
        "label": ["n1", "n1", "n2"],
        "score": [0.9, 0.5, 0.8],
        "recall": [0.5, 1.0, 0.25],
        "precision": [1.0, 0.5, 1.0],
        "split": "val",
    }
)
AVERAGES = pd.DataFrame(
    {
        "label": ["n1", "n2", "n3"],
        "objects": [2, 4, 0],
        "detections": [4, 1, 3],
        "average_precision": [0.75, 0.25, np.nan],
        "split": "val",
    }
)


def test_curves_and_averages() -> None:
    made = precision_recall(CURVES, AVERAGES, NAMES)
    assert re.findall(r'data-key="(n\d)"', made) == ["n1", "n2"]
    assert re.findall(r'<option value="(.*?)">(.*?)</option>', made)[1:] == [("n1", "cat"), ("n2", "&lt;dog&gt;")]
    names = re.findall(r'<a href="([^"]*)">(.*?)</a>', made)
    assert [name for _, name in names] == ["&lt;dog&gt;", "cat", "eel"]  # the worst first, without objects last
    assert names[1][0] == "#gallery?task=detection&amp;split=val&amp;class=n1"
    assert re.findall(r'<rect width="([\d.]+)"', made) == ["25.0", "75.0"]
    assert "<h3>" not in made


def test_splits_are_apart() -> None:
    both = [pd.concat([frame, frame.assign(split="test")]) for frame in (CURVES, AVERAGES)]
    made = precision_recall(*both, NAMES)
    assert re.findall("<h3>(.*?)</h3>", made) == ["Split val", "Split test"]
    assert made.count("<figure") == 2


def test_nothing() -> None:
    empty = pd.DataFrame(columns=["label", "split"])
    assert "there is no detector" in precision_recall(empty, empty, NAMES)
    made = precision_recall(empty, AVERAGES, NAMES)
    assert "Nothing was found" in made
    assert made.count("<tr>") == 4


def test_many_classes_have_few_points_each() -> None:
    labels = [f"n{number}" for number in range(30)]
    x = np.linspace(0, 1, 200)
    curves = pd.concat(
        [pd.DataFrame({"label": label, "recall": x, "precision": 1 - x / 2, "split": "val"}) for label in labels]
    )
    averages = pd.DataFrame({"label": labels, "objects": 1, "detections": 1, "average_precision": 0.5, "split": "val"})
    made = precision_recall(curves, averages, ClassNames(labels, labels))
    paths = re.findall(r'<path d="([^"]*)" class="line c0"', made)
    assert len(paths) == 30
    assert all(path.count("L") == 59 for path in paths)


def test_what_is_reached() -> None:
    recall, precision = np.array([0.25, 0.5, 1.0]), np.array([0.5, 1.0, 0.75])
    assert reached(recall, precision) == pytest.approx([1.0] * 6 + [0.75] * 5)
    assert reached(recall[:1], precision[:1]) == pytest.approx([0.5] * 3 + [np.nan] * 8, nan_ok=True)
