"""The ablation's verdicts, and its table and plot from made rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipelines.ablation import ORDERINGS, VARIANTS, _ordering
from pipelines.ablation_report import write_report


@pytest.mark.parametrize(
    ("better", "worse", "verdict"),
    [
        ([False] * 100, [True] * 50 + [False] * 50, "holds"),
        ([True] * 50 + [False] * 50, [False] * 100, "does not hold"),
        ([True, False] * 50, [False, True] * 50, "within noise"),
        ([True] * 2 + [False] * 98, [True] * 3 + [False] * 97, "within noise"),
        ([True, False] * 50, [True, False] * 50, "within noise"),
    ],
)
def test_a_verdict_compares_pictures_in_pairs(better: list[bool], worse: list[bool], verdict: str) -> None:
    wrong = {"new": np.array(better), "old": np.array(worse)}
    said = _ordering("new beats old", "new", "old", wrong)
    assert said["verdict"] == verdict
    assert said["gain_percent"] == pytest.approx(100 * (np.mean(worse) - np.mean(better)))


def test_orderings_name_variants() -> None:
    names = {variant.name for variant in VARIANTS}
    assert all({better, worse} <= names for _, better, worse in ORDERINGS)


def test_the_report(tmp_path: Path) -> None:
    measured = {
        "pictures": 10,
        "error_percent": 20.0,
        "error_low_percent": 10.0,
        "error_high_percent": 35.0,
        "class_wrong_percent": 5.0,
        "box_wrong_percent": 15.0,
        "given_class_error_percent": 16.0,
    }
    rows = pd.DataFrame(
        [
            {"variant": "whole picture", "given_class_error_percent": 50.0},
            {"variant": "dense", "threshold": 0.5, **measured, "paper_error_percent": 31.5},
            {"variant": "nms", **measured},
        ]
    )
    orderings = pd.DataFrame([{"claim": "a beats b", "gain_percent": 1.25, "noise_percent": 2.0, "verdict": "noise"}])
    write_report(tmp_path, "data/set", "mini", rows, orderings)
    text = (tmp_path / "ablation.md").read_text()
    assert "| whole picture |  |  |  |  | 50.0 |  |" in text
    assert "| dense | 0.5 | 20.0 (10.0-35.0) | 5.0 | 15.0 | 16.0 | 31.5 |" in text
    assert "| a beats b | 1.2 ± 2.0 | noise |" in text
    assert "on set, 10 validation pictures" in text
    assert len(pd.read_csv(tmp_path / "ablation.csv")) == 3
    with Image.open(tmp_path / "ablation.png") as plot:
        assert plot.size[0] > 500
