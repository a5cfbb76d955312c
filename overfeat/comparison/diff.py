"""The difference between two runs: boxes gained, lost, moved and relabelled, and the change in each measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import pandas as pd

from overfeat.comparison.changes import Names, changes, looked_at
from overfeat.comparison.counting import by_class, by_image, by_kind
from overfeat.comparison.decided import Decided
from overfeat.comparison.metrics import COLUMNS, measured_changes
from overfeat.comparison.summary import summary
from overfeat.errors import SettingsError
from overfeat.places import AnyPlace, told_unwritten
from overfeat.results.opening import find_run
from overfeat.results.queries import DEFAULT_BATCHES, DEFAULT_RESULTS
from overfeat.results.run import Run
from overfeat.results.schemas import DIFF, TASKS
from overfeat.results.store import write_table
from overfeat.results.truth import DEFAULT_MANIFEST, Truth

AnyRun: TypeAlias = "Run | AnyPlace"
"""A run, its name, or a folder of results."""


@dataclass(frozen=True, eq=False, repr=False)
class Diff:
    """What changed from run A to run B; made by :func:`diff`.

    Attributes:
        a: one run.
        b: the other.
        thresholds: iou, kept and min_confidence, as :func:`diff` has them.
        rows: as ``DIFF`` has them, one a box or a picture's first guess, of either run or of both.
        looked_at: kind, image_id and looked_at ("both", "a" or "b") of every picture that a run looked at.
        metrics: task, split, measure, pictures, a, b, difference (b - a), low and high (its 95 % interval), in percent;
            of the pictures that both looked at. No rows without a manifest.
        notes: what a reader should know of the comparison, a sentence each.
    """

    a: Run
    b: Run
    thresholds: Mapping[str, float]
    rows: pd.DataFrame
    looked_at: pd.DataFrame
    metrics: pd.DataFrame
    notes: Sequence[str]

    @cached_property
    def by_kind(self) -> pd.DataFrame:
        """See :func:`overfeat.comparison.counting.by_kind`."""
        return by_kind(self.rows)

    @cached_property
    def by_class(self) -> pd.DataFrame:
        """See :func:`overfeat.comparison.counting.by_class`."""
        return by_class(self.rows)

    @cached_property
    def by_image(self) -> pd.DataFrame:
        """See :func:`overfeat.comparison.counting.by_image`."""
        return by_image(self.rows, self.looked_at)

    @property
    def facts(self) -> dict[str, Any]:
        """What was compared, and how: runs, thresholds, measures; JSON-able."""
        runs = {letter: {"run": run.name, "folder": str(run.folder), **run.facts} for letter, run in self._runs}
        metrics = self.metrics.astype(object).where(self.metrics.notna(), None).to_dict("records")
        return {**runs, "thresholds": dict(self.thresholds), "metrics": metrics, "notes": list(self.notes)}

    def summary(self) -> str:
        """Return the answer as a text: pictures, counts by kind and class, pictures that changed most, measures."""
        return summary(self)

    def save(self, path: AnyPlace) -> None:
        """Write the rows to a Parquet file, with :attr:`facts` in its footer.

        Raises:
            PlaceError: if the place cannot be written.
            UnreachableError: if the bucket cannot be reached.
        """
        with told_unwritten(path, "file"):
            write_table(path, self.rows, DIFF, self.facts)

    @property
    def _runs(self) -> tuple[tuple[str, Run], ...]:
        return ("a", self.a), ("b", self.b)

    def __repr__(self) -> str:
        """Name the runs, and say how much changed."""
        counts = self.rows["change"].value_counts()
        shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
        return f"<Diff {self.a.name} {self.b.name}: {shown or 'nothing to compare'}>"


def diff(
    a: AnyRun,
    b: AnyRun,
    root: AnyPlace = DEFAULT_RESULTS,
    batches: AnyPlace = DEFAULT_BATCHES,
    iou: float = 0.5,
    kept: float = 0.9,
    min_confidence: float = 0.5,
    manifest: "AnyPlace | None" = None,
    resamplings: int = 1000,
    seed: int = 0,
) -> Diff:
    """Compare two runs.

    Args:
        a: a run, the name of one below ``root`` or ``batches``, or a folder of results.
        b: likewise.
        root: folder of the pipeline's results, in which a name is looked for.
        batches: folder of runs of batches, likewise.
        iou: what boxes of two runs must overlap by to be the same object, over 0.
        kept: what a box must overlap by to count as kept, and not as moved; from ``iou`` to 1.
        min_confidence: detections from this confidence on are compared, 0 to 1; those without one all are. Measures
            are of all detections.
        manifest: folder of the manifest with which measures are made; None for ``data/manifest``, if there is one.
        resamplings: of the pictures, for the intervals of the measures; 0 leaves them out.
        seed: of the resamplings.

    Raises:
        ResultsError: if a run or the manifest is not there.
        SettingsError: if a threshold is out of its range.
        PlaceError: if a folder may not be read, or a bucket is not there.
        UnreachableError: if a bucket cannot be reached.
    """
    if not 0 < iou <= kept <= 1:
        raise SettingsError(f"iou must be over 0, and kept from iou to 1, not iou {iou:g} and kept {kept:g}")
    if not 0 <= min_confidence <= 1:
        raise SettingsError(f"min_confidence must be from 0 to 1, not {min_confidence:g}")
    if resamplings < 0:
        raise SettingsError(f"resamplings must be 0 or more, not {resamplings}")
    truth = Truth.if_there(manifest)
    runs = [each if isinstance(each, Run) else find_run(each, (root, batches)) for each in (a, b)]
    ours, theirs = (Decided.of(run) for run in runs)
    names = Names.of(ours, theirs)
    measured = measured_changes(ours, theirs, truth, resamplings, seed) if truth else pd.DataFrame(columns=COLUMNS)
    return Diff(
        a=runs[0],
        b=runs[1],
        thresholds={"iou": iou, "kept": kept, "min_confidence": min_confidence},
        rows=changes(ours, theirs, names, iou, kept, min_confidence),
        looked_at=looked_at(ours, theirs, names),
        metrics=measured,
        notes=_notes(ours, theirs, truth, measured),
    )


def _notes(a: Decided, b: Decided, truth: Truth | None, measured: pd.DataFrame) -> list[str]:
    notes = []
    for kind in TASKS:
        missing = [run for run in (a, b) if run.tables[kind].empty]
        if len(missing) == 1:
            notes.append(f"run {missing[0].run} has no {kind}")
    unsure = [run.run for run in (a, b) if run.tables["detections"]["confidence"].isna().any()]
    if unsure:
        notes.append(f"detections of {' and '.join(unsure)} without a confidence are compared whatever their score")
    if truth is None:
        notes.append(f"there is no manifest in {DEFAULT_MANIFEST}, so measures are left out")
    elif measured.empty:
        notes.append(f"no picture that both looked at has a label or an object in {truth.folder}: nothing is measured")
    return notes
