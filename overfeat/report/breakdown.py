"""What kinds of errors there are, as bars whose parts add up, with the pictures of each behind a link."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from overfeat.evaluation.error_kinds import DETECTION_KINDS, OBJECT_KINDS, object_kinds
from overfeat.report.judge import RECOGNITION_KINDS, UNKNOWN, WRONG_BOX, Judged
from overfeat.report.links import to_gallery
from overfeat.report.markup import Child, Markup, join, say_none, table, tag
from overfeat.report.numbers import DASH, percent, several, short, whole

EXPLAINED = {
    "right": "",
    "wrong class": "another class",
    "wrong box": "its class, IoU under 0.5",
    "wrong place": "IoU 0.1 to 0.5 with an object of its class",
    "both wrong": "IoU 0.1 to 0.5 with an object of another class",
    "duplicate": "of an object that a surer detection has found",
    "background": "IoU under 0.1 with every object",
    "found": "",
    "mistaken": "not found, but a detection in the wrong place or of the wrong class is about it",
    "missed": "not found, and no detection is about it",
}
_EXPLAINED = {
    "detection": EXPLAINED | {"wrong class": "IoU 0.5 or more with an object of another class", "right": "a hit"},
    "recognition": EXPLAINED | {"right": "class, and box where there is one"},
}
_NO_TRUTH = "Nothing can be said of split {split}: its pictures have no {what}."


@dataclass(frozen=True)
class Part:
    """A part of a bar: its kind, and how much of it there is."""

    kind: str
    count: int


def slug(kind: str) -> str:
    """Return a kind as the gallery's address has it."""
    return kind.replace(" ", "-")


def of_recognition(judged: Mapping[str, pd.DataFrame], metrics: Mapping[str, Mapping[str, float]]) -> Markup:
    """Return the kinds of the best guesses, and the parts of the error of five guesses as ``metrics`` has them.

    Args:
        judged: by split.
        metrics: of localization, by split.
    """
    parts: list[Child] = []
    for split, of_split in judged.items():
        known = of_split[of_split["kind"] != UNKNOWN]
        if known.empty:
            parts.append(say_none(_NO_TRUTH.format(split=split, what="labels")))
            continue
        without = {UNKNOWN, WRONG_BOX} if of_split["iou"].isna().all() else {UNKNOWN}
        title = f"The best guess, {several(len(known), 'picture')} of split {split}"
        parts.append(_bar(title, _counted(known["kind"], RECOGNITION_KINDS, without), "recognition", split))
        if split in metrics:
            parts.append(_five(split, metrics[split]))
    return join(parts) if parts else say_none("Recognition has no decisions.")


def _five(split: str, values: Mapping[str, float]) -> Markup:
    wrong = [values[f"{name}_percent"] for name in ("error", "class_wrong", "box_wrong")]
    return tag(
        "p",
        f"With five guesses a picture, as ILSVRC counts, {percent(wrong[0])} are wrong: {percent(wrong[1])} have no "
        f"guess of the right class, {percent(wrong[2])} have one and its box is wrong (split {split}).",
        class_="note",
    )


def of_detection(judged: Mapping[str, Judged], operating: float) -> Markup:
    """Return the kinds of detections, and what became of the objects, at the operating threshold.

    Args:
        judged: by split.
        operating: the threshold, where sureness is a confidence; all detections count where it is not.
    """
    parts: list[Child] = []
    for split, of_split in judged.items():
        if not of_split.known:
            parts.append(say_none(_NO_TRUTH.format(split=split, what="objects")))
            continue
        threshold = operating if of_split.by == "confidence" else None
        seen, objects = at_threshold(of_split, threshold)
        where = (
            f"split {split}, from a confidence of {short(threshold)} on" if threshold is not None else f"split {split}"
        )
        for what, found, kinds in (
            ("detection", seen["kind"], DETECTION_KINDS),
            ("object", objects, OBJECT_KINDS),
        ):
            counted = _counted(found, kinds, {"ignored"})
            title = f"{several(sum(part.count for part in counted), what)}, {where}"
            parts.append(_bar(title, counted, "detection", split))
    return join(parts) if parts else say_none("Detection has no decisions: there is no detector.")


def _counted(found: "pd.Series[str]", kinds: Sequence[str], without: Collection[str]) -> list[Part]:
    """Return a part for each kind, also where there is none of it."""
    counts = found.value_counts()
    return [Part(kind, int(counts.get(kind, 0))) for kind in kinds if kind not in without]


def at_threshold(judged: Judged, threshold: float | None) -> tuple[pd.DataFrame, "pd.Series[str]"]:
    """Return the detections that are sure enough, and the kinds of the objects if only these count."""
    sure = judged.detections
    sure = sure if threshold is None else sure[sure["sureness"] >= threshold]
    return sure, object_kinds(sure, judged.objects)


def _bar(title: str, parts: Sequence[Part], task: str, split: str) -> Markup:
    """Return a bar with its parts, and the table that is its key."""
    total = sum(part.count for part in parts)
    rects, left = [], 0.0
    for part in parts:
        width = 1000 * part.count / max(total, 1)
        if part.count:
            rects.append(
                tag("rect", x=round(left, 2), width=round(width, 2), height=20, class_=f"kind {slug(part.kind)}")
            )
        left += width
    bar = tag("svg", rects, viewBox="0 0 1000 20", preserveAspectRatio="none", class_="stack", aria_hidden="true")
    rows = [
        [
            [tag("i", class_=f"dot-key {slug(part.kind)}"), _link(part, task, split)],
            whole(part.count),
            percent(100 * part.count / total) if total else DASH,
            _EXPLAINED[task].get(part.kind, ""),
        ]
        for part in parts
    ]
    caption = tag("figcaption", tag("strong", title))
    numbers = table(["kind", "count", "share", "which is"], rows, class_="plain kinds")
    return tag("figure", caption, bar, tag("div", numbers, class_="scroll"), class_="breakdown")


def _link(part: Part, task: str, split: str) -> Child:
    return to_gallery(part.kind, task=task, split=split, kind=slug(part.kind)) if part.count else part.kind
