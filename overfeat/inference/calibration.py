"""The confidence: how often such decisions were right, on pictures that no training saw.

Merged scores are sums that grow with the number of windows. Their share of all windows does not, so the fit holds
for other scales, flips and offsets, too. How sure the windows were and how large the box is tell more, for a large
object is seen by fewer windows than a small one. It is Platt's logistic function (1999), of several features, with an
offset for each class that is held near 0 where there are few decisions of the class.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from overfeat import boxes as geometry
from overfeat.errors import CheckpointError

FEATURES = ("log_share", "mean_output", "log_area")
"""What a confidence is a function of; see :func:`features_of`."""

_FAINTEST = 1e-6
_PRIOR_WEIGHTS = 1e-2
_PRIOR_LABELS = 1.0

Floats = NDArray[np.float64]


def features_of(scores: Floats, windows: Floats, members: Floats, boxes: Floats) -> Floats:
    """Return the features of merged boxes, ``(N, 3)`` in the order of ``FEATURES``.

    Args:
        scores: class outputs of the members, added up, ``(N,)``.
        windows: of the box's picture that voted, ``(N,)``.
        members: windows merged into the box, ``(N,)``.
        boxes: ``(N, 4)`` in pixels of the original picture.
    """
    share = np.log(np.maximum(scores / windows, _FAINTEST))
    return np.stack([share, scores / members, np.log(np.maximum(geometry.area(boxes), 1.0))], axis=1)


@dataclass(frozen=True)
class Calibration:
    """A fitted confidence.

    Attributes:
        weights: of each of ``FEATURES``; that of the share is not negative.
        intercept: of the logistic function.
        offsets: added to it, by label; a label that is not there has none.
        decisions: on how many it was fitted.
    """

    weights: tuple[float, float, float]
    intercept: float
    decisions: int
    offsets: Mapping[str, float] = field(default_factory=dict)

    def confidence(self, features: Floats, labels: Sequence[str]) -> Floats:
        """Return the chance, 0 to 1, that decisions with these features, ``(N, 3)``, and labels are right."""
        offsets = np.array([self.offsets.get(label, 0.0) for label in labels], np.float64)
        return np.asarray(_sigmoid(features @ np.array(self.weights) + self.intercept + offsets))


def read_calibrations(path: Path) -> dict[str, Calibration | None]:
    """Return the fitted confidences of "localization" and "detection" that the stage ``calibrate`` wrote.

    Raises:
        CheckpointError: if the file is not there or holds something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {name: Calibration(**values[name]) if values[name] else None for name in ("localization", "detection")}
    except FileNotFoundError:
        raise CheckpointError(f"there is no {path}: run the stage `calibrate`") from None
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not hold confidences ({error}): run the stage `calibrate` again") from error


def fit(features: Floats, labels: Sequence[str], right: NDArray[np.bool_]) -> Calibration | None:
    """Fit a confidence by maximum likelihood, with Platt's smoothed targets and weak priors.

    Args:
        features: of every decision, ``(N, 3)``.
        labels: of every decision.
        right: whether it was, ``(N,)``.

    Returns:
        None where there is no decision.
    """
    if not len(features):
        return None
    from scipy.optimize import minimize  # half a second, which those who use a fit need not wait for

    names, label = np.unique(np.array(labels, object).astype(str), return_inverse=True)
    middle, spread = features.mean(0), np.maximum(features.std(0), 1e-9)
    standard = (features - middle) / spread
    good, count = right.sum(), len(right)
    targets = np.where(right, (good + 1) / (good + 2), 1 / (count - good + 2))
    priors = np.concatenate([np.full(len(FEATURES), _PRIOR_WEIGHTS), [0.0], np.full(len(names), _PRIOR_LABELS)])

    def loss(at: Floats) -> tuple[float, Floats]:
        weights, intercept, offsets = np.split(at, [len(FEATURES), len(FEATURES) + 1])
        logits = standard @ weights + intercept + offsets[label]
        off = _sigmoid(logits) - targets
        slopes = np.concatenate([standard.T @ off, [off.sum()], np.bincount(label, off, len(names))])
        value = (np.logaddexp(0, logits) - targets * logits).sum() + 0.5 * (priors * at**2).sum()
        return float(value), slopes + priors * at

    bounds = [(0, None), *[(None, None)] * (len(priors) - 1)]  # a greater share is never less sure
    best = minimize(loss, np.zeros(len(priors)), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000})
    weights = best.x[: len(FEATURES)] / spread
    intercept = best.x[len(FEATURES)] - weights @ middle
    offsets = dict(zip(names.tolist(), best.x[len(FEATURES) + 1 :].tolist(), strict=True))
    return Calibration((float(weights[0]), float(weights[1]), float(weights[2])), float(intercept), count, offsets)


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -50, 50))))
