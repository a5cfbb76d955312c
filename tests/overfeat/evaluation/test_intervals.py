"""The bootstrap against plain resampling, and the names of the measures."""

import numpy as np
import pytest

from overfeat.evaluation.intervals import bootstrap_interval, error_percent


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
