"""SPEC 4: dense multi-scale evaluation, and the class decision made from it."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from overfeat.config import InferSettings, MergeSettings
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores, classifications
from overfeat.inference.dense import dense
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.votes import read_votes
from overfeat.inference.windows import WindowGrid, input_hw
from overfeat.models.geometry import Geometry
from overfeat.models.network import OverFeat, initialize, normalize
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
    assert input_hw(geometry, 2, 300, 900) == (281, 281 + 36 * 16)  # 3 x 281 = 843, and 857 is the nearest valid side
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


@torch.inference_mode()
def test_windows_without_padding_in_reach_equal_crops() -> None:
    stages = tuple(
        type(stage)(stage.kind, stage.channels, stage.kernel, stage.stride, 0, stage.pool) for stage in MINI.stages
    )
    net = OverFeat(ModelTable("unpadded", stages, ((0, 0),), MINI.regressor), 4).eval()
    initialize(net, "he", 1)
    images = torch.randn(1, 3, net.geometry.side_at(1), net.geometry.side_at(1))
    fine = dense(net, images)
    for row in range(fine.shape[2]):
        for col in range(fine.shape[3]):
            y, x = row * net.fine_stride, col * net.fine_stride
            crop = net(images[..., y : y + net.window, x : x + net.window])
            torch.testing.assert_close(fine[..., row, col], crop[..., 0, 0], rtol=1e-4, atol=1e-5)


def test_class_decision_maximum_over_windows_then_mean_over_scales_and_flips_then_the_best() -> None:
    net = small_net()
    pixels = torch.randint(256, (3, 80, 100), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    infer = InferSettings(scales=(1, 2, 3), flips=True)
    table = gather_evidence([net], [], [Picture("p", "val", pixels, (80, 100))], infer, "r", torch.device("cpu"))
    maxima = []
    with torch.inference_mode():
        for scale in infer.scales:
            size = input_hw(net.geometry, scale, 80, 100)
            resized = torch.nn.functional.interpolate(
                pixels[None].float(), size, mode="bilinear", antialias=True, align_corners=False
            ).round()
            for image in (resized, resized.flip(-1)):
                maxima.append(dense(net, normalize(image)).softmax(1).flatten(2).max(2).values[0].numpy())
    expected = np.mean(maxima, axis=0)
    votes = read_votes(table, 5, MergeSettings())
    np.testing.assert_allclose(class_scores(votes)[0], expected, atol=2e-3)  # pixels are rounded in another way
    best = classifications(votes, class_scores(votes), net.class_names or [], 5, "r", "m").to_pandas()
    assert best["label"].tolist() == [f"c{index}" for index in np.argsort(-expected)]
    assert best["rank"].tolist() == [1, 2, 3, 4, 5]
