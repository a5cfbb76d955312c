"""What became of each box, and of each picture's first guess, from one run to another."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.comparison.decided import Decided
from overfeat.comparison.matching import Boxes, Ints, others, overlaps, paired
from overfeat.results.numbers import numbers_of
from overfeat.results.schemas import BOX, DIFF

KINDS = ("detections", "localizations", "classifications")
"""What is compared, in the order of the rows."""
CHANGES = ("kept", "moved", "relabelled", "gained", "lost", "only_a", "only_b")
"""What can become of a box, likewise."""
LOOKED_AT = ("both", "a", "b")
"""Which of the runs looked at a picture."""
KEPT, MOVED, RELABELLED, GAINED, LOST, ONLY_A, ONLY_B = range(len(CHANGES))

_NUMBERS = ["score", "confidence", *BOX]
_NONE = -1


@dataclass(frozen=True)
class Names:
    """The pictures and labels of both runs, whose places are their numbers."""

    pictures: pd.Index
    labels: pd.Index

    @classmethod
    def of(cls, a: Decided, b: Decided) -> "Names":
        """Return those of all tables of two runs, sorted."""
        frames = [run.tables[name] for run in (a, b) for name in (*KINDS, "processed")]
        labels = [frame["label"] for frame in frames if "label" in frame]
        return cls(_distinct(frame["image_id"] for frame in frames), _distinct(labels))

    def numbers(self, frame: pd.DataFrame) -> "_Rows":
        """Return rows of a table as numbers."""
        numbers = frame.reindex(columns=_NUMBERS).to_numpy(np.float32)
        return _Rows(numbers_of(frame["image_id"], self.pictures), numbers_of(frame["label"], self.labels), numbers)

    def among(self, image_ids: "pd.Series[str]") -> NDArray[np.bool_]:
        """Say of every picture whether it is one of these."""
        among = np.zeros(len(self.pictures), bool)
        among[numbers_of(image_ids, self.pictures)] = True
        return among


@dataclass(frozen=True)
class _Rows:
    """Rows of one run: numbers of pictures and labels, ``(N,)``, and score, confidence and box, ``(N, 6)``."""

    picture: Ints
    label: Ints
    numbers: NDArray[np.float32]

    @property
    def as_boxes(self) -> Boxes:
        """The same as boxes that can be paired."""
        numbers = self.numbers.astype(np.float64)
        return Boxes(self.picture, self.label, numbers[:, 2:], numbers[:, 0])

    def at(self, places: Ints) -> "_Rows":
        """Return the rows at these places; where a place is -1, no label and no numbers."""
        nothing = np.full((1, self.numbers.shape[1]), np.nan, np.float32)
        return _Rows(
            np.append(self.picture, _NONE)[places],
            np.append(self.label, _NONE)[places],
            np.concatenate([self.numbers, nothing])[places],
        )


def changes(a: Decided, b: Decided, names: Names, iou: float, kept: float, min_confidence: float) -> pd.DataFrame:
    """Return the rows of ``DIFF``.

    Detections: boxes are paired as :func:`overfeat.comparison.matching.paired` does. A pair of one class is kept where
    it overlaps by ``kept`` or more, else moved; a pair of two classes is relabelled. Localizations and
    classifications: a picture's first guess in A and its first in B are a pair, wherever their boxes are. What is in no
    pair was gained or lost, or is in a picture that only one run looked at.

    Args:
        a: decisions of one run.
        b: of the other.
        names: of both.
        iou: what boxes must overlap by to be paired, over 0.
        kept: what a box must overlap by to have stayed where it was.
        min_confidence: of detections that are compared; those without a confidence are.
    """
    parts = []
    for kind in KINDS:
        of_a, of_b = (names.numbers(_compared(run.tables[kind], kind, min_confidence)) for run in (a, b))
        if kind == "detections":
            pairs = paired(of_a.as_boxes, of_b.as_boxes, iou)
            one, other = pairs.a, pairs.b
        else:
            _, one, other = np.intersect1d(of_a.picture, of_b.picture, return_indices=True)
        left_a, left_b = others(one, len(of_a.label)), others(other, len(of_b.label))
        one = np.concatenate([one, left_a, np.full(len(left_b), _NONE)])
        other = np.concatenate([other, np.full(len(left_a), _NONE), left_b])
        seen = [names.among(run.looked_at(kind)["image_id"]) for run in (a, b)]
        parts.append(_of_kind(kind, of_a.at(one), of_b.at(other), seen[0], seen[1], kept, names))
    whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
    runs = {name: pd.Categorical([run] * len(whole)) for name, run in (("run_a", a.run), ("run_b", b.run))}
    rows: pd.DataFrame = whole.assign(**runs)[DIFF.names]
    return rows


def looked_at(a: Decided, b: Decided, names: Names) -> pd.DataFrame:
    """Return kind, image_id and looked_at ("both", "a" or "b") of every picture that either run looked at."""
    parts = []
    for kind in KINDS:
        by_a, by_b = (names.among(run.looked_at(kind)["image_id"]) for run in (a, b))
        either = np.flatnonzero(by_a | by_b)
        whose = np.where(by_a & by_b, 0, np.where(by_a, 1, 2))[either]
        columns = {
            "kind": named(np.full(len(either), KINDS.index(kind)), KINDS),
            "image_id": named(either, names.pictures),
            "looked_at": named(whose, LOOKED_AT),
        }
        parts.append(pd.DataFrame(columns))
    whole: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return whole


def _compared(frame: pd.DataFrame, kind: str, min_confidence: float) -> pd.DataFrame:
    """Return the rows that are compared: detections that are sure enough, first guesses."""
    if kind == "detections":
        return frame[~(frame["confidence"] < min_confidence)]
    return frame[frame["rank"] == 1]


def _of_kind(
    kind: str, a: _Rows, b: _Rows, seen_a: NDArray[np.bool_], seen_b: NDArray[np.bool_], kept: float, names: Names
) -> pd.DataFrame:
    """Return the rows of one kind, from the rows of A and B that belong together, -1 where one has none."""
    picture = np.maximum(a.picture, b.picture)
    iou = np.asarray(overlaps(a.as_boxes.boxes, b.as_boxes.boxes))
    iou[(a.label == _NONE) | (b.label == _NONE) | (kind == "classifications")] = np.nan
    change = np.where(a.label != b.label, RELABELLED, np.where(iou < kept, MOVED, KEPT))
    change = np.where(b.label == _NONE, np.where(seen_b[picture], LOST, ONLY_A), change)
    change = np.where(a.label == _NONE, np.where(seen_a[picture], GAINED, ONLY_B), change)
    order = np.lexsort((-b.numbers[:, 0], -a.numbers[:, 0], change, picture))
    columns: dict[str, Any] = {
        "kind": named(np.full(len(order), KINDS.index(kind)), KINDS),
        "change": named(change[order], CHANGES),
        "image_id": named(picture[order], names.pictures),
        "iou": iou[order].astype(np.float32),
    }
    for letter, rows in (("a", a), ("b", b)):
        columns[f"label_{letter}"] = named(rows.label[order], names.labels)
        columns |= {f"{name}_{letter}": rows.numbers[order, i] for i, name in enumerate(_NUMBERS)}
    return pd.DataFrame(columns)


def named(numbers: Ints, names: Iterable[str]) -> "pd.Categorical[str]":
    """Return names as a categorical column, from their numbers; -1 is null."""
    return pd.Categorical.from_codes(numbers, pd.Index(names))


def _distinct(columns: Iterable["pd.Series[str]"]) -> pd.Index:
    values = {str(value) for column in columns for value in column.unique()}
    index: pd.Index = pd.Index(sorted(values), dtype=object)
    return index
