"""The fitted confidence: it finds the sigmoid that data were drawn from, and stays a chance whatever they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.inference.calibration import Calibration, features_of, fit

COUNT = 40_000


def draw(rng: np.random.Generator, count: int) -> np.ndarray:
    """Return features as decisions have them."""
    return np.stack([rng.uniform(-9, -1, count), rng.uniform(0.3, 1, count), rng.uniform(2, 9, count)], axis=1)


@pytest.mark.parametrize(("weights", "intercept"), [((1.5, 2.0, -0.5), 2.0), ((0.5, 0.0, 0.4), -1.0)])
def test_it_finds_the_sigmoid_that_the_data_were_drawn_from(
    weights: tuple[float, float, float], intercept: float
) -> None:
    rng = np.random.default_rng(0)
    features, labels = draw(rng, COUNT), ["a", "b"] * (COUNT // 2)
    truth = Calibration(weights, intercept, 0, {"a": 0.7, "b": -0.7})
    fitted = fit(features, labels, rng.random(COUNT) < truth.confidence(features, labels))
    assert fitted is not None
    assert fitted.decisions == COUNT
    assert fitted.weights == pytest.approx(weights, abs=0.15)
    assert fitted.offsets["a"] - fitted.offsets["b"] == pytest.approx(1.4, abs=0.1)
    new = draw(rng, 200)
    np.testing.assert_allclose(fitted.confidence(new, ["a"] * 200), truth.confidence(new, ["a"] * 200), atol=0.03)


def test_confidence_by_hand() -> None:
    calibration = Calibration((2.0, 1.0, -0.5), 3.0, 1, {"a": 0.25})
    features = np.array([[-1.0, 0.5, 4.0], [-1.0, 0.5, 4.0]])
    # 2 * -1 + 0.5 - 0.5 * 4 + 3 = -0.5, and 0.25 more for a
    expected = [1 / (1 + np.exp(0.25)), 1 / (1 + np.exp(0.5))]
    assert calibration.confidence(features, ["a", "unknown"]).tolist() == pytest.approx(expected)
    assert calibration.confidence(np.zeros((0, 3)), []).shape == (0,)


def test_features_by_hand() -> None:
    boxes = np.array([[0.0, 0.0, 4.0, 5.0], [3.0, 3.0, 3.0, 9.0]])
    features = features_of(np.array([6.0, -0.5]), np.array([60.0, 10.0]), np.array([8.0, 2.0]), boxes)
    expected = [[np.log(0.1), 0.75, np.log(20)], [np.log(1e-6), -0.25, 0.0]]  # logits may add up to less than nothing
    np.testing.assert_allclose(features, expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_it_is_a_chance_and_a_greater_share_is_never_less_sure(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    features, right = draw(rng, count), rng.random(count) < 0.5
    fitted = fit(features, ["a"] * count, right)
    assert fitted is not None
    assert np.isfinite([*fitted.weights, fitted.intercept, *fitted.offsets.values()]).all()
    ladder = np.tile(draw(rng, 1), (20, 1))
    ladder[:, 0] = np.linspace(-14, 0, 20)
    said = fitted.confidence(ladder, ["a"] * 20)
    assert ((said >= 0) & (said <= 1)).all()
    assert (np.diff(said) >= 0).all()


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("count", [1, 3, 1000])
def test_all_right_and_all_wrong_are_nearly_sure(right: bool, count: int) -> None:
    features = draw(np.random.default_rng(0), count)
    fitted = fit(features, ["a"] * count, np.full(count, right))
    assert fitted is not None
    said = fitted.confidence(features, ["a"] * count)
    target = (count + 1) / (count + 2) if right else 1 / (count + 2)
    np.testing.assert_allclose(said, target, atol=0.01)  # Platt's smoothed target


def test_the_confidences_of_some_hundred_decisions_add_up_to_the_right_ones() -> None:
    """So they do at the maximum of the likelihood, but for the smoothing of the targets and the priors."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        features, labels = draw(rng, 300), rng.choice(["a", "b", "c"], 300).tolist()
        truth = Calibration((rng.uniform(0.3, 2), rng.uniform(-2, 2), 0.0), rng.uniform(0, 6), 0)
        right = rng.random(300) < truth.confidence(features, labels)
        fitted = fit(features, labels, right)
        assert fitted is not None
        assert fitted.confidence(features, labels).sum() == pytest.approx(right.sum(), abs=1.0)


def test_a_class_with_few_decisions_stays_near_the_others() -> None:
    rng = np.random.default_rng(1)
    features = draw(rng, 502)
    labels = ["many"] * 500 + ["few"] * 2
    right = rng.random(502) < 0.5
    right[-2:] = True
    fitted = fit(features, labels, right)
    assert fitted is not None
    assert 0 < fitted.offsets["few"] < 1.2


def test_a_class_that_is_right_more_often_is_more_sure() -> None:
    rng = np.random.default_rng(2)
    features, labels = draw(rng, 2000), ["good", "bad"] * 1000
    right = rng.random(2000) < np.where(np.arange(2000) % 2 == 0, 0.8, 0.3)
    fitted = fit(features, labels, right)
    assert fitted is not None
    said = fitted.confidence(features, labels)
    assert said[::2].mean() == pytest.approx(right[::2].mean(), abs=0.02)
    assert said[1::2].mean() == pytest.approx(right[1::2].mean(), abs=0.02)


def test_nothing_to_fit_on() -> None:
    assert fit(np.zeros((0, 3)), [], np.zeros(0, bool)) is None
