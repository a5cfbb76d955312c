"""Hits on cases worked out on paper, and against the rules applied to one detection after the other."""

from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.errors import SettingsError
from overfeat.evaluation.detection import Measure, empties, match
from overfeat.results.schemas import BOX

MEASURES: tuple[Measure, ...] = get_args(Measure)
FOUND = ["image_id", "label", "score", *BOX]
TRUE = ["image_id", "label", *BOX, "difficult", "crowd"]


def detections_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=FOUND)


def objects_of(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame([(*row, False, False)[:8] for row in rows], columns=TRUE)


def outcomes(detections: pd.DataFrame, objects: pd.DataFrame, measure: Measure) -> list[str]:
    """Return what becomes of the detections, best first."""
    frame = match(detections, objects, ["a"], measure).sort_values("score", ascending=False)
    names = {(True, False): "hit", (False, True): "ignored", (False, False): "false"}
    return [names[pair] for pair in zip(frame["hit"], frame["ignored"], strict=True)]


# side, height of the detection (as wide as the object), the lesser of 1/2 and side² / (side + 10)²
@pytest.mark.parametrize(
    ("side", "height", "ilsvrc", "voc"),
    [
        (10, 2.5, "hit", "false"),  # IoU 25/100, ILSVRC asks 100/400 = 0.25
        (10, 2.4, "false", "false"),  # 24/100
        (20, 9, "hit", "false"),  # 180/400 = 0.45, asked 400/900 = 0.44
        (20, 8.8, "false", "false"),  # 176/400 = 0.44 < 0.444
        (30, 15, "hit", "hit"),  # 450/900; 900/1600 = 0.56 is over 1/2: both ask 1/2, and take it
        (30, 14.9, "false", "false"),
    ],
)
def test_thresholds(side: float, height: float, ilsvrc: str, voc: str) -> None:
    objects = objects_of(("a", "cat", 5, 5, 5 + side, 5 + side))
    detections = detections_of(("a", "cat", 0.9, 5, 5, 5 + side, 5 + height))
    assert outcomes(detections, objects, "ilsvrc") == [ilsvrc]
    assert outcomes(detections, objects, "voc") == [voc]


def test_where_the_measures_part() -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40), ("a", "cat", 8, 0, 48, 40))
    # the second overlaps the first object by 38/42 = 0.90, the other by 34/46 = 0.74, which is free
    detections = detections_of(("a", "cat", 0.9, 0, 0, 40, 40), ("a", "cat", 0.8, 2, 0, 42, 40))
    assert outcomes(detections, objects, "ilsvrc") == ["hit", "hit"]
    assert outcomes(detections, objects, "voc") == ["hit", "false"]


@pytest.mark.parametrize("measure", MEASURES)
def test_an_object_is_hit_once_in_its_class_and_picture(measure: Measure) -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40))
    box = (0, 0, 40, 40)
    detections = detections_of(
        ("a", "cat", 0.5, *box), ("a", "cat", 0.7, *box), ("b", "cat", 0.9, *box), ("a", "dog", 0.4, *box)
    )
    assert outcomes(detections, objects, measure) == ["hit", "false", "false"]


@pytest.mark.parametrize("measure", MEASURES)
def test_difficult_objects_and_crowds_are_neither_hit_nor_missed(measure: Measure) -> None:
    objects = objects_of(("a", "cat", 0, 0, 40, 40, True, False), ("a", "cat", 100, 0, 300, 200, False, True))
    detections = detections_of(
        ("a", "cat", 0.9, 0, 0, 40, 40),
        ("a", "cat", 0.8, 0, 0, 40, 39),  # not one for one
        ("a", "cat", 0.7, 0, 0, 40, 19),  # 0.475 of the difficult one
        ("a", "cat", 0.6, 80, 0, 120, 40),  # half of it in the crowd
        ("a", "cat", 0.5, 79, 0, 119, 40),  # 19/40 of it
        ("a", "dog", 0.4, 150, 0, 190, 40),  # in a crowd of others
    )
    assert outcomes(detections, objects, measure) == ["ignored", "ignored", "false", "ignored", "false", "false"]


def test_a_difficult_object_beside_another() -> None:
    # of the detection 36/44 overlap the difficult object, 32/48 the other
    objects = objects_of(("a", "cat", 0, 0, 40, 40, True, False), ("a", "cat", 12, 0, 52, 40))
    detections = detections_of(("a", "cat", 0.9, 4, 0, 44, 40))
    assert outcomes(detections, objects, "ilsvrc") == ["hit"]  # what counts is looked at first
    assert outcomes(detections, objects, "voc") == ["ignored"]  # the greatest IoU only


def test_an_object_without_an_area_is_hit_by_nothing() -> None:
    detections = detections_of(("a", "cat", 0.9, 0, 0, 40, 40), ("a", "cat", 0.8, 5, 5, 5, 9))
    assert outcomes(detections, objects_of(("a", "cat", 5, 5, 5, 9)), "ilsvrc") == ["false", "false"]


@pytest.mark.parametrize("measure", MEASURES)
def test_the_frame(measure: Measure) -> None:
    objects = objects_of(("b", "cat", 0, 0, 40, 40), ("z", "dog", 0, 0, 40, 40))
    detections = detections_of(
        ("z", "dog", 0.9, 0, 0, 40, 40),  # another picture's
        ("b", "cat", 0.5, 0, 0, 40, 41),
        ("b", "cat", 0.5, 0, 0, 40, 40),
        ("b", "cat", 0.9, 9, 9, 10, 10),
        ("a", "cat", 0.5, 0, 0, 40, 40),
        ("b", "ant", 0.1, 0, 0, 40, 40),
    ).assign(run=range(6))
    detections = detections.astype({"image_id": "category", "label": "category", **dict.fromkeys(BOX, "float32")})
    frame = match(detections, objects, ["c", "b", "a", "b"], measure)
    assert list(frame) == [*FOUND, "run", "hit", "ignored"]
    assert frame["run"].tolist() == [5, 3, 4, 2, 1]
    assert frame["hit"].tolist() == [False, False, False, True, False]
    assert frame.index.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("measure", MEASURES)
def test_nothing(measure: Measure) -> None:
    detections, objects = detections_of(("a", "cat", 0.9, 0, 0, 40, 40)), objects_of(("a", "cat", 0, 0, 40, 40))
    assert match(detections, objects[:0], ["a"], measure)[["hit", "ignored"]].to_numpy().tolist() == [[False, False]]
    for frame in (
        match(detections[:0], objects, ["a"], measure),
        match(detections[:0], objects[:0], ["a"], measure),
        match(detections, objects, [], measure),
    ):
        assert frame.empty
        assert frame[["hit", "ignored"]].dtypes.tolist() == [bool, bool]


def test_an_unknown_measure() -> None:
    with pytest.raises(SettingsError, match=r"'vok' \(did you mean 'voc'\?\)"):
        match(detections_of(), objects_of(), [], "vok")  # type: ignore[arg-type]


def overlap(a: Any, b: Any) -> tuple[float, float]:
    """Return IoU, and the share of ``a`` that is in ``b``."""
    w, h = min(a.x2, b.x2) - max(a.x1, b.x1), min(a.y2, b.y2) - max(a.y1, b.y1)
    shared = max(w, 0) * max(h, 0)
    ours, theirs = ((r.x2 - r.x1) * (r.y2 - r.y1) for r in (a, b))
    return shared / (ours + theirs - shared), shared / ours


def plain_match(detections: pd.DataFrame, objects: pd.DataFrame, image_ids: str, measure: Measure) -> list[tuple]:
    """The oracle: the rows of the answer, from the rules as they are said."""
    rows = [d for d in detections.itertuples() if d.image_id in image_ids]
    rows.sort(key=lambda d: (d.label, -d.score, d.image_id, d.x1, d.y1, d.x2, d.y2))
    hit_objects, answer = set(), []
    for d in rows:
        beside = [o for o in objects.itertuples() if (o.image_id, o.label) == (d.image_id, d.label)]
        beside.sort(key=lambda o: (o.x1, o.y1, o.x2, o.y2, o.difficult))
        beside.sort(key=lambda o: -overlap(d, o)[0])
        ones = [o for o in beside if not o.crowd]
        hit, ignored = None, any(o.crowd and overlap(d, o)[1] >= 0.5 for o in beside)
        if measure == "voc":
            best = ones[0] if ones and overlap(d, ones[0])[0] >= 0.5 else None
            if best is not None and best.difficult:
                ignored = True
            elif best is not None and best.Index not in hit_objects:
                hit = best
        else:
            near = []
            for o in ones:
                w, h = o.x2 - o.x1, o.y2 - o.y1
                if overlap(d, o)[0] >= min(0.5, w * h / ((w + 10) * (h + 10))):
                    near.append(o)
            ignored |= any(o.difficult for o in near)
            free = [o for o in near if not o.difficult and o.Index not in hit_objects]
            hit = free[0] if free else None
        if hit is not None:
            hit_objects.add(hit.Index)
        answer.append((*d[1:], hit is not None, ignored and hit is None))
    return answer


CORNERS = st.tuples(*[st.integers(0, 5)] * 2, *[st.integers(1, 5)] * 2)
PLACES = st.tuples(st.sampled_from("abz"), st.sampled_from(["cat", "dog"]))
FLAGS = st.sampled_from([(False, False)] * 5 + [(True, False), (False, True), (True, True)])


def box(corners: tuple) -> list[float]:
    x, y, w, h = (8.0 * c for c in corners)  # sides of 8 to 40 pixels: thresholds from 0.2 to 0.5
    return [x, y, x + w, y + h]


@settings(deadline=None)
@given(
    st.lists(st.tuples(PLACES, CORNERS, st.sampled_from([0.25, 0.5, 0.75])), max_size=25),
    st.lists(st.tuples(PLACES, CORNERS, FLAGS), max_size=12),
    st.sampled_from(MEASURES),
    st.randoms(use_true_random=False),
)
def test_match_equals_the_rules_whatever_the_order(found: list, true: list, measure: Measure, random: Any) -> None:
    detections = detections_of(*[(*place, score, *box(corners)) for place, corners, score in found])
    objects = objects_of(*[(*place, *box(corners), *flags) for place, corners, flags in true])
    frame = match(detections, objects, "ab", measure)
    assert list(frame.itertuples(index=False, name=None)) == plain_match(detections, objects, "ab", measure)
    random.shuffle(found)
    random.shuffle(true)
    detections = detections_of(*[(*place, score, *box(corners)) for place, corners, score in found])
    objects = objects_of(*[(*place, *box(corners), *flags) for place, corners, flags in true])
    pd.testing.assert_frame_equal(match(detections, objects, "ba", measure), frame)


@pytest.mark.parametrize("measure", MEASURES)
def test_a_dense_picture(measure: Measure) -> None:
    generator = np.random.default_rng(4)

    def boxes(count: int) -> list[list[float]]:
        corners = generator.uniform(0, 30, (count, 2))
        return np.concatenate([corners, corners + generator.uniform(20, 60, (count, 2))], 1).tolist()

    detections = detections_of(*[("a", "cat", generator.random(), *b) for b in boxes(150)])
    objects = objects_of(*[("a", "cat", *b, bool(generator.random() < 0.1), False) for b in boxes(40)])
    frame = match(detections, objects, ["a"], measure)
    assert list(frame.itertuples(index=False, name=None)) == plain_match(detections, objects, "a", measure)
    assert 10 < frame["hit"].sum() < 40  # every kind is there
    assert frame["ignored"].sum() > 5


def test_empties() -> None:
    objects = objects_of(("a", "cat", 0, 0, 9, 9), ("b", "cat", 0, 0, 9, 9, True, False))
    detections = detections_of(
        ("a", "cat", 0.9, 0, 0, 9, 9),
        ("c", "cat", 0.5, 0, 0, 9, 9),  # as much as the threshold
        ("c", "dog", 0.9, 0, 0, 9, 9),
        ("d", "dog", 0.4, 0, 0, 9, 9),
        ("z", "dog", 0.9, 0, 0, 9, 9),
    ).astype({"image_id": "category"})
    # c, d and e are empty; d has nothing good enough, e nothing
    assert empties(detections, objects, "abcde", 0.5) == {"empty_pictures": 3, "empty_right_percent": 66.6667}
    assert empties(detections, objects, "abcde", 0.51)["empty_right_percent"] == 66.6667
    assert empties(detections, objects, "abcde", 0.91)["empty_right_percent"] == 100
    assert empties(detections[:0], objects[:0], "ab", 0.5) == {"empty_pictures": 2, "empty_right_percent": 100.0}
    assert empties(detections, objects, "ab", 0.5) == {"empty_pictures": 0}
    assert empties(detections, objects, [], 0.5) == {"empty_pictures": 0}
