"""Errors in percent, with bootstrap intervals over pictures."""

import numpy as np
from numpy.typing import NDArray


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
