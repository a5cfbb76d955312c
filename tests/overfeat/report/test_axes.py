"""Axes: places, and round numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.report.axes import Axis


@pytest.mark.parametrize(
    ("low", "high", "numbers"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 7, [0, 1, 2, 3, 4, 5, 6, 7]),
        (1, 16, [2, 4, 6, 8, 10, 12, 14, 16]),
        (0, 0.0121, [0, 0.002, 0.004, 0.006, 0.008, 0.01, 0.012]),
        (-0.3, 0.3, [-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3]),
    ],
)
def test_round_numbers(low: float, high: float, numbers: list[float]) -> None:
    assert Axis("x", low, high).round_numbers() == pytest.approx(numbers)


def test_only_whole_numbers() -> None:
    assert Axis("epoch", 1, 3, whole=True).round_numbers() == [1, 2, 3]
    assert Axis("epoch", 0.5, 1.5, whole=True).round_numbers() == [1]


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e6))
def test_round_numbers_are_few_and_within_the_ends(low: float, length: float) -> None:
    axis = Axis("x", low, low + length)
    numbers = axis.round_numbers()
    assert len(numbers) <= 12
    assert all(axis.low - 1e-6 * length <= number <= axis.high + 1e-6 * length for number in numbers)


@pytest.mark.parametrize(
    ("values", "zero", "ends"),
    [
        ([2.0, 5.0, np.nan], False, (2, 5)),
        ([2.0, 5.0], True, (0, 5)),
        ([3.0], True, (0, 3)),
        ([3.0], False, (2.5, 3.5)),
        ([0.0], True, (-0.5, 0.5)),
        ([np.nan], True, (0, 1)),
        ([], False, (0, 1)),
    ],
)
def test_around(values: list[float], zero: bool, ends: tuple[float, float]) -> None:
    axis = Axis.around("x", np.array(values), zero)
    assert (axis.low, axis.high) == ends


def test_places() -> None:
    assert Axis("x", 2, 6).place(np.array([2.0, 4.0, 6.0])).tolist() == [0, 0.5, 1]
