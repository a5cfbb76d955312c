"""Sizes of the scales for pictures of any aspect, and where each output cell looks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from overfeat.errors import SettingsError
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.tables import ACCURATE, MINI

ACCURATE_GEOMETRY = Geometry(ACCURATE)


def test_paper_sizes_are_transposed_for_portraits() -> None:
    assert input_hw(ACCURATE_GEOMETRY, 2, 375, 500, "paper") == (281, 317)
    assert input_hw(ACCURATE_GEOMETRY, 2, 500, 375, "paper") == (317, 281)


@given(st.integers(20, 3000), st.integers(20, 3000), st.integers(1, 6))
def test_aspect_sizes_keep_the_short_side_and_come_nearest_to_the_aspect(height: int, width: int, scale: int) -> None:
    h, w = input_hw(ACCURATE_GEOMETRY, scale, height, width, "aspect")
    short = ACCURATE_GEOMETRY.side_at(ACCURATE.scales[scale - 1][0])
    assert min(h, w) == short
    assert (h <= w) == (height <= width) or h == w
    exact = short * max(height, width) / min(height, width)
    assert abs(max(h, w) - exact) <= ACCURATE_GEOMETRY.stride / 2 + 1e-6


def test_a_scale_that_is_not_there_is_refused() -> None:
    with pytest.raises(SettingsError, match="scales 1 to 6, not 7"):
        input_hw(ACCURATE_GEOMETRY, 7, 100, 100)


def test_fields_of_view_in_pixels_of_the_original() -> None:
    grid = WindowGrid(Geometry(MINI), input_hw=(60, 72), image_hw=(120, 144), flip=False)
    boxes, (rows, cols) = grid.fields_of_view(), grid.cells()
    assert grid.shape == (3, 6)
    assert boxes[0].tolist() == [0, 0, 104, 104]
    last = (rows == 2) & (cols == 5)
    assert boxes[last][0].tolist() == [40, 16, 144, 120]


def test_a_flipped_map_looks_from_the_right() -> None:
    plain = WindowGrid(Geometry(MINI), (60, 72), (60, 72), flip=False)
    flipped = WindowGrid(Geometry(MINI), (60, 72), (60, 72), flip=True)
    mirrored = plain.fields_of_view().reshape(3, 6, 4)[:, ::-1].reshape(-1, 4)
    np.testing.assert_array_equal(flipped.fields_of_view(), mirrored)


@given(st.integers(0, 5), st.integers(0, 5), st.integers(30, 900), st.integers(30, 900), st.booleans())
def test_windows_lie_inside_the_picture(step_y: int, step_x: int, height: int, width: int, flip: bool) -> None:
    geometry = Geometry(MINI)
    grid = WindowGrid(geometry, (geometry.side_at(step_y), geometry.side_at(step_x)), (height, width), flip)
    boxes = grid.fields_of_view()
    assert len(boxes) == grid.shape[0] * grid.shape[1]
    assert (boxes[:, :2] >= -1e-3).all()
    assert (boxes[:, 2] <= width + 1e-3 * width).all()
    assert (boxes[:, 3] <= height + 1e-3 * height).all()
    assert boxes[:, 2].max() == pytest.approx(width, rel=1e-4)


@given(st.integers(30, 900), st.integers(30, 900), st.booleans(), st.integers(0, 2**32))
def test_to_input_undoes_to_original(height: int, width: int, flip: bool, seed: int) -> None:
    grid = WindowGrid(Geometry(MINI), (60, 72), (height, width), flip)
    boxes = np.random.default_rng(seed).uniform(-50, 950, (3, 2, 4))
    for there, back in ((grid.to_original, grid.to_input), (grid.to_input, grid.to_original)):
        np.testing.assert_allclose(back(there(boxes)), boxes, atol=1e-9)


def test_boxes_of_the_input_in_pixels_of_the_original() -> None:
    plain = WindowGrid(Geometry(MINI), input_hw=(60, 72), image_hw=(120, 216), flip=False)  # twice as high, 3 as wide
    flipped = WindowGrid(Geometry(MINI), input_hw=(60, 72), image_hw=(120, 216), flip=True)
    box = np.array([10.0, 20.0, 30.0, 50.0])
    assert plain.to_original(box).tolist() == [30, 40, 90, 100]
    assert flipped.to_original(box).tolist() == [126, 40, 186, 100]  # from the right, and still x1 < x2
    assert flipped.to_input(np.array([126.0, 40.0, 186.0, 100.0])).tolist() == [10, 20, 30, 50]
    assert plain.to_original(np.zeros((0, 4))).shape == flipped.to_input(np.zeros((0, 4))).shape == (0, 4)


def test_windows_lie_a_fine_stride_apart() -> None:
    grid = WindowGrid(Geometry(MINI), (60, 72), (60, 72), flip=True)
    boxes = grid.windows().reshape(3, 6, 4)
    assert boxes[2, 5].tolist() == [20, 8, 72, 60]
    np.testing.assert_array_equal(np.diff(boxes[..., 0], axis=1), 4)
    np.testing.assert_array_equal(np.diff(boxes[..., 1], axis=0), 4)
