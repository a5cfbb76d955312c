"""Lines of CSV: what Python's csv and json read of them is what was there."""

import csv
import datetime
import io
import json
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from overfeat.results import csv_text

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9)


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(st.tuples(TEXT, st.none() | TEXT, st.none() | st.lists(st.none() | st.integers(-9, 999))), min_size=1))
def test_csv_and_json_read_it_back(values: list[tuple[Any, ...]]) -> None:
    first, second, lists = zip(*values, strict=True)
    table = pa.table(
        {
            "a": pa.array(first, pa.string()),
            "b": pa.array(second, pa.string()).dictionary_encode(),
            "l": pa.array(lists, pa.list_(pa.int16())),
        }
    )
    for part in (table, table.slice(1)):  # whose arrays do not begin at their beginning
        back = rows(csv_text.lines(part))
        wanted = part.to_pylist()
        assert [row[:2] for row in back] == [[row["a"], row["b"] or ""] for row in wanted]
        assert [json.loads(row[2]) if row[2] else None for row in back] == [row["l"] for row in wanted]


@example([-1.4750917216588277e-06])
@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_numbers_come_back_and_are_short(values: list[float]) -> None:
    array = np.array(values, np.float32)
    back = [row[0] for row in rows(csv_text.lines(pa.table({"x": array})))]
    np.testing.assert_array_equal(np.array(back, np.float32), array)
    assert max(map(len, back)) <= len("-0.00000") + 9  # nine digits tell numbers of 32 bits apart
    (line,) = rows(csv_text.lines(pa.table({"x": pa.array([values], pa.list_(pa.float32()))})))
    known = [None if not np.isfinite(value) else value for value in values]
    assert [None if v is None else np.float32(v) for v in json.loads(line[0])] == known


@pytest.mark.parametrize(
    ("value", "type_", "text"),
    [
        (True, pa.bool_(), "true"),
        (None, pa.null(), ""),
        (Decimal("12"), pa.decimal128(38, 0), "12"),
        (datetime.date(2025, 1, 2), pa.date32(), "2025-01-02"),
        (b"\x01\xff", pa.binary(), '"01ff"'),
        ({"a": [1.5, float("nan")]}, pa.struct([("a", pa.list_(pa.float64()))]), '{"a": [1.5, null]}'),
        ([("k", 1)], pa.map_(pa.string(), pa.int8()), '[["k", 1]]'),
        (["x", None], pa.list_(pa.string()), '["x", null]'),
        ([[1], []], pa.list_(pa.list_(pa.int8())), "[[1], []]"),
        ([], pa.list_(pa.int8()), "[]"),
        (pa.MonthDayNano([1, 2, 3]), pa.month_day_nano_interval(), str(pa.MonthDayNano([1, 2, 3]))),
    ],
)
def test_other_types(value: Any, type_: pa.DataType, text: str) -> None:
    assert rows(csv_text.lines(pa.table({"x": pa.array([value], type_), "y": ["z"]}))) == [[text, "z"]]


def test_header_and_nothing() -> None:
    assert csv_text.header(["a", "count(*)", 'x,"y"', "a"]) == 'a,count(*),"x,""y""",a\n'
    assert csv_text.lines(pa.table({"x": pa.array([], pa.list_(pa.int8()))})) == ""
