"""Pairs of boxes against pairs taken one after the other, as the rules say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.boxes import iou
from overfeat.comparison import matching
from overfeat.comparison.matching import Boxes, others, overlaps, paired

# few places, so that boxes meet, overlap alike, and are equal; some without an area
BOX = st.tuples(st.integers(0, 3), st.just(0), st.integers(3, 6), st.sampled_from([0, 2, 2, 2]))
ROWS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1]), st.sampled_from([0, 0, 1]), BOX, st.sampled_from([0.5, 0.5, 1.5])),
    max_size=8,
)
Row = tuple[int, int, tuple[int, int, int, int], float]


def boxes_of(rows: list[Row]) -> Boxes:
    pictures, labels, corners, scores = ([row[i] for row in rows] for i in range(4))
    return Boxes(
        np.array(pictures, np.int64),
        np.array(labels, np.int64),
        np.array(corners, float).reshape(-1, 4),
        np.array(scores, float),
    )


def overlap(one: Row, other: Row) -> float:
    return 1.0 if one[2] == other[2] else float(iou(np.array(one[2], float), np.array(other[2], float)))


def plain_pairs(a: list[Row], b: list[Row], least: float) -> list[tuple[int, int]]:
    """The oracle: the best pair first, again and again, of the same class and then of any."""
    taken: list[tuple[int, int]] = []

    def rank(row: Row) -> tuple[object, ...]:
        return -row[3], row[2], row[1]

    for any_class in (False, True):
        while True:
            candidates = [
                (-overlap(one, other), *sorted([rank(one), rank(other)]), i, j)
                for i, one in enumerate(a)
                for j, other in enumerate(b)
                if one[0] == other[0] and (any_class or one[1] == other[1]) and overlap(one, other) >= least
                if all(i != k and j != m for k, m in taken)
            ]
            if not candidates:
                break
            taken.append(min(candidates)[-2:])
    return taken


@given(ROWS, ROWS, st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([1, 3, 1000]))
def test_pairs_are_those_taken_one_after_the_other(a: list[Row], b: list[Row], least: float, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_BLOCK", block)
        pairs = paired(boxes_of(a), boxes_of(b), least)
    expected = plain_pairs(a, b, least)
    assert sorted((a[i], b[j]) for i, j in zip(pairs.a, pairs.b, strict=True)) == sorted(
        (a[i], b[j]) for i, j in expected
    )
    assert len(set(pairs.a.tolist())) == len(set(pairs.b.tolist())) == len(expected)
    assert pairs.iou.tolist() == [overlap(a[i], b[j]) for i, j in zip(pairs.a, pairs.b, strict=True)]


@given(ROWS, ROWS, st.randoms(use_true_random=False))
def test_nothing_depends_on_the_order_or_on_which_run_is_named_first(
    a: list[Row], b: list[Row], random: object
) -> None:
    def told(one: list[Row], other: list[Row]) -> list[tuple[Row, Row]]:
        pairs = paired(boxes_of(one), boxes_of(other), 0.3)
        return sorted((one[i], other[j]) for i, j in zip(pairs.a, pairs.b, strict=True))

    expected = told(a, b)
    assert sorted((two, one) for one, two in told(b, a)) == expected
    random.shuffle(a)  # type: ignore[attr-defined]
    random.shuffle(b)  # type: ignore[attr-defined]
    assert told(a, b) == expected


@given(ROWS)
def test_every_box_is_its_own_pair(rows: list[Row]) -> None:
    pairs = paired(boxes_of(rows), boxes_of(rows), 1.0)
    assert sorted(pairs.a.tolist()) == list(range(len(rows)))
    assert [rows[i] for i in pairs.a] == [rows[j] for j in pairs.b]
    assert (pairs.iou == 1).all()


def test_the_same_class_comes_first_and_is_sorted_by_a() -> None:
    a = [(0, 0, (0, 0, 10, 10), 1.0), (0, 1, (0, 0, 10, 10), 1.0), (0, 2, (50, 50, 60, 60), 1.0)]
    b = [(0, 1, (0, 0, 10, 6), 1.0), (0, 2, (0, 0, 10, 10), 1.0), (0, 2, (50, 50, 60, 60), 1.0)]
    pairs = paired(boxes_of(a), boxes_of(b), 0.5)
    # the class keeps 1 with the first of b, though 0 of b's second overlaps more
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == [(1, 0), (2, 2), (0, 1)]
    assert pairs.iou.tolist() == [0.6, 1.0, 1.0]


@pytest.mark.parametrize("turned", [False, True])
def test_of_equal_overlaps_the_higher_score_goes_first_and_then_the_corners(turned: bool) -> None:
    middle, left, right = ((0, 0, (at, 0, at + 10, 10), 1.0) for at in (4, 2, 6))
    better = (0, 0, (6, 0, 16, 10), 2.0)
    for others_, expected in (([right, left], 1), ([left, right], 0), ([left, better], 1)):
        sides = [boxes_of([middle]), boxes_of(others_)]
        pairs = paired(*(sides[::-1] if turned else sides), 0.3)
        assert (pairs.a if turned else pairs.b).tolist() == [expected]


def test_a_long_chain_is_taken_from_its_best_end() -> None:
    """Each box overlaps the next a little more: what is taken first decides all that follows."""
    count = 200
    gaps = np.cumsum(np.linspace(4, 2, 2 * count))
    corners = np.stack([gaps, np.zeros(2 * count), gaps + 10, np.full(2 * count, 10.0)], axis=1)
    rows = [(0, 0, tuple(corner), 1.0) for corner in corners.tolist()]
    pairs = paired(boxes_of(rows[::2]), boxes_of(rows[1::2]), 0.01)  # type: ignore[arg-type]
    assert pairs.a.tolist() == list(range(count))
    assert pairs.b.tolist() == list(range(count))


def test_helpers() -> None:
    assert others(np.array([3, 1]), 5).tolist() == [0, 2, 4]
    boxes = np.array([[0, 0, 4, 4], [2, 2, 2, 2], [1, 1, 1, 1]], float)
    assert overlaps(boxes, boxes[[0, 1, 0]]).tolist() == [1, 1, 0]
