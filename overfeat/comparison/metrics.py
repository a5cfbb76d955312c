"""What became of each measure, on the pictures that both runs looked at, by the functions of the stage ``evaluate``."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.comparison.decided import Decided
from overfeat.evaluation import classification, localization
from overfeat.evaluation.detection import match
from overfeat.evaluation.intervals import centred, interval, resampled_rates
from overfeat.evaluation.tally import Tally
from overfeat.results.schemas import DETECTION
from overfeat.results.truth import Truth

COLUMNS = ("task", "split", "measure", "pictures", "a", "b", "difference", "low", "high")

_Row = dict[str, object]


def measured_changes(a: Decided, b: Decided, truth: Truth, resamplings: int, seed: int) -> pd.DataFrame:
    """Return the measures of both runs, and by how much they differ.

    Pictures are resampled for both runs alike, so the interval is that of the difference, which is narrower than those
    of the two measures let one think.

    Args:
        a: decisions of one run.
        b: of the other.
        truth: labels and objects.
        resamplings: of the pictures, for the intervals; 0 leaves them out.
        seed: of the draws.

    Returns:
        Frame with task, split and measure as ``metrics.json`` has them, pictures (looked at by both, and in the
        manifest), a, b, difference (b - a), low and high (ends of its 95 % interval; NaN without), all in percent. A
        split without labels or objects, and localizations that a run does not have, have no row.
    """
    rows = [
        *_of_classes(a, b, truth, resamplings, seed),
        *_of_localizations(a, b, truth, resamplings, seed),
        *_of_detections(a, b, truth, resamplings, seed),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _shared(a: Decided, b: Decided, kind: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each split with the pictures in it, sorted, that both runs looked at for a kind of decisions."""
    looked_at, others = a.looked_at(kind), b.looked_at(kind)["image_id"].astype(object)
    both = looked_at[looked_at["image_id"].isin(others.to_numpy())]
    for split, of_split in both.groupby("split", observed=True):
        yield str(split), sorted(of_split["image_id"].astype(str))


def _labels(truth: Truth, ids: list[str]) -> dict[str, str]:
    """Return the label of each of the pictures that has one."""
    pictures = truth.recognition_pictures
    known = pictures[pictures["label"].notna() & pictures["image_id"].isin(ids)]
    return dict(zip(known["image_id"], known["label"], strict=True))


def _of_classes(a: Decided, b: Decided, truth: Truth, resamplings: int, seed: int) -> Iterator[_Row]:
    for split, ids in _shared(a, b, "classifications"):
        labels = _labels(truth, ids)
        if not labels:
            continue
        hits = [classification.hits(run.tables["classifications"], labels) for run in (a, b)]
        for measure in ("top1", "top5"):
            wrong = np.stack([~each[measure].to_numpy(bool) for each in hits], axis=1)
            row = {"task": "classification", "split": split, "measure": f"{measure}_error_percent"}
            yield row | _of_errors(wrong, resamplings, seed)


def _of_localizations(a: Decided, b: Decided, truth: Truth, resamplings: int, seed: int) -> Iterator[_Row]:
    if any(run.tables["localizations"].empty for run in (a, b)):
        return
    for split, ids in _shared(a, b, "localizations"):
        labels, objects = _labels(truth, ids), truth.recognition_objects
        hits = [localization.hits(run.tables["localizations"], objects, labels) for run in (a, b)]
        if len(hits[0]):
            wrong = np.stack([~each["right"].to_numpy(bool) for each in hits], axis=1)
            row = {"task": "localization", "split": split, "measure": "error_percent"}
            yield row | _of_errors(wrong, resamplings, seed)


def _of_detections(a: Decided, b: Decided, truth: Truth, resamplings: int, seed: int) -> Iterator[_Row]:
    classes = truth.class_names(DETECTION)
    for split, ids in _shared(a, b, "detections"):
        objects = truth.detection_objects[truth.detection_objects["image_id"].isin(ids)]
        if not (~objects["difficult"] & ~objects["crowd"]).any():
            continue
        found = [match(run.tables["detections"], objects, ids, "voc") for run in (a, b)]
        tallies = [Tally.of(each, objects, ids, classes) for each in found]
        one, other = (tally.mean() for tally in tallies)
        spread = np.full(1, np.nan)
        if resamplings:
            ours, theirs = (tally.resampled_means(resamplings, seed) for tally in tallies)
            spread = centred(other - one, theirs - ours)  # see mean_interval
        row = {"task": "detection", "split": split, "measure": "map50_percent", "pictures": len(ids)}
        yield row | _difference(one, other, spread)


def _of_errors(wrong: NDArray[np.bool_], resamplings: int, seed: int) -> _Row:
    """Return the columns of an error, from which pictures are wrong in A and in B, ``(N, 2)``."""
    spread = np.full(1, np.nan)
    if resamplings:
        rates = resampled_rates(wrong, resamplings, seed)
        spread = rates[:, 1] - rates[:, 0]
    a, b = wrong.mean(axis=0).tolist()
    return {"pictures": len(wrong)} | _difference(a, b, spread)


def _difference(a: float, b: float, spread: NDArray[np.float64]) -> _Row:
    low, high = (np.nan, np.nan) if np.isnan(spread).all() else interval(spread)
    shares = {"a": a, "b": b, "difference": b - a, "low": low, "high": high}
    return {name: 100 * float(share) for name, share in shares.items()}
