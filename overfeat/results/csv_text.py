"""Rows as lines of CSV: quotes where they are needed, lists and the like as JSON, numbers in their shortest form."""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_SPECIAL = '[",\r\n]'
_LARGE = pa.large_string()  # lines of many rows are over 2 GiB


def header(names: Iterable[str]) -> str:
    """Return the first line."""
    return lines(pa.table([pa.array([name]) for name in names], names=[str(i) for i, _ in enumerate(names)]))


def lines(rows: pa.Table | pa.RecordBatch) -> str:
    """Return a line a row; what is null is empty."""
    if not rows.num_rows or not rows.num_columns:
        return ""
    columns = [_quoted(texts(column)).fill_null("") for column in rows.columns]
    joined = _joined(*columns, by=",")
    text: str = pc.binary_join(pa.LargeListArray.from_arrays([0, len(joined)], joined), _scalar("\n"))[0].as_py()
    return f"{text}\n"


def texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as texts, null where it is; lists and the like are JSON."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks() if column.num_chunks else pa.array([], column.type)
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column = column.dictionary_decode()
    elif _is_list_of_numbers(type_):
        column = _lists(column)
    elif pa.types.is_nested(type_) or pa.types.is_binary(type_) or pa.types.is_large_binary(type_):
        column = pa.array([None if value is None else as_json(value) for value in column.to_pylist()], _LARGE)
    elif pa.types.is_interval(type_):
        column = pa.array([None if value is None else str(value) for value in column.to_pylist()], _LARGE)
    return column.cast(_LARGE)


def _is_list_of_numbers(type_: pa.DataType) -> bool:
    if not (pa.types.is_list(type_) or pa.types.is_large_list(type_)):
        return False
    return bool(pa.types.is_integer(type_.value_type) or pa.types.is_floating(type_.value_type))


def _lists(column: pa.Array) -> pa.Array:
    """Return lists of numbers as JSON, without making an object of each."""
    values = pc.list_flatten(column)
    texts = values.cast(_LARGE)
    if pa.types.is_floating(values.type):
        texts = pc.if_else(pc.is_finite(values), texts, _scalar("null"))
    lengths = pc.list_value_length(column).fill_null(0)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths.cast(pa.int64()))])
    inner = pc.binary_join(pa.LargeListArray.from_arrays(offsets, texts.fill_null("null")), _scalar(","))
    return pc.if_else(column.is_valid(), _joined(_scalar("["), inner, _scalar("]")), _scalar(None))


def _quoted(column: pa.Array) -> pa.Array:
    special = pc.match_substring_regex(column, _SPECIAL)
    if not pc.any(special).as_py():
        return column
    doubled = pc.replace_substring(column, '"', '""')
    return pc.if_else(special, _joined(_scalar('"'), doubled, _scalar('"')), column)


def _joined(*columns: pa.Array | pa.Scalar, by: str = "") -> pa.Array:
    return pc.binary_join_element_wise(*columns, _scalar(by))


def _scalar(text: str | None) -> pa.Scalar:
    return pa.scalar(text, _LARGE)


def as_json(value: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(plain(value), ensure_ascii=False, default=str)


def plain(value: Any) -> Any:
    """Return a value of Arrow as JSON may have it: bytes as hexadecimal digits, numbers that are none as null."""
    if isinstance(value, float):
        return value if value - value == 0 else None  # not so for NaN and infinity
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value
