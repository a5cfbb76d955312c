"""What windows are taught, against a loop over windows and objects, and in pictures one can follow by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from overfeat.inference.windows import WindowGrid
from overfeat.models.geometry import Geometry
from overfeat.models.tables import MINI
from overfeat.training.detection_targets import BACKGROUND, IGNORED, Rules, assign_windows

GEOMETRY = Geometry(MINI)
RULES = Rules(min_overlap=0.5, max_offset=0.2, smallest=0.35, largest=0.95)
SIDE = GEOMETRY.window
NEARLY = 1.25
Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def plain_window(left: float, top: float, objects: list[Box], unclear: list[bool], rules: Rules) -> int:
    """The oracle: what one window is taught."""
    nearest, taught, doubt = math.inf, BACKGROUND, False
    for number, box in enumerate(objects):
        shared = (max(left, box[0]), max(top, box[1]), min(left + SIDE, box[2]), min(top + SIDE, box[3]))
        if area(box) == 0:
            continue
        doubt |= unclear[number] and area(shared) >= rules.min_overlap * SIDE**2
        if area(shared) < rules.min_overlap * area(box):
            continue
        size = math.sqrt(area(box)) / SIDE
        apart = [(low + low + SIDE) * 0.5 - (box[i] + box[i + 2]) * 0.5 for i, low in enumerate((left, top))]
        offset = max(map(abs, apart)) / SIDE
        doubt |= unclear[number] or rules.smallest / NEARLY <= size <= rules.largest * NEARLY
        if rules.smallest <= size <= rules.largest and offset <= rules.max_offset and offset < nearest:
            nearest, taught = offset, IGNORED if unclear[number] else number
    return IGNORED if taught == BACKGROUND and doubt else taught


def plain(grid: WindowGrid, objects: list[Box], unclear: list[bool], rules: Rules) -> list[int]:
    height, width = grid.input_hw
    corners = [
        (left, top)
        for top in range(-grid.margin, height + grid.margin - SIDE + 1, GEOMETRY.fine_stride)
        for left in range(-grid.margin, width + grid.margin - SIDE + 1, GEOMETRY.fine_stride)
    ]
    return [plain_window(left, top, objects, unclear, rules) for left, top in corners]


def assign(grid: WindowGrid, objects: list[Box], unclear: list[bool], rules: Rules = RULES) -> np.ndarray:
    taught = assign_windows(grid, np.array(objects, float).reshape(-1, 4), np.array(unclear, bool), rules)
    assert taught.dtype == np.int64
    return taught


grids = st.builds(
    lambda steps, flip, margin: WindowGrid(
        GEOMETRY,
        (GEOMETRY.side_at(steps[0]), GEOMETRY.side_at(steps[1])),
        (100, 130),
        flip,
        margin * GEOMETRY.stride,
    ),
    st.tuples(st.integers(0, 4), st.integers(0, 4)),
    st.booleans(),
    st.integers(0, 3),
)
# whole and half pixels, so that objects are often equally near; some have no area, some are inside out
sides = st.integers(10, 140).map(lambda half: half / 2) | st.integers(-8, 8).map(float)
corners = st.integers(-40, 200).map(lambda half: half / 2)
objects_in_pictures = st.lists(
    st.builds(lambda x, y, w, h: (x, y, x + w, y + h), corners, corners, sides, sides), max_size=7
)
any_rules = st.builds(
    Rules,
    min_overlap=st.sampled_from([0.01, 0.3, 0.5, 0.9, 1.0]),
    max_offset=st.sampled_from([0.05, 0.2, 0.5]),
    smallest=st.sampled_from([0.0, 0.2, 0.35]),
    largest=st.sampled_from([0.6, 0.95, 2.0]),
)


@settings(deadline=None)
@given(grids, objects_in_pictures, any_rules, st.data())
def test_equals_the_plain_loop(grid: WindowGrid, objects: list[Box], rules: Rules, data: st.DataObject) -> None:
    unclear = data.draw(st.lists(st.booleans(), min_size=len(objects), max_size=len(objects)))
    assert assign(grid, objects, unclear, rules).tolist() == plain(grid, objects, unclear, rules)


@settings(deadline=None)
@given(grids, objects_in_pictures, st.data())
def test_the_order_of_objects_matters_for_equals_alone(
    grid: WindowGrid, objects: list[Box], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(objects))))
    clear = [False] * len(objects)
    taught, again = assign(grid, objects, clear), assign(grid, [objects[i] for i in order], clear)
    np.testing.assert_array_equal(taught < 0, again < 0)
    for window, one, other in zip(grid.windows(), taught, again, strict=True):
        if one >= 0:
            middles = [np.add(box[:2], box[2:]) / 2 for box in (objects[one], objects[order[other]], window)]
            apart = [np.abs(middle - middles[2]).max() for middle in middles[:2]]
            assert apart[0] == apart[1]


def cells(grid: WindowGrid, objects: list[Box], unclear: list[bool]) -> np.ndarray:
    return assign(grid, objects, unclear).reshape(grid.shape)


def grid_of(side: int, margin: int = 0) -> WindowGrid:
    return WindowGrid(GEOMETRY, (side, side), (side, side), False, margin)


def test_an_object_in_the_middle_by_hand() -> None:
    # 9 x 9 windows of 52 pixels, 4 apart: that of row and column 4 has its middle at 42
    taught = cells(grid_of(84), [(27, 27, 57, 57)], [False])
    assert taught[4, 4] == 0
    near = np.abs(np.arange(9) - 4) <= 2  # 0.2 of 52 are 10.4 pixels
    np.testing.assert_array_equal(taught == 0, near[:, None] & near)
    assert (taught[~(near[:, None] & near)] == IGNORED).all()  # all see half of it


@pytest.mark.parametrize(
    ("side", "what"),
    [(13, BACKGROUND), (15, IGNORED), (17, IGNORED), (19, 0), (49, 0), (50, IGNORED), (61, IGNORED), (62, BACKGROUND)],
)
def test_only_objects_of_a_fitting_size_are_taught_and_nearly_fitting_ones_are_left_out(side: int, what: int) -> None:
    low, high = 42 - side / 2, 42 + side / 2
    assert cells(grid_of(84), [(low, low, high, high)], [False])[4, 4] == what


def test_the_size_is_the_geometric_mean_of_the_sides() -> None:
    assert cells(grid_of(84), [(36, 2, 48, 82)], [False])[4, 4] == 0  # 12 x 80, as much as 31 x 31; 52 of 80 are seen


def test_the_nearest_of_two_objects_is_taught() -> None:
    left, right = (22.0, 27.0, 52.0, 57.0), (32.0, 27.0, 62.0, 57.0)
    taught = cells(grid_of(84), [right, left], [False, False])
    assert taught[4].tolist() == [IGNORED, 1, 1, 1, 0, 0, 0, 0, IGNORED]  # in column 4 both are 5 pixels away


@pytest.mark.parametrize("size", [5, 30, 100])
def test_an_unclear_object_is_neither_taught_nor_background_whatever_its_size(size: int) -> None:
    grid = grid_of(GEOMETRY.side_at(6))
    middle = grid.input_hw[0] / 2
    box = (middle - size / 2, middle - size / 2, middle + size / 2, middle + size / 2)
    taught = assign(grid, [box], [True])
    windows = grid.windows()
    shared = np.minimum(windows[:, 2:], box[2:]) - np.maximum(windows[:, :2], box[:2])
    shown = np.maximum(shared, 0).prod(1)
    seen = (shown >= 0.5 * size**2) | (shown >= 0.5 * SIDE**2)  # half of the largest fits into no window
    np.testing.assert_array_equal(taught, np.where(seen, IGNORED, BACKGROUND))
    assert seen.any()


def test_a_clear_object_nearer_than_an_unclear_one_is_taught() -> None:
    near, far = (27.0, 27.0, 57.0, 57.0), (31.0, 27.0, 61.0, 57.0)
    assert cells(grid_of(84), [far, near], [True, False])[4, 4] == 1
    assert cells(grid_of(84), [near, far], [True, False])[4, 4] == IGNORED


def test_a_window_inside_a_crowd_is_no_background() -> None:
    grid = grid_of(GEOMETRY.side_at(6))
    side = float(grid.input_hw[0])
    assert (assign(grid, [(0, 0, side, side)], [True]) == IGNORED).all()


def test_a_margin_lets_objects_at_the_edge_be_in_the_middle() -> None:
    corner = [(0.0, 0.0, 30.0, 30.0)]
    assert (assign(grid_of(84), corner, [False]) < 0).all()
    grid = grid_of(84, margin=24)
    taught = cells(grid, corner, [False])
    assert taught[3, 3] == 0  # its middle is at 14
    assert grid.windows().reshape(*grid.shape, 4)[3, 3].tolist() == [-12, -12, 40, 40]


@pytest.mark.parametrize("objects", [[], [(40.0, 40.0, 40.0, 70.0)], [(50.0, 50.0, 20.0, 20.0)]], ids=str)
def test_without_an_object_that_has_an_area_all_is_background(objects: list[Box]) -> None:
    taught = cells(grid_of(84, margin=12), objects, [True] * len(objects))
    assert taught.shape == (15, 15)
    assert (taught == BACKGROUND).all()


def test_numbers_are_those_of_all_objects_with_and_without_an_area() -> None:
    objects = [(10.0, 10.0, 10.0, 10.0), (27.0, 27.0, 57.0, 57.0)]
    assert cells(grid_of(84), objects, [True, False])[4, 4] == 1
