"""Parquet files written whole, with an explicit schema and a footer that says where they come from."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.atomic import replacing
from overfeat.errors import ResultsError
from overfeat.results.schemas import SCHEMA_VERSION

FOOTER_KEY = b"overfeat"


def write_table(
    path: Path,
    rows: pa.Table | pd.DataFrame | Mapping[str, Any],
    schema: pa.Schema,
    footer: Mapping[str, Any] | None = None,
    row_group: int = 1 << 17,
) -> None:
    """Write ``rows`` to ``path`` as Parquet, whole or not at all.

    Args:
        path: the file; its folder is made.
        rows: a table, a frame or columns by name, with all columns of ``schema``.
        schema: the columns and types on disk; values that do not fit raise pyarrow's error.
        footer: JSON-able facts kept in the file (commit, settings, key, ...); the schema version is added.
        row_group: rows a group; a filter skips groups whose statistics rule it out.
    """
    if isinstance(rows, pd.DataFrame):
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    else:
        table = rows if isinstance(rows, pa.Table) else pa.table(dict(rows))
        table = table.select(schema.names).cast(schema)
    facts = json.dumps({"schema_version": SCHEMA_VERSION, **(footer or {})}, sort_keys=True)
    table = table.replace_schema_metadata({FOOTER_KEY: facts.encode()})
    with replacing(path) as aside:
        pq.write_table(table, aside, compression="zstd", row_group_size=row_group)


def read_footer(path: Path) -> dict[str, Any]:
    """Return the facts that :func:`write_table` put into the file's footer. Raises ResultsError if there are none."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (pa.ArrowInvalid, OSError) as error:
        raise ResultsError(f"{path} is not a readable Parquet file ({error}); make its stage again") from error
    if FOOTER_KEY not in metadata:
        raise ResultsError(f"{path} has no footer of ours: it was not written by this project")
    facts: dict[str, Any] = json.loads(metadata[FOOTER_KEY])
    if facts["schema_version"] > SCHEMA_VERSION:
        raise ResultsError(
            f"{path} has schema version {facts['schema_version']}, this program reads up to {SCHEMA_VERSION}: update it"
        )
    return facts


def read_table(path: Path, schema: pa.Schema) -> pa.Table:
    """Return the whole file with exactly the columns of ``schema``."""
    read_footer(path)
    return pq.read_table(path, schema=schema)


def concatenate(paths: Iterable[Path], schema: pa.Schema) -> pa.Table:
    """Return the rows of the files one after the other; an empty table where there are none."""
    return pa.concat_tables([schema.empty_table(), *(read_table(path, schema) for path in paths)]).unify_dictionaries()


def as_table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Return the columns as a table of ``schema``, texts as dictionaries where it has them so."""
    arrays = [
        pa.array(columns[field.name], field.type.value_type).dictionary_encode()
        if pa.types.is_dictionary(field.type)
        else pa.array(columns[field.name], field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)
