"""Sweeps over a threshold, against counting at each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.report.thresholds import STEPS, answered, detection_sweep, steps

ANSWERS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), max_size=20)
THRESHOLDS = np.array([0.0, 0.1, 0.2, 0.5, 0.9, 1.0])


def arrays(answers: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([a for a, _ in answers], float), np.array([r for _, r in answers], bool)


@given(ANSWERS, st.integers(0, 5), st.integers(1, 4))
def test_detection_equals_counting(answers: list[tuple[float, bool]], missed: int, pictures: int) -> None:
    objects = missed + sum(right for _, right in answers)
    frame = detection_sweep(*arrays(answers), objects, pictures, THRESHOLDS)
    for threshold, row in zip(THRESHOLDS, frame.to_dict("records"), strict=True):
        kept = [right for sureness, right in answers if sureness >= threshold]
        hits = sum(kept)
        assert row["threshold"] == threshold
        assert row["precision"] == pytest.approx(hits / len(kept) if kept else np.nan, nan_ok=True)
        assert row["recall"] == pytest.approx(hits / objects if objects else np.nan, nan_ok=True)
        assert row["false_a_picture"] == pytest.approx((len(kept) - hits) / pictures)
        known = kept and objects
        assert row["f1"] == pytest.approx(2 * hits / (len(kept) + objects) if known else np.nan, nan_ok=True)


@given(ANSWERS.filter(len))
def test_answered_equals_counting(answers: list[tuple[float, bool]]) -> None:
    frame = answered(*arrays(answers), THRESHOLDS)
    for threshold, row in zip(THRESHOLDS, frame.to_dict("records"), strict=True):
        kept = [right for score, right in answers if score >= threshold]
        assert row["answered"] == pytest.approx(len(kept) / len(answers))
        assert row["accuracy"] == pytest.approx(np.mean(kept) if kept else np.nan, nan_ok=True)


def test_steps_are_those_of_probabilities_or_of_all_values() -> None:
    assert steps(np.array([0.3, 0.9])).tolist() == pytest.approx(np.linspace(0, 1, STEPS).tolist())
    assert steps(np.array([])).tolist()[-1] == 1
    assert steps(np.array([-3.0, 12.0]))[[0, -1]].tolist() == [-3, 12]
