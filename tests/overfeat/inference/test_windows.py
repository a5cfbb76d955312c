"""Sizes of the scales for pictures of any aspect, and where each output cell looks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overfeat.config import InferSettings
from overfeat.errors import SettingsError
from overfeat.images.resize import add_margin, resize_to
from overfeat.inference.batches import Picture
from overfeat.inference.dense import at_all_offsets
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ACCURATE, MINI, ModelTable, Stage

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


steps = st.tuples(st.integers(0, 4), st.integers(0, 4))


def padded_grid(steps: tuple[int, int], image_hw: tuple[int, int], flip: bool, strides: int) -> WindowGrid:
    geometry = Geometry(MINI)
    size = geometry.side_at(steps[0]), geometry.side_at(steps[1])
    return WindowGrid(geometry, size, image_hw, flip, strides * geometry.stride)


@given(steps, st.tuples(st.integers(30, 900), st.integers(30, 900)), st.booleans(), st.integers(0, 4))
def test_windows_reach_out_of_the_picture_by_the_margin(
    steps: tuple[int, int], image_hw: tuple[int, int], flip: bool, strides: int
) -> None:
    bare, grid = padded_grid(steps, image_hw, flip, 0), padded_grid(steps, image_hw, flip, strides)
    more = 2 * grid.margin // grid.geometry.fine_stride
    assert grid.shape == (bare.shape[0] + more, bare.shape[1] + more)
    rows, cols = grid.cells()
    boxes = grid.fields_of_view()
    assert len(boxes) == len(grid.windows()) == len(rows) == len(cols) == grid.shape[0] * grid.shape[1]
    factors = np.tile([image_hw[1] / grid.input_hw[1], image_hw[0] / grid.input_hw[0]], 2)
    around = np.array([-grid.margin, -grid.margin, grid.input_hw[1] + grid.margin, grid.input_hw[0] + grid.margin])
    np.testing.assert_allclose([*boxes[:, :2].min(0), *boxes[:, 2:].max(0)], around * factors, rtol=1e-5, atol=1e-3)
    first = grid.margin // grid.geometry.fine_stride
    inner = (slice(first, first + bare.shape[0]), slice(first, first + bare.shape[1]))
    without = bare.fields_of_view().reshape(*bare.shape, 4)
    np.testing.assert_array_equal(boxes.reshape(*grid.shape, 4)[inner], without)  # those are the same windows


@given(steps, st.booleans(), st.integers(0, 4), st.integers(0, 2**32))
def test_boxes_do_not_know_of_the_margin(steps: tuple[int, int], flip: bool, strides: int, seed: int) -> None:
    bare, grid = padded_grid(steps, (210, 333), flip, 0), padded_grid(steps, (210, 333), flip, strides)
    boxes = np.random.default_rng(seed).uniform(-50, 350, (5, 4))
    np.testing.assert_array_equal(grid.to_original(boxes), bare.to_original(boxes))
    np.testing.assert_array_equal(grid.to_input(boxes), bare.to_input(boxes))
    np.testing.assert_allclose(grid.to_input(grid.to_original(boxes)), boxes, atol=1e-9)


TINY = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(16, 8),
)


def make_heads() -> tuple[OverFeat, Regressor]:
    net, regressor = OverFeat(TINY, 5).eval(), Regressor(TINY, list("abcde")).eval()
    initialize(net, "he", 0)
    initialize(regressor, "he", 1)
    net.class_names = list("abcde")
    with torch.no_grad():
        net.classifier[-1].weight.mul_(10)
        regressor.head[-1].weight.mul_(6)
        regressor.head[-1].bias.copy_(torch.tensor([-0.4, -0.4, 0.4, 0.4]))
    return net, regressor


def plain_box(edges: np.ndarray, left: float, top: float, grid: WindowGrid) -> list[float]:
    """What the regressor said of one window, in pixels of the original, cut to it."""
    side, (height, width) = grid.geometry.window, grid.input_hw
    xs = sorted(left + side / 2 + edges[[0, 2]] * side)
    ys = sorted(top + side / 2 + edges[[1, 3]] * side)
    xs = [width - xs[1], width - xs[0]] if grid.flip else xs
    xs = [min(max(x * grid.image_hw[1] / width, 0), grid.image_hw[1]) for x in xs]
    ys = [min(max(y * grid.image_hw[0] / height, 0), grid.image_hw[0]) for y in ys]
    return [xs[0], ys[0], xs[1], ys[1]]


@pytest.mark.parametrize("margin", [0, 6, 18])
@torch.inference_mode()
def test_the_evidence_with_a_margin_is_that_of_the_padded_picture(margin: int) -> None:
    net, regressor = make_heads()
    pixels = torch.randint(256, (3, 40, 52), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    infer = InferSettings(scales=(1, 3), top_k=5)
    picture = Picture("p", "val", pixels, (80, 104))
    evidence = gather_evidence([net], [regressor], [picture], infer, "run", torch.device("cpu"), margin).to_pandas()
    for scale in (1, 3):
        size = input_hw(net.geometry, scale, 80, 104)
        padded = add_margin(resize_to(pixels, size), margin)
        assert padded.shape[1:] == (size[0] + 2 * margin, size[1] + 2 * margin)
        for flip in (False, True):
            features = net.features(normalize(padded.flip(-1) if flip else padded)[None])
            logits, edges = (o[0] for o in at_all_offsets([net.classifier, regressor.head], features, 3))
            rows = evidence[(evidence["scale"] == scale) & (evidence["flip"] == flip)]
            grid = WindowGrid(net.geometry, size, (80, 104), flip, margin)
            assert len(rows) == logits[0].numel() == grid.shape[0] * grid.shape[1]
            said = np.stack(rows["logits"]).T.reshape(logits.shape)
            np.testing.assert_allclose(said, logits, rtol=1e-4, atol=1e-5)
            assert np.ptp(said) > 1
            for row in rows.to_dict("records"):
                left, top = 2 * row["col"] - margin, 2 * row["row"] - margin
                at = edges[:, row["row"], row["col"]].double().numpy()
                box = [row[f"box_{name}"] for name in ("x1", "y1", "x2", "y2")]
                assert box == pytest.approx(plain_box(at, left, top, grid), abs=1e-3)
