"""SPEC 3: the detector, its negatives, and the three tasks on one set of features."""

from pathlib import Path

import pandas as pd
import pytest
import torch

from overfeat.config import TrainDetectorSettings
from overfeat.images.decode import decode
from overfeat.images.resize import add_margin, resize_to
from overfeat.images.shards import read_columns
from overfeat.inference.dense import dense
from overfeat.models.checkpoints import load_detector
from overfeat.models.detector import BACKGROUND, start_detector
from overfeat.models.network import OverFeat, normalize
from overfeat.models.regressor import Regressor
from overfeat.training import detector as detector_training
from overfeat.training.detector import train_detector
from overfeat.training.joint import start_joint
from overfeat.training.negatives import choose_negatives

RECIPE = TrainDetectorSettings(
    **{"epochs": 2, "scales": (1, 2), "negatives": 4, "choose": "hardest", "margin": 1, "flips": "none"},
    **{"init": "he", "learning_rate": 0.0, "batch_size": 4, "views": 2, "device": "cpu"},
)
"""A detector that stays as it began, so that what it was taught can be made again."""


def test_the_detector_begins_with_the_classification_net_and_has_a_background_class(classifier: OverFeat) -> None:
    net = start_detector(classifier, None, ["disc", "square"], 0, 0.5, "he", 1).net
    assert net.class_names == ["disc", "square", BACKGROUND]
    for old, new in zip(classifier.features.parameters(), net.features.parameters(), strict=True):
        assert torch.equal(old, new)
    for old, new in zip(classifier.classifier[:-1].parameters(), net.classifier[:-1].parameters(), strict=True):
        assert torch.equal(old, new)
    assert torch.equal(net.classifier[-1].weight[1], classifier.classifier[-1].weight[0])


def test_the_detector_is_trained_on_whole_pictures_empty_ones_too_with_negatives_chosen_on_the_fly(
    images: Path, classifier: OverFeat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[torch.Size] = []
    features_of = detector_training.features_of

    def counting(net: OverFeat, pixels: torch.Tensor) -> torch.Tensor:
        passes.append(pixels.shape)
        return features_of(net, pixels)

    monkeypatch.setattr(detector_training, "features_of", counting)
    train_detector(images, classifier, None, ["square"], RECIPE, 0, tmp_path / "out", lambda _: None)
    # sides 60 and 72 and a stride of 12 around them; 9 pictures of each, twice, and once more to be measured
    assert {(shape[2], shape[3]) for shape in passes} == {(84, 84), (96, 96)}
    assert sum(shape[0] for shape in passes) == 9 * 2 * (2 + 2)

    ledger = pd.read_parquet(tmp_path / "out/negatives")
    assert set(ledger["image_id"]) == {f"p{number}" for number in range(9)}  # p8 has no object
    assert (ledger.groupby(["image_id", "epoch", "scale"], observed=True).size() == 4).all()  # a few of each picture
    assert ledger["hardest"].all()

    net = load_detector(tmp_path / "out/last.pt").net
    rows = read_columns([images / "train-00000.parquet"], ["image_id", "jpeg"]).to_pylist()
    empty = next(decode(row["jpeg"]) for row in rows if row["image_id"] == "p8")
    for scale, side in ((1, 60), (2, 72)):
        pixels = add_margin(resize_to(empty, (side, side)), 12)
        with torch.inference_mode():
            offence = dense(net, normalize(pixels)[None]).softmax(1)[0, 0].flatten().sort(descending=True).values
        assert offence[3] > offence[-4] + 1e-4
        chosen = ledger[(ledger["image_id"] == "p8") & (ledger["scale"] == scale) & (ledger["epoch"] == 1)]
        assert sorted(chosen["score"], reverse=True) == pytest.approx(offence[:4].tolist(), abs=1e-6)


OFFENCE = torch.tensor([[0.1, 0.9, 0.99, 0.8, 0.2, 0.3]])
IS_BACKGROUND = torch.tensor([[True, True, False, True, True, True]])


@pytest.mark.parametrize(
    ("choose", "by_offence", "at_random"),
    [("hardest", {1, 3}, set()), ("mix", {1}, {0, 3, 4, 5}), ("random", set(), {0, 1, 3, 4, 5})],
)
def test_negatives_are_the_most_offending_or_random(choose: str, by_offence: set[int], at_random: set[int]) -> None:
    drawn: set[int] = set()
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        _, windows, hardest = choose_negatives(IS_BACKGROUND, OFFENCE, 2, choose, generator)  # type: ignore[arg-type]
        assert len(set(windows.tolist())) == 2
        assert set(windows[hardest].tolist()) == by_offence
        drawn |= set(windows[~hardest].tolist())
    assert drawn == at_random


def test_the_three_tasks_share_their_features_and_can_be_trained_jointly(classifier: OverFeat) -> None:
    net = start_joint(classifier, Regressor(classifier.table, ["square"]), ["square"], RECIPE, 0)
    assert net.detector is not None
    assert net.localizer is not None
    assert net.detector.net.features is net.classifier.features  # the localizer has none of its own
    assert all(weights.requires_grad for weights in net.parameters())
    heads = [net.classifier.classifier, net.localizer.head, net.detector.net.classifier, net.detector.regressor.head]
    parts = [net.classifier.features, *heads]
    assert sum(1 for _ in net.parameters()) == sum(1 for part in parts for _ in part.parameters())
