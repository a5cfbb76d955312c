"""SPEC 3: the recipe, and the classifier that is trained by it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from overfeat.config import TrainClassifierSettings
from overfeat.models.network import OverFeat, initialize, normalize
from overfeat.models.tables import ACCURATE, FAST, MINI, ModelTable
from overfeat.training import classifier as classifier_training
from overfeat.training.classifier import ClassifierTask, train_classifier
from overfeat.training.loop import Batch, fit
from overfeat.training.schedule import ByRecipe, learning_rate, make_optimizer

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


@dataclass
class Slope(ByRecipe):
    """A weight whose gradient is 1, and what it was before every step."""

    seen: list[float] = field(default_factory=list)

    def steps(self) -> int:
        return 2

    def batches(self, epoch: int) -> Iterator[Batch]:
        yield from [(torch.zeros(1),)] * 2

    def loss(self, batch: Batch) -> torch.Tensor:
        (weight,) = self.net.parameters()
        self.seen.append(float(weight.detach()))
        return weight.sum()

    def validate(self) -> dict[str, float]:
        return {}

    def save(self, path: Path, history: dict[str, Any]) -> None:
        """Keep nothing."""


def test_steps_are_as_long_as_the_rate_of_their_epoch_says(tmp_path: Path) -> None:
    recipe = TrainClassifierSettings(epochs=3, learning_rate=0.5, halve_after=(1, 2), momentum=0.0, weight_decay=0.0)
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    task = Slope(net, 0, recipe)
    fit(task, tmp_path, torch.device("cpu"), lambda _: None, {})
    assert task.seen == [0, -0.5, -1, -1.25, -1.5, -1.625]


def test_weights_are_drawn_from_a_normal_of_0_01_and_biases_are_zero() -> None:
    net = OverFeat(MINI, 10)
    initialize(net, "paper", 0)
    weights = torch.cat([p.detach().flatten() for name, p in net.named_parameters() if name.endswith("weight")])
    assert float(weights.mean()) == pytest.approx(0, abs=1e-4)
    assert float(weights.std()) == pytest.approx(0.01, rel=0.01)
    assert float((weights.abs() < 0.01).float().mean()) == pytest.approx(0.6827, abs=0.01)  # within one deviation
    assert all(not p.any() for name, p in net.named_parameters() if name.endswith("bias"))


def test_mini_needs_a_variance_preserving_initialisation_and_has_it() -> None:
    pixels = torch.randint(256, (4, 3, 52, 52), generator=torch.Generator().manual_seed(0))
    signal = {}
    for how in ("paper", "he"):
        net = OverFeat(MINI, 10).eval()
        initialize(net, how, 0)  # type: ignore[arg-type]
        with torch.inference_mode():
            signal[how] = float(net.classifier[:-1](net.pool(net.features(normalize(pixels)))).std())
    assert signal["paper"] < 1e-3
    assert 0.3 < signal["he"] < 3
    profile = yaml.safe_load((Path(__file__).parents[2] / "conf/profile/mini.yaml").read_text())
    assert {profile[f"train_{what}"]["init"] for what in ("classifier", "localizer", "detector")} == {"he"}


@pytest.mark.parametrize("table", [FAST, ACCURATE], ids=lambda table: table.name)
def test_dropout_of_half_on_the_two_hidden_fully_connected_layers(table: ModelTable) -> None:
    assert PAPER.dropout == 0.5
    with torch.device("meta"):
        net = OverFeat(table, 10, PAPER.dropout)
    drops = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
    assert drops == [0.5, 0.5]
    assert not any(isinstance(layer, nn.Dropout) for layer in net.features)


def test_the_classifier_is_taught_five_crops_of_its_window_by_cross_entropy_on_a_1x1_output(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks: list[ClassifierTask] = []
    monkeypatch.setattr(classifier_training, "fit", lambda task, *_: tasks.append(task))
    train_classifier(images, ["square", "disc", "cross"], "mini", PAPER, 0, tmp_path / "out", lambda _: None)
    ((crops, labels),) = tasks[0].batches(0)
    assert crops.shape == (9 * 5 * 2, 3, 52, 52)
    net = tasks[0].net.eval()
    initialize(net, "he", 0)
    with torch.inference_mode():
        logits = net(normalize(crops))
        assert logits.shape == (90, 3, 1, 1)
        expected = -logits[:, :, 0, 0].softmax(1)[torch.arange(90), labels].log().mean()
        torch.testing.assert_close(tasks[0].loss((crops, labels)), expected)
