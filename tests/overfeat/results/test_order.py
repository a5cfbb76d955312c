"""Order of rows, and categories: as Python sorts, with nothing lost."""

import pandas as pd
import pyarrow as pa
from hypothesis import given

from overfeat.results.order import sort_rows, tidy_categories
from overfeat.results.schemas import DETECTIONS
from tests.overfeat.results.random_rows import ROWS, as_frame

Rows = list[tuple[str, str, float, str]]


def as_table(rows: Rows) -> pa.Table:
    return pa.Table.from_pandas(as_frame(rows), schema=DETECTIONS, preserve_index=False)


@given(ROWS)
def test_rows_are_sorted_as_python_sorts_them(rows: Rows) -> None:
    pieces = pa.concat_tables([as_table(rows[:3]), as_table(rows[3:])])
    for keys, key in (
        (("label", "image_id", "-score"), lambda row: (row["label"], row["image_id"], -row["score"])),
        (("-score",), lambda row: -row["score"]),
        (("split", "image_id"), lambda row: (row["split"], row["image_id"])),
    ):
        assert sort_rows(pieces, keys).to_pylist() == sorted(pieces.to_pylist(), key=key)


@given(ROWS)
def test_categories_are_sorted_and_all_occur(rows: Rows) -> None:
    table = as_table(rows)
    tidy = tidy_categories(table.slice(len(rows) // 3))
    assert tidy.to_pylist() == table.slice(len(rows) // 3).to_pylist()
    assert tidy.schema.equals(table.schema)
    for name, column in tidy.to_pandas().items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            assert list(column.cat.categories) == sorted(set(column)), name


def test_nulls_stay_nulls() -> None:
    column = pa.array(["b", None, "a", None]).dictionary_encode()
    tidy = tidy_categories(pa.table({"label": column}))
    assert tidy["label"].to_pylist() == ["b", None, "a", None]
    assert tidy["label"].chunk(0).dictionary.to_pylist() == ["a", "b"]
    nothing = pa.table({"label": pa.array([None, None], pa.dictionary(pa.int32(), pa.string()))})
    assert tidy_categories(nothing)["label"].to_pylist() == [None, None]


def test_sorted_rows_are_not_copied() -> None:
    table = as_table([("p1", "cat", 1.0, "val"), ("p1", "cat", 0.5, "val"), ("p2", "cat", 2.5, "val")])
    assert sort_rows(table, ("image_id", "-score")) is table
    assert sort_rows(table, ("-image_id",)) is not table
