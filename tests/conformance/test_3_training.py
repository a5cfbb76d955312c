"""SPEC 3: the recipe, the three heads, and what each is taught."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from overfeat.config import TrainClassifierSettings, TrainDetectorSettings, TrainLocalizerSettings
from overfeat.images.decode import encode
from overfeat.inference.window_boxes import assign, decode
from overfeat.inference.window_boxes import encode as encode_edges
from overfeat.models.detector import BACKGROUND, start_detector
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ACCURATE, FAST, MINI, ModelTable
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import write_table
from overfeat.training.detector import train_detector
from overfeat.training.localizer import train_localizer
from overfeat.training.negatives import choose_negatives
from overfeat.training.schedule import learning_rate, make_optimizer

PAPER = TrainClassifierSettings()


def test_minibatch_128_five_crops_and_their_mirror_images() -> None:
    assert (PAPER.batch_size, PAPER.crops, PAPER.flips) == (128, 5, "both")


def test_momentum_weight_decay_and_plain_sgd() -> None:
    optimizer = make_optimizer(OverFeat(MINI, 2), PAPER)
    assert isinstance(optimizer, torch.optim.SGD)
    (group,) = optimizer.param_groups
    assert (group["momentum"], group["weight_decay"], group["nesterov"]) == (0.6, 1e-5, False)


def test_the_learning_rate_is_halved_after_epochs_30_50_60_70_80() -> None:
    rates = [learning_rate(PAPER, epoch) for epoch in range(90)]
    assert rates[0] == 0.05
    falls = [epoch for epoch in range(1, 90) if rates[epoch] != rates[epoch - 1]]
    assert falls == [30, 50, 60, 70, 80]
    assert rates[89] == pytest.approx(0.05 / 2**5)


def test_weights_are_drawn_from_a_normal_of_0_01_and_biases_are_zero() -> None:
    net = OverFeat(MINI, 10)
    initialize(net, "paper", 0)
    weights = torch.cat([p.detach().flatten() for name, p in net.named_parameters() if name.endswith("weight")])
    assert float(weights.mean()) == pytest.approx(0, abs=1e-4)
    assert float(weights.std()) == pytest.approx(0.01, rel=0.01)
    assert all(not p.any() for name, p in net.named_parameters() if name.endswith("bias"))


@pytest.mark.parametrize("table", [FAST, ACCURATE], ids=lambda table: table.name)
def test_dropout_of_half_on_the_two_hidden_fully_connected_layers(table: ModelTable) -> None:
    assert PAPER.dropout == 0.5
    with torch.device("meta"):
        net = OverFeat(table, 10, PAPER.dropout)
    drops = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
    assert drops == [0.5, 0.5]
    assert not any(isinstance(layer, nn.Dropout) for layer in net.features)


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
    edges = encode_edges(box, window)
    assert edges.tolist() == [[-0.25, -0.5, 0.75, 0.0]]  # in window sides from the middle, which is (200, 300)
    assert decode(edges, window).tolist() == box.tolist()


def test_windows_with_less_than_half_of_the_object_inside_are_left_out() -> None:
    assert TrainLocalizerSettings().min_overlap == 0.5
    thing = np.array([[0.0, 0.0, 100.0, 100.0]])
    windows = np.array([[x, 0.0, x + 200.0, 200.0] for x in (0.0, 49.0, 50.0, 51.0)])
    assert assign(windows, thing, 0.5).tolist() == [0, 0, 0, -1]


def test_the_localizer_is_trained_at_several_scales() -> None:
    assert TrainLocalizerSettings().scales == (1, 2, 4, 6)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return pictures of 80x80 with a bright square in each, but for the last, which is empty."""
    rows: dict[str, list[object]] = {name: [] for name in STORED_IMAGES.names}
    for number in range(9):
        pixels = torch.full((3, 80, 80), 40, dtype=torch.uint8)
        objects = [] if number == 8 else [[20.0 + number, 25.0, 50.0 + number, 55.0]]
        for x1, y1, x2, y2 in objects:
            pixels[:, int(y1) : int(y2), int(x1) : int(x2)] = 230
        row = {
            **{"image_id": f"p{number}", "split": "train", "label": "square", "class_index": 0, "enlarged": False},
            **{"width": 80, "height": 80, "stored_width": 80, "stored_height": 80, "jpeg": encode(pixels, 95)},
            **{"object_labels": ["square"] * len(objects), "scaled_boxes": objects},
            **{"difficult": [False] * len(objects), "crowd": [False] * len(objects)},
        }
        for name, value in row.items():
            rows[name].append(value)
    for split in ("train", "val"):
        write_table(tmp_path / f"images/{split}-00000.parquet", rows, STORED_IMAGES, {"class_names": ["square"]})
    return tmp_path / "images"


def _classifier() -> OverFeat:
    net = OverFeat(MINI, 1)
    initialize(net, "he", 0)
    net.class_names = ["square"]
    return net.eval()


def _weights(net: nn.Module) -> Iterator[torch.Tensor]:
    return (weights.detach().clone() for weights in net.parameters())


def test_localizer_training_leaves_the_classifier_as_it_was_bit_by_bit(images: Path, tmp_path: Path) -> None:
    net = _classifier()
    before = list(_weights(net))
    recipe = TrainLocalizerSettings(epochs=1, scales=(1, 2), init="he", learning_rate=0.01, device="cpu")
    train_localizer(images, net, recipe, 0, tmp_path / "out", lambda _: None)
    assert all(torch.equal(old, new) for old, new in zip(before, _weights(net), strict=True))


def test_the_detector_begins_with_the_classification_net_and_has_a_background_class() -> None:
    net = _classifier()
    detector = start_detector(net, None, ["square", "disc"], 0, 0.5, "he", 1)
    assert detector.net.class_names == ["square", "disc", BACKGROUND]
    for old, new in zip(_weights(net.features), _weights(detector.net.features), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(detector.net.classifier[0].weight, net.classifier[0].weight)


def test_the_detector_is_trained_on_whole_pictures_empty_ones_too_with_negatives_chosen_on_the_fly(
    images: Path, tmp_path: Path
) -> None:
    recipe = TrainDetectorSettings(
        **{"epochs": 2, "scales": (1, 2), "negatives": 4, "choose": "hardest", "margin": 1, "flips": "none"},
        **{"init": "he", "learning_rate": 0.001, "batch_size": 4, "views": 2, "device": "cpu"},
    )
    train_detector(images, _classifier(), None, ["square"], recipe, 0, tmp_path / "out", lambda _: None)
    import pandas as pd

    ledger = pd.read_parquet(tmp_path / "out/negatives")
    assert set(ledger["image_id"]) == {f"p{number}" for number in range(9)}  # p8 has no object
    assert (ledger.groupby(["image_id", "epoch", "scale"], observed=True).size() == 4).all()  # a few of each picture
    assert ledger["hardest"].all()


@pytest.mark.parametrize(("choose", "expected"), [("hardest", {1, 3}), ("mix", None), ("random", None)])
def test_negatives_are_the_most_offending_or_random(choose: str, expected: set[int] | None) -> None:
    offence = torch.tensor([[0.1, 0.9, 0.99, 0.8, 0.2, 0.3]])
    background = torch.tensor([[True, True, False, True, True, True]])
    _, windows, hardest = choose_negatives(background, offence, 2, choose, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert 2 not in windows.tolist()
    assert len(windows) == 2
    if expected:
        assert set(windows.tolist()) == expected
    if choose == "mix":
        assert windows[hardest].tolist() == [1]
