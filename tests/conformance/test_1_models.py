"""SPEC 1: the two nets of the paper and the small one, by their tables."""

import pytest
import torch
from torch import nn

from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, normalize
from overfeat.models.released import class_names, released_size
from overfeat.models.tables import ACCURATE, FAST, MINI, TABLES, ModelTable, Stage

PAPER = [(FAST, 145_920_872, 2.80e9), (ACCURATE, 144_656_488, 5.36e9)]


def on_paper(table: ModelTable, num_classes: int = 1000) -> OverFeat:
    """Return a net without memory for its weights."""
    with torch.device("meta"):
        return OverFeat(table, num_classes)


@pytest.mark.parametrize(("table", "parameters", "_"), PAPER)
def test_parameter_counts_with_1000_classes(table: ModelTable, parameters: int, _: float) -> None:
    assert sum(weights.numel() for weights in on_paper(table).parameters()) == parameters


@pytest.mark.parametrize(("table", "_", "multiply_adds"), PAPER)
def test_multiply_adds_of_one_window(table: ModelTable, _: int, multiply_adds: float) -> None:
    assert Geometry(table).multiply_adds(1000) == pytest.approx(multiply_adds, rel=0.002)


@pytest.mark.parametrize(("table", "window", "stride", "fine"), [(FAST, 231, 32, 16), (ACCURATE, 221, 36, 12)])
def test_windows_and_strides(table: ModelTable, window: int, stride: int, fine: int) -> None:
    net = on_paper(table)
    assert (net.window, net.stride, net.fine_stride) == (window, stride, fine)


@pytest.mark.parametrize(
    ("table", "sides"),
    [(FAST, [231, 28, 12, 12, 12, 6, 1, 1]), (ACCURATE, [221, 36, 15, 15, 15, 15, 5, 1, 1])],
)
def test_spatial_input_of_every_stage(table: ModelTable, sides: list[int]) -> None:
    geometry = Geometry(table)
    assert geometry.stage_inputs(geometry.window) == sides


def test_the_paper_prints_24_where_stage_2_of_fast_has_its_convolution_output() -> None:
    conv = FAST.stages[1]
    assert Geometry(FAST).stage_inputs(231)[1] - conv.kernel + 1 == 24


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        (
            FAST,
            "96/11/4/0/2 256/5/1/0/2 512/3/1/1/1 1024/3/1/1/1 1024/3/1/1/2 3072/6/1/0/1 4096/1/1/0/1 0/1/1/0/1",
        ),
        (
            ACCURATE,
            "96/7/2/0/3 256/7/1/0/2 512/3/1/1/1 512/3/1/1/1 1024/3/1/1/1 1024/3/1/1/3 4096/5/1/0/1 4096/1/1/0/1 "
            "0/1/1/0/1",
        ),
    ],
)
def test_channels_filters_strides_padding_and_pools(table: ModelTable, rows: str) -> None:
    said = [f"{s.channels}/{s.kernel}/{s.stride}/{s.pad}/{s.pool}" for s in table.stages]
    assert said == rows.split()


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_rectifiers_after_all_layers_but_the_last_and_no_contrast_normalisation(table: ModelTable) -> None:
    net = on_paper(table, 10)
    layers = [layer for part in (net.features, net.classifier) for layer in part]
    kinds = {type(layer) for layer in layers} | {type(net.pool)}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.Dropout}
    followers = [type(layers[i + 1]) for i, layer in enumerate(layers[:-1]) if isinstance(layer, nn.Conv2d)]
    assert set(followers) == {nn.ReLU}
    assert isinstance(layers[-1], nn.Conv2d)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_pools_do_not_overlap(table: ModelTable) -> None:
    pools = [layer for layer in on_paper(table, 10).modules() if isinstance(layer, nn.MaxPool2d)]
    assert len(pools) == 3
    assert all(pool.kernel_size == pool.stride for pool in pools)


def test_fully_connected_layers_are_convolutions_so_that_a_larger_input_gives_a_map() -> None:
    net = OverFeat(MINI, 7).eval()
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, net.window, net.window)).shape == (1, 7, 1, 1)
        assert net(torch.zeros(1, 3, net.window + 2 * net.stride, net.window + net.stride)).shape == (1, 7, 3, 2)
        with pytest.raises(RuntimeError):
            net(torch.zeros(1, 3, net.window - 1, net.window))


def test_pixels_are_normalised_by_one_scalar_for_all_channels() -> None:
    pixels = torch.tensor([0, 118, 255], dtype=torch.uint8).expand(1, 3, 1, 3)
    expected = [(value - 118.380948) / 61.896913 for value in (0, 118, 255)]
    for channel in normalize(pixels)[0]:
        assert channel[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_mini_has_a_window_of_about_62_pixels_and_three_pools_the_last_of_3() -> None:
    assert 50 <= Geometry(MINI).window <= 70
    assert [stage.pool for stage in MINI.stages if stage.pool > 1][-1] == 3
    assert sum(stage.pool > 1 for stage in MINI.stages) == 3


def test_all_geometry_follows_from_one_table() -> None:
    variant = ModelTable(
        "variant", (Stage("conv", 4, 3, stride=2, pool=2), Stage("full", 8, 3), Stage("full", 0, 1)), ((0, 0),)
    )
    net = OverFeat(variant, 2).eval()
    # 3 pooled cells of 2 steps are 6 outputs of the convolution, at stride 2 with 3 wide filters: 13 pixels
    assert (net.window, net.stride, net.fine_stride) == (13, 4, 2)
    with torch.inference_mode():
        assert net(torch.zeros(1, 3, 13, 13)).shape == (1, 2, 1, 1)
        assert net(torch.zeros(1, 3, 17, 13)).shape == (1, 2, 2, 1)


@pytest.mark.parametrize(("table", "size"), [(FAST, 583_683_488), (ACCURATE, 578_625_952)])
def test_weight_files_of_the_release_are_four_bytes_a_parameter(table: ModelTable, size: int) -> None:
    assert released_size(table) == size


def test_the_release_has_1000_classes_in_an_order_of_its_own() -> None:
    names = class_names()
    assert len(names) == 1000
    assert (names[0], names[1], names[999]) == ("kit fox, Vulpes macrotis", "English setter", "dumbbell")
