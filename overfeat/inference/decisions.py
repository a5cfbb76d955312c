"""Decisions from the evidence alone; the network is not run (paper, section 3.3)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from overfeat.config import MergeSettings
from overfeat.errors import SettingsError
from overfeat.results.schemas import CLASSIFICATIONS


@dataclass(frozen=True)
class ClassScores:
    """Mean over members, scales and flips of the spatial maxima: ``scores`` is ``(len(image_ids), C)``."""

    image_ids: list[str]
    splits: list[str]
    scores: NDArray[np.float32]


def class_scores(windows: pa.Table, num_classes: int, settings: MergeSettings) -> ClassScores:
    """Score every class of every picture: for each member, scale and flip the spatial maximum, then their mean.

    Args:
        windows: evidence, sorted by image_id, member, scale and flip.
        num_classes: C.
        settings: which scales, flips and offsets vote, and whether with probabilities or logits.

    Raises:
        SettingsError: if a scale is asked for that the evidence does not hold.
    """
    windows = _voters(windows, settings)
    image = windows["image_id"].combine_chunks()
    codes = image.indices.to_numpy()
    changed = np.diff(codes) != 0
    for name in ("member", "scale", "flip"):
        changed |= np.diff(windows[name].to_numpy().astype(np.int8)) != 0
    map_of_window = np.concatenate([[0], np.cumsum(changed)]) if len(codes) else np.zeros(0, np.int64)
    starts = np.flatnonzero(np.concatenate([[True], changed])) if len(codes) else np.zeros(0, np.int64)

    lists = windows["class_indices"].combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy())
    values = windows["logits"].combine_chunks().flatten().to_numpy()
    if settings.scores == "probabilities":
        values = np.exp(values - np.repeat(windows["log_partition"].to_numpy(), lengths))
    cells = np.repeat(map_of_window, lengths) * num_classes + lists.flatten().to_numpy()
    maxima = _maximum_by_cell(cells, values, len(starts) * num_classes).reshape(-1, num_classes)

    order = codes[starts]  # picture of every map
    first = np.flatnonzero(np.concatenate([[True], np.diff(order) != 0])) if len(order) else np.zeros(0, np.int64)
    votes = np.diff(np.append(first, len(order)))
    sums = np.add.reduceat(maxima, first, axis=0) if len(first) else maxima
    rows = pa.array(starts[first])
    return ClassScores(
        windows["image_id"].take(rows).to_pylist(),
        windows["split"].take(rows).to_pylist(),
        (sums / votes[:, None]).astype(np.float32),
    )


def _voters(windows: pa.Table, settings: MergeSettings) -> pa.Table:
    """Keep the windows of the scales, flips and offsets that vote."""
    keep = None
    if settings.scales is not None:
        held = set(pc.unique(windows["scale"]).to_pylist())
        missing = sorted(set(settings.scales) - held)
        if missing and windows.num_rows:
            raise SettingsError(f"merge.scales names {missing}; the evidence holds {sorted(held)}: set infer.scales so")
        keep = pc.is_in(windows["scale"], pa.array(settings.scales, pa.int8()))
    if not settings.flips:
        keep = _and(keep, pc.invert(windows["flip"]))
    if settings.offsets == "coarse":
        keep = _and(keep, pc.equal(windows["offset_y"], 0))
        keep = _and(keep, pc.equal(windows["offset_x"], 0))
    kept = windows if keep is None else windows.filter(keep)
    return kept.unify_dictionaries()


def _and(left: pa.ChunkedArray | None, right: pa.ChunkedArray) -> pa.ChunkedArray:
    return right if left is None else pc.and_(left, right)


def _maximum_by_cell(cells: NDArray[np.int64], values: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Return the greatest value of each cell ``0 .. count - 1``; every cell has one (see ``kept_entries``)."""
    maxima = np.full(count, -np.inf)
    np.maximum.at(maxima, cells, values)
    return maxima


def classifications(scores: ClassScores, class_names: list[str], top_k: int, run: str, model: str) -> pa.Table:
    """Return the best ``top_k`` classes of every picture as rows of ``CLASSIFICATIONS``; equal scores by class."""
    k = min(top_k, len(class_names))
    best = np.argsort(-scores.scores, axis=1, kind="stable")[:, :k]
    pictures = len(scores.image_ids)
    columns = {
        "run": [run] * (pictures * k),
        "image_id": np.repeat(np.array(scores.image_ids, object), k),
        "label": np.array(class_names, object)[best].ravel(),
        "score": np.take_along_axis(scores.scores, best, axis=1).ravel(),
        "rank": np.tile(np.arange(1, k + 1, dtype=np.int16), pictures),
        "model": [model] * (pictures * k),
        "split": np.repeat(np.array(scores.splits, object), k),
    }
    arrays = [
        pa.array(columns[field.name], field.type.value_type).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else pa.array(columns[field.name], field.type)
        for field in CLASSIFICATIONS
    ]
    return pa.table(arrays, schema=CLASSIFICATIONS)
