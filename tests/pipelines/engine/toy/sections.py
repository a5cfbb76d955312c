"""Settings of the toy stages; becomes ``toystages/__init__.py``."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SquareSettings:
    count: int = 4
    factor: float = 1.0


@dataclass(frozen=True)
class TotalSettings:
    top: int = 2


SECTIONS = {"square": SquareSettings, "total": TotalSettings}
