"""Decisions of made runs, as they are compared."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from overfeat.comparison.decided import Decided

SIDES = ("x1", "y1", "x2", "y2")
COLUMNS = {
    "detections": ("image_id", "label", "score", "confidence", *SIDES),
    "localizations": ("image_id", "label", "score", "confidence", *SIDES, "rank"),
    "classifications": ("image_id", "label", "score", "rank"),
    "processed": ("image_id", "task"),
}
MakeDecided = Callable[..., Decided]


@pytest.fixture(scope="session")
def make_decided() -> MakeDecided:
    """Return a function that makes the decisions of a run from the rows of its tables, as tuples.

    Pictures that have rows were looked at, and so were those of ``looked_at``: pairs of image_id and task.
    """

    def make(run: str, looked_at: Sequence[tuple[str, str]] = (), **tables: Sequence[tuple[Any, ...]]) -> Decided:
        tasks = {"detections": "detection", "localizations": "recognition", "classifications": "recognition"}
        seen = {*looked_at, *((row[0], tasks[kind]) for kind, rows in tables.items() for row in rows)}
        rows = {kind: list(tables.get(kind, ())) for kind in COLUMNS} | {"processed": sorted(seen)}
        frames = {kind: pd.DataFrame(rows[kind], columns=list(names)) for kind, names in COLUMNS.items()}
        for frame in frames.values():
            frame["split"] = "val"
            texts = [name for name in ("image_id", "label", "task", "split") if name in frame]
            numbers = [name for name in ("score", "confidence", *SIDES) if name in frame]
            frame[texts] = frame[texts].astype("category")
            frame[numbers] = frame[numbers].astype("float32")
        return Decided(run, frames)

    return make
