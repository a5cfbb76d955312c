"""The localization decision: for each likely class its best merged box, from the evidence alone (section 4.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from overfeat.config import MergeSettings
from overfeat.inference.calibration import Calibration, features_of
from overfeat.inference.decisions import means_of_maps
from overfeat.inference.merge import merge_groups
from overfeat.inference.merged import MergedBoxes
from overfeat.inference.votes import Ints, Votes
from overfeat.results.schemas import LOCALIZATIONS
from overfeat.results.store import as_table


@dataclass(frozen=True)
class Guesses(MergedBoxes):
    """A class and its box, sorted by picture and rank; ``ranks`` begins with 1 for the picture's best."""

    ranks: Ints


@dataclass(frozen=True)
class _Candidates:
    """Boxes to be merged: a row each, rows of one problem with each other.

    Attributes:
        problems, windows, boxes: of every row.
        instances, rows, outputs: which (picture, class) has which output at which row.
    """

    problems: Ints
    windows: Ints
    boxes: NDArray[np.float64]
    instances: Ints
    rows: Ints
    outputs: NDArray[np.float64]


def localize(votes: Votes, settings: MergeSettings, given: Mapping[str, int] | None = None) -> Guesses:
    """Guess classes and boxes.

    (a) The classes of a scale are the ``classes_per_scale`` with the greatest scores there; (b) and (c) their boxes
    are those of all windows of the scales where they are among these; (d) boxes are merged class by class, and a
    merged box scores the sum of its windows' outputs. The best box of each class is kept.

    Args:
        votes: with regressed boxes.
        settings: how many classes, which match_score, when to stop, how many guesses a picture.
        given: class index by image_id: guess only a box for this class, from all scales. Pictures that are not
            named have no guess.
    """
    scales = np.unique(votes.map_scales)
    wanted = _top_classes(votes, scales, settings.classes_per_scale) if given is None else _given(votes, scales, given)
    pictures, classes = np.nonzero(wanted.any(1))
    instance_of = np.full((len(votes.image_ids), votes.num_classes), -1)
    instance_of[pictures, classes] = np.arange(len(pictures))
    found = _shared if votes.entry_boxes is None else _per_class
    candidates = found(votes, wanted, scales, instance_of)
    clusters, boxes = _cluster(candidates, settings)
    instances, best, scores = _best_clusters(candidates, clusters)
    order, ranks = _rank(pictures[instances], classes[instances], scores, settings.top_k)
    instances, best, scores = instances[order], best[order], scores[order]
    members = _members(candidates, clusters, best)
    totals = np.bincount(votes.window_pictures, minlength=len(votes.image_ids))[pictures[instances]]
    sizes = np.array([len(windows) for windows in members], np.float64)
    return Guesses(
        pictures=pictures[instances],
        classes=classes[instances],
        ranks=ranks,
        scores=scores,
        features=features_of(scores, totals.astype(np.float64), sizes, boxes[best]),
        boxes=boxes[best],
        members=[np.sort(votes.windows[windows]) for windows in members],
        scales=[np.unique(votes.window_scales[windows]) for windows in members],
    )


def _top_classes(votes: Votes, scales: Ints, k: int) -> NDArray[np.bool_]:
    """Say which classes are among the ``k`` best of each picture and scale, ``(pictures, scales, C)``."""
    groups = votes.map_pictures * len(scales) + np.searchsorted(scales, votes.map_scales)
    scores = means_of_maps(votes, groups, len(votes.image_ids) * len(scales))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    wanted = np.zeros(scores.shape, bool)
    np.put_along_axis(wanted, best, True, axis=1)
    return wanted.reshape(len(votes.image_ids), len(scales), votes.num_classes)


def _given(votes: Votes, scales: Ints, given: Mapping[str, int]) -> NDArray[np.bool_]:
    wanted = np.zeros((len(votes.image_ids), len(scales), votes.num_classes), bool)
    for position, image_id in enumerate(votes.image_ids):
        if image_id in given:
            wanted[position, :, given[image_id]] = True
    return wanted


def _shared(votes: Votes, wanted: NDArray[np.bool_], scales: Ints, instance_of: Ints) -> _Candidates:
    """One box a window for all classes: classes of a picture that take the same scales share a problem."""
    pictures, classes = np.nonzero(instance_of >= 0)
    patterns = wanted[pictures, :, classes] @ (1 << np.arange(len(scales)))
    keys, problem_of = np.unique(pictures << len(scales) | patterns, return_inverse=True)
    owners = keys >> len(scales)
    first = np.searchsorted(votes.window_pictures, np.arange(len(votes.image_ids) + 1))
    counts = np.diff(first)[owners]
    starts = np.concatenate([[0], np.cumsum(counts)])
    problems = np.repeat(np.arange(len(keys)), counts)
    windows = np.arange(starts[-1]) - starts[problems] + first[owners[problems]]
    taken = (keys[problems] >> np.searchsorted(scales, votes.window_scales[windows]) & 1).astype(bool)
    row_of = np.where(taken, np.cumsum(taken) - 1, -1)

    entry_instances = instance_of[votes.window_pictures[votes.entry_windows], votes.entry_classes]
    used = np.flatnonzero(entry_instances >= 0)
    its_problem = problem_of[entry_instances[used]]
    rows = row_of[starts[its_problem] + votes.entry_windows[used] - first[owners[its_problem]]]
    used, rows = used[rows >= 0], rows[rows >= 0]
    windows = windows[taken]
    return _Candidates(problems[taken], windows, votes.boxes[windows], entry_instances[used], rows, votes.outputs[used])


def _per_class(votes: Votes, wanted: NDArray[np.bool_], scales: Ints, instance_of: Ints) -> _Candidates:
    """A box for every class: each (picture, class) is a problem of its own, with the windows that kept the class."""
    assert votes.entry_boxes is not None
    pictures = votes.window_pictures[votes.entry_windows]
    columns = np.searchsorted(scales, votes.window_scales[votes.entry_windows])
    used = np.flatnonzero(wanted[pictures, columns, votes.entry_classes])
    instances = instance_of[pictures[used], votes.entry_classes[used]]
    return _Candidates(
        instances,
        votes.entry_windows[used],
        votes.entry_boxes[used],
        instances,
        np.arange(len(used)),
        votes.outputs[used],
    )


def _cluster(candidates: _Candidates, settings: MergeSettings) -> tuple[Ints, NDArray[np.float64]]:
    """Return the cluster of every row, and the box of every cluster."""
    if settings.boxes == "nms":
        return np.arange(len(candidates.boxes)), candidates.boxes
    boxes, clusters = merge_groups(candidates.boxes, candidates.problems, settings.threshold, settings.match)
    return clusters, boxes


def _best_clusters(candidates: _Candidates, clusters: Ints) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Return the instances that have a box, the best cluster of each, and its score; equal scores by cluster."""
    count = int(clusters.max()) + 1 if len(clusters) else 0
    keys, inverse = np.unique(candidates.instances * count + clusters[candidates.rows], return_inverse=True)
    sums = np.bincount(inverse, candidates.outputs, len(keys)).astype(np.float64)
    instances = keys // max(count, 1)
    order = np.lexsort([keys, -sums, instances])
    best = order[np.unique(instances[order], return_index=True)[1]]
    return instances[best], keys[best] % max(count, 1), sums[best]


def _rank(pictures: Ints, classes: Ints, scores: NDArray[np.float64], top_k: int) -> tuple[Ints, Ints]:
    """Return the order by picture and falling score, the ``top_k`` best of each picture, and their ranks from 1."""
    order = np.lexsort([classes, -scores, pictures])
    ranks = np.arange(len(order)) - np.searchsorted(pictures[order], pictures[order]) + 1
    return order[ranks <= top_k], ranks[ranks <= top_k]


def _members(candidates: _Candidates, clusters: Ints, chosen: Ints) -> list[Ints]:
    """Return the windows of the rows in each of the clusters ``chosen``."""
    by_cluster = np.argsort(clusters, kind="stable")
    lows = np.searchsorted(clusters[by_cluster], chosen, "left")
    highs = np.searchsorted(clusters[by_cluster], chosen, "right")
    return [candidates.windows[by_cluster[low:high]] for low, high in zip(lows, highs, strict=True)]


def localizations(
    votes: Votes, guesses: Guesses, class_names: Sequence[str], calibration: Calibration | None, run: str, model: str
) -> pa.Table:
    """Return the guesses as rows of ``LOCALIZATIONS``; without a ``calibration`` their confidence is null."""
    columns = guesses.columns(votes, class_names, calibration, run, model)
    return as_table({**columns, "rank": guesses.ranks.astype(np.int16)}, LOCALIZATIONS)
