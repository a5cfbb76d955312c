"""The fitted confidence: it finds the sigmoid that data were drawn from, and stays a chance whatever they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.inference.calibration import Calibration, fit

SHARES = np.geomspace(1e-6, 1, 50)


@pytest.mark.parametrize(("slope", "intercept"), [(1.5, 2.0), (0.5, -1.0), (3.0, 9.0)])
def test_it_finds_the_sigmoid_that_the_data_were_drawn_from(slope: float, intercept: float) -> None:
    rng = np.random.default_rng(0)
    shares = np.exp(rng.uniform(-6, 0, 40_000))
    truth = Calibration(slope, intercept, 0)
    fitted = fit(shares, rng.random(len(shares)) < truth.confidence(shares))
    assert fitted is not None
    assert fitted.guesses == 40_000
    assert (fitted.slope, fitted.intercept) == pytest.approx((slope, intercept), rel=0.06)
    np.testing.assert_allclose(fitted.confidence(SHARES), truth.confidence(SHARES), atol=0.03)


def test_confidence_by_hand() -> None:
    calibration = Calibration(slope=2.0, intercept=3.0, guesses=1)
    expected = [1 / (1 + np.exp(-3)), 1 / (1 + np.exp(-(3 + 2 * np.log(0.1))))]
    assert calibration.confidence(np.array([1.0, 0.1])).tolist() == pytest.approx(expected)
    assert calibration.confidence(np.zeros(0)).shape == (0,)
    assert 0 <= calibration.confidence(np.array([0.0, -1.0]))[0] < 1e-6  # logits may add up to less than nothing


def test_a_greater_share_is_never_less_sure() -> None:
    fitted = fit(np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([False, False, True, False, True]))
    assert fitted is not None
    assert (np.diff(fitted.confidence(SHARES)) >= 0).all()


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("count", [1, 3, 1000])
def test_all_right_and_all_wrong_are_nearly_sure(right: bool, count: int) -> None:
    shares = np.linspace(0.05, 0.9, count)
    fitted = fit(shares, np.full(count, right))
    assert fitted is not None
    said = fitted.confidence(shares)
    target = (count + 1) / (count + 2) if right else 1 / (count + 2)
    np.testing.assert_allclose(said, target, atol=0.01)  # Platt's smoothed target


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=30))
def test_the_fit_is_the_best_there_is(guesses: list[tuple[float, bool]]) -> None:
    shares, right = (np.array(column) for column in zip(*guesses, strict=True))
    fitted = fit(shares, right)
    assert fitted is not None
    assert np.isfinite([fitted.slope, fitted.intercept]).all()
    targets = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def likelihood(slope: float, intercept: float) -> float:
        said = np.clip(Calibration(slope, intercept, 0).confidence(shares), 1e-300, 1 - 1e-16)
        return float((targets * np.log(said) + (1 - targets) * np.log(1 - said)).sum())

    best = likelihood(fitted.slope, fitted.intercept)
    for step in (0.3, 3.0):
        for slope, intercept in ((step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step), (step, step), (-step, -step)):
            assert best >= likelihood(fitted.slope + slope, fitted.intercept + intercept) - 1e-3


def test_the_confidences_of_some_hundred_guesses_add_up_to_the_right_ones() -> None:
    """So they do at the maximum of the likelihood, but for the smoothing of the targets."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        shares = np.exp(rng.uniform(-8, -0.5, 300))
        right = rng.random(300) < Calibration(rng.uniform(0.3, 3), rng.uniform(-3, 6), 0).confidence(shares)
        fitted = fit(shares, right)
        assert fitted is not None
        assert fitted.confidence(shares).sum() == pytest.approx(right.sum(), abs=1.0)


def test_nothing_to_fit_on() -> None:
    assert fit(np.zeros(0), np.zeros(0, bool)) is None
