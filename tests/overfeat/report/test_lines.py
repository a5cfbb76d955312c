"""Line charts: what is drawn is where the numbers are, and the table behind has them all."""

import re

import numpy as np
import pytest

from overfeat.report.axes import Axis
from overfeat.report.lines import HEIGHT, WIDTH, Line, columns, line_chart
from overfeat.report.markup import NONE, tag

X, Y = Axis("epoch", 0.0, 4.0), Axis("loss", 0.0, 1.0)


def paths(svg: str) -> list[list[tuple[str, float, float]]]:
    """Return the points of the lines of a chart, the keys left out."""
    drawn = re.findall(r'<path d="([^"]*)" class="line[^"]*" data-key', svg)
    return [[(m, float(a), float(b)) for m, a, b in re.findall(r"([ML])([\d.]+) ([\d.]+)", path)] for path in drawn]


def line(x: list[float], y: list[float], **more: object) -> Line:
    return Line("a", np.array(x), np.array(y), key="k", **more)  # type: ignore[arg-type]


def test_points_are_where_the_axes_say() -> None:
    svg = line_chart("Loss", [line([0, 2, 4], [0, 0.5, 1])], X, Y, NONE)
    ((first, middle, last),) = paths(svg)
    assert first[0] == "M"
    assert (middle[1], middle[2]) == pytest.approx(((first[1] + last[1]) / 2, (first[2] + last[2]) / 2))
    ticks = re.findall(r'<text x="([\d.]+)" y="[\d.]+" text-anchor="middle">4</text>', svg)
    assert float(ticks[0]) == last[1]  # the number 4 stands below the point of 4
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for _, x, y in (first, middle, last))


def test_a_line_is_broken_where_nothing_is_known() -> None:
    svg = line_chart("Loss", [line([0, 1, 2, 3], [0.1, np.nan, 0.3, 0.4])], X, Y, NONE)
    assert [move for move, _, _ in paths(svg)[0]] == ["M", "M", "L"]


def test_a_point_alone_is_a_dot() -> None:
    svg = line_chart("Loss", [line([1], [0.5])], X, Y, NONE)
    assert "<circle" in svg
    assert not paths(svg)
    assert "nan" not in line_chart("Loss", [line([1], [np.nan])], X, Y, NONE)


def test_lines_are_named_where_there_are_several() -> None:
    two = [line([0, 1], [0, 1]), Line("<b>", np.array([0.0, 1.0]), np.array([1.0, 0.0]), 1)]
    assert '<span class="keys">' not in line_chart("Loss", two[:1], X, Y, NONE)
    named = line_chart("Loss", two, X, Y, NONE)
    assert "&lt;b&gt;" in named
    assert '<span class="keys">' not in line_chart("Loss", two, X, Y, NONE, keys=[])


def test_a_chart_says_what_it_is_and_has_its_numbers() -> None:
    svg = line_chart("Loss & <more>", [line([0, 1], [0, 1])], X, Y, tag("table"), mark=(0.5, "here"), note="a note")
    assert 'role="img" aria-label="Loss &amp; &lt;more&gt;: loss by epoch.' in svg
    assert "<table></table></div></details>" in svg
    assert ">here</text>" in svg
    assert "a note" in svg


def test_the_table_has_a_row_for_each_x() -> None:
    made = columns("epoch", [line([2, 1], [0.5, 0.25]), Line("b", np.array([1.0, 3.0]), np.array([1.0, np.nan]))])
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', made)
    dash = "\N{EN DASH}"
    assert rows == [("1", "0.25", "1"), ("2", "0.5", dash), ("3", dash, dash)]
