"""Pairs of detections and objects against all pairs looked at one by one."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.boxes import area, intersection, iou
from overfeat.evaluation import pairs
from overfeat.evaluation.pairs import Objects, distinct, names, overlapping, ranked
from overfeat.results.schemas import BOX

PICTURES, LABELS = names("cab"), names(["dog", "cat"])
BOXES = st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(2, 6)] * 2)  # some inside out, some without an area
PLACES = st.tuples(st.sampled_from("abcz"), st.sampled_from(["cat", "dog", "eel"]))


def test_names_are_kept_once() -> None:
    assert distinct(["b", "a", "b"]).tolist() == ["b", "a"]
    assert names(pd.Series(["b", "a", "b"])).tolist() == ["a", "b"]
    assert names([]).tolist() == []


@given(
    st.lists(st.tuples(PLACES, BOXES, st.integers(1, 3)), max_size=12),
    st.lists(st.tuples(PLACES, BOXES, st.booleans(), st.booleans(), st.sampled_from([0.1, 0.5, 1.0])), max_size=8),
    st.sampled_from([1, 3, 100]),
)
def test_overlapping_equals_all_pairs(detections: list, objects: list, block: int) -> None:
    asked = pd.DataFrame([(*p, s, *b) for p, b, s in detections], columns=["image_id", "label", "score", *BOX])
    columns = ["image_id", "label", *BOX, "difficult", "crowd", "threshold"]
    true = pd.DataFrame([(*p, *b, *rest) for p, b, *rest in objects], columns=columns)
    found, numbered = ranked(asked, PICTURES, LABELS), Objects.of(true, PICTURES, LABELS)
    thresholds = numbered.rows.column(true, "threshold").astype(float)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "_BLOCK", block)
        near = overlapping(found, numbered, thresholds)
    expected = []
    for i, d in enumerate(asked.iloc[found.places].itertuples()):
        candidates = []
        for j, o in enumerate(true.iloc[numbered.rows.places].itertuples()):
            a, b = (np.array([r.x1, r.y1, r.x2, r.y2], float) for r in (d, o))
            overlap = intersection(a, b) / max(area(a), 1) if o.crowd else iou(a, b)
            if (d.image_id, d.label) == (o.image_id, o.label) and overlap >= o.threshold:
                candidates.append((-overlap, j))
        expected += [(i, j) for _, j in sorted(candidates)]
    assert list(zip(near.detection.tolist(), near.object.tolist(), strict=True)) == expected


def test_a_crowd_is_not_difficult_as_well() -> None:
    rows = [("a", "cat", 0, 0, 1, 1, True, True), ("a", "cat", 0, 0, 2, 1, True, False)]
    rows += [("b", "cat", 0, 0, 1, 1, False, False), ("z", "cat", 0, 0, 1, 1, False, False)]
    frame = pd.DataFrame(rows, columns=["image_id", "label", *BOX, "difficult", "crowd"])
    objects = Objects.of(frame, PICTURES, LABELS)
    assert objects.difficult.tolist() == [False, True, False]
    assert objects.crowd.tolist() == [True, False, False]
    assert objects.counted.tolist() == [False, False, True]
