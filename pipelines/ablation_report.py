"""The ablation as a table for people, one for programs, and a plot."""

from pathlib import Path

import pandas as pd

from overfeat.atomic import replacing, write_text


def write_report(out: Path, source: str, model: str, rows: pd.DataFrame, orderings: pd.DataFrame) -> None:
    """Write ablation.csv, ablation.md and ablation.png into ``out``.

    Args:
        out: a folder; it is made.
        source: the data set that was measured.
        model: the network.
        rows: columns variant, threshold, error_percent and its interval, its parts, given_class_error_percent and
            paper_error_percent; missing where it has no meaning.
        orderings: columns claim, gain_percent, noise_percent, verdict.
    """
    write_text(out / "ablation.csv", rows.to_csv(index=False))
    write_text(out / "ablation.md", _markdown(source, model, rows, orderings))
    _plot(out / "ablation.png", f"{model} on {Path(source).name}", rows.dropna(subset="error_percent"))


def _markdown(source: str, model: str, rows: pd.DataFrame, orderings: pd.DataFrame) -> str:
    pictures = int(rows["pictures"].max())
    lines = [
        f"# Localization error, `{model}` on {Path(source).name}, {pictures:,} validation pictures",
        "",
        "| variant | t | error % (95 %) | class wrong % | box wrong % | class given % | paper, ImageNet % |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows.to_dict("records"):
        interval = f"{_number(row['error_low_percent'])}-{_number(row['error_high_percent'])}"
        error = f"{_number(row['error_percent'])} ({interval})" if pd.notna(row["error_percent"]) else ""
        parts = ("class_wrong_percent", "box_wrong_percent", "given_class_error_percent", "paper_error_percent")
        threshold = f"{row['threshold']:g}" if pd.notna(row["threshold"]) else ""
        lines.append(
            " | ".join([f"| {row['variant']}", threshold, error, *(_number(row[part]) for part in parts)]) + " |"
        )
    lines += ["", "| what the paper shows | here, error smaller by | verdict |", "|---|---|---|"]
    for row in orderings.to_dict("records"):
        lines.append(f"| {row['claim']} | {row['gain_percent']:.1f} ± {row['noise_percent']:.1f} | {row['verdict']} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:.1f}" if pd.notna(value) else ""


def _plot(path: Path, title: str, rows: pd.DataFrame) -> None:
    """Draw the errors as bars with their intervals, and the paper's numbers as marks."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 0.5 * len(rows) + 1.2), layout="constrained")
    axes = figure.add_subplot()
    error = rows["error_percent"]
    reach = [error - rows["error_low_percent"], rows["error_high_percent"] - error]
    axes.barh(rows["variant"], error, xerr=reach, color="#4c72b0", ecolor="#222222", capsize=3, label="here")
    known = rows.dropna(subset="paper_error_percent")
    axes.plot(known["paper_error_percent"], known["variant"], "D", color="#c44e52", label="the paper, on ImageNet")
    axes.invert_yaxis()
    axes.set_xlabel("localization error, percent (bars: 95 % interval)")
    axes.set_title(title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28 if len(rows) < 5 else -0.14), ncols=2)
    with replacing(path) as aside:
        figure.savefig(aside, format="png", dpi=120)
