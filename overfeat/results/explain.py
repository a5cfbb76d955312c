"""Why a box is where it is: the windows that were merged into it, and what each of them said of the box's class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.errors import ResultsError, did_you_mean
from overfeat.places import AnyPlace, Place
from overfeat.results.queries import DEFAULT_WINDOWS, read_windows
from overfeat.results.runs import footers_of, windows_of
from overfeat.results.schemas import BOX, BOX_COLUMNS, DETECTION, RECOGNITION

Row: TypeAlias = "pd.Series[Any] | Mapping[str, Any]"
"""One row of the detections or localizations."""
Scores = Literal["probabilities", "logits"]
"""What the class outputs are that a box's score is the sum of: ``merge.scores``."""

EXPLANATION = (
    *("window", "member", "scale", "flip", "offset_y", "offset_x", "row", "col", *BOX, *BOX_COLUMNS),
    *("label_score", "contribution", "label", "score"),
)
"""The columns of an explanation."""

_SAID = ["log_partition", "class_indices", "logits", "class_boxes"]
_NEEDED = ("image_id", "label", "members")
_SCORE_TOLERANCE = 1e-4  # of the sum of what the windows gave, which is kept in float32
_BOX_TOLERANCE = 0.01  # pixels


def explain(row: Row, windows: AnyPlace = DEFAULT_WINDOWS) -> pd.DataFrame:
    """Return the windows that were merged into a box.

    What adds up (and is checked, so that windows of other evidence are not taken for these):

    - The row's box is the mean of its windows' boxes, ``box_x1 .. box_y2``, each counting alike. A regressor with a
      box for every class gave that of the row's class, one with a single box gave the same to all classes.
    - The row's score is the sum of ``contribution``: the probability of the row's class in each window, or its logit
      where a localization was merged with ``merge.scores=logits`` (detections are always merged with probabilities).
      Of a localization all windows at the scales where its class is likely take part, but a window is evidence only
      for its best classes: where the row's class is not among them, ``label_score`` is NaN and the contribution 0.
      Every window of a detection found its class likely (``merge.detection_min_score``).
    - With ``merge.boxes=nms`` a box has one window, and its box and output are those of that window.

    Args:
        row: of :func:`overfeat.read_detections` or :func:`overfeat.read_localizations`, with image_id, label and
            members; a localization is told by its rank.
        windows: the evidence it was decided from: the pipeline's, or a folder of runs of batches, or of one run.

    Returns:
        Frame with one row a window, sorted by window: window, member, scale, flip, offset_y, offset_x, row, col,
        x1 .. y2 (its field of view in the original picture, flip undone), box_x1 .. box_y2 (where it saw the object of
        the row's class), label_score (probability of the row's class, 0 to 1), contribution (to the row's score), label
        and score (its most probable class, and the probability of that).

    Raises:
        ResultsError: if the row lacks a column, or the evidence is not there, is of other runs, or does not add up
            to the row because it was made anew since.
        PlaceError: if the folder may not be read, or the bucket is not there.
        UnreachableError: if the bucket cannot be reached.
    """
    asked = _plain(row)
    evidence = Evidence.of(Place.of(windows))
    return evidence.explain(asked, evidence.run_of(asked), None)


def scores_of(row: Row, settings: Mapping[str, Any]) -> Scores:
    """Return what was added up to the row's score with these settings of the results' footer."""
    scores: Scores = settings["merge"]["scores"] if "rank" in row else "probabilities"
    return scores


@dataclass(frozen=True)
class Evidence:
    """Files of windows.

    Attributes:
        place: the folder they are in.
        class_names: labels by class index, by run and task.
    """

    place: Place
    class_names: Mapping[tuple[str, str], Sequence[str]]

    @classmethod
    def of(cls, place: Place) -> "Evidence":
        """Look which evidence there is. Raises ResultsError if there is none."""
        footers = footers_of(windows_of(place))
        if not footers:
            raise ResultsError(
                f"there is no evidence in {place.shown}: fetch it with `dvc pull`, make it with `dvc repro infer`, or "
                "say with windows= where it is"
            )
        return cls(place, {(each["run"], each.get("task", RECOGNITION)): each["class_names"] for each in footers})

    @property
    def runs(self) -> list[str]:
        """The runs it is of, sorted."""
        return sorted({run for run, _ in self.class_names})

    def run_of(self, row: Row) -> str:
        """Return the run of the evidence for a row: the row's own (batches), or the only one (the pipeline's)."""
        runs, run = self.runs, row.get("run")
        if run in runs:
            return str(run)
        if len(runs) == 1:
            return runs[0]
        raise ResultsError(
            f"the evidence in {self.place} is of the runs {', '.join(runs)}, and the row of run {run!r}: say with "
            "windows= where the evidence of its run is"
        )

    def check(self, run: str) -> str:
        """Return the run that results were decided from. Raises ResultsError if this evidence is of others."""
        if run not in self.runs:
            raise ResultsError(
                f"the evidence in {self.place} is of run {', '.join(self.runs)}, and these results were decided from "
                f"run {run}, so it was made anew since: bring the results up to date with `dvc repro merge`, or fetch "
                "the evidence they came from with `dvc get . data/windows --rev REVISION` and name it with windows="
            )
        return run

    def explain(self, row: Row, run: str, scores: Scores | None) -> pd.DataFrame:
        """Return what :func:`explain` does.

        Args:
            row: of detections or localizations.
            run: of the evidence.
            scores: what was added up; None where that is not known, and must be found out.
        """
        asked, names = _plain(row), self._names(self.check(run), row)
        label, image_id = str(asked["label"]), str(asked["image_id"])
        if label not in names:
            raise ResultsError(f"there is no label {label!r} in the evidence{did_you_mean(label, names)}")
        columns = [name for name in EXPLANATION if name not in ("label_score", "contribution")]
        found = read_windows(self.place, image_ids=image_id, run=run, columns=[*columns, *_SAID])
        found = found[found["window"].isin(asked["members"])].sort_values("window", ignore_index=True)
        if found["window"].tolist() != sorted(asked["members"]):
            raise ResultsError(
                f"picture {image_id!r} does not have all of the row's windows in {self.place} (run {run}): name the "
                "evidence of the row's run with windows="
            )
        probabilities, logits = _said_of(found, list(names).index(label))
        outputs: dict[Scores, NDArray[np.float64]] = {"probabilities": probabilities, "logits": logits}
        given = [
            outputs[kind] for kind in outputs if kind == (scores or kind) and _adds_up(asked, found, outputs[kind])
        ]
        if not given:
            raise ResultsError(
                f"the windows of picture {image_id!r} in {self.place} (run {run}) do not add up to this row: the "
                "evidence was made anew since, or the row was changed"
            )
        found["label_score"] = probabilities.astype(np.float32)
        found["contribution"] = np.nan_to_num(given[0]).astype(np.float32)
        return found[list(EXPLANATION)]

    def _names(self, run: str, row: Row) -> Sequence[str]:
        task = RECOGNITION if "rank" in row else DETECTION
        if (run, task) not in self.class_names:
            kind = "detections" if task == DETECTION else "localizations"
            raise ResultsError(f"there is no evidence of {kind} in {self.place} (run {run}): name it with windows=")
        return self.class_names[run, task]


def _plain(row: Row) -> dict[str, Any]:
    """Return the row's values by column. Raises ResultsError if it is no row, or not of boxes."""
    if not isinstance(row, pd.Series | Mapping):
        raise ResultsError(
            f"explain takes one row of the detections or localizations, such as frame.iloc[0], not a "
            f"{type(row).__name__}"
        )
    values = {str(name): value for name, value in row.items()}
    missing = [name for name in _NEEDED if name not in values]
    if missing or not len(values["members"]):
        raise ResultsError(
            f"the row has no {' and no '.join(missing) or 'members'}: explain takes a row of the detections or "
            f"localizations with {', '.join(_NEEDED)}"
        )
    return values


def _said_of(windows: pd.DataFrame, index: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each window's probability and logit of a class, NaN where it kept none; put in the class's own boxes."""
    counts = windows["class_indices"].map(len).to_numpy()
    entries = np.flatnonzero(np.concatenate(windows["class_indices"].to_list()) == index)
    owners = np.repeat(np.arange(len(windows)), counts)[entries]
    logits = np.full(len(windows), np.nan)
    logits[owners] = np.concatenate(windows["logits"].to_list())[entries]
    if windows["class_boxes"].notna().all():
        boxes = np.full((len(windows), 4), np.nan, np.float32)
        boxes[owners] = np.concatenate(windows["class_boxes"].to_list()).reshape(-1, 4)[entries]
        windows[list(BOX_COLUMNS)] = boxes
    return np.exp(logits - windows["log_partition"].to_numpy(np.float64)), logits


def _adds_up(row: Mapping[str, Any], windows: pd.DataFrame, outputs: NDArray[np.float64]) -> bool:
    """Return whether windows with these outputs give the row's score and box, as far as the row has them."""
    given = np.nan_to_num(outputs)
    if "score" in row and abs(given.sum() - row["score"]) > _SCORE_TOLERANCE * max(np.abs(given).sum(), 1e-3):
        return False
    if any(side not in row for side in BOX):
        return True
    mean = windows[list(BOX_COLUMNS)].to_numpy(np.float64).mean(0)
    return bool((np.abs(mean - [float(row[side]) for side in BOX]) <= _BOX_TOLERANCE).all())
