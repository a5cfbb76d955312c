"""Training the box regressor: it learns, leaves the classifier as it is, and goes on bit for bit after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from overfeat import boxes as geometry
from overfeat.config import InferSettings, MergeSettings, TrainLocalizerSettings
from overfeat.errors import CheckpointError, DatasetError, TrainingError
from overfeat.images.decode import decode
from overfeat.images.shards import read_columns, shard_paths
from overfeat.inference.batches import Picture
from overfeat.inference.evidence import gather_evidence
from overfeat.inference.localization import localize
from overfeat.inference.votes import read_votes
from overfeat.models.checkpoints import load_regressor, load_state, save_network, weights_hash
from overfeat.models.network import OverFeat, initialize
from overfeat.training.localizer import train_localizer

CLASSES = ["left", "right"]
RECIPE = {
    "epochs": 4,
    "batch_size": 32,
    "flips": "none",
    "init": "he",
    "learning_rate": 0.002,
    "momentum": 0.9,
    "scales": (1, 2),
    "windows": 4,
    "device": "cpu",
    "loader_threads": 1,
}


def make_net(seed: int = 0) -> OverFeat:
    net = OverFeat("mini", len(CLASSES)).eval()
    initialize(net, "he", seed)
    net.class_names = CLASSES
    return net


def train(images: Path, folder: Path, net: OverFeat | None = None, **changes: Any) -> pd.DataFrame:
    """Return the curves."""
    recipe = TrainLocalizerSettings(**(RECIPE | changes))
    train_localizer(images, net or make_net(), recipe, 0, folder, lambda _: None)
    return pd.read_csv(folder / "curves.csv")


@pytest.fixture
def images(make_shards: Any) -> Path:
    make_shards("train", images=32, objects=1)
    folder: Path = make_shards("val", images=12, objects=1)
    return folder


def test_it_learns_boxes_and_leaves_the_classifier_as_it_is(images: Path, tmp_path: Path) -> None:
    net = make_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    curves = train(images, tmp_path / "net", net, epochs=8)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert sorted(path.name for path in (tmp_path / "net").iterdir()) == ["best.pt", "curves.csv", "last.pt"]
    assert curves["epoch"].tolist() == list(range(1, 9))
    assert curves["train_loss"].iloc[-1] < 0.5 * curves["train_loss"].iloc[0]
    assert curves["validation_loss"].iloc[-1] < 0.7 * curves["validation_loss"].iloc[0]
    best, last = (load_state(tmp_path / "net" / name) for name in ("best.pt", "last.pt"))
    assert best["history"]["epoch"] == curves["epoch"][curves["validation_error"].idxmin()]
    assert last["history"]["epoch"] == 8
    mine, mean = ious(net, images, tmp_path / "net/last.pt")
    assert mine.mean() > mean.mean() + 0.1


def look(images: Path, net: OverFeat, checkpoint: Path) -> tuple[Any, list[list[float]]]:
    """Return the guesses on the validation pictures and the true boxes, one a picture."""
    table = read_columns(shard_paths(images, "val"), ["image_id", "split", "width", "height", "jpeg", "scaled_boxes"])
    rows = sorted(table.to_pylist(), key=lambda row: str(row["image_id"]))
    pictures = [Picture(r["image_id"], r["split"], decode(r["jpeg"]), (r["height"], r["width"])) for r in rows]
    infer = InferSettings(scales=(1, 2), flips=False)
    evidence = gather_evidence([net], [load_regressor(checkpoint, net)], pictures, infer, "run", torch.device("cpu"))
    settings = MergeSettings()
    guesses = localize(read_votes(evidence, len(CLASSES), settings), settings)
    return guesses, [np.multiply(row["scaled_boxes"][0], 2).tolist() for row in rows]


def ious(net: OverFeat, images: Path, checkpoint: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the IoU of the best guess of every validation picture, and that of the pictures' mean box."""
    guesses, true = look(images, net, checkpoint)
    objects = np.array(true)
    first = guesses.ranks == 1
    assert guesses.pictures[first].tolist() == list(range(len(objects)))
    return geometry.iou(guesses.boxes[first], objects), geometry.iou(objects.mean(0), objects)


@pytest.mark.parametrize("flips", ["random", "both"])
def test_a_box_for_every_class_trains_and_infers(images: Path, tmp_path: Path, flips: str) -> None:
    curves = train(images, tmp_path / "net", epochs=2, per_class=True, flips=flips)
    assert curves["train_loss"].iloc[-1] < 0.8 * curves["train_loss"].iloc[0]
    assert load_regressor(tmp_path / "net/last.pt", make_net()).per_class
    guesses, _ = look(images, make_net(), tmp_path / "net/last.pt")
    assert np.isfinite(guesses.boxes).all()
    both = [guesses.boxes[guesses.classes == index] for index in (0, 1)]
    assert len(both[0]) == len(both[1]) == 12
    assert (both[0] != both[1]).any()


@pytest.mark.parametrize("flips", ["none", "random"])
def test_features_that_do_not_fit_are_made_anew_each_epoch(images: Path, tmp_path: Path, flips: str) -> None:
    curves = train(images, tmp_path / "net", epochs=3, cache_gib=0.0, flips=flips)
    assert np.isfinite(curves).all(axis=None)
    assert curves["train_loss"].iloc[-1] < 0.6 * curves["train_loss"].iloc[0]


SCRIPT = """
import sys, torch
from pathlib import Path
from overfeat.config import TrainLocalizerSettings
from overfeat.models.checkpoints import load_network
from overfeat.training.localizer import train_localizer
torch.set_num_threads(1)
recipe = TrainLocalizerSettings(**{recipe!r})
report = lambda line: print(line, flush=True)
train_localizer(Path({images!r}), load_network(Path({net!r})), recipe, 0, Path(sys.argv[1]), report)
"""


@pytest.mark.slow
def test_a_killed_training_ends_bit_for_bit_where_an_undisturbed_one_ends(images: Path, tmp_path: Path) -> None:
    save_network(tmp_path / "net.pt", make_net(), {})
    recipe = RECIPE | {"epochs": 8, "dropout": 0.3, "flips": "random"}
    assert torch.get_num_threads() == 1  # as there
    train(images, tmp_path / "calm", **recipe)
    script = SCRIPT.format(recipe=recipe, images=str(images), net=str(tmp_path / "net.pt"))

    def start() -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", script, str(tmp_path / "killed")]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])

    with start() as killed:
        assert killed.stdout is not None
        assert "epoch 1/8" in killed.stdout.readline()
        assert "epoch 2/8" in killed.stdout.readline()
        time.sleep(0.01)  # into the third epoch
        os.kill(killed.pid, signal.SIGKILL)
    assert not (tmp_path / "killed/last.pt").exists()
    again = start()
    output, _ = again.communicate(timeout=120)
    assert again.returncode == 0
    assert "going on after epoch" in output
    assert "epoch 1/8" not in output
    for name in ("last.pt", "best.pt", "curves.csv"):
        assert (tmp_path / "calm" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def test_members_differ(images: Path, tmp_path: Path) -> None:
    recipe, net = TrainLocalizerSettings(**(RECIPE | {"epochs": 1})), make_net()
    for member in (0, 1):
        train_localizer(images, net, recipe, member, tmp_path / str(member), lambda _: None)
    first, second = (load_regressor(tmp_path / str(member) / "last.pt", net) for member in (0, 1))
    assert weights_hash(first) != weights_hash(second)


def test_a_regressor_of_other_features_is_refused(images: Path, tmp_path: Path) -> None:
    train(images, tmp_path / "net", epochs=1)
    load_regressor(tmp_path / "net/last.pt", make_net())
    with pytest.raises(CheckpointError, match=r"features of another network .*infer\.checkpoint, or train the localiz"):
        load_regressor(tmp_path / "net/last.pt", make_net(seed=1))


def test_no_validation_box_leaves_only_the_loss(make_shards: Any, tmp_path: Path) -> None:
    make_shards("train", images=12, objects=1)
    curves = train(make_shards("val", images=4), tmp_path / "net", epochs=2)
    assert list(curves.columns) == ["epoch", "learning_rate", "train_loss"]
    assert load_state(tmp_path / "net/best.pt")["history"]["epoch"] == 2  # the last


def test_no_box_at_all_is_a_sentence(make_shards: Any, tmp_path: Path) -> None:
    make_shards("train", images=6)
    with pytest.raises(DatasetError, match="object"):
        train(make_shards("val", images=4), tmp_path / "net", epochs=1)


def test_no_pictures_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no pictures of split 'train'"):
        train(tmp_path, tmp_path / "net")


def test_a_loss_that_is_no_number_is_a_sentence(images: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite in epoch 1"):
        train(images, tmp_path / "net", learning_rate=1e12)
