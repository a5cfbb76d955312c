"""What the windows of a picture said, as a small script that the page loads when the picture is opened.

A page that is opened from disk may not read files, but it may load scripts. The script calls
``overfeatEvidence(STEM, EVIDENCE)`` with an EVIDENCE of

- ``maps``: for each member, scale and flip ``[member, scale, flip, votes, rows, cols, first, x, step_x, y, step_y,
  width, height]``. Window (row, col) is number ``first + row * cols + col`` in the picture's evidence; its field of
  view begins at ``x + step_x * col``, ``y + step_y * row``, in pixels of the original picture.
- ``levels``: by class index a text with a character a window, of all maps one after the other: the probability in 63
  steps (:data:`LEVELS`; ``.`` where it is about 0 or the class was not kept). ``~12~`` stands for twelve dots.
- ``members``: for each answer of the picture in the gallery the windows that were merged into it, as ``0-4.7``.

Ten views are no map, and are left out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from overfeat.report.markup import json_text
from overfeat.results.schemas import BOX, TEN_VIEWS

LEVELS = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
COLUMNS = (
    *("image_id", "member", "scale", "flip", "window", "row", "col", *BOX),
    *("log_partition", "class_indices", "logits"),
)
"""Columns of the windows that are needed."""
_STEPS = len(LEVELS) - 1
_RUN = 5  # shorter runs of dots would not get shorter
Votes = Callable[[int, int, bool], bool]


class PictureWindows:
    """The dense windows of one picture, by map."""

    def __init__(self, columns: Mapping[str, NDArray[Any]], entries: tuple[NDArray[Any], NDArray[Any], NDArray[Any]]):
        """Take columns of the table, and window (position in these), class and probability of every entry."""
        self._columns = columns
        self._entry_windows, self._entry_classes, self._probabilities = entries

    def __len__(self) -> int:
        """Return how many windows there are."""
        return len(self._columns["window"])

    def maps(self, votes: Votes) -> list[list[float]]:
        """Return the maps, as the module says.

        Args:
            votes: says of a member, a scale and a flip whether its windows vote.
        """
        column = self._columns
        changed = np.ones(len(self), bool)
        changed[1:] = np.any(
            [np.diff(column[name].astype(np.int64)) != 0 for name in ("member", "scale", "flip")], axis=0
        )
        starts = np.flatnonzero(changed)
        found = []
        for start, stop in zip(starts, np.append(starts, len(self))[1:], strict=True):
            rows, cols = (int(column[name][stop - 1]) + 1 for name in ("row", "col"))
            assert rows * cols == stop - start
            key = int(column["member"][start]), int(column["scale"][start]), bool(column["flip"][start])
            x1, y1, x2, y2 = (float(column[name][start]) for name in BOX)
            step_x = (float(column["x1"][stop - 1]) - x1) / max(cols - 1, 1)
            step_y = (float(column["y1"][stop - 1]) - y1) / max(rows - 1, 1)
            place = [x1, step_x, y1, step_y, x2 - x1, y2 - y1]
            numbers = [*key, votes(*key), rows, cols, column["window"][start]]
            found.append([*(int(number) for number in numbers), *(tidy(value, 2) for value in place)])
        return found

    def levels(self, classes: Mapping[int, int]) -> dict[str, str]:
        """Return the probabilities of classes, as the module says.

        Args:
            classes: what the classes are called in the answer, and which outputs of the network they are.
        """
        texts = {}
        for number, output in classes.items():
            chosen = self._entry_classes == output
            values = np.zeros(len(self), np.int64)
            steps = np.rint(self._probabilities[chosen] * _STEPS).astype(np.int64)
            values[self._entry_windows[chosen]] = np.clip(steps, 0, _STEPS)
            texts[str(number)] = shortened("".join([LEVELS[value] for value in values.tolist()]))
        return texts


def windows_by_picture(table: pa.Table) -> Iterator[tuple[str, PictureWindows]]:
    """Yield each picture of the evidence with its dense windows; it is sorted as ``WINDOWS`` says."""
    table = table.select(list(COLUMNS)).combine_chunks()
    table = table.filter(pa.array(table["scale"].to_numpy() != TEN_VIEWS)).unify_dictionaries().combine_chunks()
    ids = table["image_id"].combine_chunks()
    codes = ids.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    plain = {name: table[name].to_numpy() for name in COLUMNS[1:-2]}
    lists = table["class_indices"].combine_chunks()
    offsets = lists.offsets.to_numpy()
    classes, logits = lists.flatten().to_numpy(), table["logits"].combine_chunks().flatten().to_numpy()
    owners = np.repeat(np.arange(len(codes)), np.diff(offsets))
    probabilities = np.exp(logits.astype(np.float64) - plain["log_partition"][owners])
    first = offsets - offsets[0] if len(offsets) else offsets
    for start, stop in zip(starts, np.append(starts, len(codes))[1:], strict=True):
        low, high = first[start], first[stop]
        entries = owners[low:high] - start, classes[low:high], probabilities[low:high]
        image_id = str(ids.dictionary[int(codes[start])].as_py())
        yield image_id, PictureWindows({name: values[start:stop] for name, values in plain.items()}, entries)


def script(
    stem: str, windows: PictureWindows, classes: Mapping[int, int], members: Sequence[Sequence[int]], votes: Votes
) -> str:
    """Return the script of one picture.

    Args:
        stem: of its files.
        windows: of the picture.
        classes: whose probabilities are kept: index and number of the network's output.
        members: numbers of windows, for each answer.
        votes: see :meth:`PictureWindows.maps`.
    """
    evidence = {
        "maps": windows.maps(votes),
        "levels": windows.levels(classes),
        "members": [ranges(numbers) for numbers in members],
    }
    return f"overfeatEvidence({json_text(stem)},{json_text(evidence)});\n"


def shortened(text: str) -> str:
    """Return the text with runs of five dots or more as ``~5~``."""
    parts = []
    while text:
        body = text.lstrip(".")
        run = len(text) - len(body)
        parts.append(f"~{run}~" if run >= _RUN else "." * run)
        end = body.find("." * _RUN)
        end = len(body) if end < 0 else end
        parts.append(body[:end])
        text = body[end:]
    return "".join(parts)


def ranges(numbers: Sequence[int]) -> str:
    """Return ascending numbers as ``0-4.7``."""
    values = np.asarray(numbers, np.int64)
    if not len(values):
        return ""
    breaks = np.flatnonzero(np.diff(values) != 1)
    firsts, lasts = values[np.append(0, breaks + 1)].tolist(), values[np.append(breaks, len(values) - 1)].tolist()
    return ".".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(firsts, lasts, strict=True))


def tidy(value: float, digits: int) -> float:
    """Return a number with so many decimals, a whole one without a point."""
    rounded = round(float(value), digits)
    return int(rounded) if rounded == int(rounded) else rounded
