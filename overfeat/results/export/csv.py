"""CSV: one file with all columns, read some pictures at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from overfeat.errors import SettingsError
from overfeat.results import csv_text
from overfeat.results.export.request import Exported, Request
from overfeat.results.schemas import DECISIONS

_AT_ONCE = 1 << 20
"""Rows that are read at once; a picture with more is read whole."""


def write(request: Request, folder: Path) -> Exported:
    """Write ``KIND.csv``, in the order in which the rows are read in pandas."""
    if request.score is not None:
        raise SettingsError("a CSV file has all columns: leave score out")
    schema = DECISIONS[request.kind]
    folder.mkdir()
    path, count = folder / f"{request.kind}.csv", 0
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write(csv_text.header(schema.names))
        for run, pictures in _portions(request):
            frame = request.read(schema.names, run=run, image_ids=pictures)
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
            for batch in table.to_batches(1 << 16):
                stream.write(csv_text.lines(batch))
            count += len(frame)
    return Exported(folder, {request.kind: path}, {request.kind: count})


def _portions(request: Request) -> Iterator[tuple[str, list[str]]]:
    """Yield runs, and pictures of theirs whose rows are read at once, in the order of the rows."""
    frame: pd.DataFrame = request.read(["run", "image_id"])
    for run, of_run in frame.groupby("run", observed=True, sort=True):
        rows = of_run["image_id"].cat.remove_unused_categories().value_counts(sort=False).sort_index()
        if rows.empty:
            continue
        number = np.cumsum(rows.to_numpy()) // _AT_ONCE
        for portion in range(int(number[-1]) + 1):
            pictures = rows.index[number == portion].astype(object).tolist()
            if pictures:
                yield str(run), pictures
