"""How much changed, by kind, by class and by picture."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.comparison.changes import CHANGES, GAINED, KEPT, KINDS, LOST, MOVED, ONLY_A, ONLY_B, RELABELLED, named

_OF_A = [KEPT, MOVED, RELABELLED, LOST, ONLY_A]
_OF_B = [KEPT, MOVED, RELABELLED, GAINED, ONLY_B]
_CHANGED = [MOVED, RELABELLED, GAINED, LOST]


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many rows of ``DIFF`` each kind has of each change.

    Returns:
        Frame with kind, a and b (rows of each run), and a column for each change.
    """
    counts = _counted(_numbers(rows["kind"]), rows, len(KINDS))
    return _frame({"kind": named(np.arange(len(KINDS)), KINDS)}, counts)


def by_class(rows: pd.DataFrame) -> pd.DataFrame:
    """Return how many boxes of each class each run has, and what became of them.

    Returns:
        Frame with kind, label, a, b, kept, moved, to_other (relabelled: A has this class, B another), from_other
        (A has another), gained, lost, only_a and only_b; by kind and label. Classes without a row are left out.
    """
    labels = rows["label_a"].cat.categories
    first = _numbers(rows["kind"]) * len(labels)
    groups = len(KINDS) * len(labels)
    code_a, code_b = (_numbers(rows[f"label_{letter}"]) for letter in ("a", "b"))
    of_a = _counted((first + code_a)[code_a >= 0], rows[code_a >= 0], groups)
    of_b = _counted((first + code_b)[code_b >= 0], rows[code_b >= 0], groups)
    columns = {
        "kind": named(np.repeat(np.arange(len(KINDS)), len(labels)), KINDS),
        "label": named(np.tile(np.arange(len(labels)), len(KINDS)), labels),
        "a": of_a.sum(axis=1),
        "b": of_b.sum(axis=1),
        "kept": of_a[:, KEPT],
        "moved": of_a[:, MOVED],
        "to_other": of_a[:, RELABELLED],
        "from_other": of_b[:, RELABELLED],
        "gained": of_b[:, GAINED],
        "lost": of_a[:, LOST],
        "only_a": of_a[:, ONLY_A],
        "only_b": of_b[:, ONLY_B],
    }
    frame = pd.DataFrame(columns)
    return frame[(frame["a"] + frame["b"]) > 0].reset_index(drop=True)


def by_image(rows: pd.DataFrame, looked_at: pd.DataFrame) -> pd.DataFrame:
    """Return what became of the boxes of each picture, those that changed most first.

    Args:
        rows: of ``DIFF``.
        looked_at: kind, image_id and looked_at of all pictures, with the categories of ``rows``.

    Returns:
        Frame with kind, image_id, looked_at ("both", "a" or "b"), a, b, kept, moved, relabelled, gained, lost, only_a,
        only_b and changes (moved, relabelled, gained and lost); by kind, falling changes and image_id.
    """
    pictures = len(rows["image_id"].cat.categories)
    codes = [_numbers(frame["kind"]) * pictures + _numbers(frame["image_id"]) for frame in (rows, looked_at)]
    counts = _counted(codes[0], rows, len(KINDS) * pictures)[codes[1]]
    frame = _frame({name: looked_at[name] for name in ("kind", "image_id", "looked_at")}, counts)
    frame["changes"] = counts[:, _CHANGED].sum(axis=1)
    by = ["kind", "changes", "image_id"]
    return frame.sort_values(by, ascending=[True, False, True], ignore_index=True)


def _numbers(column: "pd.Series[str]") -> NDArray[np.int64]:
    """Return the codes of a categorical column."""
    return np.asarray(column.cat.codes, np.int64)


def _counted(groups: NDArray[np.int64], rows: pd.DataFrame, count: int) -> NDArray[np.int64]:
    """Return how many rows of each group have each change, ``(count, changes)``."""
    kinds = len(CHANGES)
    places = groups * kinds + rows["change"].cat.codes.to_numpy()
    return np.bincount(places, minlength=count * kinds).reshape(count, kinds)


def _frame(columns: dict[str, object], counts: NDArray[np.int64]) -> pd.DataFrame:
    sums = {"a": counts[:, _OF_A].sum(axis=1), "b": counts[:, _OF_B].sum(axis=1)}
    changes = {name: counts[:, number] for number, name in enumerate(CHANGES)}
    return pd.DataFrame({**columns, **sums, **changes})
