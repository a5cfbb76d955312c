"""The geometry of boxes against counting pixels and plain arithmetic."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.boxes import area, centres, clip, diagonals, distances, from_inclusive, intersection, iou, scale

SIDE = 12


@st.composite
def boxes(draw: st.DrawFn) -> np.ndarray:
    """Boxes on whole pixels of a small picture, some without an area, some none at all."""
    corners = st.tuples(*[st.integers(0, SIDE)] * 4)
    rows = draw(st.lists(corners, max_size=6))
    rows = [(min(x, u), min(y, v), max(x, u), max(y, v)) for x, y, u, v in rows]
    return np.array(rows, np.float32).reshape(-1, 4)


def painted(box: np.ndarray) -> np.ndarray:
    """The pixels of a box: half-open, so that their count is its area."""
    x1, y1, x2, y2 = box.astype(int)
    pixels = np.zeros((SIDE, SIDE), bool)
    pixels[y1:y2, x1:x2] = True
    return pixels


@given(boxes(), boxes())
def test_measures_count_pixels(a: np.ndarray, b: np.ndarray) -> None:
    np.testing.assert_array_equal(area(a), [painted(box).sum() for box in a])
    shared, overlap = intersection(a[:, None], b), iou(a[:, None], b)
    assert shared.shape == overlap.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            both, either = painted(one) & painted(other), painted(one) | painted(other)
            assert shared[i, j] == both.sum()
            assert overlap[i, j] == pytest.approx(both.sum() / max(either.sum(), 1))


@given(boxes(), boxes())
def test_measures_are_symmetric_to_the_bit(a: np.ndarray, b: np.ndarray) -> None:
    for measure in (intersection, iou):
        np.testing.assert_array_equal(measure(a[:, None], b), measure(b, a[:, None]))
    one, other = centres(a)[:, None], centres(b)
    np.testing.assert_array_equal(distances(one, other), distances(other, one))


@given(boxes())
def test_a_box_overlaps_itself_whole(a: np.ndarray) -> None:
    np.testing.assert_array_equal(iou(a, a), (area(a) > 0).astype(np.float32))
    np.testing.assert_array_equal(distances(centres(a), centres(a)), np.zeros(len(a)))


@given(boxes(), st.floats(0.1, 10), st.floats(0.1, 10))
def test_scale_scales_the_measures(a: np.ndarray, x: float, y: float) -> None:
    scaled = scale(a, x, y)
    assert scaled.dtype == a.dtype
    np.testing.assert_allclose(area(scaled), area(a) * x * y, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(centres(scaled), centres(a) * [x, y], rtol=1e-5)
    np.testing.assert_allclose(diagonals(scale(a, x, x)), diagonals(a) * x, rtol=1e-4, atol=1e-4)


@given(boxes(), st.integers(0, SIDE), st.integers(0, SIDE))
def test_clip_cuts_to_the_picture(a: np.ndarray, width: int, height: int) -> None:
    picture = np.array([0, 0, width, height], np.float32)
    before = a.copy()
    moved = a - 4
    clipped = clip(moved, width, height)
    assert ((clipped >= 0) & (clipped <= [width, height, width, height])).all()
    np.testing.assert_array_equal(area(clipped), intersection(moved, picture))
    np.testing.assert_array_equal(clip(clipped, width, height), clipped)
    np.testing.assert_array_equal(a, before)


def test_clip_takes_one_size_a_box() -> None:
    a = np.array([[-5, 2, 50, 60], [-5, 2, 50, 60]], np.float32)
    assert clip(a, np.array([10, 20]), np.array([30, 40])).tolist() == [[0, 2, 10, 30], [0, 2, 20, 40]]


def test_inside_out_boxes_have_no_area() -> None:
    a = np.array([[10, 10, 0, 0], [10, 0, 0, 10]], np.float32)
    whole = np.array([0, 0, 20, 20], np.float32)
    for measured in (area(a), intersection(a, whole), iou(a, whole)):
        assert measured.tolist() == [0, 0]


def test_none_at_all() -> None:
    none = np.zeros((0, 4), np.float32)
    for measure in (area, diagonals):
        assert measure(none).shape == (0,)
    assert centres(none).shape == (0, 2)
    assert clip(none, 5, 5).shape == scale(none, 2, 2).shape == (0, 4)
    assert iou(none[:, None], np.ones((3, 4), np.float32)).shape == (0, 3)


def test_inclusive_corners_become_half_open() -> None:
    assert from_inclusive((1, 2, 3, 4)) == (1, 2, 4, 5)
    assert from_inclusive((1, 1, 1, 1), first=1) == (0, 0, 1, 1)
