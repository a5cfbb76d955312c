"""Numbers as people read them, always in the same way."""

import math

DASH = "\N{EN DASH}"
"""Stands where there is no number."""


def percent(value: float, digits: int = 1) -> str:
    """Return a percentage, 0 to 100, with its sign on the same line: ``12.5 %``; a dash for NaN."""
    return DASH if math.isnan(value) else f"{value:.{digits}f}\u00a0%"


def whole(value: float) -> str:
    """Return a count with its thousands told apart."""
    return f"{value:,.0f}"


def short(value: float, digits: int = 4) -> str:
    """Return a number with so many digits that count, at most; a dash where it is not finite."""
    if not math.isfinite(value):
        return DASH
    text = f"{value:.{digits}g}"
    return f"{float(text):g}" if "e" not in text else text


def several(count: int, one: str, many: str | None = None) -> str:
    """Return how many there are of something: ``1 picture``, ``2,000 pictures``."""
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"
