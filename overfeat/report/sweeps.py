"""The threshold sweeps as charts: what is kept and what is lost when only sure answers count."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from overfeat.report.axes import Axis
from overfeat.report.judge import UNKNOWN, WRONG_CLASS, Judged
from overfeat.report.lines import Line, columns, line_chart
from overfeat.report.markup import Markup, join, say_none, tag
from overfeat.report.numbers import percent, short
from overfeat.report.thresholds import answered, detection_sweep, steps

_NO_DETECTION = (
    "There is no sweep of the detector: nothing was looked at for detection, or its pictures have no objects."
)
_NO_CLASSES = "There is no sweep of the classifier: no picture with a decision has a label."
_SHARES = {"precision": "precision", "recall": "recall", "f1": "F1"}
_FALSE = "false detections a picture"


def of_detection(judged: Mapping[str, Judged], pictures: Mapping[str, int], operating: float) -> Markup:
    """Return precision, recall, F1 and false detections a picture over the threshold, for each split.

    Args:
        judged: by split.
        pictures: looked at, by split.
        operating: the threshold that is marked, where sureness is a confidence.
    """
    parts = []
    for split, of_split in judged.items():
        counted = of_split.detections[of_split.detections["kind"] != "ignored"]
        objects = int((of_split.objects["kind"] != "ignored").sum())
        if objects:
            sureness = counted["sureness"].to_numpy(np.float64)
            right = (counted["kind"] == "right").to_numpy(bool)
            frame = detection_sweep(sureness, right, objects, pictures[split], steps(sureness))
            mark = (operating, "operating threshold") if of_split.by == "confidence" else None
            parts += [tag("h3", f"Detection, split {split}"), _detection_charts(frame, of_split.by, mark)]
    return join(parts) if parts else say_none(_NO_DETECTION)


def _detection_charts(frame: pd.DataFrame, by: str, mark: tuple[float, str] | None) -> Markup:
    at = frame["threshold"].to_numpy(np.float64)
    x = Axis(f"least {by}", float(at[0]), float(at[-1]))
    shares = [
        Line(words, at, frame[key].to_numpy(np.float64), number, dashed=key == "f1")
        for number, (key, words) in enumerate(_SHARES.items())
    ]
    false = [Line(_FALSE, at, frame["false_a_picture"].to_numpy(np.float64), 4)]
    y, counts = Axis("share", 0.0, 1.0), Axis.around(_FALSE, false[0].y, zero=True)
    charts = [
        line_chart("Precision, recall and F1", shares, x, y, columns(x.label, shares), mark, _best(frame, by)),
        line_chart(_FALSE.capitalize(), false, x, counts, columns(x.label, false), mark),
    ]
    return tag("div", charts, class_="charts")


def _best(frame: pd.DataFrame, by: str) -> str | None:
    """Return where F1 is greatest, in a sentence; None where nothing is found."""
    if frame["f1"].isna().all():
        return None
    best = int(np.nanargmax(frame["f1"].to_numpy(np.float64)))
    threshold, precision, recall, f1 = (
        float(frame[name].iloc[best]) for name in ("threshold", "precision", "recall", "f1")
    )
    return (
        f"F1 is greatest, {short(round(f1, 3))}, from a {by} of {short(threshold)} on: "
        f"precision {percent(100 * precision)}, recall {percent(100 * recall)}."
    )


def of_classification(judged: Mapping[str, pd.DataFrame]) -> Markup:
    """Return, for each split, the accuracy that is kept over the share of pictures that is answered."""
    parts = []
    for split, of_split in judged.items():
        known = of_split[of_split["kind"] != UNKNOWN]
        if len(known):
            score = known["score"].to_numpy(np.float64)
            right = (known["kind"] != WRONG_CLASS).to_numpy(bool)
            frame = answered(score, right, steps(score))
            parts += [tag("h3", f"Classification, split {split}"), _classification_charts(frame)]
    return join(parts) if parts else say_none(_NO_CLASSES)


def _classification_charts(frame: pd.DataFrame) -> Markup:
    at, share, accuracy = (frame[name].to_numpy(np.float64) for name in ("threshold", "answered", "accuracy"))
    turns = np.flatnonzero(np.concatenate([[True], np.diff(share) != 0]))
    kept = [Line("accuracy", share[turns], accuracy[turns])]
    by_threshold = [Line("share answered", at, share, 1, dashed=True), Line("accuracy of these", at, accuracy)]
    low = min(0.9, float(np.floor(10 * np.nanmin(accuracy)) / 10))
    score = Axis("least score of the best guess", float(at[0]), float(at[-1]))
    numbers = columns(score.label, by_threshold)
    charts = [
        line_chart(
            "Accuracy kept by share of pictures answered",
            kept,
            Axis("share of pictures answered", 0.0, 1.0),
            Axis("accuracy", low, 1.0),
            columns("share of pictures answered", kept),
        ),
        line_chart("The same by threshold", by_threshold, score, Axis("share", 0.0, 1.0), numbers),
    ]
    return tag("div", charts, class_="charts")
