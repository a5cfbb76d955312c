"""Answers as text, for people and for programs."""

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from overfeat.results.answers import as_csv, as_json, as_table, limited, write_parquet

TABLE = pa.table(
    {
        "label": ["cat", None, 'a "dog", say'],
        "n": pa.array([Decimal(3), Decimal(12345), None], pa.decimal128(38, 0)),
        "score": pa.array([0.1, 2.5, float("nan")], pa.float32()),
        "members": pa.array([[1, 2], [], None], pa.list_(pa.int32())),
    }
)


def shown(table: pa.Table, rows: int = 40, width: int | None = None) -> list[str]:
    return "".join(as_table(table.schema, table.to_batches(2), rows, width)).splitlines()


def test_csv() -> None:
    text = "".join(as_csv(TABLE.schema, TABLE.to_batches(2)))
    assert list(csv.reader(io.StringIO(text))) == [
        ["label", "n", "score", "members"],
        ["cat", "3", "0.1", "[1,2]"],
        ["", "12345", "2.5", "[]"],
        ['a "dog", say', "", "nan", ""],
    ]


def test_json() -> None:
    text = "".join(as_json(TABLE.schema, TABLE.to_batches(2)))
    assert json.loads(text) == [
        {"label": "cat", "n": 3, "score": 0.1, "members": [1, 2]},
        {"label": None, "n": 12345, "score": 2.5, "members": []},
        {"label": 'a "dog", say', "n": None, "score": None, "members": None},
    ]
    assert len(text.splitlines()) == 5
    assert json.loads("".join(as_json(TABLE.schema, []))) == []


def test_parquet(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", TABLE.schema, TABLE.to_batches(2))
    assert pq.read_table(tmp_path / "a.parquet").slice(0, 2).equals(TABLE.slice(0, 2))
    write_parquet(tmp_path / "b.parquet", TABLE.schema, [])
    assert pq.read_table(tmp_path / "b.parquet").schema.equals(TABLE.schema)


def test_columns_are_aligned() -> None:
    assert shown(TABLE) == [
        "label             n  score  members",
        "------------  -----  -----  -------",
        "cat               3    0.1  [1,2]",
        "null          12345    2.5  []",
        'a "dog", say   null    nan  null',
        "(3 rows)",
    ]
    assert shown(TABLE.slice(0, 0)) == ["label  n  score  members", "-----  -  -----  -------", "(0 rows)"]
    assert shown(TABLE.slice(0, 1))[-1] == "(1 row)"


def test_only_some_rows_are_shown_and_all_are_counted() -> None:
    many = pa.table({"x": range(5000)})
    assert shown(many, rows=3) == ["x", "-", "0", "1", "2", "(3 of 5,000 rows)"]
    assert shown(many, rows=0) == ["x", "-", "(0 of 5,000 rows)"]


@pytest.mark.parametrize("width", range(1, 60))
def test_lines_fit(width: int) -> None:
    ids = ["ILSVRC2012_val_00000001", "ILSVRC2012_val_00000002"]
    table = pa.table({"image_id": ids, "a": [1, 2], "b": ["x" * 99] * 2})
    *lines, last = shown(table, width=width)
    assert all(len(line) <= max(width, 8) for line in lines)
    first, second = lines[2:4]
    assert first.split("  ")[0].strip() != second.split("  ")[0].strip()  # cut in the middle: the ends tell apart
    assert ("columns" in last) == (width < 21)


def test_columns_that_do_not_fit_are_named() -> None:
    table = pa.table({name: ["x" * 20] for name in "abcdef"})
    assert shown(table, width=40)[-1] == '(1 row, without the columns "e", "f")'
    assert shown(table, width=8)[-1] == "(1 row, without the columns from 'b' on)"


def test_nothing_moves_the_cursor() -> None:
    lines = shown(pa.table({"x\n": ["\x1b[2J", "a\tb", "ü"]}))
    assert lines == ["x\ufffd", "----", "\ufffd[2J", "a\ufffdb", "ü", "(3 rows)"]


def test_a_limit_stops_the_reading() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield from TABLE.to_batches(2)
        raise AssertionError

    assert [batch.num_rows for batch in limited(batches(), 3)] == [2, 1]
    assert [batch.num_rows for batch in limited(batches(), 1)] == [1]
    assert [batch.num_rows for batch in limited(batches(), 0)] == [0]
