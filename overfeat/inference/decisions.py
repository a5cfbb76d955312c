"""The class decision, from the evidence alone; the network is not run (paper, section 3.3)."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from overfeat.inference.votes import Votes
from overfeat.results.schemas import CLASSIFICATIONS
from overfeat.results.store import as_table


def class_scores(votes: Votes) -> NDArray[np.float32]:
    """Score every class of every picture, ``(pictures, C)``.

    For each member, scale and flip the spatial maximum is taken, then the mean of these.
    """
    return means_of_maps(votes, votes.map_pictures, len(votes.image_ids)).astype(np.float32)


def means_of_maps(votes: Votes, groups: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Return the mean of the maps' maxima by group, ``(count, C)``; NaN for a group without maps."""
    sums = np.zeros((count, votes.num_classes))
    np.add.at(sums, groups, votes.maxima)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.bincount(groups, minlength=count)[:, None])


def classifications(
    votes: Votes, scores: NDArray[np.float32], class_names: list[str], top_k: int, run: str, model: str
) -> pa.Table:
    """Return the best ``top_k`` classes of every picture as rows of ``CLASSIFICATIONS``; equal scores by class."""
    k = min(top_k, len(class_names))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    pictures = len(votes.image_ids)
    columns: dict[str, Any] = {
        "run": [run] * (pictures * k),
        "image_id": np.repeat(np.array(votes.image_ids, object), k),
        "label": np.array(class_names, object)[best].ravel(),
        "score": np.take_along_axis(scores, best, axis=1).ravel(),
        "rank": np.tile(np.arange(1, k + 1, dtype=np.int16), pictures),
        "model": [model] * (pictures * k),
        "split": np.repeat(np.array(votes.splits, object), k),
    }
    return as_table(columns, CLASSIFICATIONS)
