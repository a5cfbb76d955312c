"""What was measured of each row, with its interval, and whether the paper's ordering holds."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.config import MergeSettings
from overfeat.evaluation.intervals import interval, resampled_rates
from overfeat.results.schemas import PAPER_TABLES
from pipelines.reproduce_tables.paper import Row

RESAMPLINGS, SEED = 1000, 0
HOLDS, FAILS, NOISE = "holds", "does not hold", "within noise"


@dataclass(frozen=True)
class Measured:
    """A measure of a row, in percent: on the pictures, and on each resampling of them (the same for all rows).

    NaN where it could not be measured.
    """

    pictures: int
    percent: float
    resampled: NDArray[np.float64]


def measured_errors(frame: pd.DataFrame) -> dict[str, Measured]:
    """Return the measures of a row of classification or localization.

    Args:
        frame: image_id, and for each measure whether a picture counts as an error.
    """
    measures = [name for name in frame if name != "image_id"]
    wrong = frame.sort_values("image_id")[measures].to_numpy(bool)
    resampled = 100 * resampled_rates(wrong, RESAMPLINGS, SEED)
    return {
        str(name): Measured(len(frame), 100 * float(wrong[:, i].mean()), resampled[:, i])
        for i, name in enumerate(measures)
    }


def judged(rows: Sequence[Row], measured: Mapping[str, Mapping[str, Measured]]) -> pd.DataFrame:
    """Return the rows as ``PAPER_TABLES`` has them.

    Args:
        rows: of one table.
        measured: by the row's name and measure.
    """
    lines = []
    for row in rows:
        for measure, value in measured[row.name].items():
            low, high = interval(value.resampled)
            line = {
                **{"table": row.table, "row": row.name, "measure": measure, "pictures": value.pictures},
                **{"percent": value.percent, "low_percent": max(low, 0.0), "high_percent": min(high, 100.0)},
                **{"paper_percent": row.paper.get(measure), "paper_net": row.net, "settings": _changed(row.settings)},
            }
            if row.than is not None and measure in measured[row.than]:
                line |= _compared(row, measure, value, measured[row.than][measure])
            lines.append(line)
    return pd.DataFrame(lines, columns=PAPER_TABLES.names)


def _compared(row: Row, measure: str, ours: Measured, other: Measured) -> dict[str, object]:
    """Say by how much a row is better than another, picture by picture, and whether that is as the paper has it."""
    sign = 1 if measure.endswith("_map") else -1
    gain = sign * (ours.percent - other.percent)
    low, high = interval(sign * (ours.resampled - other.resampled))
    says = row.says.get(measure)
    line: dict[str, object] = {"than": row.than, "paper_says": says}
    line |= {"gain_percent": gain, "gain_low_percent": low, "gain_high_percent": high}
    if says is not None:
        line["verdict"] = verdict(low, high, says)
    return line


def verdict(low: float, high: float, says: str) -> str:
    """Return whether an ordering holds, from the 95 % interval of the gain."""
    if low <= 0 <= high:
        return NOISE
    return HOLDS if (low > 0) == (says == "better") else FAILS


def _changed(settings: MergeSettings) -> str:
    """Return the settings that are not the defaults, as JSON."""
    plain = dataclasses.asdict(MergeSettings())
    return json.dumps({name: value for name, value in dataclasses.asdict(settings).items() if value != plain[name]})
