"""The decisions of one run, as they are compared with those of another."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from overfeat.results.run import Run
from overfeat.results.schemas import DECISIONS, TASKS, plain_columns

_LEFT_OUT = ("run", "model")  # one value each


@dataclass(frozen=True)
class Decided:
    """The tables of one run.

    Attributes:
        run: its name.
        tables: "classifications", "localizations", "detections" and "processed", without lists and names of the run; a
            table that the run does not have is empty.
    """

    run: str
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(cls, run: Run) -> "Decided":
        """Read the tables of a run."""
        return cls(run.name, {kind: _read(run, kind, schema) for kind, schema in DECISIONS.items()})

    def looked_at(self, kind: str) -> pd.DataFrame:
        """Return the pictures that were looked at for a kind of decisions: image_id and split, one row each.

        A run without a table of them is taken to have looked at those it has rows of.
        """
        processed, columns = self.tables["processed"], ["image_id", "split"]
        if processed.empty:
            return self.tables[kind][columns].drop_duplicates("image_id")
        return processed.loc[processed["task"] == TASKS[kind], columns]


def _read(run: Run, kind: str, schema: pa.Schema) -> pd.DataFrame:
    columns = [name for name in plain_columns(schema) if name not in _LEFT_OUT]
    if run.has(kind):
        frame: pd.DataFrame = getattr(run, kind)(columns=columns)
        return frame
    empty: pd.DataFrame = schema.empty_table().select(columns).to_pandas()
    return empty
