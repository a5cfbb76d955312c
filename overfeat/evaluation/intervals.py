"""Intervals from resampled pictures: of an error in percent, and of how far two ways of deciding are apart."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def draws(pictures: int, resamplings: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each picture is drawn, ``(pictures,)``, for each resampling with replacement."""
    generator = np.random.default_rng(seed)
    for _ in range(resamplings):
        yield np.bincount(generator.integers(pictures, size=pictures), minlength=pictures)


def resampled_rates(wrong: NDArray[np.bool_], resamplings: int, seed: int) -> Floats:
    """Return the share of wrong pictures in each resampling, ``(resamplings, ...)``.

    Args:
        wrong: ``(N, ...)``, N at least 1; whatever else is in a picture's row is resampled together.
        resamplings: at least 1.
        seed: of the draws.
    """
    shares = wrong.astype(np.float64) / len(wrong)
    return np.array([weights @ shares for weights in draws(len(wrong), resamplings, seed)])


def interval(resampled: Floats) -> tuple[float, float]:
    """Return the central 95 % of resampled values, ``(resamplings,)``; NaN where one could not be measured."""
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def centred(measured: float, resampled: Floats) -> Floats:
    """Return resampled values moved around what was measured: how they scatter counts, wherever they lie."""
    return np.asarray(resampled + measured - np.nanmean(resampled))


def bootstrap_interval(wrong: NDArray[np.bool_], resamplings: int, seed: int) -> tuple[float, float]:
    """Return the central 95 % interval of the error rate over resampled pictures, as shares.

    The number of wrong pictures in a resampling with replacement is binomial, so it is drawn as one number.

    Args:
        wrong: ``(N,)``, N at least 1.
        resamplings: at least 1.
        seed: of the draws.
    """
    counts = np.random.default_rng(seed).binomial(len(wrong), wrong.mean(), resamplings)
    low, high = np.percentile(counts / len(wrong), [2.5, 97.5])
    return float(low), float(high)


def error_percent(prefix: str, wrong: NDArray[np.bool_], resamplings: int, seed: int) -> dict[str, float]:
    """Return ``{prefix}_percent`` and the ends of its interval, ``{prefix}_low_percent`` and ``{prefix}_high_percent``.

    Args:
        prefix: name of the error.
        wrong: which pictures are wrong, ``(N,)``, N at least 1.
        resamplings: of the bootstrap; 0 leaves the interval out.
        seed: of the bootstrap.
    """
    metrics = {f"{prefix}_percent": round(100 * float(wrong.mean()), 4)}
    if resamplings:
        low, high = bootstrap_interval(wrong, resamplings, seed)
        metrics[f"{prefix}_low_percent"] = round(100 * low, 4)
        metrics[f"{prefix}_high_percent"] = round(100 * high, 4)
    return metrics
