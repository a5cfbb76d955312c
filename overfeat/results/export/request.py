"""What is to be exported: which rows, and what is known beside them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from overfeat.errors import ResultsError, SettingsError, did_you_mean
from overfeat.places import Place
from overfeat.results.queries import READ_DECISIONS
from overfeat.results.truth import Truth

KINDS = ("detections", "localizations", "classifications")
SCORES = ("score", "confidence", "none")


@dataclass(frozen=True)
class Request:
    """What was asked for.

    Attributes:
        root: the results.
        kind: of ``KINDS``.
        run: only this run; None for all.
        labels: only these classes; None for all.
        min_score: rows with at least this summed score.
        min_confidence: rows with at least this confidence, 0 to 1.
        split: only pictures of this split; None for all.
        truth: the manifest, if there is one.
        score: of ``SCORES``: which number goes with a box; None for what the format takes by itself.
    """

    root: Place
    kind: str = "detections"
    run: str | None = None
    labels: tuple[str, ...] | None = None
    min_score: float | None = None
    min_confidence: float | None = None
    split: str | None = None
    truth: Truth | None = None
    score: str | None = None

    def __post_init__(self) -> None:
        """Raise SettingsError for a kind or score that is not known."""
        if self.kind not in KINDS:
            raise SettingsError(f"there is no kind {self.kind!r}{did_you_mean(self.kind, KINDS)}: {', '.join(KINDS)}")
        if self.score is not None and self.score not in SCORES:
            raise SettingsError(f"score is {self.score!r}: choose {', '.join(SCORES)}")
        if self.min_confidence is not None and self.kind == "classifications":
            raise SettingsError("classifications have no confidence to choose by: use min_score")

    def read(self, columns: list[str], **filters: Any) -> pd.DataFrame:
        """Return these columns of the rows that were asked for, sorted by run, picture and rank or falling score.

        Args:
            columns: of the table.
            filters: more for the function that reads it, or other values.

        Raises:
            ResultsError: if there are no results, no such label or run, or no row has a confidence to choose by.
        """
        chosen: dict[str, Any] = {"labels": self.labels, "min_score": self.min_score, "run": self.run, **filters}
        needed = ["split"] * (self.split is not None) + ["confidence"] * (self.min_confidence is not None)
        frame = READ_DECISIONS[self.kind](self.root, columns=list(dict.fromkeys([*columns, *needed])), **chosen)
        if self.min_confidence is not None:
            if len(frame) and frame["confidence"].isna().all():
                raise ResultsError(f"no confidence was fitted for the {self.kind} in {self.root}: use min_score")
            frame = frame[frame["confidence"] >= self.min_confidence]
        if self.split is not None:
            frame = frame[frame["split"] == self.split]
        return frame[columns]


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: that is new.
        files: the files or folders in it, by what they are.
        counts: how many of what.
        notes: what a person should know, a sentence each.
    """

    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
