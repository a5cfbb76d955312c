"""Tables on disk: explicit schema, a footer, whole or not at all."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.errors import ResultsError
from overfeat.results.schemas import OBJECTS, SCHEMA_VERSION
from overfeat.results.store import concatenate, read_footer, read_table, write_table

ROWS = {
    "image_id": ["a"],
    "label": ["x"],
    "x1": [0.0],
    "y1": [1.0],
    "x2": [2.5],
    "y2": [3.0],
    "difficult": [False],
    "crowd": [False],
}


@pytest.mark.parametrize("rows", [ROWS, pd.DataFrame(ROWS), pa.table(ROWS)], ids=["columns", "frame", "table"])
def test_any_kind_of_rows_gets_the_schema(tmp_path: Path, rows: object) -> None:
    write_table(tmp_path / "t.parquet", rows, OBJECTS, {"run": "r1"})  # type: ignore[arg-type]
    table = read_table(tmp_path / "t.parquet", OBJECTS)
    assert table.schema.equals(OBJECTS)
    assert table.to_pylist() == [{name: values[0] for name, values in ROWS.items()}]
    assert read_footer(tmp_path / "t.parquet") == {"run": "r1", "schema_version": SCHEMA_VERSION}


def test_an_empty_table_keeps_its_types(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", pd.DataFrame(columns=OBJECTS.names), OBJECTS)
    assert read_table(tmp_path / "t.parquet", OBJECTS).schema.equals(OBJECTS)


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", ROWS, OBJECTS)
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError, ValueError)):
        write_table(tmp_path / "t.parquet", ROWS | {"x1": ["not a number"]}, OBJECTS)
    assert read_table(tmp_path / "t.parquet", OBJECTS).num_rows == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_files_that_are_not_ours_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(ResultsError, match="not a readable Parquet file"):
        read_footer(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "foreign.parquet")
    with pytest.raises(ResultsError, match="not written by this project"):
        read_footer(tmp_path / "foreign.parquet")


def test_a_newer_file_says_to_update(tmp_path: Path) -> None:
    write_table(tmp_path / "t.parquet", ROWS, OBJECTS, {"schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(ResultsError, match="this program reads up to 1: update it"):
        read_table(tmp_path / "t.parquet", OBJECTS)


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=4), max_size=4))
def test_concatenation_keeps_the_order(tmp_path_factory: pytest.TempPathFactory, files: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("parts")
    paths = []
    for number, ids in enumerate(files):
        frame = pd.DataFrame({name: values * len(ids) for name, values in ROWS.items()}).assign(image_id=ids)
        paths.append(folder / f"{number}.parquet")
        write_table(paths[-1], frame, OBJECTS)
    assert concatenate(paths, OBJECTS)["image_id"].to_pylist() == [i for ids in files for i in ids]
