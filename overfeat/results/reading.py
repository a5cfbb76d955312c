"""How a query is answered: files of other runs and row groups that the filters rule out are not read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from overfeat.errors import ResultsError, did_you_mean
from overfeat.places import Place, told_apart
from overfeat.results.order import READ_ORDER, sort_rows, tidy_categories
from overfeat.results.pruning import row_groups
from overfeat.results.runs import heads_of, tables_of, windows_of

Names = str | Iterable[str]


@dataclass(frozen=True)
class Query:
    """What is asked of one kind of table.

    Attributes:
        kind: folder of the table; None for evidence.
        schema: of the table.
        labels: only these; None for all, as with the others.
        min_score: only rows with at least this ``score``.
        image_ids: only these.
        run: only this.
        columns: only these, in this order.
    """

    kind: str | None
    schema: pa.Schema
    labels: Names | None = None
    min_score: float | None = None
    image_ids: Names | None = None
    run: str | None = None
    columns: Sequence[str] | None = None


def read(root: Place, query: Query) -> pd.DataFrame:
    """Return the answer. Raises what :func:`overfeat.read_classifications` does."""
    files = tables_of(root, query.kind) if query.kind else windows_of(root)
    if not files:
        folder = root / query.kind if query.kind else root
        raise ResultsError(f"there are no results in {folder.shown}: run `make run`, or give another root")
    _check_columns(query)
    heads = heads_of(files)
    if query.run is not None:
        _check_known("run", [query.run], {facts["run"] for facts, _ in heads})
    among = _among(query, heads)
    wanted = [
        (file, metadata)
        for file, (facts, metadata) in zip(files, heads, strict=True)
        if query.run is None or facts["run"] == query.run
    ]
    table = _scan(root, wanted, query, among)
    if query.kind in READ_ORDER:
        table = sort_rows(table, READ_ORDER[query.kind])
    frame: pd.DataFrame = tidy_categories(table.select(query.columns or query.schema.names)).to_pandas()
    return frame


def _check_columns(query: Query) -> None:
    if isinstance(query.columns, str):
        raise ResultsError(f"columns must be a list of names, as [{query.columns!r}]")
    for column in query.columns or ():
        if column not in query.schema.names:
            raise ResultsError(f"there is no column {column!r}{did_you_mean(column, query.schema.names)}")


def _among(query: Query, heads: Sequence[tuple[dict[str, Any], pq.FileMetaData]]) -> dict[str, list[str]]:
    """Return by column the values that are asked for."""
    among: dict[str, list[str]] = {}
    if query.run is not None:
        among["run"] = [query.run]
    if query.labels is not None:
        among["label"] = _listed(query.labels)
        _check_known("label", among["label"], {label for facts, _ in heads for label in facts["class_names"]})
    if query.image_ids is not None:
        among["image_id"] = _listed(query.image_ids)
    return among


def _scan(
    root: Place, wanted: Sequence[tuple[Place, pq.FileMetaData]], query: Query, among: dict[str, list[str]]
) -> pa.Table:
    """Return the rows of the answer, file by file, with the columns that are asked for and those to sort by."""
    least = {} if query.min_score is None else {"score": query.min_score}
    conditions = [pc.field(name).isin(values) for name, values in among.items()]
    conditions += [pc.field(name) >= value for name, value in least.items()]
    where = None
    for condition in conditions:
        where = condition if where is None else where & condition
    order = [key.removeprefix("-") for key in READ_ORDER.get(query.kind or "", ())]
    columns = list(dict.fromkeys([*(query.columns or query.schema.names), *order]))
    system, _ = root.arrow()
    format_ = ds.ParquetFileFormat()
    fragments = []
    for file, metadata in wanted:
        groups = row_groups(metadata, among, least)
        if groups:
            fragments.append(format_.make_fragment(file.arrow()[1], filesystem=system, row_groups=groups))
    with told_apart(str(root)):
        dataset = ds.FileSystemDataset(fragments, query.schema, format_, system)
        return dataset.to_table(columns=columns, filter=where)


def _listed(values: Names) -> list[str]:
    return [values] if isinstance(values, str) else [str(value) for value in values]


def _check_known(what: str, asked: Iterable[str], known: set[str]) -> None:
    for name in asked:
        if name not in known:
            raise ResultsError(f"there is no {what} {name!r} in these results{did_you_mean(name, known)}")
