"""Kinds of errors on cases worked out on paper, and against the definition applied to one detection after the other."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.evaluation.detection import match
from overfeat.evaluation.error_kinds import DETECTION_KINDS, NO_OBJECT, OBJECT_KINDS, error_kinds, object_kinds
from overfeat.results.schemas import BOX

FOUND = ["image_id", "label", "score", *BOX]
TRUE = ["image_id", "label", *BOX, "difficult", "crowd"]


def detections_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=FOUND)


def objects_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame([(*row, False, False)[:8] for row in rows], columns=TRUE)


# an object is 40 x 40 at (0, 0); a box of the same height that is w wide overlaps it by w/40
@pytest.mark.parametrize(
    ("label", "width", "kind", "object_kind"),
    [
        ("cat", 20, "right", "found"),
        ("cat", 19, "wrong place", "mistaken"),
        ("cat", 4, "wrong place", "mistaken"),
        ("cat", 3.9, "background", "missed"),
        ("dog", 20, "wrong class", "mistaken"),
        ("dog", 19, "both wrong", "missed"),
        ("dog", 4, "both wrong", "missed"),
        ("dog", 3.9, "background", "missed"),
    ],
)
def test_one_detection_of_one_object(label: str, width: float, kind: str, object_kind: str) -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40))
    found, true = error_kinds(detections_of(("a", label, 0.9, 0, 0, width, 40)), objects, ["a"])
    assert found["kind"].tolist() == [kind]
    assert true["kind"].tolist() == [object_kind]
    assert found["object"].tolist() == [NO_OBJECT if kind == "background" else 0]
    assert found["iou"].iloc[0] == pytest.approx(0 if kind == "background" else width / 40)


def test_a_worse_detection_of_a_found_object_is_a_duplicate() -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40))
    detections = detections_of(("a", "cat", 0.5, 0, 0, 40, 40), ("a", "cat", 0.9, 0, 0, 40, 30))
    found, true = error_kinds(detections, objects, ["a"])
    assert found[["score", "kind"]].to_numpy().tolist() == [[0.9, "right"], [0.5, "duplicate"]]
    assert true["kind"].tolist() == ["found"]


def test_its_own_class_comes_first() -> None:
    # half of the detection is on the dog, 8/72 of both are shared with the cat
    objects = objects_of(("a", "dog", 0, 0, 40, 40), ("a", "cat", 32, 0, 72, 40))
    found, true = error_kinds(detections_of(("a", "cat", 0.9, 0, 0, 40, 40)), objects, ["a"])
    assert found[["kind", "object"]].to_numpy().tolist() == [["wrong place", 1]]
    assert true["kind"].tolist() == ["missed", "mistaken"]


def test_difficult_objects_and_crowds_are_ignored() -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40, True, False), ("a", "cat", 100, 0, 300, 200, False, True))
    detections = detections_of(
        ("a", "cat", 0.9, 0, 0, 40, 40),
        ("a", "cat", 0.8, 120, 0, 160, 40),
        ("a", "dog", 0.7, 0, 0, 40, 40),  # a difficult object is one all the same
        ("a", "dog", 0.6, 120, 0, 160, 40),
    )
    found, true = error_kinds(detections, objects, ["a"])
    assert found["kind"].tolist() == ["ignored", "ignored", "wrong class", "background"]
    assert true["kind"].tolist() == ["ignored", "ignored"]


def test_objects_under_a_threshold() -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40))
    detections = detections_of(("a", "cat", 0.3, 0, 0, 40, 40), ("a", "dog", 0.6, 0, 0, 40, 40))
    found, true = error_kinds(detections, objects, ["a"])
    kinds = [object_kinds(found[found["score"] >= least], true).tolist() for least in (0.0, 0.5, 0.7)]
    assert kinds == [["found"], ["mistaken"], ["missed"]]


def test_other_pictures_and_columns() -> None:
    objects = objects_of(("z", "cat", 0, 0, 40, 40), ("b", "cat", 0, 0, 40, 40)).astype({"image_id": "category"})
    detections = detections_of(("z", "cat", 0.9, 0, 0, 40, 40), ("b", "cat", 0.5, 0, 0, 40, 40)).assign(run=[3, 4])
    found, true = error_kinds(detections, objects, ["b", "c"])
    assert found[["run", "kind", "object"]].to_numpy().tolist() == [[4, "right", 0]]
    assert true[["image_id", "kind"]].to_numpy().tolist() == [["b", "found"]]


def test_nothing() -> None:
    detections, objects = detections_of(("a", "cat", 0.9, 0, 0, 40, 40)), objects_of(("a", "cat", 0, 0, 40, 40))
    found, true = error_kinds(detections, objects[:0], ["a"])
    assert (found["kind"].tolist(), len(true)) == (["background"], 0)
    found, true = error_kinds(detections[:0], objects, ["a"])
    assert (len(found), true["kind"].tolist()) == (0, ["missed"])
    found, true = error_kinds(detections[:0], objects[:0], [])
    assert found.empty
    assert true.empty


def overlap(a: Any, b: Any) -> float:
    w, h = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    shared = max(w, 0) * max(h, 0)
    ours, theirs = ((r.x2 - r.x1) * (r.y2 - r.y1) for r in (a, b))
    return shared / (ours + theirs - shared)


def plain_kinds(detections: pd.DataFrame, objects: pd.DataFrame, image_ids: str) -> tuple[list[str], list[str]]:
    """The oracle: the kinds of detections, by label and falling score, and of objects, from the words of the module."""
    matched = match(detections, objects, image_ids, "voc")
    true = [o for o in objects.itertuples() if o.image_id in image_ids]
    fates = {o.Index: "ignored" if o.difficult or o.crowd else "missed" for o in true}
    kinds, about = [], []
    for d in matched.itertuples():
        beside = [o for o in true if o.image_id == d.image_id and not o.crowd]
        beside.sort(key=lambda o: (o.label, o.x1, o.y1, o.x2, o.y2, o.difficult))
        own, other = (
            max([o for o in beside if (o.label == d.label) == same], key=lambda o: overlap(d, o), default=None)
            for same in (True, False)
        )
        of_own, of_other = (overlap(d, o) if o else 0.0 for o in (own, other))
        meant = None
        if d.hit:
            kind = "right"
            fates[own.Index] = "found"
        elif d.ignored:
            kind = "ignored"
        elif of_own >= 0.5:
            kind = "duplicate"
        elif of_own >= 0.1:
            kind, meant = "wrong place", own
        elif of_other >= 0.5:
            kind, meant = "wrong class", other
        else:
            kind = "both wrong" if of_other >= 0.1 else "background"
        kinds.append(kind)
        about.append(meant)
    for meant in about:
        if meant is not None and fates[meant.Index] == "missed":
            fates[meant.Index] = "mistaken"
    return kinds, [fates[o.Index] for o in true]


CORNERS = st.tuples(*[st.integers(0, 5)] * 2, *[st.integers(1, 5)] * 2)
PLACES = st.tuples(st.sampled_from("abz"), st.sampled_from(["cat", "dog", "eel"]))
FLAGS = st.sampled_from([(False, False)] * 5 + [(True, False), (False, True), (True, True)])


def box(corners: tuple) -> list[float]:
    x, y, w, h = (8.0 * c for c in corners)
    return [x, y, x + w, y + h]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(PLACES, CORNERS, st.sampled_from([0.25, 0.5, 0.75])), max_size=25),
    st.lists(st.tuples(PLACES, CORNERS, FLAGS), max_size=12),
)
def test_kinds_equal_the_definition(found: list, true: list) -> None:
    detections = detections_of(*[(*place, score, *box(corners)) for place, corners, score in found])
    objects = objects_of(*[(*place, *box(corners), *flags) for place, corners, flags in true])
    judged, fates = error_kinds(detections, objects, "ab")
    assert (judged["kind"].tolist(), fates["kind"].tolist()) == plain_kinds(detections, objects, "ab")
    assert set(judged["kind"]) <= set(DETECTION_KINDS)
    assert set(fates["kind"]) <= set(OBJECT_KINDS)
    hits = judged[judged["kind"] == "right"]
    assert hits["object"].is_unique
    assert len(hits) == (fates["kind"] == "found").sum()


def test_every_kind_is_met_in_a_dense_picture() -> None:
    generator = np.random.default_rng(4)

    def boxes(count: int) -> list[list[float]]:
        corners = generator.uniform(0, 150, (count, 2))
        return np.concatenate([corners, corners + generator.uniform(20, 60, (count, 2))], 1).tolist()

    def label() -> str:
        return str(generator.choice(["cat", "dog"]))

    detections = detections_of(*[("a", label(), generator.random(), *b) for b in boxes(300)])
    objects = objects_of(*[("a", label(), *b, bool(generator.random() < 0.1), False) for b in boxes(25)])
    judged, fates = error_kinds(detections, objects, ["a"])
    assert (judged["kind"].tolist(), fates["kind"].tolist()) == plain_kinds(detections, objects, "a")
    assert set(judged["kind"]) == set(DETECTION_KINDS)
    assert set(fates["kind"]) == set(OBJECT_KINDS)
