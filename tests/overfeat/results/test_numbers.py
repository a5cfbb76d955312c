"""Names as numbers: what a search in a list finds, whatever the column's type."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.results.numbers import numbers_of

NAMES = st.text("ab#é", max_size=2)


@pytest.mark.parametrize("dtype", [object, "category", "str"])
@given(st.lists(st.none() | NAMES, max_size=12), st.lists(NAMES, unique=True, max_size=6))
def test_places_are_those_of_a_list(dtype: object, values: list[str | None], known: list[str]) -> None:
    column = pd.Series(values, dtype=object).astype(dtype)
    found = numbers_of(column, pd.Index(known, dtype=object))
    assert found.dtype == np.int64
    assert found.tolist() == [known.index(value) if value in known else -1 for value in values]
