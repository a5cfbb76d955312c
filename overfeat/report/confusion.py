"""Which classes are taken for which: a matrix as long as it can be read, then the pairs that are confused most."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from overfeat.report.links import to_gallery
from overfeat.report.markup import Child, Markup, join, say_none, scrolled, table, tag
from overfeat.report.names import ClassNames
from overfeat.report.numbers import percent, several, whole

MOST_IN_MATRIX = 30
"""Classes that a matrix can have on a page."""
_PAIRS = 30
_LEVELS = 9
_NONE = "There is nothing to compare: no picture with a decision has a label."


def confusion(guesses: pd.DataFrame, names: ClassNames) -> Markup:
    """Return, for each split, the matrix (few classes) and the pairs that are confused most.

    Args:
        guesses: a row a picture: split, actual and predicted (NaN for a picture without a guess).
        names: the classes of recognition.
    """
    guesses = guesses[guesses["predicted"].notna()] if len(guesses) else guesses
    if guesses.empty:
        return say_none(_NONE)
    parts: list[Child] = []
    for split, of_split in guesses.groupby("split", sort=False):
        if guesses["split"].nunique() > 1:
            parts.append(tag("h3", f"Split {split}"))
        small = len(names.labels) <= MOST_IN_MATRIX
        matrix = _matrix(str(split), counts(of_split, names), names) if small else None
        parts.append(tag("div", matrix, _pairs(str(split), of_split, names), class_="confused"))
    return join(parts)


def counts(guesses: pd.DataFrame, names: ClassNames) -> NDArray[np.int64]:
    """Return how many pictures of class i were taken for class j, ``(C, C)``; unknown labels are left out."""
    actual, predicted = (guesses[name].map(names.index) for name in ("actual", "predicted"))
    known = (actual.notna() & predicted.notna()).to_numpy(bool)
    size = len(names.labels)
    codes = actual[known].to_numpy(np.int64) * size + predicted[known].to_numpy(np.int64)
    return np.bincount(codes, minlength=size * size).reshape(size, size)


def _matrix(split: str, matrix: NDArray[np.int64], names: ClassNames) -> Markup:
    """Return the matrix as a table: a row a true class; numbers, shaded by their share of it, lead to the pictures."""
    totals = matrix.sum(1)
    body = []
    for i, label in enumerate(names.labels):
        cells = [
            _cell(split, int(matrix[i, j]), int(totals[i]), label, other, i == j)
            for j, other in enumerate(names.labels)
        ]
        body.append(tag("tr", tag("th", names.shown[i], scope="row"), cells, tag("td", whole(totals[i]), class_="sum")))
    upright = [tag("th", tag("span", name), scope="col", class_="upright") for name in names.shown]
    head = tag(
        "tr", tag("th", "true class, down; guess, across", scope="col"), upright, tag("th", "pictures", scope="col")
    )
    caption = "Every picture by its true class and its best guess. A shade is a share of the row."
    whole_table = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body), class_="matrix")
    after = f"after-matrix-{split}"
    return tag(
        "div",
        tag("a", "Skip the matrix", href=f"#{after}", class_="skip"),
        scrolled(whole_table, f"Confusion, {split}"),
        tag("span", id=after, tabindex="-1"),
    )


def _cell(split: str, count: int, total: int, label: str, other: str, right: bool) -> Markup:
    if not count:
        return tag("td", "0", class_="l0")
    level = max(1, round(_LEVELS * count / total))
    state = {"task": "recognition", "split": split, "class": label, "as": "truth", "other": other}
    link = to_gallery(whole(count), **state)
    return tag("td", link, class_=f"l{level}{' right' if right else ''}")


def _pairs(split: str, guesses: pd.DataFrame, names: ClassNames) -> Markup:
    """Return the most confused pairs, by how many pictures, as a table."""
    wrong = guesses[guesses["actual"] != guesses["predicted"]]
    if wrong.empty:
        return tag("p", "No picture was taken for another class.")
    found = wrong.groupby(["actual", "predicted"]).size().rename("pictures").reset_index()
    found = found.sort_values(["pictures", "actual", "predicted"], ascending=[False, True, True])
    totals = guesses.groupby("actual").size()
    rows = []
    for row in found.head(_PAIRS).to_dict("records"):
        actual, predicted = str(row["actual"]), str(row["predicted"])
        state = {"task": "recognition", "split": split, "class": actual, "as": "truth", "other": predicted}
        share = percent(100 * row["pictures"] / totals[actual])
        rows.append([to_gallery(names.of(actual), **state), names.of(predicted), whole(row["pictures"]), share])
    shown = f"the {_PAIRS} most frequent of {several(len(found), 'pair')}" if len(found) > _PAIRS else "all pairs"
    caption = f"Confused pairs, {shown}"
    head = ["true class", "taken for", "pictures", "of its class"]
    return scrolled(table(head, rows, caption, class_="plain pairs"), f"{caption}, {split}", "scroll tall")
