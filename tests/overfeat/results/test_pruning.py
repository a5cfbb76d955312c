"""Row groups that are skipped hold no row of the answer, and where rows are sorted most are skipped."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.results.pruning import row_groups

TEXTS = st.sampled_from(["", "a", "B", "b", "ba", "é", "z", "ÿ", "漢", "\U0001f600"])


def write(path: Path, labels: list[str | None], scores: list[float | None], row_group: int) -> pq.FileMetaData:
    table = pa.table(
        {"label": pa.array(labels, pa.string()).dictionary_encode(), "score": pa.array(scores, pa.float32())}
    )
    pq.write_table(table, path, row_group_size=row_group)
    return pq.read_metadata(path)


@given(
    st.lists(st.tuples(st.none() | TEXTS, st.none() | st.floats(-2, 2, width=32)), max_size=30),
    st.lists(TEXTS, max_size=3),
    st.floats(-2, 2, width=32),
)
def test_no_row_of_the_answer_is_skipped(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str | None, float | None]],
    wanted: list[str],
    least: float,
) -> None:
    path = tmp_path_factory.mktemp("groups") / "t.parquet"
    metadata = write(path, [label for label, _ in rows], [score for _, score in rows], 4)
    for among, floor in (({"label": wanted}, {}), ({}, {"score": least}), ({"label": wanted}, {"score": least})):
        kept = row_groups(metadata, among, floor)
        for number, (label, score) in enumerate(rows):
            answer = (not among or label in wanted) and (not floor or (score is not None and score >= least))
            assert not answer or number // 4 in kept


def test_of_sorted_rows_few_groups_are_read(tmp_path: Path) -> None:
    labels = [f"n{number:03d}" for number in np.repeat(np.arange(50), 20)]
    metadata = write(tmp_path / "t.parquet", labels, list(np.linspace(0, 1, 1000)), 10)
    assert row_groups(metadata, {"label": ["n007"]}, {}) == [14, 15]
    assert row_groups(metadata, {"label": ["n007", "n049"]}, {}) == [14, 15, 98, 99]
    assert row_groups(metadata, {"label": ["n007x"]}, {}) == []
    assert row_groups(metadata, {"label": []}, {}) == []
    assert row_groups(metadata, {}, {"score": 0.985}) == [98, 99]
    assert row_groups(metadata, {"label": ["n048"]}, {"score": 0.985}) == []
    assert row_groups(metadata, {}, {}) == list(range(100))


def test_without_statistics_all_groups_are_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"label": ["a"] * 8}), tmp_path / "t.parquet", row_group_size=4, write_statistics=False)
    assert row_groups(pq.read_metadata(tmp_path / "t.parquet"), {"label": ["b"]}, {"score": 1.0}) == [0, 1]
