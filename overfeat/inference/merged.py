"""Merged boxes, as both decisions about boxes give them, and their columns (paper, section 4.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overfeat.inference.calibration import Calibration
from overfeat.inference.votes import Ints, Votes
from overfeat.results.schemas import BOX


@dataclass(frozen=True)
class MergedBoxes:
    """Boxes, a class and a picture each.

    Attributes:
        pictures: position of its picture in the votes.
        classes: class index.
        scores: the class outputs of its members, added up.
        features: that the confidence is a function of, ``(N, 3)``.
        boxes: ``(N, 4)`` in pixels of the original picture.
        members: numbers of the windows that were merged into it, in their picture's evidence.
        scales: numbers of their scales.
    """

    pictures: Ints
    classes: Ints
    scores: NDArray[np.float64]
    features: NDArray[np.float64]
    boxes: NDArray[np.float64]
    members: list[Ints]
    scales: list[Ints]

    def columns(
        self, votes: Votes, class_names: Sequence[str], calibration: Calibration | None, run: str, model: str
    ) -> dict[str, Any]:
        """Return the columns of ``DETECTIONS``; without a ``calibration`` the confidence is null."""
        count = len(self.pictures)
        labels = np.array(class_names, object)[self.classes]
        return {
            "run": [run] * count,
            "image_id": np.array(votes.image_ids, object)[self.pictures],
            "label": labels,
            "score": self.scores.astype(np.float32),
            "confidence": calibration.confidence(self.features, labels.tolist()) if calibration else [None] * count,
            **{side: self.boxes[:, i].astype(np.float32) for i, side in enumerate(BOX)},
            "members": self.members,
            "scales": self.scales,
            "model": [model] * count,
            "split": np.array(votes.splits, object)[self.pictures],
        }
