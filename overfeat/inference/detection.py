"""The detection decision: every object of every class, from the evidence alone (paper, section 5).

As in localization, boxes are merged class by class and a merged box scores the sum of its windows' outputs; but all
merged boxes are kept, and windows vote only for classes they find likely enough. Background never votes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration, features_of
from overfeat.inference.merge import merge_groups
from overfeat.inference.merged import MergedBoxes
from overfeat.inference.votes import Ints, Votes
from overfeat.results.schemas import DETECTIONS, PROCESSED
from overfeat.results.store import as_table

_NMS_IOU = 0.5


@dataclass(frozen=True)
class Found(MergedBoxes):
    """Objects, sorted by picture and falling score, equal ones by class and box."""


def for_detection(settings: MergeSettings) -> MergeSettings:
    """Return the settings with which votes for detections are read: own scales, probabilities of dense windows."""
    offsets: Literal["fine", "coarse"] = "coarse" if settings.offsets == "coarse" else "fine"
    return replace(settings, scales=settings.detection_scales, scores="probabilities", offsets=offsets)


def detect(votes: Votes, settings: MergeSettings) -> Found:
    """Find objects.

    Args:
        votes: of a detector, whose last class is background, with regressed boxes; read with :func:`for_detection`.
        settings: how likely a class must be to a window, which match_score, when to stop merging.
    """
    background = votes.num_classes - 1
    used = np.flatnonzero((votes.entry_classes != background) & (votes.outputs >= settings.detection_min_score))
    candidates = votes.boxes[votes.entry_windows[used]] if votes.entry_boxes is None else votes.entry_boxes[used]
    problems = votes.window_pictures[votes.entry_windows[used]] * votes.num_classes + votes.entry_classes[used]
    if settings.boxes == "nms":
        kept = _suppress(candidates, votes.outputs[used], problems)
        used, problems, boxes, clusters = used[kept], problems[kept], candidates[kept], np.arange(len(kept))
    else:
        boxes, clusters = merge_groups(candidates, problems, settings.detection_threshold, settings.match)
    windows = votes.entry_windows[used]
    scores = np.bincount(clusters, votes.outputs[used], len(boxes)).astype(np.float64)
    first = np.unique(clusters, return_index=True)[1]
    pictures, classes = np.divmod(problems[first], votes.num_classes)
    order = np.lexsort([*boxes.T[::-1], classes, -scores, pictures])
    by_cluster = np.argsort(clusters, kind="stable")
    sizes = np.bincount(clusters, minlength=len(boxes))
    members = np.split(windows[by_cluster], np.cumsum(sizes)[:-1])
    totals = np.bincount(votes.window_pictures, minlength=len(votes.image_ids))[pictures]
    features = features_of(scores, totals.astype(np.float64), sizes.astype(np.float64), boxes)
    return Found(
        pictures=pictures[order],
        classes=classes[order],
        scores=scores[order],
        features=features[order],
        boxes=boxes[order],
        members=[np.sort(votes.windows[members[i]]) for i in order],
        scales=[np.unique(votes.window_scales[members[i]]) for i in order],
    )


def _suppress(boxes: NDArray[np.float64], scores: NDArray[np.float64], problems: Ints) -> Ints:
    """Return the rows that non-maximum suppression keeps, in their order: the peer that merging is measured beside."""
    import torch  # here: deciding needs it for this alone
    from torchvision.ops import batched_nms

    kept = batched_nms(*(torch.from_numpy(part) for part in (boxes, scores, problems)), _NMS_IOU)
    return np.sort(kept.numpy())


def detections(
    votes: Votes, found: Found, class_names: Sequence[str], calibration: Calibration | None, run: str, model: str
) -> pa.Table:
    """Return the objects as rows of ``DETECTIONS``; without a ``calibration`` their confidence is null."""
    return as_table(found.columns(votes, class_names, calibration, run, model), DETECTIONS)


def processed(votes: Votes, found: Found | None, task: str, run: str, model: str) -> pa.Table:
    """Return a row of ``PROCESSED`` for every picture, with how much was found in it if objects were looked for."""
    count = len(votes.image_ids)
    columns = {
        "run": [run] * count,
        "image_id": votes.image_ids,
        "task": [task] * count,
        "windows": np.bincount(votes.window_pictures, minlength=count),
        "detections": np.bincount(found.pictures, minlength=count) if found else [None] * count,
        "model": [model] * count,
        "split": votes.splits,
    }
    return as_table(columns, PROCESSED)
