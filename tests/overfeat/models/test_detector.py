"""The detector: what it begins with, and that its checkpoint brings all of it back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from overfeat.errors import CheckpointError
from overfeat.models.checkpoints import (
    load_detector,
    load_network,
    load_state,
    save_detector,
    save_network,
    save_state,
    weights_hash,
)
from overfeat.models.detector import BACKGROUND, Detector, start_detector
from overfeat.models.network import OverFeat, initialize
from overfeat.models.regressor import Regressor
from overfeat.models.tables import ModelTable, Stage

TABLE = ModelTable(
    "tiny",
    (Stage("conv", 8, 5, pool=2), Stage("conv", 16, 3, pad=1, pool=3), Stage("full", 16, 2), Stage("full", 0, 1)),
    ((0, 0), (1, 1), (2, 2)),
    regressor=(12, 8),
)
KNOWN = ["ape", "bee", "cat"]
LABELS = ["cat", "dog", "ape"]


def random_biases(module: nn.Module, seed: int) -> None:
    """Draw the biases too, which begin as zeros, so that a copy can be told."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        if name.endswith("bias"):
            nn.init.normal_(parameter, generator=generator)


def make_classifier(names: list[str] | None = KNOWN) -> OverFeat:
    net = OverFeat(TABLE, len(KNOWN)).eval()
    initialize(net, "he", seed=5)
    random_biases(net, 5)
    net.class_names = names
    return net


def make_localizer(per_class: bool = False) -> Regressor:
    regressor = Regressor(TABLE, KNOWN, per_class).eval()
    initialize(regressor, "he", seed=6)
    random_biases(regressor, 6)
    return regressor


def start(classifier: OverFeat, localizer: Regressor | None = None, **changes: Any) -> Detector:
    settings = {"labels": LABELS, "margin": 2, "dropout": 0.5, "init": "he", "seed": 0}
    return start_detector(classifier, localizer, **(settings | changes))


def equal_layers(ours: nn.Module, theirs: nn.Module) -> list[bool]:
    """Say of every tensor of two modules with the same names whether they are equal."""
    mine, other = ours.state_dict(), theirs.state_dict()
    assert list(mine) == list(other)
    return [torch.equal(mine[name], other[name]) for name in mine]


@torch.inference_mode()
def test_it_begins_with_the_features_hidden_layers_and_known_outputs_of_the_classifier() -> None:
    classifier = make_classifier()
    before = {name: tensor.clone() for name, tensor in classifier.state_dict().items()}
    detector = start(classifier)
    assert detector.net.class_names == ["cat", "dog", "ape", BACKGROUND]
    assert detector.net.num_classes == 4
    assert detector.net.table == TABLE
    assert all(equal_layers(detector.net.features, classifier.features))
    assert all(equal_layers(detector.net.classifier[:-1], classifier.classifier[:-1]))
    pixels = torch.randn(2, 3, 20, 26)
    said, known = detector.eval().net(pixels), classifier(pixels)
    torch.testing.assert_close(said[:, 0], known[:, 2])
    torch.testing.assert_close(said[:, 2], known[:, 0])
    assert all(torch.equal(tensor, before[name]) for name, tensor in classifier.state_dict().items())


def test_all_other_outputs_begin_small() -> None:
    last = start(make_classifier(), labels=[*LABELS, *(f"new {i}" for i in range(200))]).net.classifier[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    weights = torch.cat([last.weight[1:2], last.weight[3:]])  # dog, the new ones, background
    assert float(weights.detach().std()) == pytest.approx(0.01, rel=0.1)
    assert not last.bias[3:].any()
    assert not last.bias[1]


@pytest.mark.parametrize("names", [None, ["x", "y", "z"]])
def test_a_classifier_of_other_classes_gives_no_output(names: list[str] | None) -> None:
    classifier = make_classifier(names)
    detector = start(classifier)
    assert all(equal_layers(detector.net.features, classifier.features))
    last = detector.net.classifier[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    assert not last.bias.any()


def test_nothing_is_shared_with_what_it_begins_with() -> None:
    classifier, localizer = make_classifier(), make_localizer()
    before = weights_hash(classifier), weights_hash(localizer)
    detector = start(classifier, localizer)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter += 1
    assert (weights_hash(classifier), weights_hash(localizer)) == before


def test_it_begins_with_the_boxes_of_the_localizer() -> None:
    localizer = make_localizer()
    detector = start(make_classifier(), localizer)
    assert not detector.regressor.per_class
    assert all(equal_layers(detector.regressor, localizer))


def test_of_a_localizer_with_a_box_per_class_only_the_hidden_layers_are_taken() -> None:
    localizer = make_localizer(per_class=True)
    regressor = start(make_classifier(), localizer).regressor
    assert not regressor.per_class
    assert all(equal_layers(regressor.head[:-1], localizer.head[:-1]))
    last, new = regressor.head[-1], start(make_classifier()).regressor.head[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.out_channels == 4
    assert all(equal_layers(last, new))


def test_without_a_localizer_boxes_begin_anew_from_the_seed() -> None:
    seeds = [(0, "he"), (0, "he"), (1, "he"), (0, "paper")]
    regressors = [start(make_classifier(), seed=seed, init=init).regressor for seed, init in seeds]
    assert all(equal_layers(regressors[0], regressors[1]))
    for other in regressors[2:]:
        assert not torch.equal(regressors[0].head[0].weight, other.head[0].weight)


@pytest.mark.parametrize("margin", [0, 1, 3])
def test_the_margin_is_whole_total_strides(margin: int) -> None:
    detector = start(make_classifier(), margin=margin)
    assert detector.margin == 6 * margin
    for side in (20, 26, 44):  # valid ones
        assert detector.net.valid_size(side + 2 * detector.margin) == side + 2 * detector.margin


def test_dropout_is_on_the_hidden_layers() -> None:
    drops = [layer.p for layer in start(make_classifier(), dropout=0.3).net.modules() if isinstance(layer, nn.Dropout)]
    assert drops == [0.3]


@torch.inference_mode()
def test_a_detector_comes_back(tmp_path: Path) -> None:
    detector = start(make_classifier(), make_localizer(), margin=3)
    save_detector(tmp_path / "detector.pt", detector, {"epoch": 3})
    again = load_detector(tmp_path / "detector.pt")
    assert not any(module.training for module in again.modules())
    assert again.margin == detector.margin == 18
    assert again.net.class_names == [*LABELS, BACKGROUND]
    assert again.net.table == again.regressor.table == TABLE
    assert (again.regressor.per_class, again.regressor.class_names) == (False, [*LABELS, BACKGROUND])
    assert weights_hash(again.net) == weights_hash(detector.net)
    assert weights_hash(again.regressor) == weights_hash(detector.regressor)
    pixels = torch.randn(2, 3, 26, 20)
    assert torch.equal(again.net(pixels), detector.eval().net(pixels))
    assert load_state(tmp_path / "detector.pt")["history"] == {"epoch": 3}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-500])


def without(part: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        state = load_state(path)
        del state[part], state["format"]
        save_state(path, state)

    return change


def fewer_classes(path: Path) -> None:
    state = load_state(path)
    state["network"]["class_names"] = state["network"]["class_names"][:-1]
    save_state(path, state)


def of_a_network(path: Path) -> None:
    save_network(path, make_classifier(), {})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, r"detector\.pt is not a whole checkpoint of plain weights"),
        (without("network"), "does not hold a detector of ours"),
        (without("regressor"), "does not hold a detector of ours"),
        (without("margin"), "does not hold a detector of ours"),
        (fewer_classes, "does not hold a detector of ours"),
        (of_a_network, "does not hold a detector of ours"),
        (Path.unlink, "there is no checkpoint at"),
    ],
)
def test_a_damaged_checkpoint_is_a_sentence(tmp_path: Path, damage: Callable[[Path], None], message: str) -> None:
    path = tmp_path / "detector.pt"
    save_detector(path, start(make_classifier()), {})
    load_detector(path)
    damage(path)
    with pytest.raises(CheckpointError, match=message):
        load_detector(path)


def test_a_detector_is_no_network(tmp_path: Path) -> None:
    save_detector(tmp_path / "detector.pt", start(make_classifier()), {})
    with pytest.raises(CheckpointError, match="does not hold a network of ours"):
        load_network(tmp_path / "detector.pt")
