"""The tables of the paper against what is derived from ours (sections 3.2 and 3.3)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat
from overfeat.models.tables import ACCURATE, FAST, MINI, TABLES, ModelTable, Stage

GEOMETRIES = {name: Geometry(table) for name, table in TABLES.items()}


@pytest.mark.parametrize(
    ("table", "window", "stride", "fine_stride"), [(FAST, 231, 32, 16), (ACCURATE, 221, 36, 12), (MINI, 52, 12, 4)]
)
def test_window_and_strides(table: ModelTable, window: int, stride: int, fine_stride: int) -> None:
    geometry = Geometry(table)
    assert (geometry.window, geometry.stride, geometry.fine_stride) == (window, stride, fine_stride)


def test_spatial_inputs_of_every_stage() -> None:
    assert GEOMETRIES["fast"].stage_inputs(231) == [231, 28, 12, 12, 12, 6, 1, 1]
    assert GEOMETRIES["accurate"].stage_inputs(221) == [221, 36, 15, 15, 15, 15, 5, 1, 1]


@pytest.mark.parametrize(("name", "count"), [("fast", 145_920_872), ("accurate", 144_656_488)])
def test_parameter_counts(name: str, count: int) -> None:
    with torch.device("meta"):
        assert sum(p.numel() for p in OverFeat(name, 1000).parameters()) == count


def test_multiply_adds_of_a_window() -> None:
    assert GEOMETRIES["fast"].multiply_adds(1000) / 1e9 == pytest.approx(2.80, abs=0.005)
    assert GEOMETRIES["accurate"].multiply_adds(1000) / 1e9 == pytest.approx(5.36, abs=0.005)


def test_the_six_scales_of_the_accurate_net() -> None:
    geometry = GEOMETRIES["accurate"]
    sizes = [(geometry.side_at(h), geometry.side_at(w)) for h, w in ACCURATE.scales]
    assert sizes == [(245, 245), (281, 317), (317, 389), (389, 461), (425, 497), (461, 569)]
    maps = [(geometry.fine_side(h), geometry.fine_side(w)) for h, w in sizes]
    assert maps == [(3, 3), (6, 9), (9, 15), (15, 21), (18, 24), (21, 30)]
    assert sum(h * w for h, w in maps) == 1575


@pytest.mark.parametrize("name", TABLES)
def test_valid_sides_give_every_offset_the_same_number_of_windows(name: str) -> None:
    geometry = GEOMETRIES[name]
    for side in range(geometry.window, geometry.window + 4 * geometry.stride):
        valid = geometry.valid_size(side) == side
        assert valid == ((side - geometry.side_at(0)) % geometry.stride == 0 and side >= geometry.side_at(0))
        if valid:
            assert geometry.fine_side(side) == geometry.pool * geometry.coarse_side(side)


@given(st.floats(1, 5000), st.sampled_from(sorted(TABLES)))
def test_valid_size_is_the_nearest(pixels: float, name: str) -> None:
    geometry = GEOMETRIES[name]
    nearest = min((geometry.side_at(step) for step in range(500)), key=lambda side: (abs(side - pixels), side))
    assert geometry.valid_size(pixels) == nearest


def test_a_variant_is_one_table() -> None:
    table = ModelTable(
        "tiny", (Stage("conv", 8, 5, pool=2), Stage("conv", 8, 3, pool=2), Stage("full", 0, 3)), ((0, 0),)
    )
    net = OverFeat(table, num_classes=4)
    assert net(torch.zeros(1, 3, net.window, net.window)).shape == (1, 4, 1, 1)
    assert (net.stride, net.fine_stride) == (4, 2)
