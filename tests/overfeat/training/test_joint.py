"""Tasks trained together: every head learns, the features are one, and what is saved can be loaded part by part."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from overfeat.config import TrainDetectorSettings
from overfeat.errors import DatasetError
from overfeat.models.checkpoints import load_detector, load_network, load_regressor, load_state
from overfeat.models.joint import JointNet
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage
from overfeat.training.joint import JOINT_TASKS, start_joint, train_joint

TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 32, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(32, 16),
)
CLASSES = ["left", "right"]
RECIPE = TrainDetectorSettings(
    features="joint",
    epochs=4,
    batch_size=4,
    flips="none",
    init="he",
    learning_rate=0.002,
    momentum=0.9,
    dropout=0.0,
    scales=(1, 2, 3),
    joint_scales=(1, 2),
    joint_crops=8,
    views=2,
    positives=8,
    negatives=8,
    margin=1,
    box_weight=2.0,
    device="cpu",
    loader_threads=1,
)


def parts() -> tuple[OverFeat, Regressor]:
    net = OverFeat(TABLE, len(CLASSES))
    initialize(net, "he", 0)
    net.class_names = CLASSES
    regressor = Regressor(TABLE, CLASSES)
    initialize(regressor, "he", 1)
    return net, regressor


@pytest.fixture
def images(make_shards: Callable[..., Path]) -> Path:
    make_shards("train", images=24, objects=1, task="detection")
    make_shards("val", images=8, objects=1, task="detection")
    return make_shards("train", images=32, objects=1)


def train(images: Path, folder: Path, recipe: TrainDetectorSettings = RECIPE) -> JointNet:
    net = start_joint(*parts(), CLASSES, recipe, 0)
    train_joint(images, images.with_name("images_det"), net, JOINT_TASKS, recipe, 0, folder, lambda _: None)
    return net


def test_all_heads_learn_on_one_set_of_features(images: Path, tmp_path: Path) -> None:
    net = train(images, tmp_path / "net")
    curves = pd.read_csv(tmp_path / "net/curves.csv")
    assert curves["train_loss"].iloc[-1] < 0.7 * curves["train_loss"].iloc[0]
    classifier = load_network(tmp_path / "net/classifier/last.pt")
    localizer = load_regressor(tmp_path / "net/localizer/last.pt", classifier)  # checks that the features are its own
    detector = load_detector(tmp_path / "net/last.pt")
    assert detector.margin == TABLE_STRIDE
    before, localizer_before = parts()
    for old, new, shared in zip(
        before.features.parameters(), classifier.features.parameters(), detector.net.features.parameters(), strict=True
    ):
        assert torch.equal(new, shared)
        assert not torch.equal(old, new)
    assert not torch.equal(before.classifier[-1].weight, classifier.classifier[-1].weight)
    assert not torch.equal(localizer_before.head[-1].weight, localizer.head[-1].weight)
    assert net.detector is not None
    assert net.detector.net.features is net.classifier.features


TABLE_STRIDE = OverFeat(TABLE, 2).stride


@pytest.mark.slow
def test_a_killed_training_ends_where_an_undisturbed_one_ends(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "calm")

    class KilledError(Exception):
        pass

    def kill(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise KilledError

    net = start_joint(*parts(), CLASSES, RECIPE, 0)
    with pytest.raises(KilledError):
        train_joint(images, images.with_name("images_det"), net, JOINT_TASKS, RECIPE, 0, tmp_path / "killed", kill)
    train(images, tmp_path / "killed")
    for name in ("last.pt", "classifier/last.pt", "localizer/last.pt"):
        assert_same(load_state(tmp_path / "calm" / name), load_state(tmp_path / "killed" / name))


def assert_same(first: Any, second: Any) -> None:
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_same(first[key], second[key])
    elif isinstance(first, torch.Tensor):
        assert torch.equal(first, second)
    else:
        assert first == second


def test_one_task_alone_trains_features_of_its_own(images: Path, tmp_path: Path) -> None:
    net, regressor = parts()
    alone = JointNet(net, regressor, None).requires_grad_(True)
    train_joint(images, None, alone, {"localization"}, RECIPE, 0, tmp_path / "net", lambda _: None)
    classifier = load_network(tmp_path / "net/classifier/last.pt")
    load_regressor(tmp_path / "net/localizer/last.pt", classifier)
    before, _ = parts()
    assert not torch.equal(before.features[0].weight, classifier.features[0].weight)
    assert torch.equal(before.classifier[-1].weight, classifier.classifier[-1].weight)  # nobody taught it
    curves = pd.read_csv(tmp_path / "net/curves.csv")
    assert curves["train_loss"].iloc[-1] < curves["train_loss"].iloc[0]
    assert not (tmp_path / "net/negatives").exists()


def test_without_a_localizer_the_other_two_are_trained(images: Path, tmp_path: Path) -> None:
    net, _ = parts()
    both = start_joint(net, None, CLASSES, RECIPE, 0)
    train_joint(
        images,
        images.with_name("images_det"),
        both,
        JOINT_TASKS - {"localization"},
        RECIPE,
        0,
        tmp_path / "net",
        lambda _: None,
    )
    assert (tmp_path / "net/classifier/last.pt").exists()
    assert not (tmp_path / "net/localizer").exists()


def test_pictures_for_every_task_are_needed(make_shards: Callable[..., Path], tmp_path: Path) -> None:
    images = make_shards("train", images=8, objects=1)
    with pytest.raises(DatasetError, match="images_det"):
        train(images, tmp_path / "net")
