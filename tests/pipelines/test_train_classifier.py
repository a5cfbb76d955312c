"""A finished checkpoint in the place of training: what the stage writes, what it says, and what it refuses."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from overfeat.config import ManifestSettings, PreprocessSettings, SourceSettings, TrainClassifierSettings, parse
from overfeat.errors import CheckpointError, OverFeatError, SettingsError
from overfeat.images.decode import encode
from overfeat.models.checkpoints import load_network, load_state, save_network, weights_hash
from overfeat.models.network import OverFeat, initialize
from overfeat.models.tables import MINI
from overfeat.results.schemas import STORED_IMAGES
from overfeat.results.store import read_footer, write_table
from pipelines.engine.configure import compose
from pipelines.engine.errors import WorkerKilledError
from pipelines.manifest import Manifest
from pipelines.preprocess import Preprocess
from pipelines.train_classifier import TrainClassifier

ROOT = Path(__file__).parents[2]
NAMES = ["tabby, tabby cat", "crane", "teapot", "crane", "iPod"]
"""Of the checkpoint's outputs; the birds come first."""
SYNSETS = ["n1", "n2", "n3"]
WORDS = ["crane", "iPod", "crane"]


def shard(split: str, labels: list[str], words: list[str], side: int = 60, pictures: int = 6) -> None:
    """Write a shard of noise below the current folder."""
    generator = np.random.default_rng(len(split))
    rows: dict[str, list[Any]] = {name: [] for name in STORED_IMAGES.names}
    for number in range(pictures):
        index = number % len(labels)
        pixels = torch.from_numpy(generator.integers(0, 256, (3, side, side + number), np.uint8))
        row = {"image_id": f"{split}-{number}", "split": split, "label": labels[index], "class_index": index}
        row |= dict.fromkeys(("width", "stored_width"), side + number)
        row |= dict.fromkeys(("height", "stored_height"), side) | {"enlarged": False, "jpeg": encode(pixels, 95)}
        row |= {name: [] for name in ("object_labels", "scaled_boxes", "difficult", "crowd")}
        for name, value in row.items():
            rows[name].append(value)
    facts = {"class_names": labels, "class_words": words}
    write_table(Path(f"data/images/{split}-00000.parquet"), rows, STORED_IMAGES, facts)


def shards(labels: list[str], words: list[str], side: int = 60) -> None:
    for split in ("train", "val"):
        shard(split, labels, words, side)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def finished(names: list[str] = NAMES, **changes: Any) -> OverFeat:
    """Write ``net.pt`` and return its network."""
    net = OverFeat(replace(MINI, **changes), len(names)).eval()
    initialize(net, "he", seed=5)
    net.class_names = names
    save_network(Path("net.pt"), net, {"epoch": 7})
    return net


def stage(**changes: Any) -> TrainClassifier:
    recipe = {"weights": "net.pt", "device": "cpu", "loader_threads": 1} | changes
    return TrainClassifier("mini", parse(TrainClassifierSettings, recipe, "train_classifier"))


def work(built: TrainClassifier) -> Path:
    """Work the one unit there is and return the member's folder."""
    (unit,) = built.plan()
    built.work(unit, Path("work"))
    return Path("work") / unit.name


def test_the_checkpoint_is_taken_with_its_outputs_in_the_order_of_the_classes() -> None:
    shards(SYNSETS, WORDS)
    net = finished()
    folder = work(stage())
    assert sorted(path.name for path in folder.iterdir()) == ["best.pt", "curves.csv", "last.pt"]
    assert (folder / "best.pt").read_bytes() == (folder / "last.pt").read_bytes()
    taken = load_network(folder / "last.pt")
    assert (taken.class_names, taken.table) == (SYNSETS, MINI)
    assert all(map(torch.equal, taken.features.state_dict().values(), net.features.state_dict().values()))
    assert torch.equal(taken.classifier[-1].weight, net.classifier[-1].weight[[1, 4, 3]])
    assert load_state(folder / "last.pt")["history"] == {"model": "mini", "taken_from": "net.pt", "epoch": 0}


def test_a_checkpoint_of_the_same_labels_is_the_same_net() -> None:
    labels = ["cat", "dog", "ape"]
    shards(labels, labels)
    net = finished(labels)
    folder = work(stage())
    assert weights_hash(load_network(folder / "last.pt")) == weights_hash(net)


@pytest.mark.parametrize("labels", [["cat", "dog", "ape"], ["dog", "cat", "ape"]])
def test_the_measures_at_epoch_0_are_said_and_kept(labels: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    shards(labels, labels)
    net = finished(["cat", "dog", "ape"])
    with torch.no_grad():
        net.classifier[-1].weight.zero_()
        net.classifier[-1].bias.copy_(torch.tensor([9.0, 0, 0]))  # every picture is a cat, one in three is one
    save_network(Path("net.pt"), net, {})
    file = work(stage()) / "curves.csv"
    curves = pd.read_csv(file)
    assert curves.columns.tolist() == [
        *("epoch", "learning_rate", "train_loss"),
        *("validation_loss", "validation_error", "validation_top5_error"),
    ]
    (row,) = curves.to_dict("records")
    assert row["epoch"] == 0
    assert np.isnan([row["learning_rate"], row["train_loss"]]).all()
    assert "\n0,nan,nan," in file.read_text()  # a plot leaves out what is nan, and takes what is empty for 0
    assert row["validation_error"] == pytest.approx(100 * 2 / 3)
    assert row["validation_top5_error"] == 0
    assert row["validation_loss"] == pytest.approx(6, abs=0.01)
    said = capsys.readouterr().err
    assert "member-0: net.pt is taken, 3 of its 3 classes; nothing is trained  validation_loss 6" in said
    assert "validation_error 66.67" in said


def test_pictures_smaller_than_the_window_are_enlarged_to_be_measured() -> None:
    shards(SYNSETS, WORDS, side=MINI.stages[0].kernel + 20)
    finished()
    assert len(pd.read_csv(work(stage()) / "curves.csv")) == 1


def test_several_members_of_one_checkpoint_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"of which 3 members .* the same net: set .*members to 1"):
        stage(members=3).plan()
    assert len(TrainClassifier("mini", TrainClassifierSettings(members=3)).plan()) == 3


def gone() -> None:
    Path("net.pt").unlink()


def cut() -> None:
    Path("net.pt").write_bytes(Path("net.pt").read_bytes()[:-1000])


def of_another_name() -> None:
    finished(name="fast")


def of_other_scales() -> None:
    finished(scales=((0, 0),))


def of_other_classes() -> None:
    finished(["ape", "bee", "crane", "crane"])


def with_one_crane() -> None:
    finished(["iPod", "crane"])


def not_finite() -> None:
    net = finished()
    with torch.no_grad():
        net.classifier[-1].bias[4] = float("nan")
    save_network(Path("net.pt"), net, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (gone, r"no checkpoint at net\.pt"),
        (cut, r"net\.pt is not a whole checkpoint"),
        (of_another_name, r"model is 'mini', and net\.pt \(train_classifier\.weights\) is the model 'fast': choose"),
        (of_other_scales, r"model is 'mini', and net\.pt \(train_classifier\.weights\) is another version of it"),
        (of_other_classes, r"^net\.pt \(.*\) cannot be taken: .* no output for 1 of .* 3 classes \(n2 'iPod'\)"),
        (with_one_crane, r"^net\.pt \(.*\) cannot be taken: 'crane' is the name of 1 of"),
        (not_finite, r"net\.pt \(train_classifier\.weights\) gives outputs that are not finite"),
    ],
)
def test_what_cannot_be_taken_is_a_sentence(change: Callable[[], None], message: str) -> None:
    shards(SYNSETS, WORDS)
    finished()
    work(stage())
    change()
    with pytest.raises(CheckpointError, match=message) as refused:
        work(stage())
    assert isinstance(refused.value, OverFeatError)
    assert "\n" not in str(refused.value)


def test_training_does_not_ask_for_words() -> None:
    shards(SYNSETS, SYNSETS)
    folder = work(stage(weights=None, epochs=1, crops=1, flips="none", init="he", learning_rate=0.001))
    assert pd.read_csv(folder / "curves.csv")["epoch"].tolist() == [1]


TOGETHER: dict[str, Any] = {
    **{"weights": None, "processes": 2, "epochs": 2, "crops": 1, "flips": "none", "init": "he", "learning_rate": 0.001},
    **{"batch_size": 4, "dropout": 0.0},
}

DYING = """
import os, signal
from overfeat.training import loop
from overfeat.training.classifier import train_classifier

def train(ranks, **arguments):
    steps, step = [], loop._step

    def last_step(*facts):
        steps.append(1)
        if len(steps) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*facts)

    if ranks.rank == 1:
        loop._step = last_step
    train_classifier(ranks=ranks, **arguments)
"""
"""A training whose second rank dies in its second epoch."""


@pytest.mark.slow
def test_a_training_on_two_processes_that_loses_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shards(SYNSETS, WORDS)
    calm = work(stage(**TOGETHER)).rename("calm")
    assert "overfeat: member-0: epoch 2/2  train_loss" in capsys.readouterr().err
    one = work(stage(**(TOGETHER | {"processes": 1}))).rename("one")
    curves = [pd.read_csv(folder / "curves.csv") for folder in (calm, one)]
    pd.testing.assert_frame_equal(*curves, rtol=1e-4, atol=1e-6)

    (tmp_path / "a_training_that_dies.py").write_text(DYING)
    monkeypatch.syspath_prepend(tmp_path)
    with monkeypatch.context() as patch:
        dying = importlib.import_module("a_training_that_dies").train
        patch.setattr("overfeat.training.classifier.train_classifier", dying)
        with pytest.raises(WorkerKilledError, match="rank 1 of the 2 processes that train together was killed by SIGK"):
            work(stage(**TOGETHER))
    assert not Path("work/member-0/last.pt").exists()
    again = work(stage(**TOGETHER))
    assert "going on after epoch 1" in capsys.readouterr().err
    for name in ("last.pt", "best.pt"):
        assert weights_hash(load_network(again / name)) == weights_hash(load_network(calm / name))
    assert (again / "curves.csv").read_text() == (calm / "curves.csv").read_text()


def test_the_path_goes_through_the_settings() -> None:
    chosen = compose(ROOT / "conf", ["profile=fast", "train_classifier.weights=data/released/fast-0123456789ab.pt"])
    assert chosen["train_classifier"]["weights"] == "data/released/fast-0123456789ab.pt"
    with pytest.raises(SettingsError, match=r"train_classifier\.weights must be of type str, not 3"):
        stage(weights=3)


def test_shards_have_the_words_of_their_classes() -> None:
    source = Path("source/tiny-imagenet-200")
    for label, number in (("n2", 0), ("n1", 1)):
        images = source / f"train/{label}/images"
        images.mkdir(parents=True)
        (images / f"{label}_{number}.JPEG").write_bytes(encode(torch.full((3, 60, 64), 90, dtype=torch.uint8), 95))
    (source / "wnids.txt").write_text("n2\nn1\n")
    (source / "words.txt").write_text("n1\tcrane\nn2\tiPod\nn3\tcrane\n")
    sources = SourceSettings("source", "source")
    for built in (Manifest(sources, ManifestSettings(val_share=0)), Preprocess(sources, PreprocessSettings(60, 60))):
        parts = [Path("work") / type(built).__name__ / unit.name for unit in built.plan()]
        for unit, part in zip(built.plan(), parts, strict=True):
            part.mkdir(parents=True)
            built.work(unit, part)
        built.finish(parts, Path())
    facts = read_footer(Path("data/images/train-00000.parquet"))
    assert (facts["class_names"], facts["class_words"]) == (["n1", "n2"], ["crane", "iPod"])
