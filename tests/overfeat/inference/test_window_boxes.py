"""Boxes in the frame of a window: both ways, in whole maps, and which object a window is taught."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.inference.window_boxes import assign, boxes_of_map, decode, encode
from overfeat.inference.windows import WindowGrid
from overfeat.models.geometry import Geometry
from overfeat.models.tables import MINI


def random_boxes(rng: np.random.Generator, count: int, low: float = -50, high: float = 150) -> np.ndarray:
    corner, side = rng.uniform(low, high, (count, 2)), rng.uniform(1, 100, (count, 2))
    return np.concatenate([corner, corner + side], axis=1)


@given(st.integers(0, 2**32), st.integers(0, 8))
def test_decode_undoes_encode(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    boxes, windows = random_boxes(rng, count), random_boxes(rng, count)
    edges = encode(boxes, windows)
    np.testing.assert_allclose(decode(edges, windows), boxes, atol=1e-9)
    np.testing.assert_allclose(encode(decode(edges, windows), windows), edges, atol=1e-9)
    several = np.stack([edges, 2 * edges], axis=1)
    np.testing.assert_array_equal(decode(several, windows)[:, 1], decode(2 * edges, windows))


def test_edges_by_hand() -> None:
    windows = np.array([[10.0, 20.0, 62.0, 72.0]] * 3)  # side 52, middle (36, 46)
    boxes = np.array([[10, 20, 62, 72], [36, 46, 62, 72], [-16, 20, 36, 150]])
    edges = [[-0.5, -0.5, 0.5, 0.5], [0, 0, 0.5, 0.5], [-1, -0.5, 0, 2]]
    assert encode(boxes, windows).tolist() == edges
    assert decode(np.array(edges), windows).tolist() == boxes.tolist()


def test_a_box_that_came_inside_out_is_turned_right() -> None:
    windows = np.array([[0.0, 0.0, 10.0, 10.0]])
    turned = decode(np.array([[[0.5, -0.5, -0.5, 0.5], [0.5, 0.5, -0.5, -0.5], [-0.5, 0.2, 0.5, -0.3]]]), windows)
    assert turned.tolist() == [[[0, 0, 10, 10], [0, 0, 10, 10], [0, 2, 10, 7]]]


def grid_of(height: int, width: int, flip: bool) -> WindowGrid:
    return WindowGrid(Geometry(MINI), input_hw=(60, 72), image_hw=(height, width), flip=flip)


@given(st.integers(30, 300), st.integers(30, 300), st.booleans(), st.integers(0, 2**32))
def test_boxes_of_a_map_are_those_that_were_encoded_cut_to_the_picture(
    height: int, width: int, flip: bool, seed: int
) -> None:
    grid = grid_of(height, width, flip)
    boxes = random_boxes(np.random.default_rng(seed), len(grid.windows()))
    edges = encode(grid.to_input(boxes), grid.windows())
    found = boxes_of_map(np.stack([edges, edges], axis=1), grid)
    assert found.dtype == np.float32
    assert found.shape == (len(boxes), 2, 4)
    cut = np.minimum(np.maximum(boxes, 0), [width, height, width, height])
    for one in (found[:, 0], found[:, 1]):
        np.testing.assert_allclose(one, cut, atol=1e-3)


@given(st.integers(0, 2**32))
def test_what_is_said_of_the_mirrored_picture_is_mirrored_back(seed: int) -> None:
    """A regressor that says of a mirrored window the mirrored edges gives the same boxes."""
    plain, flipped = grid_of(120, 200, False), grid_of(120, 200, True)
    edges = np.random.default_rng(seed).normal(size=(*plain.shape, 1, 4))
    mirrored = edges[:, ::-1][..., [2, 1, 0, 3]] * [-1, 1, -1, 1]
    expected = boxes_of_map(edges.reshape(-1, 1, 4), plain).reshape(edges.shape)
    got = boxes_of_map(mirrored.reshape(-1, 1, 4), flipped).reshape(edges.shape)
    np.testing.assert_allclose(got[:, ::-1], expected, atol=1e-3)


def plain_assign(windows: np.ndarray, objects: np.ndarray, min_overlap: float) -> list[int]:
    """The oracle: one window and one object at a time."""
    chosen = []
    for x1, y1, x2, y2 in windows.tolist():
        best, which = 0.0, -1
        for number, (u1, v1, u2, v2) in enumerate(objects.tolist()):
            shared = max(min(x2, u2) - max(x1, u1), 0) * max(min(y2, v2) - max(y1, v1), 0)
            area = (u2 - u1) * (v2 - v1)
            if area > 0 and shared / area >= min_overlap and shared > best:
                best, which = shared, number
        chosen.append(which)
    return chosen


@st.composite
def whole_boxes(draw: st.DrawFn) -> np.ndarray:
    """Boxes on a coarse grid, so that borders, halves and ties are met; some have no area."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(0, 6))
    corner, side = rng.integers(0, 6, (count, 2)), rng.integers(0, 5, (count, 2))
    return np.concatenate([corner, corner + side], axis=1).astype(float)


@given(whole_boxes(), whole_boxes(), st.sampled_from([0.25, 0.5, 0.75, 1.0]))
def test_assign_equals_the_plain_loop(windows: np.ndarray, objects: np.ndarray, min_overlap: float) -> None:
    assert assign(windows, objects, min_overlap).tolist() == plain_assign(windows, objects, min_overlap)


@pytest.mark.parametrize(
    ("objects", "expected"),
    [
        ([], -1),
        ([[5, 0, 15, 10]], 0),  # half of it is inside, exactly
        ([[5.01, 0, 15.01, 10]], -1),
        ([[-90, -90, 110, 110]], -1),  # fills the window, but little of it is inside
        ([[3, 3, 3, 9]], -1),  # nothing to be seen
        ([[0, 0, 2, 2], [2, 2, 9, 9], [0, 0, 3, 3]], 1),  # the one that covers most of the window
        ([[6, 6, 8, 8], [1, 1, 3, 3], [6, 6, 8, 8]], 0),  # the first of equals
        ([[6, 0, 26, 10], [1, 1, 2, 2]], 1),  # covers most, but is not inside far enough
    ],
)
def test_assign_by_hand(objects: list[list[float]], expected: int) -> None:
    windows = np.array([[0.0, 0.0, 10.0, 10.0]])
    assert assign(windows, np.array(objects, float).reshape(-1, 4), 0.5).tolist() == [expected]


def test_no_windows_are_assigned_nothing() -> None:
    assert assign(np.zeros((0, 4)), np.ones((2, 4)), 0.5).shape == (0,)
