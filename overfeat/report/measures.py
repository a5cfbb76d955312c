"""The measures of ``metrics.json`` with their intervals, beside what the paper prints."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from overfeat.report import paper
from overfeat.report.markup import NONE, Child, Markup, behind, join, say_none, table, tag
from overfeat.report.numbers import percent, whole

Metrics = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By task, split and name."""


class Shown(NamedTuple):
    """How a measure is shown: its key without ``_percent``, what it is called, and whether less of it is better."""

    key: str
    words: str
    less: bool = True


TITLES = {"classification": "Classification", "localization": "Localization", "detection": "Detection"}
SHOWN: dict[str, tuple[Shown, ...]] = {
    "classification": (Shown("top1_error", "top-1 error"), Shown("top5_error", "top-5 error")),
    "localization": (
        Shown("error", "localization error"),
        Shown("class_wrong", "of it: class wrong"),
        Shown("box_wrong", "of it: box wrong"),
        Shown("given_class_error", "error with the class given"),
        Shown("given_class_mean_box_error", "baseline: the mean training box"),
        Shown("given_class_whole_picture_error", "baseline: the whole picture"),
        Shown("confidence_error", "calibration error of the confidence"),
    ),
    "detection": (
        Shown("map50", "mean average precision, IoU 0.5", less=False),
        Shown("ilsvrc_map", "mean average precision, ILSVRC DET", less=False),
        Shown("map50_11_point", "mean average precision, VOC 2007", less=False),
        Shown("coco_ap", "COCO AP, IoU 0.5 to 0.95", less=False),
        Shown("coco_ap75", "COCO AP, IoU 0.75", less=False),
        Shown("operating_recall", "recall at the operating threshold", less=False),
        Shown("empty_right", "empty pictures in which nothing is seen", less=False),
        Shown("confidence_error", "calibration error of the confidence"),
    ),
}
_WHAT = {
    "classification": "The share of pictures whose class is not the best guess (top-1), or not one of the best five.",
    "localization": "A picture is right if one of five guesses has its class, and a box with IoU 0.5 or more.",
    "detection": "Average precision is the area under a class's curve of precision and recall; the mean is of classes.",
}
_NOT_MEASURED = {
    "classification": "Classification was not measured: no picture with a decision has a label.",
    "localization": "Localization was not measured: there is no localizer, or no picture that was looked at has a box.",
    "detection": "Detection was not measured: there is no detector, or no picture that was looked at has an object.",
}


def tiles(metrics: Metrics, accurate: bool) -> Markup:
    """Return the first measure of each task and split, large, with its interval and what the paper has."""
    found = []
    for task, shown in SHOWN.items():
        first = shown[0]
        for split, values in metrics.get(task, {}).items():
            value = values[f"{first.key}_percent"]
            interval = _interval_words(values, first.key, "95 % interval ")
            tile = [
                tag("dt", tag("span", TITLES[task], class_="task"), f"{first.words}, {split}"),
                tag("dd", tag("span", f"{value:.1f}", class_="large"), tag("span", " %", class_="unit")),
                tag("dd", interval, class_="aside") if interval else None,
                tag("dd", _beside(task, accurate), class_="aside"),
            ]
            found.append(tag("div", tile, class_="tile"))
    return tag("dl", found, class_="tiles") if found else NONE


def measures(metrics: Metrics, accurate: bool) -> Markup:
    """Return a table for each task and split."""
    parts: list[Child] = []
    for task in SHOWN:
        by_split = metrics.get(task, {})
        parts.append(tag("h3", TITLES[task]))
        if not by_split:
            parts.append(say_none(_NOT_MEASURED[task]))
            continue
        parts.append(tag("p", _WHAT[task]))
        for split, values in by_split.items():
            parts.append(tag("div", _table(task, split, values, accurate), class_="scroll"))
        parts.append(_papers(task))
    return join(parts)


def _table(task: str, split: str, values: Mapping[str, float], accurate: bool) -> Markup:
    printed = paper.beside(task, accurate)
    rows = []
    for shown in SHOWN[task]:
        if f"{shown.key}_percent" in values:
            papers = printed.numbers.get(shown.key)
            rows.append(
                [
                    shown.words,
                    percent(values[f"{shown.key}_percent"]),
                    _interval_words(values, shown.key),
                    _dots(values, shown.key, papers),
                    printed_percent(papers) if papers is not None else "",
                ]
            )
    counts = [f"{whole(values[name])} {name}" for name in ("pictures", "objects") if name in values]
    if "operating_false_a_picture" in values:
        counts.append(
            f"{values['operating_false_a_picture']:.2f} false detections a picture at the operating threshold"
        )
    head = ["measure", "this run", "95 % interval", tag("span", "0 to 100 %", _signs()), "the paper, ImageNet"]
    return table(head, rows, f"Split {split}: {', '.join(counts)}. The paper: {printed.name}.", class_="measures")


def _papers(task: str) -> Markup:
    rows = paper.TABLES[task]
    keys = list(rows[0].numbers)
    words = {"top1_error": "top-1 error", "top5_error": "top-5 error", "error": "localization error"}
    head = ["the paper, ImageNet", *(words.get(key, "mean average precision") for key in keys)]
    numbers: Sequence[Sequence[Child]] = [
        [row.name, *(printed_percent(row.numbers[key]) for key in keys)] for row in rows
    ]
    return behind("All that the paper prints for this task", table(head, numbers))


def printed_percent(value: float) -> str:
    """Return a number of the paper with as many decimals as it prints: one, else two."""
    return percent(value, 1 if round(value, 1) == value else 2)


def _beside(task: str, accurate: bool) -> str:
    """Return the paper's number that the first measure of a task stands beside."""
    key, value = next(iter(paper.beside(task, accurate).numbers.items()))
    measure = ", ILSVRC DET" if key == "ilsvrc_map" else ""
    return f"the paper, on ImageNet{measure}: {printed_percent(value)}"


def _signs() -> Markup:
    """Return the key of the dots."""
    ours = tag("svg", tag("circle", cx=5, cy=5, r=4.5, class_="ours"), viewBox="0 0 10 10", class_="dots sign")
    papers = tag(
        "svg", tag("path", d="M5 0L10 5L5 10L0 5Z", class_="papers"), viewBox="-1 -1 12 12", class_="dots sign"
    )
    return tag("span", ours, " this run ", papers, " paper", class_="signs", aria_hidden="true")


def _interval_words(values: Mapping[str, float], key: str, before: str = "") -> str:
    if f"{key}_low_percent" not in values:
        return ""
    return f"{before}{values[f'{key}_low_percent']:.1f} to {values[f'{key}_high_percent']:.1f}"


def _dots(values: Mapping[str, float], key: str, papers: float | None) -> Markup:
    """Return the measure as a dot, its interval as a line, and the paper's number as a diamond, from 0 to 100."""
    value = values[f"{key}_percent"]
    parts = [tag("line", x1=5, x2=205, y1=10, y2=10, class_="grid")]
    if f"{key}_low_percent" in values:
        low, high = (_at(values[f"{key}_{end}_percent"]) for end in ("low", "high"))
        parts.append(tag("line", x1=low, x2=high, y1=10, y2=10, class_="range"))
    if papers is not None:
        at = _at(papers)
        parts.append(tag("path", d=f"M{at} 4L{at + 5:g} 10L{at} 16L{at - 5:g} 10Z", class_="papers"))
    parts.append(tag("circle", cx=_at(value), cy=10, r=4.5, class_="ours"))
    return tag("svg", parts, viewBox="0 0 210 20", preserveAspectRatio="xMinYMid", class_="dots", aria_hidden="true")


def _at(value: float) -> float:
    return round(5 + 2 * min(max(value, 0.0), 100.0), 1)
