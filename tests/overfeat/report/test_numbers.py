"""Numbers as people read them."""

import math

import pytest

from overfeat.report.numbers import DASH, percent, several, short, whole


def test_written() -> None:
    assert percent(12.345) == "12.3\u00a0%"
    assert percent(0, 0) == "0\u00a0%"
    assert percent(math.nan) == DASH
    assert whole(1234567.0) == "1,234,567"
    assert several(1, "picture") == "1 picture"
    assert several(2000, "picture") == "2,000 pictures"
    assert several(2, "box", "boxes") == "2 boxes"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (1.0, "1"), (0.123456, "0.1235"), (1234.0, "1234"), (0.00001, "1e-05"), (math.inf, DASH)],
)
def test_short(value: float, text: str) -> None:
    assert short(value) == text
