"""Axes of charts: numbers to places on the paper, and the round numbers that are written beside them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from overfeat.report.numbers import short


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        label: what it measures, with its unit.
        low, high: the numbers at its ends; low < high.
        ticks: how many numbers are written beside it, about.
        text: of such a number.
        whole: only whole numbers are written.
    """

    label: str
    low: float
    high: float
    ticks: int = 5
    text: Callable[[float], str] = short
    whole: bool = False

    @classmethod
    def around(cls, label: str, values: NDArray[np.float64], zero: bool = False, whole: bool = False) -> "Axis":
        """Return an axis that has room for the finite ones of the values; from 0 on if that is asked for."""
        finite = values[np.isfinite(values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        low = min(low, 0.0) if zero else low
        if low == high:
            low, high = (0.0, high) if zero and high > 0 else (low - 0.5, high + 0.5)
        return cls(label, low, high, whole=whole)

    def place(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where the values are between its ends: 0 at low, 1 at high."""
        return np.asarray((np.asarray(values, np.float64) - self.low) / (self.high - self.low))

    def round_numbers(self) -> list[float]:
        """Return round numbers within its ends: steps of 1, 2 or 5 times a power of ten."""
        rough = (self.high - self.low) / max(self.ticks, 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = min((power * factor for factor in (1, 2, 5, 10)), key=lambda one: abs(one - rough))
        step = max(step, 1.0) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]
