"""SPEC 4: dense evaluation: sizes, windows, and all pooling offsets in one pass."""

import pytest
import torch
import torch.nn.functional as F

from overfeat.inference.dense import dense
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize
from overfeat.models.tables import ACCURATE, FAST, MINI, PAPER_SCALES, ModelTable

SIX = [(245, 245), (281, 317), (317, 389), (389, 461), (425, 497), (461, 569)]
MAPS = [(3, 3), (6, 9), (9, 15), (15, 21), (18, 24), (21, 30)]


def small_net(classes: int = 5) -> OverFeat:
    net = OverFeat(MINI, classes).eval()
    initialize(net, "he", 3)
    net.class_names = [f"c{index}" for index in range(classes)]
    return net


@pytest.mark.parametrize(("table", "first", "step"), [(ACCURATE, 245, 36), (FAST, 247, 32)])
def test_valid_sides(table: ModelTable, first: int, step: int) -> None:
    geometry = Geometry(table)
    assert [geometry.side_at(k) for k in range(10)] == [first + step * k for k in range(10)]
    for side in range(geometry.window, first + 5 * step):
        counts = {(geometry.fine_side(side) - offset - 1) // geometry.pool for offset in range(geometry.pool)}
        assert (len(counts) == 1) == (side >= first and (side - first) % step < geometry.fine_stride)


def test_the_six_scales_of_the_accurate_net_their_maps_and_1575_windows() -> None:
    geometry = Geometry(ACCURATE)
    sizes = [input_hw(geometry, scale, 100, 120, "paper") for scale in range(1, 7)]
    assert sizes == SIX
    maps = [WindowGrid(geometry, size, size, False).shape for size in sizes]
    assert maps == MAPS
    assert sum(rows * cols for rows, cols in maps) == 1575
    assert len(PAPER_SCALES) == 6


def test_paper_sizes_are_transposed_for_portraits_and_aspect_follows_the_picture() -> None:
    geometry = Geometry(ACCURATE)
    assert input_hw(geometry, 3, 500, 333, "paper") == (389, 317)
    assert input_hw(geometry, 3, 333, 500, "paper") == (317, 389)
    assert input_hw(geometry, 2, 300, 900) == (281, 281 + 36 * 16)  # 3 x 281 = 843, and 857 is the nearest valid side
    assert input_hw(geometry, 2, 800, 300) == (281 + 36 * 13, 281)  # 749.3, and 749
    assert input_hw(geometry, 2, 300, 300) == (281, 281)


@pytest.mark.parametrize("side", [0, 1, 3])
@torch.inference_mode()
def test_dense_output_is_one_pass_for_every_offset_interleaved(side: int) -> None:
    net = small_net()
    images = torch.randn(2, 3, net.geometry.side_at(side), net.geometry.side_at(side + 1))
    fine, features, pool = dense(net, images), net.features(images), net.geometry.pool
    for dy in range(pool):
        for dx in range(pool):
            one = net.classifier(F.max_pool2d(features[..., dy:, dx:], pool))
            torch.testing.assert_close(fine[..., dy::pool, dx::pool], one, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_coarse_is_offset_0_0_of_fine_and_one_window_is_the_plain_net() -> None:
    net = small_net()
    images = torch.randn(1, 3, net.geometry.side_at(2), net.geometry.side_at(1))
    pool = net.geometry.pool
    torch.testing.assert_close(dense(net, images)[..., ::pool, ::pool], net(images), rtol=1e-4, atol=1e-5)
    window = images[..., : net.window, : net.window]
    torch.testing.assert_close(dense(net, window), net(window), rtol=1e-4, atol=1e-5)


def unpadded_net() -> OverFeat:
    stages = tuple(
        type(stage)(stage.kind, stage.channels, stage.kernel, stage.stride, 0, stage.pool) for stage in MINI.stages
    )
    net = OverFeat(ModelTable("unpadded", stages, ((0, 0),), MINI.regressor), 4).eval()
    initialize(net, "he", 1)
    return net


@torch.inference_mode()
def test_windows_without_padding_in_reach_equal_crops_and_padding_makes_them_differ() -> None:
    net = unpadded_net()
    images = torch.randn(1, 3, net.geometry.side_at(1), net.geometry.side_at(1))
    fine = dense(net, images)
    for row in range(fine.shape[2]):
        for col in range(fine.shape[3]):
            y, x = row * net.fine_stride, col * net.fine_stride
            crop = net(images[..., y : y + net.window, x : x + net.window])
            torch.testing.assert_close(fine[..., row, col], crop[..., 0, 0], rtol=1e-4, atol=1e-5)
    padded = small_net()
    images = torch.randn(1, 3, padded.geometry.side_at(1), padded.geometry.side_at(1))
    middle = dense(padded, images)[0, :, 2, 2]
    crop = padded(images[..., 8:60, 8:60])[0, :, 0, 0]
    assert (middle - crop).abs().max() > 1e-3  # real pixels around the one, zeros around the other


def test_an_output_cell_sees_its_window_and_nothing_else() -> None:
    net = unpadded_net()
    size = net.geometry.side_at(0), net.geometry.side_at(1)
    fields = WindowGrid(net.geometry, size, size, False).fields_of_view()
    # one picture for each cell, so that a pixel which the greatest of one pool hides is seen through another
    images = torch.randn(len(fields), 3, *size, requires_grad=True)
    fine = dense(net, images).flatten(2)
    assert fine.shape[2] == len(fields)
    fine[range(len(fields)), 0, range(len(fields))].sum().backward()
    assert images.grad is not None
    for seen, (x1, y1, x2, y2) in zip(images.grad.abs().sum(1), fields.tolist(), strict=True):
        rows, cols = (seen.sum(1 - axis).nonzero().flatten() for axis in (0, 1))
        assert (int(rows[0]), int(rows[-1]) + 1, int(cols[0]), int(cols[-1]) + 1) == (y1, y2, x1, x2)


def test_the_window_of_a_cell_is_in_pixels_of_the_original_and_not_mirrored() -> None:
    geometry = Geometry(MINI)  # windows of 52 at steps of 4; 72 x 84 has 6 x 9 of them
    plain, mirrored = (WindowGrid(geometry, (72, 84), (144, 252), flip).fields_of_view() for flip in (False, True))
    assert plain[1 * 9 + 2].tolist() == [2 * 4 * 3, 1 * 4 * 2, (2 * 4 + 52) * 3, (1 * 4 + 52) * 2]
    assert mirrored[1 * 9 + 2].tolist() == [(84 - 60) * 3, 1 * 4 * 2, (84 - 8) * 3, (1 * 4 + 52) * 2]
