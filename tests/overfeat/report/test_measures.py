"""Measures beside the paper's numbers; what was not measured is said to be missing."""

import re

import pytest

from overfeat.config import InferSettings
from overfeat.report import paper
from overfeat.report.measures import measures, printed_percent, tiles
from pipelines.reproduce_tables.paper import classification, detection, localization

METRICS = {
    "classification": {
        "val": {
            "pictures": 1000,
            "top1_error_percent": 40.0,
            "top1_error_low_percent": 37.0,
            "top1_error_high_percent": 43.2,
            "top5_error_percent": 6.25,
        }
    },
    "localization": {},
    "detection": {
        "val": {"pictures": 400, "objects": 800, "map50_percent": 89.68, "operating_false_a_picture": 0.335},
        "<test>": {"pictures": 1, "objects": 1, "map50_percent": 0.0},
    },
}


def plain(markup: str) -> str:
    return re.sub(r"<[^>]*>", "|", markup).replace("\u00a0", " ")


def test_a_tile_for_each_task_and_split() -> None:
    shown = re.sub(r"\|+", "|", plain(tiles(METRICS, accurate=False)))
    assert "Classification|top-1 error, val|40.0| %|95 % interval 37.0 to 43.2|" in shown
    assert "the paper, on ImageNet: 38.57 %|" in shown
    assert "mean average precision, IoU 0.5, val|89.7| %|the paper, on ImageNet, ILSVRC DET: 24.3 %" in shown
    assert "mean average precision, IoU 0.5, &lt;test&gt;|0.0|" in shown
    assert tiles({}, accurate=False) == ""


def test_the_accurate_net_stands_beside_the_accurate_net() -> None:
    assert "35.74" in tiles(METRICS, accurate=True)
    assert "35.74" not in tiles(METRICS, accurate=False)


def test_tables_have_what_there_is() -> None:
    shown = plain(measures(METRICS, accurate=False))
    assert "Localization was not measured: there is no localizer" in shown
    assert "top-5 error||6.2 %||" in shown
    assert "0.34 false detections a picture at the operating threshold" in shown
    assert "COCO" not in shown
    assert shown.count("All that the paper prints") == 2
    nothing = plain(measures({}, accurate=False))
    assert nothing.count("was not measured") == 3


def test_an_interval_is_drawn_around_its_value() -> None:
    drawn = measures(METRICS, accurate=False)
    low, high = re.search(r'<line x1="([\d.]+)" x2="([\d.]+)" y1="10" y2="10" class="range">', drawn).groups()  # type: ignore[union-attr]
    value = re.search(r'<circle cx="([\d.]+)" cy="10" r="4.5" class="ours">', drawn)
    assert value
    assert float(low) < float(value[1]) < float(high)
    assert (float(low), float(value[1])) == pytest.approx((5 + 2 * 37, 5 + 2 * 40))


def test_numbers_of_the_paper_as_it_prints_them() -> None:
    assert [printed_percent(value) for value in (30.0, 24.3, 38.57)] == ["30.0\u00a0%", "24.3\u00a0%", "38.57\u00a0%"]


def test_the_papers_numbers_are_those_of_the_reproduced_tables() -> None:
    ours = {(task, row.name.replace(" nets", "")): row.numbers for task, rows in paper.TABLES.items() for row in rows}
    known = {numbers[key] for numbers in ours.values() for key in numbers}
    rows = [*classification(7, True), *localization(), *detection(InferSettings())]
    assert {value for row in rows for value in row.paper.values()} <= known
    for row in rows:
        scales = row.name.removeprefix("1 net, ")
        if row.table == "classification" and scales == "4 scales, fine":
            assert ours["classification", "fast, 4 scales, fine"] == dict(row.paper)
