"""The confidence: how often guesses with such a score were right, on pictures that no training saw.

Merged scores are sums that grow with the number of windows. Their share of all windows does not, so the fit holds
for other scales, flips and offsets, too: confidence = sigmoid(intercept + slope * log(share)) (Platt, 1999).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FAINTEST = 1e-6
_ROUNDS = 50


@dataclass(frozen=True)
class Calibration:
    """A fitted confidence, and the number of guesses it was fitted on."""

    slope: float
    intercept: float
    guesses: int

    def confidence(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the chance, 0 to 1, that guesses with these shares are right."""
        return np.asarray(_sigmoid(self.intercept + self.slope * _feature(shares)))


def fit(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration | None:
    """Fit a confidence by maximum likelihood, with Platt's smoothed targets.

    Args:
        shares: of every guess, 0 to 1, ``(N,)``.
        right: whether it was.

    Returns:
        None where there is no guess.
    """
    if not len(shares):
        return None
    feature = np.stack([_feature(shares), np.ones(len(shares))], axis=1)
    good = right.sum()
    targets = np.where(right, (good + 1) / (good + 2), 1 / (len(right) - good + 2))
    weights = np.zeros(2)
    for _ in range(_ROUNDS):  # Newton's method; a step that makes things worse is halved
        said = _sigmoid(feature @ weights)
        slopes = feature.T @ (targets - said)
        curvature = (feature * (said * (1 - said))[:, None]).T @ feature + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, slopes)
        while _loss(feature @ (weights + step), targets) > _loss(feature @ weights, targets) + 1e-12:
            step /= 2
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(float(weights[0]), float(weights[1]), len(shares))


def _feature(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(np.maximum(shares, _FAINTEST))


def _loss(logits: NDArray[np.float64], targets: NDArray[np.float64]) -> float:
    return float((np.logaddexp(0, logits) - targets * logits).sum())


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-np.clip(values, -50, 50)))
