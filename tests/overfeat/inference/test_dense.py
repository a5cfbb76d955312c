"""Dense evaluation against the plain loop over offsets, against single windows, and its orientation."""

import pytest
import torch
from torch import Tensor

from overfeat.inference.dense import dense
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize
from overfeat.models.tables import ModelTable, Stage, model_table


def narrow(name: str) -> ModelTable:
    """Return the table with a sixteenth of its channels: the same geometry, fast enough to test at every scale."""
    table = model_table(name)
    stages = (
        Stage(s.kind, s.channels and max(4, s.channels // 16), s.kernel, s.stride, s.pad, s.pool) for s in table.stages
    )
    return ModelTable(table.name, tuple(stages), table.scales)


def make(table: ModelTable, num_classes: int = 7) -> OverFeat:
    net = OverFeat(table, num_classes).eval()
    initialize(net, "he", seed=1)
    return net


def offset_loop(net: OverFeat, images: Tensor) -> Tensor:
    """The oracle: one pass of pool and classifier for every offset, written into the interleaved map."""
    features, pool = net.features(images), net.geometry.pool
    height, width = (net.geometry.fine_side(side) for side in images.shape[2:])
    fine = torch.full((len(images), net.num_classes, height, width), float("nan"))
    for dy in range(pool):
        for dx in range(pool):
            coarse = net.classifier(net.pool(features[:, :, dy:, dx:]))
            target = fine[:, :, dy::pool, dx::pool]
            target.copy_(coarse[:, :, : target.shape[2], : target.shape[3]])
    return fine


@pytest.mark.parametrize("scale", range(6))
@pytest.mark.parametrize("name", ["fast", "accurate", "mini"])
@torch.inference_mode()
def test_equals_one_pass_per_offset_at_every_scale(name: str, scale: int) -> None:
    net = make(narrow(name))
    height, width = (net.geometry.side_at(step) for step in net.table.scales[scale])
    images = torch.randn(2, 3, height, width)
    torch.testing.assert_close(dense(net, images), offset_loop(net, images), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_coarse_output_is_every_pth_cell() -> None:
    net = make(narrow("accurate"))
    images = torch.randn(1, 3, 281, 317)
    torch.testing.assert_close(dense(net, images)[..., ::3, ::3], net(images), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_one_window_gives_the_training_output() -> None:
    net = make(model_table("mini"))
    images = torch.randn(3, 3, net.window, net.window)
    torch.testing.assert_close(dense(net, images), net(images), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_each_cell_sees_its_window_where_no_layer_pads() -> None:
    table = ModelTable(
        "unpadded",
        (Stage("conv", 8, 5, stride=2, pool=2), Stage("conv", 8, 3, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
        ((0, 0),),
    )
    net = make(table)
    side_y, side_x = net.geometry.side_at(0), net.geometry.side_at(2)
    images = torch.randn(1, 3, side_y, side_x)
    fine = dense(net, images)
    assert fine.shape[2:] == (3, 9)
    for row in range(3):
        for col in range(9):
            y, x = row * net.fine_stride, col * net.fine_stride
            window = images[..., y : y + net.window, x : x + net.window]
            torch.testing.assert_close(net(window)[..., 0, 0], fine[..., row, col], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_sides_that_are_not_valid_still_give_every_whole_window() -> None:
    net = make(model_table("mini"))
    images = torch.randn(1, 3, 66, 75)
    torch.testing.assert_close(dense(net, images), offset_loop(net, images), rtol=1e-4, atol=1e-5)
    assert dense(net, images).shape[2:] == (Geometry(net.table).fine_side(66), Geometry(net.table).fine_side(75))
