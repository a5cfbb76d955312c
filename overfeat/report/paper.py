"""What the paper prints for ImageNet's validation pictures, in percent: to stand beside what is measured here."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Printed:
    """A row of one of the paper's tables: its name, and numbers by measure."""

    name: str
    numbers: dict[str, float]


def _errors(name: str, top1: float, top5: float) -> Printed:
    return Printed(name, {"top1_error": top1, "top5_error": top5})


CLASSIFICATION = (
    _errors("Krizhevsky et al., 1 net", 40.7, 18.2),
    _errors("fast, 1 scale, coarse", 39.28, 17.12),
    _errors("fast, 1 scale, fine", 39.01, 16.97),
    _errors("fast, 4 scales, fine", 38.57, 16.39),
    _errors("fast, 6 scales, fine", 38.12, 16.27),
    _errors("accurate, 10 views", 35.60, 14.71),
    _errors("accurate, 4 scales, fine", 35.74, 14.18),
    _errors("7 fast nets, 4 scales, fine", 35.10, 13.86),
    _errors("7 accurate nets, 4 scales, fine", 33.96, 13.24),
)
"""Table 2."""

LOCALIZATION = (
    Printed("one centre crop", {"error": 40.0}),
    Printed("2 scales", {"error": 31.5}),
    Printed("4 scales", {"error": 30.0}),
    Printed("4 scales, a regressor for each class", {"error": 44.1}),
    Printed("4 scales, one regressor for all", {"error": 31.3}),
    Printed("test set, winner of the competition", {"error": 29.9}),
)
"""Figure 9."""

DETECTION = (
    Printed("in the competition", {"ilsvrc_map": 19.4}),
    Printed("after the competition", {"ilsvrc_map": 24.3}),
    Printed("UvA, first in the competition", {"ilsvrc_map": 22.6}),
)
"""Section 5."""

TABLES: dict[str, Sequence[Printed]] = {
    "classification": CLASSIFICATION,
    "localization": LOCALIZATION,
    "detection": DETECTION,
}

_BESIDE = {"classification": "fast, 4 scales, fine", "localization": "4 scales", "detection": "after the competition"}


def beside(task: str, accurate: bool) -> Printed:
    """Return the row that one net over several scales stands beside.

    Args:
        task: "classification", "localization" or "detection".
        accurate: of the accurate net, not of the fast one.
    """
    name = "accurate, 4 scales, fine" if accurate and task == "classification" else _BESIDE[task]
    return next(row for row in TABLES[task] if row.name == name)
