"""The curves of the trainings: loss and validation error by epoch, a line a member."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from overfeat.report.axes import Axis
from overfeat.report.lines import Line, columns, line_chart
from overfeat.report.markup import Markup, join, say_none, tag
from overfeat.report.numbers import several

Curves = Mapping[str, pd.DataFrame]
"""By member, as ``curves.csv`` has them: epoch, train_loss and the measures on the validation pictures."""

_TRAININGS = {
    "classifier": ("Classifier", "The classifier was not trained here: there are no curves of it."),
    "localizer": ("Localizer", "There is no localizer: no training picture has a box."),
    "detector": ("Detector", "There is no detector: no data set annotates every object of its pictures."),
}
_LOSSES = {"train_loss": "training", "validation_loss": "validation"}
_ERRORS = {"validation_error": "error", "validation_top5_error": "top-5 error"}
_TITLES = {
    "classifier": "Validation error of the centre crop, percent",
    "localizer": "Validation windows whose box is wrong, percent",
    "detector": "Validation windows that are wrong, percent",
}
_FROM_OUTSIDE = "The net was taken, not trained: its curve is one point, at epoch 0."


def training(curves: Mapping[str, Curves]) -> Markup:
    """Return the charts of all trainings.

    Args:
        curves: by what was trained: "classifier", "localizer", "detector"; what is missing is said to be.
    """
    parts = []
    for what, (title, missing) in _TRAININGS.items():
        members = {name: frame for name, frame in curves.get(what, {}).items() if len(frame)}
        parts.append(tag("h3", title))
        if not members:
            parts.append(say_none(missing))
            continue
        epochs = {len(frame) for frame in members.values()}
        if epochs == {1}:
            alone = next(iter(members.values()))
            parts.append(
                tag("p", _FROM_OUTSIDE if alone["epoch"].iloc[0] == 0 else "Trained for one epoch: one point.")
            )
        charts = [_chart(members, _LOSSES, "Loss"), _chart(members, _ERRORS, _TITLES[what])]
        parts.append(tag("div", [chart for chart in charts if chart], class_="charts"))
    return join(parts)


def _chart(members: Curves, measures: Mapping[str, str], title: str) -> Markup | None:
    """Return the measures that there are, a colour each, with a line a member."""
    lines, keys = [], []
    for place, (name, words) in enumerate(measures.items()):
        of_measure = [
            Line(
                f"{words}, {member}" if len(members) > 1 else words,
                frame["epoch"].to_numpy(np.float64),
                frame[name].to_numpy(np.float64),
                place,
                dashed=place > 0,
            )
            for member, frame in members.items()
            if name in frame and frame[name].notna().any()
        ]
        lines += of_measure
        keys += [replace(line, name=words) for line in of_measure[:1]]
    if not lines:
        return None
    xs, ys = (np.concatenate([getattr(line, axis) for line in lines]) for axis in ("x", "y"))
    y, x = Axis.around(title, ys, zero=True), Axis.around("epoch", xs, whole=True)
    note = f"{several(len(members), 'member')} of an ensemble, a line each." if len(members) > 1 else None
    return line_chart(title, lines, x, y, columns("epoch", lines), note=note, keys=keys)
