"""Names as numbers: the places of a column's values among known names."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def numbers_of(column: "pd.Series[Any]", known: pd.Index) -> NDArray[np.int64]:
    """Return the place of each value among the known names, -1 for others and for nulls, int64 ``(len(column),)``.

    Args:
        column: of strings; of a categorical one only the categories, which are few, are looked up.
        known: distinct strings, of dtype object.
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        places = known.get_indexer(column.cat.categories.astype(object))
        return np.append(places, -1)[column.cat.codes.to_numpy()].astype(np.int64)
    return known.get_indexer(pd.Index(column.astype(object))).astype(np.int64)
