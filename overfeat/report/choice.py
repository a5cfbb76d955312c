"""Which pictures the gallery has, where there are too many."""

import numpy as np
import pandas as pd


def choose(wrongness: "pd.Series[float]", most: int) -> list[str]:
    """Return at most ``most`` pictures, sorted: half of them the worst mistakes, the rest spread over all others.

    Args:
        wrongness: by image_id, 0 where nothing is wrong; equal ones go by image_id.
        most: pictures; where there are no more, all are taken.
    """
    ordered = wrongness.sort_index()
    if len(ordered) <= most:
        return list(ordered.index)
    worst = ordered[ordered > 0].sort_values(ascending=False, kind="stable").index[: most // 2]
    others = ordered.index[~ordered.index.isin(worst)]
    spread = np.linspace(0, len(others) - 1, most - len(worst)).round().astype(np.int64)
    return sorted([*worst, *others[np.unique(spread)]])
