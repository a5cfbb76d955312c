"""A difference as a text that people read."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from overfeat.comparison.diff import Diff

_CLASSES, _PICTURES = 20, 10  # shown at most
_SHORT = 12
_CHANGES = ["moved", "relabelled", "gained", "lost"]
_OF_CLASS = ["moved", "to_other", "from_other", "gained", "lost"]
_HEADS = {"a": "A", "b": "B", "to_other": "to other", "from_other": "from other"}
_MEASURES = {
    "top1_error_percent": "top-1 error",
    "top5_error_percent": "top-5 error",
    "error_percent": "localization error",
    "map50_percent": "mean average precision",
}


def summary(diff: "Diff") -> str:
    """Return the runs and what differs in how they were made, counts, what changed most, and the measures."""
    parts = [_runs(diff), _tables(diff), _classes(diff), _pictures(diff), _measures(diff.metrics)]
    parts.append("\n".join(f"note: {note}" for note in diff.notes))
    return "\n\n".join(part for part in parts if part)


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return in what the facts of two runs differ: name, A and B of the commit, the networks, and shared settings."""
    ours, theirs = (_by_name(facts) for facts in (a, b))
    return [(name, ours[name], theirs[name]) for name in ours if name in theirs and ours[name] != theirs[name]]


def _by_name(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that are compared; of the settings those in sections, since others are paths of one call."""
    sections = {name: values for name, values in (facts["settings"] or {}).items() if isinstance(values, Mapping)}
    settings = {f"{name}.{key}": value for name, values in sections.items() for key, value in values.items()}
    networks = {f"network of {task}": model for task, model in facts["model"].items()}
    commits = ", ".join(commit[:_SHORT] for commit in (facts["git_commit"] or "none").split(", "))
    return {"git commit": commits, **networks, **settings}


def _runs(diff: "Diff") -> str:
    lines = [f"A  run {diff.a.name} in {diff.a.folder}", f"B  run {diff.b.name} in {diff.b.folder}"]
    lines += [f"   {name}: {_said(a)} -> {_said(b)}" for name, a, b in differences(diff.a.facts, diff.b.facts)]
    return "\n".join(lines)


def _said(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _tables(diff: "Diff") -> str:
    """Return a line for each kind: pictures that both looked at, rows, and what became of them."""
    seen = diff.looked_at.groupby(["kind", "looked_at"], observed=False).size().unstack()
    frame = diff.by_kind.set_index("kind")
    frame.insert(0, "pictures", seen["both"])
    used = frame.index[(seen.sum(axis=1) > 0) | (frame["a"] + frame["b"] > 0)]
    if not len(used):
        return "no picture was looked at"
    shown = frame.loc[used].drop(columns=["only_a", "only_b"]).reset_index().rename(columns={"kind": ""})
    alone = [
        f"{kind}: only {letter.upper()} looked at {seen.loc[kind, letter]:,} pictures, and has "
        f"{frame.loc[kind, f'only_{letter}']:,} rows there"
        for kind in used
        for letter in ("a", "b")
        if seen.loc[kind, letter]
    ]
    return "\n".join([_text(shown), *alone])


def _classes(diff: "Diff") -> str:
    frame = diff.by_class
    frame = frame[(frame["kind"] == "detections")].drop(columns=["kind", "only_a", "only_b"])
    if frame.empty:
        return ""
    most = frame.assign(changes=frame[_OF_CLASS].sum(axis=1)).nlargest(_CLASSES, "changes")
    shown = frame.loc[np.sort(most.index)] if len(frame) > _CLASSES else frame
    more = f", the {_CLASSES} that changed most of {len(frame):,}" if len(frame) > _CLASSES else ""
    return f"detections by class{more}\n{_text(shown.rename(columns={'label': ''}))}"


def _pictures(diff: "Diff") -> str:
    frame = diff.by_image
    changed = frame[(frame["kind"] == "detections") & (frame["changes"] > 0)]
    if changed.empty:
        return ""
    shown = changed.head(_PICTURES)[["image_id", "a", "b", "kept", *_CHANGES]].rename(columns={"image_id": ""})
    most = f"; the {_PICTURES} that changed most" if len(changed) > _PICTURES else ""
    return f"pictures whose detections changed: {len(changed):,}{most}\n{_text(shown)}"


def _measures(metrics: pd.DataFrame) -> str:
    """Return a line for each measure, in percent, with the interval of the difference."""
    if metrics.empty:
        return ""
    rows = []
    for row in metrics.to_dict("records"):
        shown = {"": f"{row['split']} {_MEASURES[row['measure']]}", "pictures": f"{row['pictures']:,}"}
        shown |= {"A": f"{row['a']:.2f}", "B": f"{row['b']:.2f}", "B - A": f"{row['difference']:+.2f}"}
        certain = not np.isnan(row["low"])
        rows.append(shown | {"95 % between": f"{row['low']:+.2f} and {row['high']:+.2f}" if certain else ""})
    return f"measures in percent, on the pictures that both looked at\n{_text(pd.DataFrame(rows))}"


def _text(frame: pd.DataFrame) -> str:
    """Return the frame with names to the left, numbers to the right, and thousands told apart."""
    heads = [_HEADS.get(name, str(name)) for name in frame.columns]
    cells = [[value if isinstance(value, str) else f"{value:,}" for value in row] for row in frame.to_numpy().tolist()]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    return "\n".join(_line(row, widths) for row in [heads, *cells])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(row, widths, strict=True)
    return "  ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]).rstrip()
