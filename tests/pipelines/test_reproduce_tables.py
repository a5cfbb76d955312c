"""The paper's rows and their claims, verdicts on made pictures, and the report from made rows."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from overfeat.config import InferSettings, MergeSettings, TrainClassifierSettings
from overfeat.errors import SettingsError
from overfeat.results.schemas import PAPER_TABLES
from overfeat.results.store import read_footer
from pipelines.reproduce_tables import nets, paper
from pipelines.reproduce_tables.paper import MEASURES, Row
from pipelines.reproduce_tables.report import write_report
from pipelines.reproduce_tables.verdicts import Measured, judged, measured_errors, verdict

INFER = InferSettings(flips=False, detection_scales=(2, 4))
TABLES = {
    "classification": paper.classification(3, True),
    "localization": paper.localization(),
    "detection": paper.detection(INFER),
}


def errors(*wrong: list[bool]) -> pd.DataFrame:
    """Return pictures that are wrong or not, by the measures of classification."""
    ids = [f"p{number:03d}" for number in range(len(wrong[0]))]
    return pd.DataFrame({"image_id": ids, **dict(zip(MEASURES["classification"], wrong, strict=True))})


@pytest.mark.parametrize("table", TABLES)
def test_rows_are_compared_with_rows_of_their_table(table: str) -> None:
    rows = TABLES[table]
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    for row in rows:
        assert row.table == table
        assert row.than is None or row.than in names
        assert set(row.says) <= set(MEASURES[table])
        assert set(row.paper) <= set(MEASURES[table])


def test_what_the_paper_is_said_to_say_is_in_its_numbers() -> None:
    rows = {row.name: row for row in TABLES["classification"] + TABLES["localization"]}
    compared = [row for row in rows.values() if row.than and row.name != "1 net, 10 views"]
    checked = 0
    for row in compared:
        other = rows[row.than or ""]
        for measure in set(row.paper) & set(other.paper):
            assert row.says[measure] == ("better" if row.paper[measure] < other.paper[measure] else "worse")
            checked += 1
    assert checked == 10


def test_subsets_of_scales_are_those_of_the_paper() -> None:
    scales = [row.settings.scales for row in TABLES["classification"]]
    assert scales == [(1,), (1,), (1, 2, 4, 6), (1, 2, 3, 4, 5, 6), None, (1, 2, 4, 6)]
    assert [row.settings.members for row in TABLES["classification"]] == [(0,)] * 5 + [None]


def test_one_net_has_no_row_of_several_and_no_mirror_image_makes_five_views() -> None:
    names = [row.name for row in paper.classification(1, False)]
    assert len(names) == 5
    assert names[-1] == "1 net, 5 views"


def test_a_net_that_was_taken_makes_no_ensemble_with_nets_trained_here() -> None:
    with pytest.raises(SettingsError, match="give --members 1"):
        nets.classifiers(3, TrainClassifierSettings(weights="data/released/fast-0123.pt"), "last")


@pytest.mark.parametrize(
    ("low", "high", "says", "expected"),
    [
        (0.1, 2.0, "better", "holds"),
        (-2.0, -0.1, "better", "does not hold"),
        (-2.0, -0.1, "worse", "holds"),
        (0.1, 2.0, "worse", "does not hold"),
        (-0.1, 2.0, "better", "within noise"),
        (0.0, 0.0, "better", "within noise"),
    ],
)
def test_a_verdict_is_of_the_interval(low: float, high: float, says: str, expected: str) -> None:
    assert verdict(low, high, says) == expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ([False] * 100, [True] * 50 + [False] * 50, "holds"),
        ([True] * 50 + [False] * 50, [False] * 100, "does not hold"),
        ([True, False] * 50, [False, True] * 50, "within noise"),
        ([True] * 2 + [False] * 98, [True] * 3 + [False] * 97, "within noise"),
        ([True] * 48 + [False] * 52, [True] * 58 + [False] * 42, "holds"),  # in pairs; apart their intervals overlap
        ([True, False] * 50, [True, False] * 50, "within noise"),
        ([False] * 100, [True] * 3 + [False] * 97, "within noise"),  # three pictures may as well not be drawn
    ],
)
def test_rows_are_compared_picture_by_picture(ours: list[bool], theirs: list[bool], expected: str) -> None:
    says: dict[str, paper.Says] = dict.fromkeys(MEASURES["classification"], "better")
    rows = [
        Row("classification", "old", MergeSettings()),
        Row("classification", "new", MergeSettings(offsets="coarse"), {"top1_error": 40.0}, None, "old", says),
    ]
    measured = {"old": measured_errors(errors(theirs, theirs)), "new": measured_errors(errors(ours, ours)[::-1])}
    table = judged(rows, measured)
    new = table[(table["row"] == "new") & (table["measure"] == "top1_error")].iloc[0]
    assert new["verdict"] == expected
    assert new["gain_percent"] == pytest.approx(100 * (np.mean(theirs) - np.mean(ours)))
    assert new["percent"] == pytest.approx(100 * np.mean(ours))
    assert new["gain_low_percent"] <= new["gain_percent"] <= new["gain_high_percent"]
    assert json.loads(new["settings"]) == {"offsets": "coarse"}
    assert table["verdict"].isna().sum() == 2  # of the first row, which is compared with none


def test_a_mean_average_precision_is_better_the_greater_it_is() -> None:
    def measured(percent: float) -> dict[str, Measured]:
        return {name: Measured(10, percent, np.full(5, percent)) for name in MEASURES["detection"]}

    rows = TABLES["detection"][-2:]
    table = judged(rows, {rows[0].name: measured(80.0), rows[1].name: measured(60.0)})
    assert table["gain_percent"].dropna().tolist() == [-20.0, -20.0]
    assert table["verdict"].dropna().tolist() == ["holds", "holds"]  # worse, as expected


def test_the_report(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    measured = {
        row.name: measured_errors(errors(*(generator.random((2, 40)) < 0.3))) for row in TABLES["classification"]
    }
    rows = judged(TABLES["classification"], measured)
    source = {"recognition": "data/a set", "detection": "data/a set"}
    write_report(tmp_path, rows, "mini", source, INFER)
    text = (tmp_path / "tables.md").read_text()
    assert text.startswith("# The paper's tables, `mini` on a set\n")
    assert "## Classification (table 2): a set, 40 pictures" in text
    first, second = (line for line in text.splitlines() if line.startswith("| 1 net, scale 1, fine |"))
    assert first.endswith("| 39.01 / 16.97 |")
    assert second.startswith("| 1 net, scale 1, fine | 1 net, scale 1, coarse | ")
    assert second.count("| better: **") == 2
    first, second = (line for line in text.splitlines() if line.startswith("| 1 net, 10 views |"))
    assert first.endswith("| 35.6 / 14.71 (accurate) |")
    assert "| better: **" in second
    assert "| worse: **" in second
    read = pd.read_parquet(tmp_path / "tables.parquet")
    assert list(read.columns) == PAPER_TABLES.names
    assert len(read) == 12
    assert read_footer(tmp_path / "tables.parquet")["split"] == "val"
    with Image.open(tmp_path / "tables.png") as plot:
        assert plot.size[0] > 500
