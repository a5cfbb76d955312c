"""SPEC 3: the box regressor, and what it is taught."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from overfeat.config import TrainLocalizerSettings
from overfeat.images.decode import decode as decode_jpeg
from overfeat.images.resize import resize_to
from overfeat.images.shards import read_columns
from overfeat.inference.dense import dense, run_head
from overfeat.inference.window_boxes import assign, decode, encode
from overfeat.models.network import OverFeat, normalize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ACCURATE, FAST, MINI, ModelTable
from overfeat.training.localizer import LocalizerTask, train_localizer
from overfeat.training.window_store import COLUMNS, Views, make_store


@pytest.mark.parametrize(("table", "kernel"), [(ACCURATE, 5), (FAST, 6)])
def test_the_regressor_is_4096_then_1024_then_4_for_all_classes_or_for_each(table: ModelTable, kernel: int) -> None:
    assert not TrainLocalizerSettings().per_class
    with torch.device("meta"):
        shared = Regressor(table, ["a", "b", "c"])
        per_class = Regressor(table, ["a", "b", "c"], per_class=True)
    layers = [layer for layer in shared.head if isinstance(layer, nn.Conv2d)]
    assert [(layer.out_channels, layer.kernel_size[0]) for layer in layers] == [(4096, kernel), (1024, 1), (4, 1)]
    assert layers[0].in_channels == table.features[-1].channels
    assert [layer for layer in per_class.head if isinstance(layer, nn.Conv2d)][-1].out_channels == 12


def test_the_target_is_the_object_in_the_frame_of_the_window() -> None:
    window = np.array([[100.0, 200.0, 300.0, 400.0]])
    box = np.array([[150.0, 200.0, 350.0, 300.0]])
    edges = encode(box, window)
    assert edges.tolist() == [[-0.25, -0.5, 0.75, 0.0]]  # in window sides from the middle, which is (200, 300)
    assert decode(edges, window).tolist() == box.tolist()


def test_windows_with_less_than_half_of_the_object_inside_are_left_out() -> None:
    assert TrainLocalizerSettings().min_overlap == 0.5
    thing = np.array([[0.0, 0.0, 100.0, 100.0]])
    windows = np.array([[x, 0.0, x + 200.0, 200.0] for x in (0.0, 49.0, 50.0, 51.0)])
    assert assign(windows, thing, 0.5).tolist() == [0, 0, 0, -1]


def test_the_localizer_is_trained_at_several_scales() -> None:
    assert TrainLocalizerSettings().scales == (1, 2, 4, 6)


def test_windows_of_every_scale_and_pooling_offset_teach_if_they_see_half_of_the_object(
    images: Path, classifier: OverFeat
) -> None:
    rows = read_columns([images / "train-00000.parquet"], COLUMNS).slice(0, 1)
    pixels, box = decode_jpeg(rows["jpeg"][0].as_py()), np.array([20.0, 25.0, 50.0, 55.0])
    store = make_store(rows, classifier, Views((1, 4), False, 0.5), ["square"], 1, torch.device("cpu"))
    logits, edges, starts = [], [], [0]
    for side in (60, 96):  # of the small net at scales 1 and 4: 3x3 and 12x12 windows of 52, at steps of 4
        with torch.inference_mode():
            outputs = dense(classifier, normalize(resize_to(pixels, (side, side)))[None])[0]
        x1, y1, x2, y2 = box * side / 80
        for row, col in product(range(outputs.shape[1]), range(outputs.shape[2])):
            inside = [max(0, min(b, at + 52) - max(a, at)) for a, b, at in ((x1, x2, 4 * col), (y1, y2, 4 * row))]
            if inside[0] * inside[1] >= 0.5 * (x2 - x1) * (y2 - y1):
                logits.append(outputs[:, row, col])
                middle = np.array([4 * col + 26, 4 * row + 26] * 2)
                edges.append((np.array([x1, y1, x2, y2]) - middle) / 52)
        starts.append(len(edges))
    assert store.map_starts.tolist() == starts
    assert starts[-1] < 9 + 144  # some do see less
    np.testing.assert_allclose(store.edges, edges, rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        said = run_head(classifier.classifier, store.columns(np.arange(starts[-1])))
    torch.testing.assert_close(said, torch.stack(logits, 1), rtol=1e-4, atol=1e-5)
    drawn = store.draw(np.random.default_rng(0), 2000, one_flip=False)
    assert sorted(set(drawn.tolist())) == list(range(starts[-1]))


@pytest.mark.parametrize("per_class", [False, True])
def test_the_loss_is_the_mean_squared_difference_of_the_edges_shared_or_of_the_class(per_class: bool) -> None:
    regressor = Regressor(MINI, ["a", "b", "c"], per_class)
    last = regressor.head[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.arange(len(last.bias)) / 10)
    windows = torch.randn(128 * 16, 2, generator=torch.Generator().manual_seed(0))
    edges = torch.tensor([[0.0, 0.1, 0.2, 0.3], [0.8, 0.9, 1.0, 1.3]])
    task = LocalizerTask(regressor, 0, TrainLocalizerSettings(), iter, 0, None)  # type: ignore[arg-type]
    loss = float(task.loss((windows, edges, torch.tensor([0, 2]))).detach())
    # of one box for all, 0 to 0.3, the second window is off by 0.8, 0.8, 0.8 and 1; of its class's own by 0.2 once
    assert loss == pytest.approx((0.2**2 if per_class else 3 * 0.8**2 + 1) / 8, rel=1e-5)


def _weights(net: nn.Module) -> Iterator[torch.Tensor]:
    return (weights.detach().clone() for weights in net.parameters())


def test_localizer_training_leaves_the_classifier_as_it_was_bit_by_bit(
    images: Path, classifier: OverFeat, tmp_path: Path
) -> None:
    before = list(_weights(classifier))
    recipe = TrainLocalizerSettings(epochs=1, scales=(1, 2), init="he", learning_rate=0.01, device="cpu")
    train_localizer(images, classifier, recipe, 0, tmp_path / "out", lambda _: None)
    assert all(torch.equal(old, new) for old, new in zip(before, _weights(classifier), strict=True))
