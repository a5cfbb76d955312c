"""Files of decisions: every row once, by split, sorted by label."""

import itertools
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given

from overfeat.results.partition import write_decisions
from overfeat.results.queries import read_detections
from overfeat.results.schemas import DETECTIONS
from overfeat.results.store import read_footer, read_table, write_table
from tests.overfeat.results.random_rows import LABELS, ROWS, as_frame

FACTS = {"run": "r", "class_names": LABELS, "model": "net"}
Rows = list[tuple[str, str, float, str]]


def write_parts(folder: Path, rows: Rows, step: int) -> list[Path]:
    frame = as_frame(rows)
    parts = [folder / f"part-{start}.parquet" for start in range(0, len(rows) + 1, step)]
    for start, path in zip(range(0, len(rows) + 1, step), parts, strict=True):
        write_table(path, frame.iloc[start : start + step], DETECTIONS)
    return parts


@given(ROWS)
def test_every_row_comes_back_once(tmp_path_factory: pytest.TempPathFactory, rows: Rows) -> None:
    folder = tmp_path_factory.mktemp("run")
    write_decisions(folder / "detections/r", "detections", write_parts(folder, rows, 5), FACTS, file_rows=8)
    frame = read_detections(folder)
    expected = sorted(enumerate(rows), key=lambda row: (row[1][0], -row[1][2]))
    assert sorted(frame["members"].str[0]) == list(range(len(rows)))
    assert frame["image_id"].tolist() == [row[0] for _, row in expected]
    assert frame["score"].tolist() == [row[2] for _, row in expected]
    for file in (folder / "detections/r").iterdir():
        table = read_table(file, DETECTIONS).to_pandas()
        keys = list(zip(table["label"], table["image_id"], -table["score"], strict=True))
        assert all(before <= after for before, after in itertools.pairwise(keys))
        assert len(table) < 8 + 5
        split = read_footer(file)["split"]
        assert set(table["split"]) == ({split} if rows else set())
        assert file.name.startswith(f"{split}-" if rows else "none-")


def test_a_class_is_read_without_the_others(tmp_path: Path) -> None:
    rows = [(f"p{number:06d}", LABELS[number % 6], 1.0, "val") for number in range(60_000)]
    write_decisions(tmp_path / "detections/r", "detections", write_parts(tmp_path, rows, 30_000), FACTS)
    (file,) = (tmp_path / "detections/r").iterdir()
    groups = pq.read_metadata(file)
    assert file.name == "val-00000.parquet"
    assert groups.num_row_groups == 8
    assert {len(set(read_detections(tmp_path, labels=label)["image_id"])) for label in LABELS} == {10_000}
