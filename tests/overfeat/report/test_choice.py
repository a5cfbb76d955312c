"""Which pictures the gallery has."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from overfeat.report.choice import choose


def test_all_where_there_is_room() -> None:
    assert choose(pd.Series({"b": 0.0, "a": 0.9}), 2) == ["a", "b"]
    assert choose(pd.Series(dtype=float), 5) == []


def test_half_are_the_worst_and_the_rest_is_spread() -> None:
    wrongness = pd.Series({f"p{number:02d}": 0.0 for number in range(20)})
    wrongness.update(pd.Series({"p03": 0.5, "p07": 0.9, "p11": 0.7, "p12": 0.7}))
    assert choose(wrongness, 4) == ["p00", "p07", "p11", "p19"]
    assert choose(wrongness, 0) == []
    assert choose(wrongness, 1) == ["p00"]


@given(st.dictionaries(st.text(min_size=1), st.sampled_from([0.0, 0.2, 0.5, 1.0]), max_size=30), st.integers(0, 12))
def test_as_many_as_were_asked_for_whatever_the_order(values: dict[str, float], most: int) -> None:
    chosen = choose(pd.Series(values, dtype=float), most)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == min(most, len(values))
    turned = pd.Series(dict(reversed(values.items())), dtype=float)
    assert choose(turned, most) == chosen
    worst = sorted((image_id for image_id in values if values[image_id] > 0), key=lambda i: (-values[i], i))
    if len(values) > most:
        assert set(worst[: most // 2]) <= set(chosen)
