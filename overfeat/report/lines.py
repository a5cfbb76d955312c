"""Line charts as SVG: colours are classes, so that light and dark apply; the table behind a chart has its numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat.report.axes import Axis
from overfeat.report.markup import Child, Markup, behind, join, table, tag
from overfeat.report.numbers import short

WIDTH, HEIGHT = 420, 258
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 18, 42
COLOURS = 6
"""Colours there are for lines, as classes ``c0`` to ``c5``."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        name: for the key.
        x, y: ``(N,)``; it is broken where y is NaN.
        colour: number of its colour.
        dashed: drawn with dashes, so that two lines differ without their colours.
        key: in the attribute ``data-key``, by which a script finds it.
    """

    name: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    colour: int = 0
    dashed: bool = False
    key: str | None = None


def line_chart(
    title: str,
    lines: Sequence[Line],
    x: Axis,
    y: Axis,
    numbers: Markup,
    mark: tuple[float, str] | None = None,
    note: Child = None,
    keys: Sequence[Line] | None = None,
) -> Markup:
    """Return a figure: title, key, chart, and the numbers behind it.

    Args:
        title: what is seen.
        lines: at least one.
        x: the axis across.
        y: the axis up.
        numbers: the table behind the chart.
        mark: a value of x with a word about it, drawn as an upright line.
        note: a sentence below.
        keys: the lines that are named above the chart; None for all, where there are several.
    """
    svg = tag(
        "svg",
        _grid(x, y),
        _mark(x, mark) if mark else None,
        [_path(line, x, y) for line in lines],
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=f"{title}: {y.label} by {x.label}. The numbers are in the table below the chart.",
        data_x=f"{short(x.low, 8)} {short(x.high, 8)}",
    )
    named = lines if keys is None else keys
    shown = [_key(line) for line in named] if len(named) > 1 else None
    return tag(
        "figure",
        tag("figcaption", tag("strong", title), tag("span", shown, class_="keys") if shown else None),
        svg,
        tag("p", note, class_="note") if note else None,
        behind("Show the numbers", numbers),
        class_="chart",
    )


def columns(first: str, lines: Sequence[Line]) -> Markup:
    """Return the table of lines over the same x: a row for each x."""
    named = dict.fromkeys(value for line in lines for value in line.x.tolist())
    by_line = [dict(zip(line.x.tolist(), line.y.tolist(), strict=True)) for line in lines]
    rows = [[short(value), *(short(of.get(value, np.nan)) for of in by_line)] for value in sorted(named)]
    return table([first, *(line.name for line in lines)], rows)


def _grid(x: Axis, y: Axis) -> Markup:
    parts = []
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    for value in y.round_numbers():
        at = _y(y, value)
        parts += [tag("line", x1=_LEFT, x2=right, y1=at, y2=at, class_="grid")]
        parts += [tag("text", y.text(value), x=_LEFT - 6, y=at + 4, text_anchor="end")]
    for value in x.round_numbers():
        at = _x(x, value)
        parts += [tag("line", x1=at, x2=at, y1=bottom, y2=bottom + 4, class_="tick")]
        parts += [tag("text", x.text(value), x=at, y=bottom + 17, text_anchor="middle")]
    parts += [tag("line", x1=_LEFT, x2=right, y1=bottom, y2=bottom, class_="tick")]
    parts += [tag("text", x.label, x=(_LEFT + right) / 2, y=HEIGHT - 5, text_anchor="middle", class_="label")]
    return join(parts)


def _mark(x: Axis, mark: tuple[float, str]) -> Markup:
    value, words = mark
    at = _x(x, value)
    late = at > WIDTH * 0.6
    return join(
        [
            tag("line", x1=at, x2=at, y1=4, y2=HEIGHT - _BOTTOM, class_="mark"),
            tag(
                "text",
                words,
                x=round(at + (-5 if late else 5), 1),
                y=12,
                text_anchor="end" if late else "start",
                class_="label",
            ),
        ]
    )


def _path(line: Line, x: Axis, y: Axis) -> Markup:
    """Return the line; a point alone is a dot, since a line of one point is not seen."""
    xs, ys = (
        _LEFT + x.place(line.x) * (WIDTH - _LEFT - _RIGHT),
        _TOP + (1 - y.place(line.y)) * (HEIGHT - _TOP - _BOTTOM),
    )
    known = np.isfinite(ys)
    begins = known & ~np.concatenate([[False], known[:-1]])
    points = zip(xs.tolist(), ys.tolist(), known.tolist(), begins.tolist(), strict=True)
    drawn = "".join(f"{'M' if begin else 'L'}{a:.1f} {b:.1f}" for a, b, seen, begin in points if seen)
    class_ = f"line c{line.colour % COLOURS}{' dashed' if line.dashed else ''}"
    if known.sum() == 1:
        at = int(np.flatnonzero(known)[0])
        dot = tag("circle", cx=round(float(xs[at]), 1), cy=round(float(ys[at]), 1), r=4, data_key=line.key)
        return tag("g", dot, class_=f"dot c{line.colour % COLOURS}")
    return tag("path", d=drawn, class_=class_, data_key=line.key)


def _key(line: Line) -> Markup:
    swatch = tag(
        "svg",
        tag("path", d="M1 5H21", class_=f"line c{line.colour % COLOURS}{' dashed' if line.dashed else ''}"),
        viewBox="0 0 22 10",
        class_="swatch",
        aria_hidden="true",
    )
    return tag("span", swatch, line.name, class_="key")


def _x(axis: Axis, value: float) -> float:
    return round(_LEFT + float(axis.place(np.array(value))) * (WIDTH - _LEFT - _RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + (1 - float(axis.place(np.array(value)))) * (HEIGHT - _TOP - _BOTTOM), 1)
