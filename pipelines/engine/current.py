"""Which stage this process works at, for what is said and what is written into footers."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Current:
    """A stage's name, its KEY (empty until it is known), the project's root folder, and the unit, if at one."""

    stage: str
    key: str
    root: Path
    unit: str = ""


_current: list[Current] = []


def set_current(current: Current) -> None:
    """Say what this process works at from now on; a process works at one stage at a time."""
    _current[:] = [current]


def current() -> Current | None:
    """Return what this process works at, or None."""
    return _current[0] if _current else None
