"""Precision and recall of the detector, class by class."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.report.axes import Axis
from overfeat.report.lines import Line, line_chart
from overfeat.report.links import to_gallery
from overfeat.report.markup import Child, Markup, join, say_none, scrolled, table, tag
from overfeat.report.names import ClassNames
from overfeat.report.numbers import percent, whole

_NONE = "There are no curves: there is no detector, or no picture that was looked at has an object."
_NOTHING_FOUND = "Nothing was found of any class that has objects: there is no curve to draw."
_POINTS = 60
_MANY = 20
"""With more classes, a curve has no more than so many points: they are drawn over each other."""
_RECALLS = np.linspace(0, 1, 11)


def precision_recall(curves: pd.DataFrame, averages: pd.DataFrame, names: ClassNames) -> Markup:
    """Return a chart of all curves, one of which is picked out, and the average precision of every class.

    Args:
        curves: columns label, recall, precision and split; by falling score within a class.
        averages: columns label, objects, detections, average_precision (NaN without objects) and split.
        names: the classes of detection.
    """
    if averages.empty:
        return say_none(_NONE)
    parts: list[Child] = []
    for split, of_split in averages.groupby("split", sort=False):
        of_curves = curves[curves["split"] == split] if len(curves) else curves
        by_label = {str(label): of_label for label, of_label in of_curves.groupby("label", sort=False)}
        if averages["split"].nunique() > 1:
            parts.append(tag("h3", f"Split {split}"))
        chart = _curves(str(split), by_label, names) if by_label else say_none(_NOTHING_FOUND)
        parts.append(tag("div", chart, _averages(str(split), of_split, names), class_="charts"))
    return join(parts)


def _curves(split: str, by_label: Mapping[str, pd.DataFrame], names: ClassNames) -> Markup:
    lines, rows = [], []
    points = _POINTS if len(by_label) > _MANY else 10**9
    for label, curve in by_label.items():
        recall, precision = (curve[name].to_numpy(np.float64) for name in ("recall", "precision"))
        kept = np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(np.int64))
        lines.append(Line(names.of(label), recall[kept], precision[kept], key=label))
        rows.append([names.of(label), *(percent(100 * value, 0) for value in reached(recall, precision))])
    x, y = Axis("recall", 0.0, 1.0), Axis("precision", 0.0, 1.0)
    numbers = table(["precision at recall", *(f"{recall:.1f}" for recall in _RECALLS)], rows)
    chart = line_chart(f"Precision and recall, {split}", lines, x, y, numbers, keys=[])
    options = [tag("option", "all classes", value="")]
    options += [tag("option", line.name, value=line.key) for line in lines]
    pick = tag("label", "Pick out ", tag("select", options, class_="pick"))
    return tag("div", tag("p", pick, class_="controls"), chart, class_="pickable")


def reached(recall: NDArray[np.float64], precision: NDArray[np.float64]) -> list[float]:
    """Return the greatest precision with recall 0, 0.1, ... 1 or more, ``(11,)``; NaN where it is not reached.

    Args:
        recall: ``(N,)``.
        precision: ``(N,)``.
    """
    return [
        float(precision[recall >= least - 1e-9].max()) if (recall >= least - 1e-9).any() else float("nan")
        for least in _RECALLS
    ]


def _averages(split: str, averages: pd.DataFrame, names: ClassNames) -> Markup:
    """Return average precision by class, the worst first, as a table with bars; classes without objects come last."""
    order = averages.sort_values(["average_precision", "label"], na_position="last")
    rows = []
    for row in order.to_dict("records"):
        label, value = str(row["label"]), 100 * float(row["average_precision"])
        link = to_gallery(names.of(label), **{"task": "detection", "split": split, "class": label})
        rows.append([link, _bar(value), percent(value), whole(row["objects"]), whole(row["detections"])])
    head = ["class", tag("span", "average precision", class_="hidden"), "AP, IoU 0.5", "objects", "detections"]
    caption = f"Average precision by class, {split}, the worst first"
    return scrolled(table(head, rows, caption, class_="bars"), caption, "scroll tall")


def _bar(value: float) -> Markup:
    rect = None if np.isnan(value) else tag("rect", width=round(value, 1), height=10)
    return tag("svg", rect, viewBox="0 0 100 10", preserveAspectRatio="none", class_="bar", aria_hidden="true")
