"""Parquet files written whole, with an explicit schema and a footer that says where they come from."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from overfeat.atomic import replacing
from overfeat.errors import ResultsError
from overfeat.places import AnyPlace, Place, told_apart
from overfeat.results.schemas import SCHEMA_VERSION

FOOTER_KEY = b"overfeat"
OLDEST_READABLE = 1
"""Schema version of the oldest files that can be read: columns that came later are null in them."""
_ROW_GROUP = 1 << 17


def write_table(
    path: AnyPlace,
    rows: pa.Table | pd.DataFrame | Mapping[str, Any],
    schema: pa.Schema,
    footer: Mapping[str, Any] | None = None,
    row_group: int = _ROW_GROUP,
) -> None:
    """Write ``rows`` to ``path`` as Parquet, whole or not at all.

    Args:
        path: the file, local or ``s3://bucket/key``; its folder is made.
        rows: a table, a frame or columns by name, with all columns of ``schema``.
        schema: the columns and types on disk; values that do not fit raise pyarrow's error.
        footer: JSON-able facts kept in the file (commit, settings, key, ...); the schema version is added.
        row_group: rows a group; a filter skips groups whose statistics rule it out.

    Raises:
        PlaceError: if the place may not be written.
        UnreachableError: if the bucket cannot be reached.
    """
    place = Place.of(path)
    if isinstance(rows, pd.DataFrame):
        table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    else:
        table = rows if isinstance(rows, pa.Table) else pa.table(dict(rows))
        table = table.select(schema.names).cast(schema)
    facts = json.dumps({"schema_version": SCHEMA_VERSION, **(footer or {})}, sort_keys=True)
    table = table.replace_schema_metadata({FOOTER_KEY: facts.encode()})
    if place.is_local:
        with told_apart(str(place)), replacing(place.path) as aside:
            pq.write_table(table, aside, compression="zstd", row_group_size=row_group)
    else:
        whole = pa.BufferOutputStream()
        pq.write_table(table, whole, compression="zstd", row_group_size=row_group)
        place.write_bytes(whole.getvalue().to_pybytes())


def read_footer(path: AnyPlace) -> dict[str, Any]:
    """Return the facts that :func:`write_table` put into the file's footer.

    Raises:
        ResultsError: if there are none, it is no Parquet file, or of a schema version that cannot be read.
        PlaceError: if the file is not there or may not be read.
        UnreachableError: if the bucket cannot be reached.
    """
    return read_head(path)[0]


def read_head(path: AnyPlace) -> tuple[dict[str, Any], pq.FileMetaData]:
    """Return the facts of the footer, and Parquet's own metadata. Raises what :func:`read_footer` does."""
    system, inner = Place.of(path).arrow()
    try:
        with told_apart(str(path)):
            head = pq.read_metadata(inner, filesystem=system)
    except (pa.ArrowInvalid, OSError) as error:
        raise ResultsError(f"{path} is not a readable Parquet file ({error}); make its stage again") from error
    metadata = head.metadata or {}
    if FOOTER_KEY not in metadata:
        raise ResultsError(f"{path} has no footer of ours: it was not written by this project")
    facts: dict[str, Any] = json.loads(metadata[FOOTER_KEY])
    version = facts["schema_version"]
    if version > SCHEMA_VERSION:
        raise ResultsError(f"{path} has schema version {version}, this program reads up to {SCHEMA_VERSION}: update it")
    if version < OLDEST_READABLE:
        raise ResultsError(
            f"{path} has schema version {version}, this program reads from {OLDEST_READABLE} on: make its stage again"
        )
    return facts, head


def read_table(path: AnyPlace, schema: pa.Schema) -> pa.Table:
    """Return the whole file with exactly the columns of ``schema``. Raises what :func:`read_footer` does."""
    read_footer(path)
    system, inner = Place.of(path).arrow()
    with told_apart(str(path)):
        return pq.read_table(inner, schema=schema, filesystem=system)


def concatenate(paths: Iterable[AnyPlace], schema: pa.Schema) -> pa.Table:
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
