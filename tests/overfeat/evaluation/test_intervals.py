"""The bootstrap against plain resampling, and the names of the measures."""

import numpy as np
import pytest

from overfeat.evaluation.intervals import bootstrap_interval, centred, draws, error_percent, interval, resampled_rates


def test_the_bootstrap_equals_plain_resampling() -> None:
    wrong = np.arange(200) < 30
    low, high = bootstrap_interval(wrong, 4000, seed=1)
    generator = np.random.default_rng(0)
    plain = [generator.choice(wrong, len(wrong)).mean() for _ in range(4000)]
    assert (low, high) == pytest.approx(np.percentile(plain, [2.5, 97.5]), abs=0.006)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_an_error_without_doubt_has_an_interval_without_width(share: float) -> None:
    assert bootstrap_interval(np.full(7, bool(share)), 50, seed=0) == (share, share)


def test_names_and_percent() -> None:
    wrong = np.arange(8) < 3
    assert error_percent("error", wrong, 0, seed=0) == {"error_percent": 37.5}
    measures = error_percent("box_error", wrong, 500, seed=0)
    assert list(measures) == ["box_error_percent", "box_error_low_percent", "box_error_high_percent"]
    low, high = bootstrap_interval(wrong, 500, seed=0)
    assert list(measures.values()) == pytest.approx([37.5, 100 * low, 100 * high], abs=1e-4)
    assert low < 0.375 < high
    assert measures == error_percent("box_error", wrong, 500, seed=0)


def test_resampled_rates_are_those_of_the_drawn_pictures() -> None:
    wrong = np.random.default_rng(2).random((30, 2)) < [0.2, 0.7]
    rates = resampled_rates(wrong, 50, seed=4)
    assert rates.shape == (50, 2)
    for weights, rate in zip(draws(30, 50, seed=4), rates, strict=True):
        assert weights.sum() == 30
        np.testing.assert_allclose(np.repeat(wrong, weights, axis=0).mean(0), rate)


def test_pictures_are_resampled_together() -> None:
    first = np.arange(40) < 10
    rates = resampled_rates(np.stack([first, ~first], axis=1), 30, seed=0)
    np.testing.assert_allclose(rates.sum(1), 1)
    assert rates[:, 0].std() > 0.03


def test_a_centred_interval_is_around_what_was_measured() -> None:
    values = np.append(np.random.default_rng(0).normal(7, 1, 4000), np.nan)
    assert interval(centred(3.0, values)) == pytest.approx((3 - 1.96, 3 + 1.96), abs=0.1)
