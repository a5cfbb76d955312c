"""Curves of the trainings: one member, several, one point, or none."""

import re

import pandas as pd

from overfeat.report.training import training

CURVES = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "learning_rate": [0.1, 0.1, 0.0],
        "train_loss": [2.0, 1.0, 0.5],
        "validation_loss": [1.5, 1.0, 0.75],
        "validation_error": [60.0, 30.0, 20.0],
    }
)


def test_one_member() -> None:
    made = training({"classifier": {"member-0": CURVES}})
    assert made.count("<figure") == 2
    assert len(re.findall(r'class="line c0"></path>', made)) == 3  # two charts, and the key of the first
    assert len(re.findall(r'class="line c1 dashed"></path>', made)) == 2
    assert "<td>0.75</td>" in made
    assert "There is no localizer: no training picture has a box." in made
    assert "There is no detector" in made


def test_a_line_for_each_member() -> None:
    made = training({"classifier": {"member-0": CURVES, "member-1": CURVES.assign(train_loss=3.0)}})
    assert "2 members of an ensemble, a line each." in made
    assert '<th scope="col">training, member-1</th>' in made
    assert len(re.findall(r'<span class="key">', made)) == 2  # each measure once; the second chart has one measure


def test_a_net_that_was_taken_has_one_point() -> None:
    taken = pd.DataFrame({"epoch": [0], "train_loss": [None], "validation_error": [12.5]})
    made = training({"classifier": {"member-0": taken}})
    assert "The net was taken, not trained" in made
    assert "<circle" in made
    assert made.count("<figure") == 1


def test_no_curves_at_all() -> None:
    made = training({"classifier": {"member-0": CURVES[:0]}, "localizer": {}})
    assert "<figure" not in made
    assert "The classifier was not trained here" in made
