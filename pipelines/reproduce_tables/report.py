"""The tables for people (Markdown), for programs (Parquet), and as a plot."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from overfeat.atomic import replacing, write_text
from overfeat.config import InferSettings
from overfeat.results.schemas import PAPER_TABLES
from overfeat.results.store import write_table
from pipelines.reproduce_tables.paper import MEASURES
from pipelines.reproduce_tables.verdicts import RESAMPLINGS

TITLES = {
    "classification": "Classification (table 2)",
    "localization": "Localization (figure 9)",
    "detection": "Detection",
}
LABELS = {
    "top1_error": "top-1 error",
    "top5_error": "top-5 error",
    "error": "localization error",
    "given_class_error": "with the class given",
    "ilsvrc_map": "mAP, ILSVRC DET",
    "voc_map": "mAP, VOC",
}
_OURS, _PAPERS = "#3b6ea5", "#b5533c"


def write_report(out: Path, rows: pd.DataFrame, model: str, source: Mapping[str, str], infer: InferSettings) -> None:
    """Write tables.md, tables.parquet and tables.png into ``out``.

    Args:
        out: a folder; it is made.
        rows: as ``PAPER_TABLES``.
        model: the network.
        source: the data sets by role.
        infer: how was looked.
    """
    names = {role: Path(folder).name for role, folder in source.items()}
    facts = {"model": model, "source": names, "split": infer.splits[0], "flips": infer.flips}
    write_table(out / "tables.parquet", rows, PAPER_TABLES, facts)
    mirrored = "classification with mirror images" if infer.flips else "without mirror images"
    where = {name: names["detection" if name == "detection" else "recognition"] for name in TITLES}
    lines = [f"# The paper's tables, `{model}` on {' and '.join(dict.fromkeys(names.values()))}", ""]
    lines += [
        f"Split `{infer.splits[0]}`, {mirrored}. Percent, with 95 % intervals from {RESAMPLINGS:,}",
        "resamplings of the pictures; rows are compared on the same pictures. The paper's numbers are of ImageNet.",
    ]
    for table, of_table in rows.groupby("table", sort=False):
        pictures = int(of_table["pictures"].max())
        lines += ["", f"## {TITLES[str(table)]}: {where[str(table)]}, {pictures:,} pictures", "", *_markdown(of_table)]
    write_text(out / "tables.md", "\n".join(lines) + "\n")
    _plot(out / "tables.png", rows, f"{model} on {' and '.join(dict.fromkeys(names.values()))}")


def _markdown(rows: pd.DataFrame) -> list[str]:
    """Return what was measured of each row, and how it compares with another, as two tables."""
    measures = [measure for measure in MEASURES[str(rows["table"].iloc[0])] if (rows["measure"] == measure).any()]
    titles = [LABELS[measure] for measure in measures]
    measured = [f"| row | {' | '.join(titles)} | the paper, ImageNet |", "|---" * (len(measures) + 2) + "|"]
    compared = [f"| row | than | {' | '.join(f'{title} | verdict' for title in titles)} |"]
    compared.append("|---" * (2 * len(measures) + 2) + "|")
    for name, of_row in rows.groupby("row", sort=False):
        by_measure = of_row.set_index("measure").reindex(measures)
        cells = [_interval(line) for _, line in by_measure.iterrows()]
        measured.append(f"| {name} | {' | '.join(cells)} | {_paper(of_row)} |")
        if of_row["verdict"].notna().any():
            cells = [cell for _, line in by_measure.iterrows() for cell in _comparison(line)]
            compared.append(f"| {name} | {of_row['than'].iloc[0]} | {' | '.join(cells)} |")
    explained = "How much better a row is than another, whether that was to be expected, and whether it holds:"
    return [*measured, "", explained, "", *compared]


def _interval(line: "pd.Series[Any]") -> str:
    value, low, high = (line[f"{name}percent"] for name in ("", "low_", "high_"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})" if pd.notna(value) else ""


def _paper(of_row: pd.DataFrame) -> str:
    numbers, net = " / ".join(f"{value:g}" for value in of_row["paper_percent"].dropna()), of_row["paper_net"].iloc[0]
    return f"{numbers} ({net})" if pd.notna(net) else numbers


def _comparison(line: "pd.Series[Any]") -> tuple[str, str]:
    """Return the gain with its interval, and the verdict with what was expected."""
    if pd.isna(line["verdict"]):
        return "", ""
    gain, low, high = (round(line[f"gain_{name}percent"], 1) + 0.0 for name in ("", "low_", "high_"))  # no -0.0
    return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})", f"{line['paper_says']}: **{line['verdict']}**"


def _plot(path: Path, rows: pd.DataFrame, title: str) -> None:
    """Draw a panel a table: the first measure of each row with its interval, and the paper's on an axis of its own."""
    from matplotlib.figure import Figure

    names = [name for name in TITLES if (rows["table"] == name).any()]
    leading = {name: rows[(rows["table"] == name) & (rows["measure"] == MEASURES[name][0])] for name in names}
    heights = [len(leading[name]) for name in names]
    figure = Figure(figsize=(10, 0.36 * sum(heights) + 0.95 * len(names)), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots(len(names), 2, squeeze=False, height_ratios=heights, width_ratios=[3, 2])
    for (ours, papers), name in zip(grid, names, strict=True):
        shown = leading[name]
        low, high = shown["percent"] - shown["low_percent"], shown["high_percent"] - shown["percent"]
        places = range(len(shown))
        ours.errorbar(shown["percent"], places, xerr=[low, high], fmt="o", color=_OURS, capsize=3)
        ours.set_yticks(places, shown["row"])
        papers.plot(shown["paper_percent"].astype(float), places, "D", color=_PAPERS)
        papers.set_yticks(places, [""] * len(shown))
        for axes, what in ((ours, "here, 95 % interval"), (papers, "paper, ImageNet")):
            axes.set_ylim(len(shown) - 0.5, -0.5)
            axes.grid(axis="both", color="#dddddd", linewidth=0.6)
            axes.set_axisbelow(True)
            axes.set_title(f"{LABELS[MEASURES[name][0]]}, %: {what}", fontsize=9, loc="left")
    with replacing(path) as aside:
        figure.savefig(aside, format="png", dpi=110)
