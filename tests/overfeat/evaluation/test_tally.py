"""Averages for weighted pictures against the curve of the pictures written out, point by point."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.evaluation.tally import Interpolation, Tally
from overfeat.results.schemas import BOX

LABELS = ["dog", "cat", "eel"]
POINTS = {"11-point": 10, "101-point": 100}


def plain_average(hits: list[bool], objects: int, interpolation: Interpolation) -> float:
    """The oracle: precision at a recall is the greatest of all detections that reach it."""
    curve = [(sum(hits[: n + 1]), sum(hits[: n + 1]) / (n + 1)) for n in range(len(hits))]

    def precision(steps: int, of: int) -> float:
        return max([p for reached, p in curve if reached * of >= steps * objects], default=0.0)

    if interpolation == "area":
        return sum(precision(n, objects) for n in range(1, objects + 1)) / objects
    points = POINTS[interpolation]
    return sum(precision(n, points) for n in range(points + 1)) / (points + 1)


ROWS = st.tuples(st.sampled_from("abcz"), st.sampled_from([*LABELS, "fox"]))


@settings(deadline=None)
@given(
    st.lists(st.tuples(ROWS, st.sampled_from(["hit", "false", "ignored"])), max_size=25),
    st.integers(0, 4),
    st.lists(st.integers(0, 3), min_size=3, max_size=3),
    st.sampled_from(["area", "11-point", "101-point"]),
)
def test_weights_are_copies(found: list, more: int, weights: list[int], interpolation: Interpolation) -> None:
    rows = [(*place, -i, 0, 0, 1, 1, kind == "hit", kind == "ignored") for i, (place, kind) in enumerate(found)]
    matched = pd.DataFrame(rows, columns=["image_id", "label", "score", *BOX, "hit", "ignored"])
    # an object for every hit, and some that are missed
    places = [place for place, kind in found if kind == "hit"] + [("a", "cat"), ("b", "dog")] * more
    flags = [(False, False)] * len(places) + [(True, False), (False, True)]
    places += [("a", "eel"), ("b", "eel")]
    rows = [(*place, 0, 0, 1, 1, *flag) for place, flag in zip(places, flags, strict=True)]
    objects = pd.DataFrame(rows, columns=["image_id", "label", *BOX, "difficult", "crowd"])

    counts, averages = Tally.of(matched, objects, "abc", LABELS).precisions(np.array(weights), interpolation)
    copies = dict(zip("abcz", [*weights, 0], strict=True))
    for k, label in enumerate(LABELS):
        hits = [
            kind == "hit"
            for (picture, name), kind in found
            for _ in range(copies[picture])
            if name == label and kind != "ignored"
        ]
        total = sum(copies[p] for (p, name), flag in zip(places, flags, strict=True) if name == label and not any(flag))
        assert counts[k] == total
        if total:
            assert averages[k] == pytest.approx(plain_average(hits, total, interpolation), abs=1e-12)
        else:
            assert np.isnan(averages[k])
