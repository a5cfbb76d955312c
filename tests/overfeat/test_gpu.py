"""What a CUDA device must do as the CPU does; run where there is one with ``pytest -m gpu``."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from overfeat.config import (
    InferSettings,
    MergeSettings,
    TrainClassifierSettings,
    TrainDetectorSettings,
    TrainLocalizerSettings,
)
from overfeat.devices import choose_device
from overfeat.errors import SettingsError
from overfeat.inference.batches import Picture
from overfeat.inference.decisions import class_scores
from overfeat.inference.dense import dense
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.votes import read_votes
from overfeat.models.checkpoints import load_detector, load_regressor
from overfeat.models.network import OverFeat, initialize
from overfeat.training.classifier import train_classifier
from overfeat.training.detector import train_detector
from overfeat.training.joint import JOINT_TASKS, start_joint, train_joint
from overfeat.training.localizer import train_localizer


def gpu(test: Any) -> Any:
    """Mark a test as one that needs a CUDA device."""
    skip = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
    return pytest.mark.gpu(skip(test))


def make(name: str, num_classes: int) -> OverFeat:
    net = OverFeat(name, num_classes).eval()
    initialize(net, "he", seed=0)
    net.class_names = ["left", "right", *(f"c{i}" for i in range(2, num_classes))]
    return net


@gpu
@pytest.mark.parametrize("name", ["mini", "accurate", "fast"])
@torch.inference_mode()
def test_dense_equals_the_cpu(name: str) -> None:
    net = make(name, 10)
    images = torch.randn(2, 3, net.geometry.side_at(1), net.geometry.side_at(2))
    expected = dense(net, images)
    got = dense(net.cuda(), images.cuda()).cpu()
    torch.testing.assert_close(got, expected, rtol=1e-2, atol=1e-3)


@gpu
def test_decisions_in_mixed_precision_are_near_those_of_the_cpu() -> None:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (3, 70, 90), dtype=torch.uint8, generator=generator)
    pictures = [Picture("p", "val", pixels, (70, 90))]
    scores = {}
    for device in (torch.device("cpu"), torch.device("cuda")):
        nets = [make("mini", 10).to(device)]
        evidence = gather_evidence(nets, [], pictures, InferSettings(scales=(1, 2)), "run", device)
        scores[device.type] = class_scores(read_votes(evidence, 10, MergeSettings()))
    assert abs(scores["cpu"] - scores["cuda"]).max() < 0.05


@gpu
def test_training_learns_and_goes_on(make_shards: Any, tmp_path: Path) -> None:
    make_shards("train", images=64)
    images = make_shards("val", images=20, side=70)
    recipe = TrainClassifierSettings(
        epochs=3, batch_size=8, crops=1, flips="none", init="he", learning_rate=0.003, momentum=0.9, device="cuda"
    )
    train_classifier(images, ["left", "right"], "mini", recipe, 0, tmp_path / "net", lambda _: None)
    assert pd.read_csv(tmp_path / "net/curves.csv")["validation_error"].iloc[-1] <= 10


@gpu
@pytest.mark.parametrize("changes", [{}, {"per_class": True}, {"cache_gib": 0.0}], ids=str)
def test_boxes_are_learned(make_shards: Any, tmp_path: Path, changes: dict[str, Any]) -> None:
    make_shards("train", images=32, objects=1)
    images = make_shards("val", images=12, objects=1)
    recipe = TrainLocalizerSettings(
        epochs=4, batch_size=32, init="he", learning_rate=0.002, momentum=0.9, scales=(1, 2), device="cuda", **changes
    )
    net = make("mini", 2)
    train_localizer(images, net, recipe, 0, tmp_path / "net", lambda _: None)
    curves = pd.read_csv(tmp_path / "net/curves.csv")
    assert curves["train_loss"].iloc[-1] < 0.6 * curves["train_loss"].iloc[0]
    load_regressor(tmp_path / "net/last.pt", net.cpu())


@gpu
@pytest.mark.parametrize("features", ["own", "shared", "joint"])
def test_objects_are_learned(make_shards: Any, tmp_path: Path, features: Any) -> None:
    recognition = make_shards("train", images=24, objects=1)
    make_shards("train", images=24, objects=1, task="detection")
    images = make_shards("val", images=8, objects=1, task="detection")
    recipe = TrainDetectorSettings(
        **{"features": features, "epochs": 4, "batch_size": 4, "flips": "none", "init": "he", "momentum": 0.9},
        **{"learning_rate": 0.002, "scales": (1, 2), "joint_scales": (1, 2), "joint_crops": 8, "device": "cuda"},
    )
    net, classes = make("mini", 2), ["left", "right"]
    if features == "joint":
        joint, tasks = start_joint(net, None, classes, recipe, 0), JOINT_TASKS - {"localization"}
        train_joint(recognition, images, joint, tasks, recipe, 0, tmp_path / "net", lambda _: None)
    else:
        train_detector(images, net, None, classes, recipe, 0, tmp_path / "net", lambda _: None)
    curves = pd.read_csv(tmp_path / "net/curves.csv")
    assert curves["train_loss"].iloc[-1] < 0.8 * curves["train_loss"].iloc[0]
    load_detector(tmp_path / "net/last.pt")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_asking_for_a_device_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match="torch finds no CUDA device here"):
        choose_device("cuda")
